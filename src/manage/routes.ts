/**
 * The paths of management: its API for programs, its page for people, and what explains both.
 *
 * With all that it imports, it is loaded with the first request for one of them, so that the gateway
 * does not pay for it.
 */

import type { HonoBase } from 'hono/hono-base';
import { METRICS_PATH } from '../core/isolation/own-paths.ts';
import { methodNotAllowedResponse } from '../problem.ts';
import { createManagementApi } from './api.ts';
import type { Manager } from './authenticate.ts';
import { serveMetrics } from './metrics.ts';
import type { Management, RequestParts } from './operation.ts';
import type { DashboardParts } from './page/dashboard.ts';
import { createRouter } from './router.ts';

/** The parts of the routes of an isolate. */
export interface ManagementRoutesOptions {
  readonly management: Management;
  readonly dashboard: DashboardParts;
  readonly notFound: (request: Request, requestId: string) => Response;
}

/** The routes under `/_edge`. Each request is handed over with its parts. */
export type ManagementRoutes = HonoBase<{ Bindings: RequestParts }>;

/**
 * Routes everything under `/_edge`, for all requests of an isolate. Rejects when a handler does:
 * `worker.ts` answers for it.
 */
export function createManagementRoutes(options: ManagementRoutesOptions): ManagementRoutes {
  const { management, dashboard, notFound } = options;
  const routes: ManagementRoutes = createRouter();
  routes.get('/_edge/errors', async () => {
    const { errorsPageResponse } = await import('./errors-page.tsx');
    return errorsPageResponse(management.restrictedRoutes);
  });
  routes.all('/_edge/errors', (context) =>
    methodNotAllowedResponse(context.req.raw, context.env.requestId, ['GET', 'HEAD']),
  );
  routes.get('/_edge', (context) => context.redirect('/_edge/', 308));
  routes.route('/_edge/v1', createManagementApi(management));
  routes.all(METRICS_PATH, async (context) => {
    const answer = await serveMetrics(management, context.req.raw, context.env);
    return answer ?? context.notFound();
  });
  // Everything above is for programs, which do not need the page.
  routes.all('/_edge/*', async (context) => {
    const { servePage } = await import('./page/page.tsx');
    const handleApi = async (request: Request, visitor: Manager) =>
      routes.fetch(request, { ...context.env, visitor });
    const { requestId } = context.env;
    const page = { ...dashboard, management, handleApi, requestId };
    return (await servePage(page, context.req.raw)) ?? context.notFound();
  });
  routes.notFound((context) => notFound(context.req.raw, context.env.requestId));
  // Nothing is caught here: `worker.ts` answers for every failure, once.
  routes.onError((error) => {
    throw error;
  });
  return routes;
}
