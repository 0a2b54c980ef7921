/**
 * The key that an explanation is about: by its id, by a token, or by a client token of it.
 *
 * Asks D1's primary, and the rules that the gateway asks, in its order. The gateway hides the reason for
 * which a token is refused; a caller that may see the key learns it here.
 */

import { type ClientClaims, judgeTimes, readClaims } from '../core/client-token/claims.ts';
import { isClientToken, readClientToken } from '../core/client-token/client-token.ts';
import { type ClientParent, compileParent, rightsOf } from '../core/client-token/rights.ts';
import { importVerifyingKey, isSignedBy } from '../core/client-token/verification.ts';
import type { MissingKey } from '../core/decide/explain-key.ts';
import { compileKey, type Key } from '../core/key/key.ts';
import {
  hashToken,
  hasValidKidTag,
  hasValidTag,
  importTagKey,
  readTokenForm,
} from '../core/key/token.ts';
import type { KeyOfToken, ManagedKey } from '../keys/admin/types.ts';
import { findReadableKey, isVisible } from './key-changes.ts';
import type { Call, Context } from './operation.ts';

/** A key to explain a request with, or the reason for which no key was found. */
export interface ExplainedKey {
  readonly keyId: string | null;
  readonly key: Key | MissingKey;
}

/** Returns the key with an id; `null` if this caller has no such key. */
export async function findById(call: Call, id: string): Promise<ExplainedKey | null> {
  const key = await findReadableKey(call, id);
  if (key && key.revokedAtMs !== null) return missing('the key was revoked', key.id);
  if (key?.suspended) return suspended(key);
  return key && { keyId: key.id, key: compile(call, key) };
}

/** Finds the key that the gateway would find for a token, or the reason if it would find no key. */
export async function findByToken(call: Call, token: string): Promise<ExplainedKey> {
  if (isClientToken(token)) return findByClientToken(call, token);
  const { store } = call.management;
  const form = readTokenForm(token);
  if (form.form === 'oversized') return missing('it is longer than any token');
  if (form.form === 'mistyped') {
    return missing('its checksum is wrong, so it was mistyped or not copied whole');
  }
  if (
    form.form === 'ours' &&
    !(await hasValidTag(form, await importTagKey(await store.keys.tagKeyHex())))
  ) {
    return missing('this deployment did not make the token');
  }
  const found = await store.keys.findByToken(await hashToken(token));
  if (found === null || !isVisible(found.key, call.caller)) {
    return missing('no key has this token');
  }
  return endOf(call, found) ?? { keyId: found.key.id, key: compile(call, found.key) };
}

/** Returns why a token of a key does not work; `null` if it does. */
function endOf(
  { management }: Context,
  { key, tokenExpiresAtMs, isRevoked }: KeyOfToken,
): ExplainedKey | null {
  if (isRevoked) return missing('the key was revoked', key.id);
  if (tokenExpiresAtMs !== null && tokenExpiresAtMs <= management.now()) {
    return missing('the key was rolled, and the grace of this token is over', key.id);
  }
  return key.suspended ? suspended(key) : null;
}

/**
 * Finds what the gateway would make of a client token, in the order of its checks: form, tag, parent,
 * times, signature, rights.
 */
async function findByClientToken(call: Call, token: string): Promise<ExplainedKey> {
  const { store, database, restrictedRoutes } = call.management;
  const form = readClientToken(token);
  const claims = form && readClaims(form.payload);
  if (form === null || claims === null) return missing('client token: malformed');
  if (!(await hasValidKidTag(form, await importTagKey(await store.keys.tagKeyHex())))) {
    return missing('client token: wrong tag, so no key of this deployment minted it');
  }
  // Nothing of the log.
  const asked = { fromSeq: Number.MAX_SAFE_INTEGER, kid: form.kid };
  const { parent = null } = await database.read(asked);
  const found = parent && (await store.keys.findByToken(parent.tokenHash));
  if (parent === null || found === null || !isVisible(found.key, call.caller)) {
    return missing('client token: no key minted it');
  }
  const ended = endOf(call, found);
  if (ended !== null) return ended;
  const keyId = found.key.id;
  const compiled = parentOf(call, found);
  if (compiled === null) return missing('client token: its key gives no client tokens', keyId);
  const untimely = explainTimes(call, claims, compiled);
  if (untimely !== null) return { keyId, key: untimely };
  if (!(await isSignedBy(await importVerifyingKey(parent.publicKey), form))) {
    return missing('client token: wrong signature', keyId);
  }
  const rights = rightsOf(compiled, claims, restrictedRoutes);
  return rights.ok ? { keyId, key: rights.key } : missing(rights.cause, keyId);
}

function parentOf({ management }: Context, { key, tokenExpiresAtMs }: KeyOfToken) {
  const ends = [key.expiresAtMs, tokenExpiresAtMs].filter((end) => end !== null);
  const expiresAtMs = ends.length === 0 ? null : Math.min(...ends);
  const { restrictedRoutes, restrictedTable } = management;
  return compileParent({ ...key, expiresAtMs }, restrictedRoutes, restrictedTable);
}

/** Returns why a client token does not work at this time; `null` if it does. */
function explainTimes(
  { management }: Context,
  claims: ClientClaims,
  { access, key }: ClientParent,
): MissingKey | null {
  const nowMs = management.now();
  const { maxTtlSeconds } = access;
  const validFromMs = key.clientTokensValidFromMs ?? null;
  const times = judgeTimes(claims, { maxTtlSeconds, validFromMs, nowMs });
  if (times === 'current') return null;
  if (times !== 'expired') return { missing: times.cause + excessText(claims, maxTtlSeconds) };
  const endMs = claims.exp * 1000;
  const cause =
    nowMs >= endMs
      ? `it ended at ${new Date(endMs).toISOString()}`
      : 'it was issued before clientTokensValidFrom, or less than 10 seconds after it';
  return { missing: `client token: ${cause}`, isExpiredClientToken: true };
}

/** The numbers of a lifetime that is too long; empty if it is not. */
function excessText({ iat, exp }: ClientClaims, maxTtlSeconds: number): string {
  const ttlSeconds = exp - iat;
  if (ttlSeconds <= maxTtlSeconds) return '';
  return `: ${ttlSeconds} seconds, and its key allows at most ${maxTtlSeconds}`;
}

function suspended({ id }: ManagedKey): ExplainedKey {
  return missing('the operator has suspended the key', id);
}

function missing(why: string, keyId: string | null = null): ExplainedKey {
  return { keyId, key: { missing: why } };
}

function compile({ management }: Context, key: ManagedKey): Key {
  return compileKey(key, management.restrictedRoutes);
}
