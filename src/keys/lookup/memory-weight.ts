/**
 * Estimates how many bytes a memory entry takes, so that an isolate's memory stays within its bounds.
 *
 * The constants were measured in workerd: see `bench/memory.ts`.
 */

import type { ClientClaims } from '../../core/client-token/claims.ts';
import type { StoredKey } from '../../core/key/key.ts';
import type { Subject } from '../types.ts';

/** Returns the bytes that a small entry takes. */
export function weightOf(name: string, subjects: readonly Subject[]): number {
  let bytes = 250 + name.length;
  for (const subject of subjects) bytes += 30 + subject.length;
  return bytes;
}

/** Returns the bytes that the parent of client tokens takes, with their name. */
export function weightOfParent(stored: StoredKey | null, kid: string): number {
  const { allowedOrigins = null, rules = null } = stored?.clientTokens ?? {};
  return 300 + (stored ? weightOfKey({ ...stored, allowedOrigins, rules }, kid) : kid.length);
}

/** Returns the bytes that a verified client token takes, with its own origins and rules. */
export function weightOfClientToken(token: string, claims: ClientClaims): number {
  let bytes = 700 + token.length;
  for (const origin of claims.origins ?? []) bytes += 160 + origin.length;
  for (const { resources } of claims.rules ?? []) bytes += weightOfResources(resources);
  return bytes;
}

/** Returns the bytes that a key takes, with its token. */
export function weightOfKey(stored: StoredKey, token: string): number {
  let bytes = 320 + token.length;
  if (stored.allowedOrigins) bytes += 120;
  for (const origin of stored.allowedOrigins ?? []) bytes += 40 + origin.length;
  // A table of routes has a node for each segment.
  for (const { resources } of stored.rules ?? []) bytes += weightOfResources(resources);
  return bytes;
}

function weightOfResources(resources: readonly string[]): number {
  return resources.reduce((bytes, path) => bytes + 480 * (path.split('/').length - 1), 0);
}
