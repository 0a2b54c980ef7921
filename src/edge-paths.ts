/**
 * Serves the paths under `/_edge/`, and every path of the management host.
 *
 * Each host has a role. A shared host serves everything. With `MANAGE_HOST`, that host serves the page and
 * the management API and forwards nothing, and the other hosts serve neither. Health, the key set and what
 * is for holders of keys are on every host (`core/isolation/own-paths.ts`).
 */

import { hasManagers } from './config/config.ts';
import { type Rejection, rejectionKinds } from './core/decide/rejection.ts';
import { canonicalHost, type HostRole } from './core/isolation/manage-host.ts';
import { isOnEveryHost, isPagePath } from './core/isolation/own-paths.ts';
import { type RequestTarget, readTarget } from './core/routes/request-target.ts';
import { truncate } from './core/text.ts';
import { discardBody } from './gateway/discard-body.ts';
import type { Gateway } from './gateway/gateway.ts';
import {
  httpsRequired,
  isNavigation,
  isPlainHttp,
  serviceWorkerNotAllowed,
} from './gateway/transport.ts';
import type { Readiness } from './health/readiness.ts';
import { type StatusOptions, serveStatus } from './health/status.ts';
import type { Management } from './manage/operation.ts';
import type { DashboardParts } from './manage/page/dashboard.ts';
import type { ManagementRoutes } from './manage/routes.ts';
import { problemResponse, sharedProblemKinds } from './problem.ts';
import type { Link } from './problem-page.ts';

/** Loads what explains a problem to people when it is shown, so that an isolate starts faster without it. */
const loadSetup = () => import('./health/setup.ts');
const loadPages = () => import('./problem-page.ts');

/** The parts that the edge's own paths are served with. */
export interface EdgePathsOptions {
  readonly gateway: Gateway;
  readonly management: () => Promise<Management>;
  readonly dashboard: DashboardParts;
  readonly readiness: () => Promise<Readiness>;
}

/** A request for one of the edge's own paths. */
interface OwnRequest {
  readonly request: Request;
  readonly requestId: string;
  readonly target: RequestTarget;
  readonly role: HostRole;
}

/** See the file's head. One isolate has one. */
export class EdgePaths {
  readonly #options: EdgePathsOptions;
  readonly #status: StatusOptions;
  readonly #hasPage: boolean;
  /** Kept once built. Not the promise: a request may not wait for what another one began. */
  #routes: ManagementRoutes | null = null;

