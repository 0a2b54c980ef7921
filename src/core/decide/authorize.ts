/**
 * The decision about one request: may this key, from this origin, at this time, call this route?
 *
 * Pure: no I/O, no clock. Everything that the decision depends on is an argument.
 */

import type { Address } from '../addresses/address.ts';
import { admitsAddress } from '../addresses/address-blocks.ts';
import type { AccessLevel, Key } from '../key/key.ts';
import { isLive } from '../key/key.ts';
import { allowAdvice } from '../origins/allow-advice.ts';
import { admitsOrigin, type WebOrigin } from '../origins/web-origin.ts';
import { isForwardedMethod } from '../routes/methods.ts';
import type { RequestTarget } from '../routes/request-target.ts';
import {
  climbsAboveRoot,
  isRestrictedQuery,
  pathThatFetchSends,
  queryThatFetchSends,
} from '../routes/request-target.ts';
import type { RouteMatch, RouteTable } from '../routes/route-table.ts';
import { truncate } from '../text.ts';
import { type Rejection, reject } from './rejection.ts';

/** The request as the rules see it. */
export interface AuthorizationRequest {
  readonly key: Key;
  readonly method: string;
  readonly target: RequestTarget;
  /** The routes that a restricted key may call. */
  readonly restrictedTable: Routes;
  /** `null` when the request carries no Origin. */
  readonly origin: WebOrigin | null;
  /** The client's address; `null` if it is not known, or the key may be used from any. */
  readonly address: Address | null;
  readonly nowMs: number;
}

/** The decision about a request: the path to forward, or the rejection. */
export type Decision =
  | {
      readonly allowed: true;
      /** The path and query to forward, below `UPSTREAM_URL`. */
      readonly path: string;
      readonly query: string;
      /** The row that allowed it, for logs; `null` for a key that may call everything. */
      readonly route: string | null;
    }
  | { readonly allowed: false; readonly rejection: Rejection };

/**
 * Decides about a request whose key was found. Can refuse with `invalid_key`, `client_token_expired`,
 * `cors_not_enabled`, `origin_not_allowed`, `origin_required`, `address_not_allowed`,
 * `route_not_allowed` and `quota_exceeded`, in this order.
 */
export function authorize(request: AuthorizationRequest): Decision {
  // The origin comes before the route, because the refusal of a route is readable by the origins of
  // this key and must not be handed to any other.
  const refused = refuseCaller(request);
  if (refused !== null) return deny(refused);
  const decision = decideRoute(request);
  // Last: what the key may never call is no matter of waiting.
  const { key, nowMs } = request;
  const isUsedUp = key.quotaRenewsAtMs !== null && nowMs < key.quotaRenewsAtMs;
  if (decision.allowed && isUsedUp) return deny(quotaExceeded(key.quotaRenewsAtMs, nowMs));
  return decision;
}

/** The answer to a request of a key that has used up its quota. */
function quotaExceeded(renewsAtMs: number, nowMs: number): Rejection {
  const renewsAt = new Date(renewsAtMs).toISOString();
  return reject(
    'quota_exceeded',
    `Cannot forward another request with this API key: its quota is used up. It renews at ${renewsAt}`,
    { retryAfterSeconds: Math.ceil((renewsAtMs - nowMs) / 1000), extensions: { renewsAt } },
  );
}

/**
 * Decides whether a key may be used at all, at this time, from this origin and address; `null`: it may. Every
 * endpoint that accepts API keys asks this, whatever it serves.
 */
