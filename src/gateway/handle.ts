/**
 * The gateway: performs what `core/decide/pipeline.ts` decides about one request.
 *
 *     read facts -> preflight?  -> 204 with grant | 403
 *                -> public?     -> forward, any origin may read it
 *                -> find key -> decide by origin and route -> forward, then add the grant
 *                                                          -> refuse, with the grant where one is due
 *
 * Nothing is forwarded that was not authorised, so a failure here ends in a refusal (never
 * `passThroughOnException`).
 */

import { clientTokenExpired, invalidKey, matchRoute } from '../core/decide/authorize.ts';
import { grantTo } from '../core/decide/grant.ts';
import { decideBeforeKey, decideWithKey } from '../core/decide/pipeline.ts';
import { decidePreflight } from '../core/decide/preflight.ts';
import type { Limit } from '../core/decide/rate-limit.ts';
import { reject } from '../core/decide/rejection.ts';
import {
  type OfferedSubprotocols,
  readCredentials,
  readSubprotocols,
  subprotocolToAnswer,
} from '../core/decide/subprotocols.ts';
import type { WebOrigin } from '../core/origins/web-origin.ts';
import type { RequestTarget } from '../core/routes/request-target.ts';
import type { FoundKey, KeyLookup } from '../keys/lookup/key-target.ts';
import { fromMemory, RequestScope, type RunInBackground } from '../keys/lookup/request-scope.ts';
import { refuteCharacters } from '../keys/lookup/token-gate.ts';
import {
  registrationOf,
  rejectRefusedNetwork,
  rejectUnavailable,
} from '../keys/lookup/wrong-keys.ts';
import { endpointName } from '../usage/batch.ts';
import { addressFor } from './client-address.ts';
import { preflightResponse, preflightVary } from './cors-headers.ts';
import type { Facts, Gateway } from './gateway.ts';
import { holdToKey, isLongLived } from './hold-to-key.ts';
import { edgeOrigin, type KeyHolder } from './identity.ts';
import { readOrigin } from './origin-header.ts';
import { limitsOf } from './rate-limits.ts';
import { respondToBadCredentials, respondWithRejection } from './refuse.ts';
import { isWebSocketUpgrade } from './request-headers.ts';
import { type AllowedRequest, type Sent, send } from './send.ts';
import { type Ahead, discardAhead, type FoundAhead, findKey, isConfirmed } from './speculate.ts';
import { rejectTransport } from './transport.ts';
import { rewriteResponseHeaders } from './upstream-response.ts';

/**
 * Answers a request that is not for `/_edge/`. `target` is its URL, read by the caller, which has
 * made sure of that. Throws only if something of ours is broken.
 */
export function handle(
  gateway: Gateway,
  request: Request,
  target: RequestTarget,
  runInBackground: RunInBackground,
): Promise<Response> {
  const origin = readOrigin(request);
  const { method } = request;
  const facts: Facts = {
    request,
    method,
    requestId: gateway.newRequestId(),
    target,
    origin: origin === 'malformed' ? null : origin,
    scope: new RequestScope(gateway.now(), runInBackground),
  };
  // Before any look-up and without a grant: a token in clear text must be of no use to anybody.
  const rejection = rejectTransport(gateway, facts);
  if (rejection !== null) return respondWithRejection(gateway, facts, rejection, null);

  const requestedMethod =
    method === 'OPTIONS' ? request.headers.get('access-control-request-method') : null;
  const next = decideBeforeKey({ method, target, origin, requestedMethod }, gateway);
  switch (next.step) {
    case 'refuse':
      return respondWithRejection(gateway, facts, next.rejection, null);
    case 'preflight':
      return answerPreflight(gateway, facts, { ...next, requestedMethod: requestedMethod ?? '' });
    case 'forward':
      return forwardFor(gateway, facts, noKey, next.route);
    case 'find-key':
      return handleWithKey(gateway, facts);
  }
}

