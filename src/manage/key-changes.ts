/**
 * The steps that every change to a key takes: it is found, decided on, written with a note for the audit, and
 * announced once it is committed.
 */

import { operatorBounds } from '../core/key/key-access.ts';
import { randomBase62 } from '../core/key/token.ts';
import { truncate } from '../core/text.ts';
import type { ChangeNote, ShownKey } from '../keys/admin/types.ts';
import { EDIT_ATTEMPTS, EDIT_WAIT_MAX_MS, EDIT_WAIT_MS } from './limits.ts';
import type { KeyBounds } from './new-key.ts';
import { type Call, type Context, type OperationResult, refusal } from './operation.ts';
import { problem } from './problems.ts';

/**
 * Finds the key and lets `change` decide and write. `null` says that the key changed in between: it is
 * read and decided again, which ends in a 412 for who sent If-Match, since the version is another. Waits a
 * random time between attempts, longer each time, so that many changes at once get out of each other's way.
 */
export async function changeKey(
  call: Call,
  change: (key: ShownKey) => Promise<OperationResult | null>,
): Promise<OperationResult> {
  for (let attempt = 0; attempt < EDIT_ATTEMPTS; attempt++) {
    const key = await findKey(call, call.id);
    if (key === null) return refusal(noSuchKey(call.id));
    const outcome = await change(key);
    if (outcome !== null) return outcome;
    const longestMs = Math.min(EDIT_WAIT_MAX_MS, EDIT_WAIT_MS * 2 ** attempt);
    await call.management.wait(call.management.random() * longestMs);
  }
  return refusal(
    problem(
      'conflict',
      'Cannot change the key: other requests are changing it at the same time. Try again',
    ),
    { 'Retry-After': '1' },
  );
}

/** Returns the key of an id if the caller may see it and it is not revoked, and `null` otherwise. */
export async function findKey(context: Context, id: string): Promise<ShownKey | null> {
  const key = await findReadableKey(context, id);
  return key?.revokedAtMs === null ? key : null;
}

/** Returns the key of an id if the caller may see it, and `null` otherwise. It may be revoked. */
export async function findReadableKey(
  { management, caller }: Context,
  id: string,
): Promise<ShownKey | null> {
  // Nothing else was ever an id.
  if (!/^key_[0-9A-Za-z]{22}$/.test(id)) return null;
  const key = await management.store.keys.find(id, management.now());
  return key !== null && isVisible(key, caller) ? key : null;
}

/** Tells whether a caller may know that there is this key. */
export function isVisible(key: Pick<ShownKey, 'owner'>, caller: Context['caller']): boolean {
  return caller.owner === null || key.owner === caller.owner;
}

/** The one answer for ids that are unknown, of other owners, or of revoked keys. */
export function noSuchKey(id: string) {
  return problem(
    'not_found',
    `Cannot find key ${JSON.stringify(truncate(id, 100))}: there is no such key, or it was revoked`,
  );
}

/** A new key's id. */
export function newKeyId({ management }: Context): string {
  return `key_${randomBase62(22, management.fillRandom)}`;
}

/** The bounds of keys that a caller writes. */
export function boundsOf({ management, caller: { owner } }: Context): KeyBounds {
  const { originsPerKey, ruleBytesPerKey } =
    owner === null ? operatorBounds : management.ownerBounds;
  const { plans, restrictedRoutes, now } = management;
  const ruleSets = [...(restrictedRoutes.sets?.keys() ?? [])];
  return { owner, originsPerKey, ruleBytesPerKey, ruleSets, ...plans, nowMs: now() };
}

/** Returns the note for the audit that accompanies a change. */
export function noteOf(
  { management, caller, requestId }: Context,
  atMs: number,
): Pick<ChangeNote, 'atMs' | 'actor' | 'requestId' | 'answer' | 'quota'> {
  const { actor, owner } = caller;
  const quota = owner === null ? undefined : { owner, ...management.ownerLimits };
  return { atMs, actor, requestId, answer: null, quota };
}

/** A change as the log has it, without who made it. */
type Change =
  | {
      readonly event: 'key_created' | 'key_edited' | 'key_rolled' | 'key_revoked';
      readonly keyId: string;
    }
  | { readonly event: 'keys_imported'; readonly count: number };

/** Logs a committed change, and lets the isolate and KV follow it. */
export async function committed(
  { management, caller, requestId, runInBackground }: Context,
  change: Change,
  tokenHashes: readonly string[],
): Promise<void> {
  management.log({ ...change, requestId, actor: caller.actor });
  await management.onChange(tokenHashes, runInBackground);
}