  constructor(options: EdgePathsOptions) {
    const { config, assertions } = options.gateway;
    this.#options = options;
    this.#status = {
      readiness: options.readiness,
      publicKeys: assertions && (() => assertions.publicKeys()),
    };
    this.#hasPage = hasManagers(config);
  }

  /** Answers a request for one of the edge's own paths. Never forwards. */
  async serve(
    request: Request,
    target: RequestTarget,
    role: HostRole,
    runInBackground: (work: Promise<unknown>) => void,
  ): Promise<Response> {
    const own = { request, requestId: this.#options.gateway.newRequestId(), target, role };
    const response = await this.#answer(own, runInBackground);
    await discardBody(request);
    response.headers.set('X-Request-Id', own.requestId);
    const shown =
      isNavigation(request) && isPagePath(target.path)
        ? await (await loadPages()).asPage(response, {
            links: this.#linksFor(role, response.headers.get('x-edge-reason') ?? ''),
          })
        : response;
    return request.method === 'HEAD' ? new Response(null, shown) : shown;
  }

  /**
   * Answers a request for `/` without credentials, which shows a first look at a deployment. `answer` is
   * the gateway's, for everything but a database without tables.
   */
  async serveRoot(
    request: Request,
    role: HostRole,
    answer: () => Response | Promise<Response>,
  ): Promise<Response> {
    const { gateway, readiness } = this.#options;
    if ((await readiness()) === 'schema_missing') {
      await discardBody(request);
      const { schemaMissing, setupResponse } = await loadSetup();
      return setupResponse(request, gateway.newRequestId(), schemaMissing);
    }
    return this.#introduce(request, await answer(), role);
  }

  /** Asks each part in turn. The transport is judged before anything is served. */
  async #answer(
    own: OwnRequest,
    runInBackground: (work: Promise<unknown>) => void,
  ): Promise<Response> {
    const { request, requestId, target, role } = own;
    const isServed = isServedOn(role, target);
    return (
      this.#refuseTransport(own, isServed) ??
      (isServed ? null : notFound(request, requestId, role)) ??
      (await serveStatus(request, requestId, target.path, this.#status)) ??
      (isPageRoot(target.path) ? await this.#explainSetup(request, requestId) : null) ??
      (await this.#serveManagement(request, requestId, runInBackground))
    );
  }

  /** Refuses a request because of how it arrived; `null` for every other request. */
  #refuseTransport({ request, requestId, target }: OwnRequest, isServed: boolean): Response | null {
    const { allowHttp } = this.#options.gateway.config;
    // First of all: a token that arrived in clear text must not be of use, whatever it was sent to.
    if (!allowHttp && isPlainHttp(target, request)) {
      if (carriesCredential(request)) return refusal(request, requestId, httpsRequired());
      if (this.#hasPage && isServed && isPagePath(target.path)) return redirectToHttps(target);
    }
    // A service worker could answer for the page later, even one that is made of the page's script.
    const isServiceWorker = request.headers.has('service-worker');
    return isServiceWorker ? refusal(request, requestId, serviceWorkerNotAllowed()) : null;
  }

  /** Explains on the page's own address why there is no page; `null` if there is one. */
  async #explainSetup(request: Request, requestId: string): Promise<Response | null> {
    const isSchemaMissing = (await this.#options.readiness()) === 'schema_missing';
    if (!isSchemaMissing && this.#hasPage) return null;
    const { managementOff, schemaMissing, setupResponse } = await loadSetup();
    return setupResponse(request, requestId, isSchemaMissing ? schemaMissing : managementOff);
  }

  async #serveManagement(
    request: Request,
    requestId: string,
    runInBackground: (work: Promise<unknown>) => void,
  ): Promise<Response> {
    const { management, dashboard } = this.#options;
    // Loaded on the first request for it, so that an isolate that only serves the API starts faster. Each
    // request imports by itself, because the runtime does not let one wait for what another began.
    const { createManagementRoutes } = await import('./manage/routes.ts');
    this.#routes ??= createManagementRoutes({
      management: await management(),
      dashboard,
      notFound,
    });
    return this.#routes.fetch(request, { requestId, runInBackground });
  }

  /** Tells people who open the host itself what it is, unless it has a public page there. */
  async #introduce(request: Request, response: Response, role: HostRole): Promise<Response> {
    if (!isNavigation(request)) return response;
    if (response.headers.get('x-edge-reason') !== 'missing_credentials') return response;
    const { asPage } = await loadPages();
    return asPage(response, {
      title: 'This host serves an API',
      text: 'Programs call it with an API key, as "Authorization: Bearer <API key>". There is nothing to see here in a browser.',
      links: this.#linksFor(role, 'missing_credentials'),
    });
  }

  /** The links of a page that explains a problem. */
  #linksFor(role: HostRole, code: string): readonly Link[] {
    const isPageHere = this.#hasPage && hasManagement(role);
    return [
      ...(isPageHere ? [{ href: '/_edge/', label: 'Manage API keys' }] : []),
      { href: `/_edge/errors#${code}`, label: 'What error codes mean' },
    ];
  }
}

/** A detour into our namespace, such as /a/%2e%2e/_edge/v1/keys, is not forwarded and not served. */
function isServedOn(role: HostRole, { isPlain, path }: RequestTarget): boolean {
  return isPlain && path.startsWith('/_edge') && (isOnEveryHost(path) || hasManagement(role));
}

/** Returns whether hosts of this role serve the page and the management API. */
function hasManagement(role: HostRole): boolean {
  return role === 'shared' || role === 'manage';
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
