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
