/**
 * The edits that schedules make, by number.
 */

import type { StoredKey } from '../../src/core/key/key.ts';
import { validFromTimes, wideClientTokens } from './slots.ts';
import { type KeyEdit, narrowRules, wideRules } from './truth.ts';

const originLists: readonly (readonly string[])[] = [
  ['https://a.test', 'https://b.test'],
  ['https://a.test'],
  ['https://b.test'],
  ['https://*.w.test'],
  ['*'],
];
/** Edits of a key that gives no client tokens. */
export function keyEdits(key: StoredKey, nowMs: number): readonly KeyEdit[] {
  return [
    ...stateEdits(key, nowMs),
    key.rules === null ? { enabled: !key.enabled } : { rules: narrowRules },
    key.rules === null ? { enabled: true } : { rules: wideRules },
    ...originLists.map((allowedOrigins) =>
      key.allowedOrigins === null ? { enabled: !key.enabled } : { allowedOrigins },
    ),
  ];
}

/** Changes of a quota: those that people make, and the one that the consumer of usage makes. */
export const quotaChanges = ['set', 'raise', 'lower', 'remove', 'use up'] as const;

/**
 * Returns a change of a key's quota; `null` if it changes nothing. `renewsAtMs` is the end of the present
 * period. As management does it, an edit says at once whether the new quota is used up.
 */
export function quotaEdit(
  { quota = null, quotaRenewsAtMs = null }: StoredKey,
  change: (typeof quotaChanges)[number],
  { nowMs, renewsAtMs }: { readonly nowMs: number; readonly renewsAtMs: number },
): KeyEdit | null {
  if (change === 'set') {
    return quota ? null : { quota: { requests: 10, period: 'day' }, quotaRenewsAtMs: null };
  }
  if (quota === null) return null;
  const { requests, period } = quota;
  switch (change) {
    case 'raise':
      return { quota: { requests: requests * 2, period }, quotaRenewsAtMs: null };
    case 'lower':
      return requests === 1
        ? null
        : { quota: { requests: 1, period }, quotaRenewsAtMs: renewsAtMs };
    case 'remove':
      return { quota: null, quotaRenewsAtMs: null };
    case 'use up':
      return (quotaRenewsAtMs ?? 0) > nowMs ? null : { quotaRenewsAtMs: renewsAtMs };
  }
}

/** Edits that end or narrow the client tokens of a key, and that give them back. */
export function clientEdits(key: StoredKey, nowMs: number): readonly KeyEdit[] {
  return [
    ...stateEdits(key, nowMs),
    { clientTokens: { ...wideClientTokens, rules: narrowRules } },
    { clientTokens: { ...wideClientTokens, allowedOrigins: ['https://d.test'] } },
    { clientTokens: { ...wideClientTokens, maxTtlSeconds: 60 } },
    { clientTokens: null },
    { clientTokens: wideClientTokens },
    ...validFromTimes.map((clientTokensValidFromMs) => ({ clientTokensValidFromMs })),
  ];
}

function stateEdits(key: StoredKey, nowMs: number): readonly KeyEdit[] {
  return [
    { isRevoked: true },
    { enabled: !key.enabled },
    { enabled: true },
    { expiresAtMs: key.expiresAtMs === null ? nowMs + 15_000 : null },
  ];
}
