/**
 * The gateway: one request, one direction.
 *
 *     read facts -> preflight?  -> 204 with grant | 403
 *                -> route match -> find key -> authorize -> forward, then add the grant
 *                                                        -> refuse, with the grant where one is due
 *
 * This file holds the branches and their order; the parts compute and return. Nothing is forwarded
 * that was not authorised, so a failure here ends in a refusal (never `passThroughOnException`).
 */

import { authorize, invalidKey, matchRoute } from '../core/authorize.ts';
import { readBearer } from '../core/bearer.ts';
import type { Key } from '../core/key.ts';
import { decidePreflight, isPreflight } from '../core/preflight.ts';
import { type Rejection, reject, rejectionKinds } from '../core/rejection.ts';
import { isOwnTarget, type RequestTarget, readTarget } from '../core/request-target.ts';
import type { RouteTable } from '../core/route-table.ts';
import { parseOrigin, type WebOrigin } from '../core/web-origin.ts';
import type { Config } from '../env.ts';
import type { KeyDirectory, KeyLookup } from '../keys/directory.ts';
import { Lookup, type RunInBackground } from '../keys/lookup.ts';
import { problemResponse } from '../problem.ts';
import type { UsageCounter } from '../usage/counter.ts';
import {
  type Grant,
  grantTo,
  preflightResponse,
  preflightVary,
  setCorsHeaders,
} from './cors-headers.ts';
import { discardBody } from './discard-body.ts';
import { forward } from './forward.ts';

/** What the gateway is made of. One isolate has one. */
export interface Gateway {
  readonly config: Config;
  readonly directory: KeyDirectory;
  readonly usage: UsageCounter;
  readonly restrictedRoutes: RouteTable;
  readonly fetch: typeof fetch;
  readonly now: () => number;
  readonly newRequestId: () => string;
  readonly log: (line: Readonly<Record<string, unknown>>) => void;
}

/** What is read off a request once, before any decision. */
interface Facts {
  readonly request: Request;
  readonly requestId: string;
  readonly target: RequestTarget;
  /** `null` without one. */
  readonly origin: WebOrigin | null;
  readonly lookup: Lookup;
}

/**
 * Answers a request that is not for `/_edge/`. `target` is its URL, read by the caller, which has
 * made sure of that. Throws only when something of ours is broken.
 */
export async function handle(
  gateway: Gateway,
  request: Request,
  target: RequestTarget,
  runInBackground: RunInBackground,
): Promise<Response> {
  const originHeader = readOriginHeader(request);
  const facts: Facts = {
    request,
    requestId: gateway.newRequestId(),
    target,
    origin: originHeader === null ? null : parseOrigin(originHeader),
    lookup: new Lookup(gateway.now(), runInBackground),
  };
  // Before any look-up: a malformed origin is never echoed, logged or searched for.
  if (originHeader !== null && facts.origin === null) {
    return refuse(gateway, facts, malformedOrigin(), null);
  }

  const requestedMethod = request.headers.get('access-control-request-method');
  if (
    facts.origin &&
    isPreflight({ method: request.method, origin: facts.origin, requestedMethod })
  ) {
    return answerPreflight(gateway, facts, facts.origin);
  }

  const restrictedRoute = matchRoute(gateway.restrictedRoutes, request.method, target);
  const bearer = readBearer(request.headers.get('authorization'));
  if (!bearer.ok) return refuse(gateway, facts, bearer.rejection, null);

  const found =
    gateway.directory.recall(bearer.token, facts.lookup) ??
    (await gateway.directory.find(bearer.token, facts.origin, facts.lookup));
  if (found.outcome !== 'found') return refuse(gateway, facts, rejectionFor(found), null);

  const decision = authorize({
    key: found.key,
    method: request.method,
    target,
    restrictedRoute,
    origin: facts.origin,
    nowMs: facts.lookup.nowMs,
  });
  if (!decision.allowed) return refuse(gateway, facts, decision.rejection, found.key);

  facts.lookup.allow();
  gateway.usage.countAllowed(found.key.id, facts.lookup);
  const forwarded = await forward({
    request,
    url: gateway.config.upstreamUrl + decision.path + decision.query,
    identity: identityHeaders(gateway.config, facts, found.key),
    forwardToken: gateway.config.forwardToken,
    timeoutMs: gateway.config.upstreamTimeoutMs,
    fetch: gateway.fetch,
  });
  if (!forwarded.ok) {
    const rejection = { ...forwarded.rejection, cause: forwarded.error };
    return refuse(gateway, facts, rejection, found.key);
  }

  const { headers } = forwarded.response;
  setCorsHeaders(headers, grantTo(facts.origin));
  headers.delete('X-Edge-Reason');
  headers.set('X-Request-Id', facts.requestId);
  if (found.isStale)
    gateway.log({ event: 'stale', requestId: facts.requestId, keyId: found.key.id });
  return forwarded.response;
}

/**
 * The answer to a request that failed inside, or that came before the gateway could be built. It
 * says nothing, so every well-formed origin may read it; pages have no business under `/_edge/`.
 */
export function failureResponse(
  request: Request,
  requestId: string,
  code: 'internal_error' | 'unavailable',
): Response {
  const origin = isOwnTarget(readTarget(request.url))
    ? null
    : parseOrigin(readOriginHeader(request) ?? '');
  const retry = code === 'unavailable' ? { retryAfterSeconds: RETRY_AFTER_SECONDS } : {};
  const rejection = reject(code, failureDetails[code], retry);
  return refusalResponse(request, requestId, rejection, grantTo(origin));
}

