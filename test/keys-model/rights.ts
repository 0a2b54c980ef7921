/**
 * The rights of a key, or of a client token of it, as D1 held it at some version: the yardstick of the judge.
 */

import { type ClientClaims, judgeTimes } from '../../src/core/client-token/claims.ts';
import { compileParent, rightsOf } from '../../src/core/client-token/rights.ts';
import { compileKey, isLive, type Key } from '../../src/core/key/key.ts';
import { admitsOrigin, type WebOrigin } from '../../src/core/origins/web-origin.ts';
import { restrictedRoutes } from '../../src/core/routes/restricted-routes.ts';
import { compileRoutes } from '../../src/core/routes/route-table.ts';
import { keyOf, type Version } from './truth.ts';

/** A request, without its token. */
export interface Call {
  readonly method: string;
  readonly path: string;
  readonly origin: WebOrigin | null;
}

/** The token that a caller sends, and its name in D1. */
export interface Credential {
  readonly token: string;
  /** Of the token itself, or of the one that minted it. */
  readonly tokenHash: string;
  /** The name in a look-up in D1: the hash, or the `kid` of a client token. */
  readonly name: string;
  /** `null`: it is no client token. */
  readonly claims: ClientClaims | null;
}

const compiledRestrictedRoutes = compileRoutes(restrictedRoutes);

/** The key that a credential stands for at a version; `null` if it stands for none. */
export function keyIn(
  version: Version,
  { tokenHash, claims }: Credential,
  nowMs: number,
): Key | null {
  const stored = keyOf(version, tokenHash);
  if (stored === null) return null;
  if (claims === null) return compileKey(stored, restrictedRoutes);
  const parent = compileParent(stored, restrictedRoutes, compiledRestrictedRoutes);
  if (parent === null) return null;
  const { maxTtlSeconds } = parent.access;
  const validFromMs = stored.clientTokensValidFromMs ?? null;
  if (judgeTimes(claims, { maxTtlSeconds, validFromMs, nowMs }) !== 'current') return null;
  const rights = rightsOf(parent, claims, restrictedRoutes);
  return rights.ok ? rights.key : null;
}

/** Returns whether a key, as it is at some moment, admits this call. */
export function admits(key: Key, { method, path, origin }: Call, nowMs: number): boolean {
  if (!isLive(key, nowMs)) return false;
  if (key.quotaRenewsAtMs !== null && nowMs < key.quotaRenewsAtMs) return false;
  if (origin === null && key.client !== null && !key.client.isOriginOptional) return false;
  if (origin !== null && !(key.origins && admitsOrigin(key.origins, origin))) return false;
  if (key.access === 'backend' || key.access === 'full') return true;
  const isWithinBounds = key.client === null || key.client.bounds.match(method, path) !== null;
  return isWithinBounds && (key.routes ?? compiledRestrictedRoutes).match(method, path) !== null;
}
