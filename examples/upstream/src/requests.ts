/** The last requests that arrived, so that a test or a reader can see what the edge let through. */

import { Hono, type MiddlewareHandler } from 'hono';

interface SeenRequest {
  method: string;
  url: string;
  /** The name of the trap it ran into; `null` when it did not. */
  trap: string | null;
  status: number;
}

const REQUESTS_KEPT = 200;

const seen: SeenRequest[] = [];

/** Notes every request but those for the notes themselves. */
export const recordRequest: MiddlewareHandler = async (c, next) => {
  await next();
  if (c.req.path === '/requests') return;
  const trap = c.res.headers.get('X-Upstream-Trap');
  seen.push({ method: c.req.method, url: c.req.url, trap, status: c.res.status });
  if (seen.length > REQUESTS_KEPT) seen.shift();
};

/** `GET /requests` lists them, oldest first; `DELETE /requests` forgets them. */
export const requestRoutes = new Hono()
  .get('/requests', (c) => c.json({ requests: seen }))
  .delete('/requests', (c) => {
    seen.length = 0;
    return c.body(null, 204);
  });
