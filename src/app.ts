/**
 * Mounts the parts: everything under `/_edge/` is ours, everything else is the gateway's.
 *
 * Hono routes only management. The gateway is called directly, so that nothing stands between a request
 * target as it was received and the rules that judge it.
 */

import { createHostRoles } from './core/isolation/manage-host.ts';
import { ODD_PATH_MAX_LENGTH } from './core/limits.ts';
import { isOwnTarget, readTarget } from './core/routes/request-target.ts';
import type { EdgePaths } from './edge-paths.ts';
import type { Gateway } from './gateway/gateway.ts';
import { handle } from './gateway/handle.ts';
import { problemResponse, sharedProblemKinds } from './problem.ts';

/** The Worker without its bindings: answers requests. */
export interface App {
  /** `upstream` replaces the gateway's own `fetch` for this request; `null`: nothing does. */
  fetch(
    request: Request,
    runInBackground: (work: Promise<unknown>) => void,
    upstream: Pick<Gateway, 'fetch' | 'needsSignal'> | null,
  ): Response | Promise<Response>;
}

/** The parts of the app. */
export interface AppParts {
  readonly gateway: Gateway;
  /** Loads what serves the edge's own paths, with the first request for one of them. */
  readonly ownPaths: () => Promise<EdgePaths>;
}

/** Builds the app from its parts. */
export function createApp({ gateway, ownPaths }: AppParts): App {
  const roleOf = createHostRoles(gateway.config.manageHost);
  return {
    fetch(request, runInBackground, upstream) {
      const target = readTarget(request.url);
      if (!target.isPlain && target.path.length > ODD_PATH_MAX_LENGTH) {
        return targetTooLong(request, gateway.newRequestId());
      }
      const role = roleOf(target.authority);
      // The management host forwards nothing, so each of its paths is one of ours, or nothing at all.
      const isForwarded = role === 'shared' || role === 'gateway';
      if (!isForwarded || isOwnTarget(target)) {
        return ownPaths().then((own) => own.serve(request, target, role, runInBackground));
      }
      const asked = upstream === null ? gateway : { ...gateway, ...upstream };
      const answer = () => handle(asked, request, target, runInBackground);
      // Only for a first look at a deployment: elsewhere, it would be a read of D1 too many.
      const isFirstLook = target.path === '/' && !request.headers.has('authorization');
      if (!isFirstLook) return answer();
      return ownPaths().then((own) => own.serveRoot(request, role, answer));
    },
  };
}

function targetTooLong(request: Request, requestId: string): Response {
  return problemResponse(
    {
      code: 'target_too_long',
      ...sharedProblemKinds.target_too_long,
      detail: `Cannot read a path of more than ${ODD_PATH_MAX_LENGTH} characters that holds other characters than letters, digits and - . _ ~ : @ + , ( ) ! ' = $ &`,
    },
    { requestId, accept: request.headers.get('accept') },
  );
}
