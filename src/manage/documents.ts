/**
 * The JSON documents of keys in answers: as the API shows a key, and as the audit keeps it.
 */

import * as v from 'valibot';
import { originWarnings } from '../core/origins/warnings.ts';
import type { ManagedKey, ShownKey } from '../keys/admin/types.ts';
import { shownAccessSchema, toAccessDocument } from './access-document.ts';
import { quotaUseSchema, shownPlanEntries, toPlanDocument } from './plan-document.ts';
import { shownTimeSchema } from './shown-time.ts';

/** A key as the API shows it. */
export const keySchema = v.object({
  id: v.pipe(
    v.string(),
    v.description('Never used again for another key.'),
    v.examples(['key_0A1b2C3d4E5f6G7h8I9j0K']),
  ),
  name: v.pipe(
    v.string(),
    v.description('The name that its owner gave the key.'),
    v.examples(['Production web player']),
  ),
  owner: v.pipe(
    v.nullable(v.string()),
    v.description('The account that the key acts for; null: none.'),
    v.examples(['acct_1']),
  ),
  access: shownAccessSchema,
  hint: v.pipe(
    v.string(),
    v.description('The beginning of the token, to recognise it by.'),
    v.examples(['ea_pk_Ab3d']),
  ),
  createdAt: v.pipe(shownTimeSchema, v.description('When the key was made.')),
  expiresAt: v.pipe(
    v.nullable(shownTimeSchema),
    v.description('When the key expires; null: never.'),
  ),
  enabled: v.pipe(
    v.boolean(),
    v.description('false: the key does not work until it is enabled again.'),
    v.examples([true]),
  ),
  clientTokensValidFrom: v.pipe(
    v.optional(v.nullable(shownTimeSchema)),
    v.description('On keys with client tokens: those that were issued earlier are void.'),
  ),
  suspended: v.pipe(
    v.boolean(),
    v.description('true: the operator has suspended the key, so that it does not work.'),
  ),
  updatedAt: v.pipe(
    shownTimeSchema,
    v.description('The last edit, roll or revocation. Use of the key does not count.'),
  ),
  revokedAt: v.pipe(
    v.nullable(shownTimeSchema),
    v.description(
      'When the key was revoked, for good; null: it was not. Revoked keys can be read until they are deleted.',
    ),
  ),
  lastUsedAt: v.pipe(
    v.nullable(shownTimeSchema),
    v.description('The last allowed request. Later ones within a minute of it may be left out.'),
  ),
  ...shownPlanEntries,
  quotaUse: quotaUseSchema,
  retiringTokens: v.pipe(
    v.array(v.object({ endsAt: v.pipe(shownTimeSchema, v.description('When the token ends.')) })),
    v.description(
      'The tokens from before a roll that remain valid, the one that expires last first. They end with the key, if that is earlier.',
    ),
  ),
  warnings: v.pipe(
    v.optional(
      v.array(
        v.object({
          origin: v.pipe(v.string(), v.description('The entry of the allowed origins.')),
          warning: v.pipe(v.string(), v.description('The reason to look at it, as a sentence.')),
        }),
      ),
    ),
    v.description(
      'Wildcards among the allowed origins that deserve a second look, such as one that strangers can match. Absent without any.',
    ),
  ),
});

/** A key with its token, which is shown this once. */
export const keyWithTokenSchema = v.object({
  ...keySchema.entries,
  token: v.pipe(
    v.string(),
    v.description('Shown this once, and stored nowhere.'),
    v.examples(['ea_pk_Ab3d...']),
  ),
});

/** See `keySchema`. */
export type KeyDocument = v.InferOutput<typeof keySchema>;
/** See `keyWithTokenSchema`. */
export type KeyWithToken = v.InferOutput<typeof keyWithTokenSchema>;
/** See `toAuditDocument`. */
export type AuditedKey = Omit<
  KeyDocument,
  'lastUsedAt' | 'updatedAt' | 'revokedAt' | 'retiringTokens' | 'warnings' | 'quotaUse'
>;

/** A key as the API shows it. */
export function toKeyDocument(key: ShownKey): KeyDocument {
  const warnings = wildcardWarnings(key.allowedOrigins ?? []);
  return {
    ...toAuditedKey(key),
    updatedAt: toTime(key.updatedAtMs),
    revokedAt: toTimeOrNull(key.revokedAtMs),
    lastUsedAt: toTimeOrNull(key.lastUsedAtMs),
    retiringTokens: key.retiringEndsMs.map((endMs) => ({ endsAt: toTime(endMs) })),
    ...(warnings.length > 0 ? { warnings } : {}),
  };
}

/** Warnings about wildcards. The others say what an entry itself says: "*" is any, "http:" is plain. */
function wildcardWarnings(origins: readonly string[]) {
  return originWarnings(origins)
    .filter(({ pattern }) => pattern.includes('*') && pattern !== '*')
    .map(({ pattern, warning }) => ({ origin: pattern, warning }));
}

/** A key as the audit keeps it: what people decide about it, without what follows from use and time. */
export function toAuditDocument(key: ManagedKey): string {
  return JSON.stringify(toAuditedKey(key));
}

function toAuditedKey(key: ManagedKey): AuditedKey {
  return {
    id: key.id,
    name: key.name,
    owner: key.owner,
    access: toAccessDocument(key),
    hint: key.hint,
    createdAt: toTime(key.createdAtMs),
    expiresAt: toTimeOrNull(key.expiresAtMs),
    enabled: key.enabled,
    suspended: key.suspended,
    ...(key.clientTokens
      ? { clientTokensValidFrom: toTimeOrNull(key.clientTokensValidFromMs ?? null) }
      : {}),
    ...toPlanDocument(key),
  };
}

function toTimeOrNull(ms: number | null): string | null {
  return ms === null ? null : toTime(ms);
}

/** A time as the API writes it. */
export function toTime(ms: number): string {
  return new Date(ms).toISOString();
}
