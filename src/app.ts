/**
 * Mounts the parts: everything under `/_edge/` is ours, everything else is the gateway's.
 *
 * Hono routes only our own namespace. The gateway is called directly, so that nothing stands between
 * a request target as it was received and the rules that judge it.
 */

import { Hono } from 'hono';
import { ODD_PATH_MAX_LENGTH } from './core/limits.ts';
import { isOwnTarget, type RequestTarget, readTarget } from './core/request-target.ts';
import type { AssertionSigner } from './gateway/assertion.ts';
import { discardBody } from './gateway/discard-body.ts';
import type { Gateway } from './gateway/gateway.ts';
import { handle } from './gateway/handle.ts';
import { createManagementApi } from './manage/api.ts';
import type { Management } from './manage/operation.ts';
import type { DashboardParts } from './manage/page/dashboard.ts';
import { problemResponse } from './problem.ts';

/** The Worker without its bindings: answers requests. */
export interface App {
  /** `fetchUpstream` takes the place of the gateway's own `fetch` for this request; `null`: nothing does. */
  fetch(
    request: Request,
    runInBackground: (work: Promise<unknown>) => void,
    fetchUpstream: typeof fetch | null,
  ): Response | Promise<Response>;
}

/** Builds the app from its parts. */
export function createApp(
  gateway: Gateway,
  management: (runInBackground: (work: Promise<unknown>) => void) => Management,
  dashboard: DashboardParts,
): App {
  async function serveOwn(
    request: Request,
    target: RequestTarget,
    runInBackground: (work: Promise<unknown>) => void,
  ): Promise<Response> {
    // A detour into our namespace, such as /a/%2e%2e/_edge/v1/keys, is not forwarded and not served.
    const isServed = target.isPlain && target.path.startsWith('/_edge');
    const requestId = gateway.newRequestId();
    if (!isServed) return notFound(request, requestId);
    const { assertions } = gateway;
    const routes = createOwnRoutes(management(runInBackground), dashboard, assertions, requestId);
    const response = await routes.fetch(request);
    await discardBody(request);
    return response;
  }

  return {
    fetch(request, runInBackground, fetchUpstream) {
      const target = readTarget(request.url);
      if (!target.isPlain && target.path.length > ODD_PATH_MAX_LENGTH) {
        return targetTooLong(request, gateway.newRequestId());
      }
      if (isOwnTarget(target)) return serveOwn(request, target, runInBackground);
      const parts =
        fetchUpstream === null ? gateway : { ...gateway, fetch: fetchUpstream, needsSignal: true };
      return handle(parts, request, target, runInBackground);
    },
  };
}

function createOwnRoutes(
  management: Management,
  dashboard: DashboardParts,
  assertions: AssertionSigner | null,
  requestId: string,
) {
  const routes = new Hono<{ Variables: { requestId: string } }>();
  routes.use(async (context, next) => {
    context.set('requestId', requestId);
    await next();
    context.header('X-Request-Id', requestId);
  });
  routes.get('/_edge/health', (context) =>
    context.json({ status: 'ok' }, 200, { 'Cache-Control': 'no-store' }),
  );
  routes.get('/_edge/jwks.json', async (context) => {
    if (assertions === null) return context.notFound();
    // Short, so that a new key is known to verifiers soon after it begins to sign.
    return context.json(await assertions.publicKeys(), 200, { 'Cache-Control': 'max-age=60' });
  });
  routes.get('/_edge/errors', async () => {
    const { errorsPageResponse } = await import('./manage/errors-page.tsx');
    return errorsPageResponse();
  });
  routes.get('/_edge', (context) => context.redirect('/_edge/', 308));
  routes.route('/_edge/v1', createManagementApi(management));
  // Everything above is for programs. Loaded when somebody asks for it, because the gateway does not.
  routes.all('/_edge/*', async (context) => {
    const { servePage } = await import('./manage/page/page.tsx');
    const handleApi = async (request: Request) => routes.fetch(request);
    const page = { ...dashboard, management, handleApi, requestId };
    return (await servePage(page, context.req.raw)) ?? context.notFound();
  });
  routes.notFound((context) => notFound(context.req.raw, requestId));
  // Nothing is caught here: `authorizer.ts` answers for every failure, once.
  routes.onError((error) => {
    throw error;
  });
  return routes;
}

function targetTooLong(request: Request, requestId: string): Response {
  return problemResponse(
    {
      code: 'target_too_long',
      status: 414,
      title: 'Path too long',
      detail: `Cannot read a path of more than ${ODD_PATH_MAX_LENGTH} characters that holds other characters than letters, digits and - . _ ~`,
    },
    { requestId, accept: request.headers.get('accept') },
  );
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
