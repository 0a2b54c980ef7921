/**
 * Estimates how many bytes a memory entry takes, so that an isolate's memory stays within its bounds.
 *
 * The constants were measured in workerd: see `bench/memory.ts`.
 */

import type { ClientClaims } from '../../core/client-token/claims.ts';
import type { AccessRule, StoredKey } from '../../core/key/key.ts';
import { ROUTE_METHODS } from '../../core/routes/methods.ts';
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
  return bytes + weightOfRules(claims.rules ?? []);
}

/** Returns the bytes that a key takes, with its token. */
export function weightOfKey(stored: StoredKey, token: string): number {
  let bytes = 320 + token.length;
  if (stored.allowedOrigins) bytes += 120;
  for (const origin of stored.allowedOrigins ?? []) bytes += 40 + origin.length;
  return bytes + weightOfRules(stored.rules ?? []) + weightOfPlan(stored);
}

/** A block has its bits and their masks; metadata and tags are in memory as they are sent, too. */
function weightOfPlan({ addresses, meta, tags }: StoredKey): number {
  let bytes = 0;
  for (const _ of addresses ?? []) bytes += 200;
  for (const [name, value] of Object.entries(meta ?? {})) {
    bytes += 40 + 3 * (name.length + value.length);
  }
  for (const tag of tags ?? []) bytes += 30 + 3 * tag.length;
  return bytes;
}

/** A table of routes has a node for each segment, and at its end a template for each method. */
function weightOfRules(rules: readonly AccessRule[]): number {
  let bytes = 0;
  for (const { methods, resources } of rules) {
    const rows = methods.includes('*') ? ROUTE_METHODS.length : methods.length;
    for (const path of resources) {
      bytes += 330 * (path.split('/').length - 1) + 120 + 25 * rows + 2 * path.length;
    }
  }
  return bytes;
}
