/**
 * Mounts the parts: everything under `/_edge/` is ours, everything else is the gateway's.
 *
 * Hono routes only our own namespace. The gateway is called directly, so that nothing stands between
 * a request target as it was received and the rules that judge it.
 */

import { Hono } from 'hono';
import { isOwnTarget, readTarget } from './core/request-target.ts';
import { type Gateway, handle } from './gateway/handle.ts';
import { createManagementApi, type Management } from './manage/api.ts';
import { problemResponse } from './problem.ts';

/** The Worker without its bindings: answers requests. */
export interface App {
  fetch(request: Request, runInBackground: (work: Promise<unknown>) => void): Promise<Response>;
}

/** Builds the app from its parts. */
export function createApp(
  gateway: Gateway,
  management: (runInBackground: (work: Promise<unknown>) => void) => Management,
): App {
  return {
    async fetch(request, runInBackground) {
      const target = readTarget(request.url);
      if (!isOwnTarget(target)) return handle(gateway, request, target, runInBackground);
      // A detour into our namespace, such as /a/%2e%2e/_edge/v1/keys, is not forwarded and not served.
      const isServed = target.isPlain && target.path.startsWith('/_edge');
      const requestId = gateway.newRequestId();
      if (!isServed) return notFound(request, requestId);
      return createOwnRoutes(management(runInBackground), requestId).fetch(request);
    },
  };
}

function createOwnRoutes(management: Management, requestId: string) {
  const routes = new Hono<{ Variables: { requestId: string } }>();
  routes.use(async (context, next) => {
    context.set('requestId', requestId);
    await next();
    context.header('X-Request-Id', requestId);
  });
  routes.get('/_edge/health', (context) =>
    context.json({ status: 'ok' }, 200, { 'Cache-Control': 'no-store' }),
  );
  routes.get('/_edge', (context) => context.redirect('/_edge/', 308));
  routes.route('/_edge/v1', createManagementApi(management));
  routes.notFound((context) => notFound(context.req.raw, requestId));
  // Nothing is caught here: `index.ts` answers for every failure, once.
  routes.onError((error) => {
    throw error;
  });
  return routes;
}

function notFound(request: Request, requestId: string): Response {
  const { path } = readTarget(request.url);
  return problemResponse(
    {
      code: 'not_found',
      status: 404,
      title: 'Not found',
      detail: `Cannot find ${JSON.stringify(`${request.method} ${path}`.slice(0, 200))} at the edge. Paths under /_edge/ are its own and are never forwarded`,
    },
    { requestId, accept: request.headers.get('accept') },
  );
}
