/**
 * The order of the rules, in one place: `gateway/handle.ts` performs it, and `explain.ts` narrates it.
 *
 *     malformed origin? -> refuse
 *     preflight?        -> its own decision, without a key
 *     public route?     -> forward, for pages of any origin
 *     otherwise         -> find the key, then `decideWithKey`: alive, origin, address, route
 *
 * Pure: no I/O, no clock. The steps that need the database are named here and taken by the caller.
 */

import type { Address } from '../addresses/address.ts';
import type { Key } from '../key/key.ts';
import type { WebOrigin } from '../origins/web-origin.ts';
import type { RequestTarget } from '../routes/request-target.ts';
import type { RouteTable } from '../routes/route-table.ts';
import {
  authorize,
  type Decision,
  invalidOrigin,
  matchPublicRoute,
  type PublicRoute,
} from './authorize.ts';
import { isPreflight } from './preflight.ts';
import type { Rejection } from './rejection.ts';

/** The parts of a request that the rules ask about. */
export interface RequestFacts {
  readonly method: string;
  readonly target: RequestTarget;
  /** The parsed `Origin`; `null` without one. */
  readonly origin: WebOrigin | 'malformed' | null;
  /** The value of `Access-Control-Request-Method` on an OPTIONS request; `null` without one. */
  readonly requestedMethod: string | null;
}

/** The parts of a request that the rules ask about once its key is known. */
export interface KeyedRequest extends Pick<RequestFacts, 'method' | 'target'> {
  readonly origin: WebOrigin | null;
  /** The client's address; `null` if it is not known. Keys that may be used from any do not ask. */
  readonly address: Address | null;
}

/** The route tables of a deployment. */
export interface Rules {
  /** The routes that a restricted key may call. */
  readonly restrictedTable: Pick<RouteTable, 'match'>;
  /** The routes that need no key; `null`: no route does. */
  readonly publicTable: RouteTable | null;
}

/** The next step for a request before its key is known. */
export type BeforeKey =
  | { readonly step: 'refuse'; readonly rejection: Rejection }
  | { readonly step: 'preflight'; readonly origin: WebOrigin; readonly isPublic: boolean }
  | { readonly step: 'forward'; readonly route: PublicRoute }
  | { readonly step: 'find-key'; readonly origin: WebOrigin | null };

/** Decides as much as can be decided without a look-up. Can refuse with `invalid_origin`. */
export function decideBeforeKey(request: RequestFacts, rules: Rules): BeforeKey {
  const { method, target, origin, requestedMethod } = request;
  // Before any look-up: a malformed origin is never echoed, logged or searched for.
  if (origin === 'malformed') return { step: 'refuse', rejection: invalidOrigin() };
  if (origin !== null && isPreflight({ method, origin, requestedMethod })) {
    const route = matchPublicRoute(rules.publicTable, requestedMethod ?? '', target);
    return { step: 'preflight', origin, isPublic: route !== null };
  }
  // Before the key: a public route answers alike with, without and in spite of any credentials.
  const route = matchPublicRoute(rules.publicTable, method, target);
  if (route !== null) return { step: 'forward', route };
  return origin === null ? findKey : { step: 'find-key', origin };
}

// The hot path of a backend allocates nothing here.
const findKey: BeforeKey = { step: 'find-key', origin: null };

/** Decides about a request whose key was found. The order of its rules is in `authorize`. */
export function decideWithKey(
  key: Key,
  request: KeyedRequest,
  rules: Pick<Rules, 'restrictedTable'>,
  nowMs: number,
): Decision {
  const { method, target, origin, address } = request;
  return authorize({
    key,
    method,
    target,
    restrictedTable: rules.restrictedTable,
    origin,
    address,
    nowMs,
  });
}

/** Returns whether the caller may call everything, and so may send any header that the edge does not own. */
export function isOpen(key: Pick<Key, 'access'> | null): boolean {
  return key !== null && (key.access === 'backend' || key.access === 'full');
}