/** Answers a request that needs a key: finds the key, and asks the rules about it. */
async function handleWithKey(gateway: Gateway, facts: Facts): Promise<Response> {
  const { request, origin, scope } = facts;
  const bearer = readCredentials(request.headers.get('authorization'), offeredBy(facts));
  if (!bearer.ok) return respondToBadCredentials(gateway, facts, bearer.rejection);

  const recalled = gateway.directory.recall(bearer.token, scope);
  const tooMany =
    recalled === undefined ? rejectRefusedNetwork(gateway.limits.failures, facts) : null;
  if (tooMany !== null) return respondWithRejection(gateway, facts, tooMany, null);
  const known = recalled ?? refute(bearer.token);
  const { found, ahead } =
    known === undefined
      ? await findAndTime(gateway, facts, bearer.token)
      : { found: known, ahead: null };
  if (known !== undefined) scope.keyTiming = fromMemory;
  if (found.outcome !== 'found') {
    discardAhead(ahead, facts);
    return respondWithoutKey(gateway, facts, found);
  }

  const { key, isStale } = found;
  const extraCost = key.hasQuota ? extraCostOf(gateway, facts) : 0;
  const caller: KeyHolder = { key, isStale, token: bearer.token, extraCost };
  const address = addressFor(key, request);
  const asked = { method: facts.method, target: facts.target, origin, address };
  // After a look-up, time has passed: the key may have expired meanwhile.
  const nowMs = known === undefined ? gateway.now() : scope.nowMs;
  const decision = decideWithKey(key, asked, gateway, nowMs);
  if (!decision.allowed) {
    discardAhead(ahead, facts);
    return respondWithRejection(gateway, facts, decision.rejection, caller);
  }
  if (isConfirmed(ahead, found)) return deliver(gateway, facts, caller, ahead);

  discardAhead(ahead, facts);
  // Without limits, no request waits here. A request counts once for its key, also if it is sent again.
  for (const { limit, name } of limitsOf(gateway, facts, key, ahead !== null)) {
    if (!(await limit.take(name))) return respondTooMany(gateway, facts, caller, limit);
  }
  startWrites(gateway, facts);
  return forwardFor(gateway, facts, caller, decision);
}

/** Refuses a token that cannot exist, without the steps of a look-up; `undefined` for every other token. */
function refute(token: string): KeyLookup | undefined {
  const cause = refuteCharacters(token);
  return cause === null ? undefined : { outcome: 'unknown', cause };
}

/** Refuses a request whose token has no live key, or whose key cannot be looked up. */
function respondWithoutKey(
  gateway: Gateway,
  facts: Facts,
  found: Exclude<KeyLookup, FoundKey>,
): Promise<Response> {
  if (found.outcome === 'unavailable') {
    return respondWithRejection(gateway, facts, rejectUnavailable(), null);
  }
  const rejection = found.code ? clientTokenExpired() : invalidKey(found.cause);
  return respondToBadCredentials(gateway, facts, rejection);
}

/** The cost of a request towards a quota, beyond the request itself. */
function extraCostOf({ costs }: Gateway, { method, target }: Facts): number {
  return costs === null ? 0 : costs(method, target) - 1;
}

/** Starts the writes to KV that wait until the request is allowed. */
function startWrites(gateway: Gateway, { origin, scope }: Facts): void {
  scope.startDeferredWrites();
  if (origin !== null) gateway.directory.writeWaitingCopies(origin, scope);
}

/** Looks a key up, and takes the time of it. */
async function findAndTime(gateway: Gateway, facts: Facts, token: string): Promise<FoundAhead> {
  const startedMs = gateway.now();
  const { found, ahead } = await findKey(gateway, facts, token);
  const durationMs = gateway.now() - startedMs;
  // An answer without a source needed no store.
  const source = found.outcome === 'unavailable' ? 'd1' : (found.source ?? 'memory');
  facts.scope.keyTiming = { source, durationMs };
  return { found, ahead };
}

/** Sends what was allowed to the upstream, and makes its response ours. */
async function forwardFor(
  gateway: Gateway,
  facts: Facts,
  caller: KeyHolder,
  allowed: AllowedRequest,
): Promise<Response> {
  countAllowed(gateway, facts, caller, allowed);
  return respond(gateway, facts, caller, allowed, await send(gateway, facts, caller, allowed));
}

/** Counts a request that is allowed, for its key and its endpoint. */
function countAllowed(
  { usage, restrictedTable }: Gateway,
  { method, scope, target }: Facts,
  { key, extraCost = 0 }: KeyHolder,
  { route }: Pick<AllowedRequest, 'route'>,
): void {
  // A key that may call everything fits no row of its own, and the restricted routes name many of its calls.
  const template = route ?? matchRoute(restrictedTable, method, target)?.template ?? null;
  usage.countAllowed(key?.id ?? null, scope, {
    extraCost,
    isClient: key?.client != null,
    endpoint: endpointName(method, template),
  });
}

/** Delivers the response to a request that was forwarded before its key was confirmed. */
async function deliver(
  gateway: Gateway,
  facts: Facts,
  caller: KeyHolder,
  ahead: Ahead,
): Promise<Response> {
  const sent = await ahead.sent;
  if ('reached' in sent) return respondTooMany(gateway, facts, caller, sent.reached);
  startWrites(gateway, facts);
  countAllowed(gateway, facts, caller, ahead.allowed);
  return respond(gateway, facts, caller, ahead.allowed, sent);
}