export function refuseCaller({
  key,
  origin,
  address,
  method,
  nowMs,
}: Pick<
  AuthorizationRequest,
  'key' | 'origin' | 'address' | 'method' | 'nowMs'
>): Rejection | null {
  if (!isLive(key, nowMs)) return invalidKey(key.enabled ? 'expired' : 'disabled');
  const { client } = key;
  if (client !== null && nowMs >= client.expiresAtMs) return clientTokenExpired();
  if (origin !== null) {
    if (key.origins === null) return corsNotEnabled(origin);
    if (!admitsOrigin(key.origins, origin)) return originNotAllowed(origin);
  } else if (client !== null && !(client.isOriginOptional && isRead(method))) {
    // A page cannot leave its origin out, so a copied token is not used from elsewhere by accident.
    return originRequired();
  }
  // After the origin, so that pages of this key alone read the refusal; before the route, so that a copied
  // key says nothing about its routes elsewhere.
  const isAdmitted = key.addresses === null || admitsAddress(key.addresses, address);
  return isAdmitted ? null : addressNotAllowed(address);
}

/** The one answer for every token that does not work. The cause is for the log alone. */
export function invalidKey(cause: string): Rejection {
  return reject(
    'invalid_key',
    'Cannot authorize the request: the API key is not valid. Check that you copied the whole key, and that it is not revoked, disabled or expired',
    { cause },
  );
}

/** The answer to a client token that has ended, by itself or because its key voided it. */
export function clientTokenExpired(): Rejection {
  return reject(
    'client_token_expired',
    'Cannot authorize the request: the client token has expired. Fetch another one from your backend and send the request again',
  );
}

/** The answer to a client network that sent too many wrong keys, by the limit that it has reached. */
export function tooManyWrongKeys(more: Pick<Rejection, 'cause' | 'limit'>): Rejection {
  return reject(
    'rate_limited',
    'Cannot check another API key from this address: too many were wrong. Wait, then send the right one',
    more,
  );
}

/** The answer while the key of a request cannot be looked up. */
export function keyUnavailable(retryAfterSeconds: number): Rejection {
  return reject('unavailable', 'Cannot look up the API key at the moment. Try again shortly', {
    retryAfterSeconds,
  });
}

/** The answer to an Origin header that no browser sends. */
export function invalidOrigin(): Rejection {
  return reject(
    'invalid_origin',
    'Cannot read the Origin header: it must be exactly one origin, such as "https://app.example"',
  );
}

function decideRoute(request: AuthorizationRequest): Decision {
  const { key, method, target } = request;
  // A preflight grants exactly the methods that pass here, so that no page is promised another.
  if (!isForwardedMethod(method)) return deny(routeNotAllowed(request));
  if (key.access === 'backend' || key.access === 'full') {
    if (climbsAboveRoot(target)) return deny(routeNotAllowed(request));
    return {
      allowed: true,
      path: pathThatFetchSends(target),
      query: queryThatFetchSends(target),
      route: null,
    };
  }
  const route = matchListedRoute(request);
  if (route === null) return deny(routeNotAllowed(request));
  if (!isRestrictedQuery(target.query)) return deny(queryNotAllowed(request));
  // The path comes from the row and the captured ids, never from the request.
  return { allowed: true, path: route.path, query: target.query, route: route.template };
}

/** The row by which a key that may call certain routes covers a request; `null`: no row does. */
export function matchListedRoute({
  key,
  restrictedTable,
  method,
  target,
}: Pick<AuthorizationRequest, 'key' | 'restrictedTable' | 'method' | 'target'>): RouteMatch | null {
  const route = matchRoute(key.routes ?? restrictedTable, method, target);
  const { client } = key;
  return client === null || matchRoute(client.bounds, method, target) ? route : null;
}

/** The part of `RouteTable` that is used. */
type Routes = Pick<RouteTable, 'match'>;

/** The row of a table that a request fits; `null` for any path that is not plain. */
export function matchRoute(
  table: Routes,
  method: string,
  target: RequestTarget,
): RouteMatch | null {
  return target.isPlain ? table.match(method, target.path) : null;
}

/** The route of a request that needs no key, and the path to forward. */
export interface PublicRoute {
  readonly path: string;
  readonly query: string;
  readonly route: string;
}

