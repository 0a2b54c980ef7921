/** How often an asset was watched. This upstream plays nothing, so the number is made from the id. */

import { type Context, Hono } from 'hono';

export const viewRoutes = new Hono()
  // The first path is the documented one; Studio answers on the second.
  .get('/data/views/:id/total', totalViews)
  .get('/api/data/views/:id/total', totalViews);

function totalViews(c: Context<object, '/:id'>): Response {
  const id = c.req.param('id');
  return c.json([{ id, startViews: id.length }]);
}
