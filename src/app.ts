/**
 * Mounts the parts: everything under `/_edge/` is ours, everything else is the gateway's.
 *
 * Hono routes only management. The gateway is called directly, so that nothing stands between a request
 * target as it was received and the rules that judge it.
 */

import { type Rejection, rejectionKinds } from './core/decide/rejection.ts';
import { canonicalHost, createHostRoles, type HostRole } from './core/isolation/manage-host.ts';
import { isOnEveryHost, isPagePath } from './core/isolation/own-paths.ts';
import { ODD_PATH_MAX_LENGTH } from './core/limits.ts';
import { isOwnTarget, type RequestTarget, readTarget } from './core/routes/request-target.ts';
import { truncate } from './core/text.ts';
import { discardBody } from './gateway/discard-body.ts';
import type { Gateway } from './gateway/gateway.ts';
import { handle } from './gateway/handle.ts';
import { asPage, isNavigation, type Link } from './gateway/problem-page.ts';
import { httpsRequired, isPlainHttp, serviceWorkerNotAllowed } from './gateway/transport.ts';
import type { Readiness } from './health/readiness.ts';
import { managementOff, schemaMissing, setupResponse } from './health/setup.ts';
import { serveStatus } from './health/status.ts';
import type { Management } from './manage/operation.ts';
import type { DashboardParts } from './manage/page/dashboard.ts';
import type { ManagementRoutes } from './manage/routes.ts';
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

/** Builds the app from its parts. */
export function createApp(
  gateway: Gateway,
  management: () => Promise<Management>,
  dashboard: DashboardParts,
  readiness: () => Promise<Readiness>,
): App {
  /** Kept once built. Not the promise: a request may not wait for what another one began. */
  let routes: ManagementRoutes | null = null;
  const { manageHost, adminToken, people } = gateway.config;
  const roleOf = createHostRoles(manageHost);
  const hasPage = adminToken !== null || people !== null;
  const { assertions } = gateway;
  const status = { readiness, publicKeys: assertions && (() => assertions.publicKeys()) };

  async function serveOwn(
    request: Request,
    target: RequestTarget,
    role: HostRole,
    runInBackground: (work: Promise<unknown>) => void,
  ): Promise<Response> {
    // A detour into our namespace, such as /a/%2e%2e/_edge/v1/keys, is not forwarded and not served.
    const isServed =
      target.isPlain &&
      target.path.startsWith('/_edge') &&
      (isOnEveryHost(target.path) || role === 'shared' || role === 'manage');
    const requestId = gateway.newRequestId();
    const response =
      refuseTransport(request, requestId, target, isServed) ??
      (isServed ? null : notFound(request, requestId, role)) ??
      (await serveStatus(request, requestId, target.path, status)) ??
      (isPageRoot(target.path) ? await explainSetup(request, requestId) : null) ??
      (await serveManagement(request, requestId, runInBackground));
    await discardBody(request);
    response.headers.set('X-Request-Id', requestId);
    const isForPeople = isNavigation(request) && isPagePath(target.path);
    const shown = isForPeople
      ? await asPage(response, {
          links: linksFor(role, response.headers.get('x-edge-reason') ?? ''),
        })
      : response;
    return request.method === 'HEAD' ? new Response(null, shown) : shown;
  }

  /** The way forward from a page without one of its own. */
  function linksFor(role: HostRole, code: string): readonly Link[] {
    const isPageHere = hasPage && (role === 'shared' || role === 'manage');
    return [
      ...(isPageHere ? [{ href: '/_edge/', label: 'Manage API keys' }] : []),
      { href: `/_edge/errors#${code}`, label: 'What error codes mean' },
    ];
  }

  /** Tells people who open the host itself what it is, unless it has a public page there. */
  async function introduce(answer: Promise<Response>, role: HostRole): Promise<Response> {
    const response = await answer;
    if (response.headers.get('x-edge-reason') !== 'missing_credentials') return response;
    return asPage(response, {
      title: 'This host serves an API',
      text: 'Programs call it with an API key, as "Authorization: Bearer <API key>". There is nothing to see here in a browser.',
      links: linksFor(role, 'missing_credentials'),
    });
  }

  /** Answers what must not go on because of how it came; `null` for everything else. */
  function refuseTransport(
    request: Request,
    requestId: string,
    target: RequestTarget,
    isServed: boolean,
  ): Response | null {
    const { allowHttp } = gateway.config;
    // First of all: a token that came in clear text must not be of use, whatever it was sent to.
    if (!allowHttp && isPlainHttp(request)) {
      if (carriesCredential(request)) return refusal(request, requestId, httpsRequired());
      if (hasPage && isServed && isPagePath(target.path)) return redirectToHttps(target);
    }
    // A service worker could answer for the page later on, also one that is made of the page's script.
    const isServiceWorker = request.headers.has('service-worker');
    return isServiceWorker ? refusal(request, requestId, serviceWorkerNotAllowed()) : null;
  }

  /** Explains on the page's own address why there is no page; `null` if there is one. */
  async function explainSetup(request: Request, requestId: string): Promise<Response | null> {
    if ((await readiness()) === 'schema_missing') {
      return setupResponse(request, requestId, schemaMissing);
    }
    return hasPage ? null : setupResponse(request, requestId, managementOff);
  }

  /** Answers `/` for people and programs without credentials; the gateway answers everything else. */
  async function serveRoot(
    request: Request,
    answer: () => Response | Promise<Response>,
  ): Promise<Response> {
    if ((await readiness()) !== 'schema_missing') return answer();
    await discardBody(request);
    return setupResponse(request, gateway.newRequestId(), schemaMissing);
  }

  async function serveManagement(
    request: Request,
    requestId: string,
    runInBackground: (work: Promise<unknown>) => void,
  ): Promise<Response> {
    // Loaded on the first request for it, so that an isolate that only serves the API starts faster. Each
    // request imports by itself, because the runtime does not let one wait for what another began.
    const { createManagementRoutes } = await import('./manage/routes.ts');
    routes ??= createManagementRoutes({ management: await management(), dashboard, notFound });
    return routes.fetch(request, { requestId, runInBackground });
  }

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
        return serveOwn(request, target, role, runInBackground);
      }
      const parts = upstream === null ? gateway : { ...gateway, ...upstream };
      const answer = () => handle(parts, request, target, runInBackground);
      // Only where a first look at a deployment goes: elsewhere, it would be a read of D1 too many.
      const isFirstLook = target.path === '/' && !request.headers.has('authorization');
      if (!isFirstLook) return answer();
      const response = serveRoot(request, answer);
      return isNavigation(request) ? introduce(response, role) : response;
    },
  };
}