/**
 * Returns the public route that a request fits; `null` if it fits no row, or if there is no table. The
 * path is compared as received. Rows consist of plain segments and ids, so no path fits that a server
 * could read in another way.
 */
export function matchPublicRoute(
  table: RouteTable | null,
  method: string,
  { path, query }: RequestTarget,
): PublicRoute | null {
  const match = table?.match(method, path) ?? null;
  if (match === null || !isRestrictedQuery(query)) return null;
  return { path: match.path, query, route: match.template };
}

function corsNotEnabled(origin: WebOrigin): Rejection {
  return reject(
    'cors_not_enabled',
    `Cannot use this API key from a browser page on "${origin.value}": the key is for backends. Create a key with CORS access that lists ${origin.isOpaque ? 'the origin "*"' : 'this origin'}, and never put a backend key into a page`,
  );
}

function originNotAllowed(origin: WebOrigin): Rejection {
  return reject(
    'origin_not_allowed',
    `Cannot use this API key from origin "${origin.value}": the key does not list it. ${allowAdvice(origin, 'the key')}`,
  );
}

function originRequired(): Rejection {
  return reject(
    'origin_required',
    'Cannot use a client token without an Origin header: client tokens are for browser pages. Call the API from a backend with its API key',
  );
}

/** The answer to a request from an address that the key does not list; `null`: it cannot be read. */
export function addressNotAllowed(address: Address | null): Rejection {
  const from =
    address === null
      ? 'from an address that the edge cannot read'
      : `from the address "${address.text}"`;
  return reject(
    'address_not_allowed',
    `Cannot use this API key ${from}: the key does not list it. Call from one of the addresses of the key, or add this one to them`,
  );
}

/** Returns whether a method only reads. Browsers send no Origin with some such requests. */
function isRead(method: string): boolean {
  return method === 'GET' || method === 'HEAD';
}

function routeNotAllowed({ key, method, target }: AuthorizationRequest): Rejection {
  const endpoint = endpointOf(method, target);
  const { missingRuleSet: missing } = key;
  if (missing !== null) {
    const limit = `it refers to the rule set ${missing}, which this edge does not have. Ask its operator`;
    const cause = `the rule set ${missing} is not configured`;
    return reject('route_not_allowed', `Cannot call ${endpoint} with this API key: ${limit}`, {
      cause,
    });
  }
  const isOddMethod = !isForwardedMethod(method) && method !== 'TRACE';
  const limit = isOddMethod
    ? 'this method is never forwarded. Methods are in capitals'
    : routeLimits[key.access];
  return reject('route_not_allowed', `Cannot call ${endpoint} with this API key: ${limit}`);
}

/** The endpoint is allowed, and a method-override middleware could turn the request into another one. */
function queryNotAllowed({ method, target }: AuthorizationRequest): Rejection {
  const fault =
    'its query has a parameter that servers read as the method, such as "_method", or a character that is not percent-encoded. Rename or encode it';
  return reject(
    'route_not_allowed',
    `Cannot call ${endpointOf(method, target)} with this API key: ${fault}`,
  );
}

/** Without the query, which may hold secrets. */
function endpointOf(method: string, target: RequestTarget): string {
  return JSON.stringify(truncate(`${method} ${target.path}`, 200));
}

const neverForwarded = 'neither TRACE nor a path that leaves the API is forwarded';

/** Why a route is refused, and the remedy, by the reach of the key. */
const routeLimits: Readonly<Record<AccessLevel, string>> = {
  restricted:
    'a restricted CORS key may call only a short list of endpoints. Call this one from a backend, or give the key a rule for it',
  rules: 'no access rule of this key covers it. Add a rule to the key',
  client:
    'its client token does not cover it. Mint one with a rule for it, within the rules of the key',
  backend: neverForwarded,
  full: neverForwarded,
};

function deny(rejection: Rejection): Decision {
  return { allowed: false, rejection };
}