/** When to try again what cannot be known at the moment. */
const RETRY_AFTER_SECONDS = 5;

const failureDetails = {
  internal_error:
    'Cannot answer the request: something went wrong at the edge. Tell the operator the request id',
  unavailable: 'Cannot answer the request at the moment. Try again shortly',
} as const;

async function answerPreflight(
  gateway: Gateway,
  facts: Facts,
  origin: WebOrigin,
): Promise<Response> {
  const decision = decidePreflight({
    origin,
    registration: await registrationOf(gateway, facts, origin),
    requestedHeaders: facts.request.headers.get('access-control-request-headers'),
  });
  if (!decision.granted) {
    const response = await refuse(gateway, facts, decision.rejection, null);
    preflightVary(response.headers);
    return response;
  }
  facts.lookup.allow();
  gateway.usage.countPreflight(facts.lookup);
  return preflightResponse(grantTo(origin), decision.allowHeaders, decision.maxAgeSeconds);
}

/**
 * The Origin header without the blanks that the runtime leaves behind it; `null` when there is none,
 * or an empty one. Counted from the end: a pattern for them would try every run of blanks.
 */
function readOriginHeader(request: Request): string | null {
  const value = request.headers.get('origin') ?? '';
  let length = value.length;
  while (value[length - 1] === ' ' || value[length - 1] === '\t') length--;
  return length === 0 ? null : value.slice(0, length);
}

/** Logs and counts a refusal once and answers it, readable by the origins that its kind allows. */
async function refuse(
  gateway: Gateway,
  facts: Facts,
  rejection: Rejection,
  key: Key | null,
): Promise<Response> {
  const { request, requestId, origin } = facts;
  gateway.log({
    event: 'refused',
    code: rejection.code,
    cause: rejection.cause,
    requestId,
    method: request.method,
    keyId: key?.id,
    owner: key?.owner,
    origin: origin?.value,
    // A backend secret that arrives from a page stands in that page's source.
    isProbableLeak: rejection.code === 'cors_not_enabled' || undefined,
  });
  gateway.usage.countRefused(
    { code: rejection.code, keyId: key?.id ?? null, origin: origin?.value ?? null },
    facts.lookup,
  );
  const grant = await grantFor(gateway, facts, rejection);
  await discardBody(request);
  return refusalResponse(request, requestId, rejection, grant);
}

async function grantFor(gateway: Gateway, facts: Facts, rejection: Rejection): Promise<Grant> {
  if (facts.origin === null) return null;
  const scope = rejectionKinds[rejection.code].grantScope;
  switch (scope) {
    case 'none':
      return null;
    case 'key':
    case 'any':
      return grantTo(facts.origin);
    case 'registered': {
      const registration = await registrationOf(gateway, facts, facts.origin);
      return registration === 'unregistered' ? null : grantTo(facts.origin);
    }
  }
}

function refusalResponse(
  request: Request,
  requestId: string,
  rejection: Rejection,
  grant: Grant,
): Response {
  const kind = rejectionKinds[rejection.code];
  const accept = request.headers.get('accept');
  const response = problemResponse(
    { code: rejection.code, status: kind.status, title: kind.title, detail: rejection.detail },
    { requestId, accept },
  );
  const challenge = rejection.challenge ?? ('challenge' in kind ? kind.challenge : undefined);
  if (challenge !== undefined) response.headers.set('WWW-Authenticate', challenge);
  if (rejection.retryAfterSeconds !== undefined) {
    response.headers.set('Retry-After', String(rejection.retryAfterSeconds));
  }
  setCorsHeaders(response.headers, grant);
  return response;
}

async function registrationOf(gateway: Gateway, facts: Facts, origin: WebOrigin) {
  return (
    gateway.directory.recallOrigin(origin, facts.lookup) ??
    (await gateway.directory.findOrigin(origin, facts.lookup))
  );
}

function rejectionFor(lookup: Exclude<KeyLookup, { outcome: 'found' }>): Rejection {
  if (lookup.outcome === 'unknown') return invalidKey(lookup.cause);
  return reject('unavailable', 'Cannot look up the API key at the moment. Try again shortly', {
    retryAfterSeconds: RETRY_AFTER_SECONDS,
  });
}

function malformedOrigin(): Rejection {
  return reject(
    'invalid_origin',
    'Cannot read the Origin header: exactly one origin such as "https://app.example" is wanted',
  );
}

/** What the upstream may trust about the caller. Names in lower case. */
function identityHeaders(config: Config, facts: Facts, key: Key): Record<string, string> {
  const { request, target } = facts;
  const identity: Record<string, string> = {
    'x-edge-key-id': key.id,
    'x-edge-access': key.access,
    'x-request-id': facts.requestId,
    'x-forwarded-proto': request.url.startsWith('https:') ? 'https' : 'http',
  };
  if (key.owner !== null) identity['x-edge-owner'] = key.owner;
  if (target.authority !== '') identity['x-forwarded-host'] = target.authority;
  // Set by Cloudflare, which overwrites what a client sends; elsewhere it may be anything.
  const clientAddress = request.headers.get('cf-connecting-ip') ?? '';
  if (/^[0-9A-Fa-f.:]+$/.test(clientAddress)) identity['x-forwarded-for'] = clientAddress;
  if (config.upstreamAuthorization !== null) {
    identity['authorization'] = config.upstreamAuthorization;
  }
  return identity;
}