function respond(
  gateway: Gateway,
  facts: Facts,
  caller: KeyHolder,
  allowed: AllowedRequest,
  { forwarded, dropped, sentAtMs }: Sent,
): Response | Promise<Response> {
  const { config } = gateway;
  if (!forwarded.ok) {
    const rejection = { ...forwarded.rejection, cause: forwarded.error };
    return respondWithRejection(gateway, facts, rejection, caller, allowed.route);
  }

  const { response, giveUp } = forwarded;
  const { headers } = response;
  const grant = grantTo(facts.origin);
  const contentType = rewriteResponseHeaders(headers, {
    grant,
    exposed: gateway.exposed,
    requestId: facts.requestId,
    isOnPageHost: gateway.sharesPageHost,
    status: response.status,
    isPrivate: caller.key !== null,
    dropped,
    mapping: gateway.hasBasePath
      ? { upstreamUrl: config.upstreamUrl, edgeOrigin: edgeOrigin(facts) }
      : null,
  });
  const { key, isStale } = caller;
  if (config.serverTiming) {
    headers.append('Server-Timing', serverTiming(facts, sentAtMs, gateway.now()));
    // Without it, a page of another origin reads neither. https://www.w3.org/TR/server-timing/
    if (grant !== null) headers.set('Timing-Allow-Origin', grant);
  }
  if (response.webSocket !== null) answerSubprotocol(headers, offeredBy(facts));
  const { token = null } = caller;
  const held =
    key !== null && token !== null && isLongLived(response.status, contentType)
      ? holdToKey(gateway, facts, { key, token }, { response, giveUp })
      : null;
  if (held !== null && !held.ok)
    return respondWithRejection(gateway, facts, held.rejection, caller, allowed.route);
  gateway.record({ facts, code: 'allowed', key, route: allowed.route, isStale });
  // Only allowed requests keep an isolate warm: a stranger cannot make the edge work after it refused.
  if (key !== null) gateway.directory.keepWarm(facts.scope);
  return held === null ? response : held.response;
}

/** The time that was spent: on the key, in the edge as a whole, and in the upstream. */
function serverTiming({ scope }: Facts, sentAtMs: number, answeredAtMs: number): string {
  const { keyTiming, nowMs } = scope;
  const key = keyTiming && `key;dur=${keyTiming.durationMs};desc="${keyTiming.source}", `;
  return `${key ?? ''}edge;dur=${sentAtMs - nowMs}, upstream;dur=${answeredAtMs - sentAtMs}`;
}

const SUBPROTOCOL_HEADER = 'sec-websocket-protocol';

/** Answers an offer with subprotocols for the edge. The upstream has answered every other one. */
function answerSubprotocol(headers: Headers, offered: OfferedSubprotocols | null): void {
  if (offered === null) return;
  const answer = subprotocolToAnswer(offered, headers.get(SUBPROTOCOL_HEADER));
  if (answer === null) headers.delete(SUBPROTOCOL_HEADER);
  else headers.set(SUBPROTOCOL_HEADER, answer);
}

/** The subprotocols of a request for a WebSocket; `null` for other requests, and if none is for the edge. */
function offeredBy({ method, request }: Facts) {
  if (!isWebSocketUpgrade(method, request)) return null;
  return readSubprotocols(request.headers.get(SUBPROTOCOL_HEADER));
}

/** The caller of a public route. */
const noKey: KeyHolder = { key: null, isStale: false };

async function answerPreflight(
  gateway: Gateway,
  facts: Facts,
  {
    origin,
    isPublic,
    requestedMethod,
  }: {
    readonly origin: WebOrigin;
    readonly isPublic: boolean;
    readonly requestedMethod: string;
  },
): Promise<Response> {
  const decision = decidePreflight({
    origin,
    registration: isPublic
      ? 'registered'
      : await registrationOf(
          { directory: gateway.directory, failures: gateway.limits.failures },
          facts,
          origin,
          'preflight',
        ),
    requestedMethod,
    requestedHeaders: facts.request.headers.get('access-control-request-headers'),
  });
  if (!decision.granted) {
    const response = await respondWithRejection(gateway, facts, decision.rejection, null);
    preflightVary(response.headers);
    return response;
  }
  gateway.usage.countPreflight(facts.scope);
  return preflightResponse(grantTo(origin), decision);
}

function respondTooMany(
  gateway: Gateway,
  facts: Facts,
  caller: KeyHolder,
  { policy }: Limit,
): Promise<Response> {
  const detail =
    'Cannot forward another request with this API key: its rate limit is reached. Wait, then send requests more slowly';
  const rejection = reject('rate_limited', detail, { limit: policy });
  return respondWithRejection(gateway, facts, rejection, caller);
}
