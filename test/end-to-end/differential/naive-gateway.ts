/**
 * The gateway that one writes in an afternoon: the same routes in a router, and `fetch` of a URL that
 * is put together from the request's path. Kept to show that the hostile targets bite; never use it.
 */

import { Hono } from 'hono';
import { restrictedRoutes } from '../../../src/core/routes/restricted-routes.ts';

const app = new Hono<{ Bindings: { UPSTREAM_URL: string } }>();

for (const { methods, path } of restrictedRoutes.routes) {
  app.on([...methods], path.replace(/\{([^}]*)\}/, ':$1'), (context) => {
    const url = new URL(context.req.url);
    return fetch(new URL(url.pathname + url.search, context.env.UPSTREAM_URL), context.req.raw);
  });
}

export default app;