/** Returns whether a path is the address of the page itself. */
function isPageRoot(path: string): boolean {
  return path === '/_edge/' || path === '/_edge';
}

/** Returns whether a request to us carries a token, or a session of Cloudflare Access. */
function carriesCredential({ headers }: Request): boolean {
  return headers.has('authorization') || headers.has('cf-access-jwt-assertion');
}

/**
 * The page on https. The port of plain http does not serve it, and 308 keeps the method.
 * https://www.rfc-editor.org/rfc/rfc9110#section-15.4.9
 */
function redirectToHttps({ authority, path, query }: RequestTarget): Response | null {
  const host = canonicalHost(authority)?.replace(/:\d+$/, '');
  if (host === undefined) return null;
  const headers = { Location: `https://${host}${path}${query}`, 'Cache-Control': 'no-store' };
  return new Response(null, { status: 308, headers });
}

function refusal(request: Request, requestId: string, { code, detail }: Rejection): Response {
  const { status, title } = rejectionKinds[code];
  const accept = request.headers.get('accept');
  return problemResponse({ code, status, title, detail }, { requestId, accept });
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

function notFound(request: Request, requestId: string, role: HostRole = 'shared'): Response {
  const { path } = readTarget(request.url);
  const reason =
    role === 'manage'
      ? 'This host serves only the management page and API, and forwards nothing'
      : 'Paths under /_edge/ are its own and are never forwarded';
  return problemResponse(
    {
      code: 'not_found',
      ...sharedProblemKinds.not_found,
      detail: `Cannot find ${JSON.stringify(truncate(`${request.method} ${path}`, 200))} at the edge. ${reason}`,
    },
    { requestId, accept: request.headers.get('accept') },
  );
}
