/**
 * The paths that programs ask often: whether the edge runs and is ready, and the keys that verify its
 * assertions.
 */

import { methodNotAllowedResponse, problemResponse } from '../problem.ts';
import type { Readiness } from './readiness.ts';

/** The paths of liveness: they answer as long as the Worker runs, also with a broken configuration. */
const livePaths = new Set(['/_edge/health', '/_edge/health/live']);

/** The parts that these paths are answered from. */
export interface StatusOptions {
  readonly readiness: () => Promise<Readiness>;
  /** The JWK Set of assertions; `null`: they are not signed, and the path is not there. */
  readonly publicKeys: (() => Promise<object>) | null;
}

/** Answers a request for liveness; `null` for every other path. */
export function serveLiveness(request: Request, requestId: string, path: string): Response | null {
  if (!livePaths.has(path)) return null;
  return refuseMethod(request, requestId) ?? ok('ok');
}

/** Answers liveness, readiness and the key set; `null` for every other path. */
export async function serveStatus(
  request: Request,
  requestId: string,
  path: string,
  { readiness, publicKeys }: StatusOptions,
): Promise<Response | null> {
  const live = serveLiveness(request, requestId, path);
  if (live !== null) return live;
  if (path === '/_edge/health/ready') {
    return (
      refuseMethod(request, requestId) ?? serveReadiness(request, requestId, await readiness())
    );
  }
  if (path !== '/_edge/jwks.json' || publicKeys === null) return null;
  // Short, so that a new key is known to verifiers soon after it begins to sign.
  const headers = { 'Cache-Control': 'max-age=60' };
  return refuseMethod(request, requestId) ?? Response.json(await publicKeys(), { headers });
}

async function serveReadiness(
  request: Request,
  requestId: string,
  state: Readiness,
): Promise<Response> {
  switch (state) {
    case 'ready':
      return ok('ready');
    case 'schema_missing': {
      const { schemaMissing, setupResponse } = await import('./setup.ts');
      return setupResponse(request, requestId, schemaMissing);
    }
    case 'unavailable': {
      const detail = 'Cannot look keys up: the database does not answer. Try again shortly';
      const accept = request.headers.get('accept');
      const problem = {
        code: 'unavailable',
        status: 503,
        title: 'Temporarily unavailable',
        detail,
      };
      const response = problemResponse(problem, { requestId, accept });
      response.headers.set('Retry-After', '5');
      return response;
    }
  }
}

function ok(status: string): Response {
  return Response.json({ status }, { headers: { 'Cache-Control': 'no-store' } });
}

function refuseMethod(request: Request, requestId: string): Response | null {
  const isRead = request.method === 'GET' || request.method === 'HEAD';
  return isRead ? null : methodNotAllowedResponse(request, requestId, ['GET', 'HEAD']);
}
