/**
 * The answer to an owner who is at a limit: how many keys there may be, or when to come back.
 */

import type { OwnerLimitError } from '../keys/admin/owner-limits.ts';
import { type Call, type Refusal, refusal } from './operation.ts';
import { problem } from './problems.ts';

/** Refuses a change beyond a limit: 409 for the number of keys, 429 for that of changes. */
export async function refuseBeyondLimit(
  { management, caller }: Call,
  { limit }: OwnerLimitError,
): Promise<Refusal> {
  const { liveKeys, changesPerMinute } = management.ownerLimits;
  if (limit === 'keys') {
    return refusal(
      problem(
        'quota_of_owner',
        `Cannot add a key: your account may have ${liveKeys} live keys. Revoke keys that are no longer used`,
      ),
    );
  }
  // The operator has no limit, so that there is an owner.
  const waitMs = await management.store.ownerLimits.retryAfterMs(
    caller.owner ?? '',
    changesPerMinute,
    management.now(),
  );
  const seconds = Math.max(1, Math.ceil(waitMs / 1000));
  return refusal(
    problem(
      'rate_limited',
      `Cannot make the change: your account may make ${changesPerMinute} changes within a minute, and a change to many origins counts as several. Try again in ${seconds} seconds`,
    ),
    { 'Retry-After': String(seconds) },
  );
}
