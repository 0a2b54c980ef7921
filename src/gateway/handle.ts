/**
 * The gateway: one request, one direction.
 *
 *     read facts -> preflight?  -> 204 with grant | 403
 *                -> public?     -> forward, any origin may read it
 *                -> find key -> authorize, by origin and route -> forward, then add the grant
 *                                                              -> refuse, with the grant where one is due
 *
 * This file holds the branches and their order; the parts compute and return. Nothing is forwarded
 * that was not authorised, so a failure here ends in a refusal (never `passThroughOnException`).
 */

import {
  authorize,
  invalidKey,
  invalidOrigin,
  matchPublicRoute,
} from '../core/decide/authorize.ts';
import { readBearer } from '../core/decide/bearer.ts';
import { grantTo } from '../core/decide/grant.ts';
import { decidePreflight, isPreflight } from '../core/decide/preflight.ts';
import { type Rejection, reject } from '../core/decide/rejection.ts';
import { RETRY_AFTER_SECONDS } from '../core/limits.ts';
import type { WebOrigin } from '../core/origins/web-origin.ts';
import type { RequestTarget } from '../core/routes/request-target.ts';
import { Lookup, type RunInBackground } from '../keys/lookup/request-scope.ts';
import { preflightResponse, preflightVary } from './cors-headers.ts';
import { forward } from './forward.ts';
import type { Facts, Gateway } from './gateway.ts';
import { type Caller, identityHeaders } from './identity.ts';
import { readOrigin } from './origin-header.ts';
import { refuse, refuseCredentials, registrationOf } from './refuse.ts';
import { makeOurs } from './upstream-response.ts';

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
  const origin = readOrigin(request);
  const facts: Facts = {
    request,
    requestId: gateway.newRequestId(),
    target,
    origin: origin === 'malformed' ? null : origin,
    lookup: new Lookup(gateway.now(), runInBackground),
  };
  // Before any look-up: a malformed origin is never echoed, logged or searched for.
  if (origin === 'malformed') return refuse(gateway, facts, invalidOrigin(), null);

  const { method } = request;
  const requestedMethod =
    method === 'OPTIONS' ? request.headers.get('access-control-request-method') : null;
  if (origin && isPreflight({ method, origin, requestedMethod })) {
    return answerPreflight(gateway, facts, origin, requestedMethod ?? '');
  }

  const publicRoute = matchPublicRoute(gateway.publicRoutes, method, target);
  if (publicRoute) return forwardFor(gateway, facts, noKey, publicRoute);

  const bearer = readBearer(request.headers.get('authorization'));
  if (!bearer.ok) return refuseCredentials(gateway, facts, bearer.rejection);

  const found =
    gateway.directory.recall(bearer.token, facts.lookup) ??
    (await gateway.directory.find(bearer.token, origin, facts.lookup));
  if (found.outcome === 'unavailable') return refuse(gateway, facts, unavailable(), null);
  if (found.outcome === 'unknown')
    return refuseCredentials(gateway, facts, invalidKey(found.cause));

  const decision = authorize({
    key: found.key,
    method,
    target,
    restrictedRoutes: gateway.restrictedRoutes,
    origin,
    nowMs: facts.lookup.nowMs,
  });
  if (!decision.allowed) return refuse(gateway, facts, decision.rejection, found);
  if (gateway.mayUse !== null && !(await gateway.mayUse(found.key.id))) {
    return refuse(gateway, facts, tooManyRequests(gateway), found);
  }

  facts.lookup.allow();
  return forwardFor(gateway, facts, found, decision);
}

/** Sends what was allowed to the upstream, and makes its response ours. */
async function forwardFor(
  gateway: Gateway,
  facts: Facts,
  caller: Caller,
  allowed: { readonly path: string; readonly query: string; readonly route: string | null },
): Promise<Response> {
  const { config } = gateway;
  gateway.usage.countAllowed(caller.key?.id ?? null, facts.lookup);
  const url = config.upstreamUrl + allowed.path + allowed.query;
  const identity = identityHeaders(gateway, facts, caller);
  if (gateway.assertions !== null) {
    const { nowMs } = facts.lookup;
    const asserted = { ...caller, method: facts.request.method, url, nowMs };
    // A request whose assertion cannot be signed is not forwarded: this throws.
    identity['x-edge-assertion'] = await gateway.assertions.sign(asserted);
  }
  const sentAtMs = gateway.now();
  const forwarded = await forward({
    request: facts.request,
    url,
    identity,
    forwardToken: config.forwardToken,
    timeoutMs: config.upstreamTimeoutMs,
    needsSignal: gateway.needsSignal,
    fetch: gateway.fetch,
  });
  if (!forwarded.ok) {
    return refuse(gateway, facts, { ...forwarded.rejection, cause: forwarded.error }, caller);
  }

  const { response } = forwarded;
  const { headers } = response;
  const isPrivate = caller.key !== null;
  makeOurs(headers, { grant: grantTo(facts.origin), requestId: facts.requestId, isPrivate });
  if (config.serverTiming) {
    const edgeMs = sentAtMs - facts.lookup.nowMs;
    headers.append('Server-Timing', `edge;dur=${edgeMs}, upstream;dur=${gateway.now() - sentAtMs}`);
  }
  const { key, isStale } = caller;
  gateway.record({ facts, code: 'allowed', key, route: allowed.route, isStale });
  return response;
}

/** Nobody in particular: the caller of a public route. */
const noKey: Caller = { key: null, isStale: false };

async function answerPreflight(
  gateway: Gateway,
  facts: Facts,
  origin: WebOrigin,
  requestedMethod: string,
): Promise<Response> {
  const isPublic = matchPublicRoute(gateway.publicRoutes, requestedMethod, facts.target) !== null;
  const decision = decidePreflight({
    origin,
    registration: isPublic ? 'registered' : await registrationOf(gateway, facts, origin),
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

function unavailable(): Rejection {
  return reject('unavailable', 'Cannot look up the API key at the moment. Try again shortly', {
    retryAfterSeconds: RETRY_AFTER_SECONDS,
  });
}

function tooManyRequests({ config }: Gateway): Rejection {
  const limit = config.keyLimit === null ? {} : { limit: config.keyLimit };
  return reject(
    'rate_limited',
    'Cannot answer so many requests with this API key. Wait, then go on more slowly',
    limit,
  );
}
