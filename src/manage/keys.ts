/**
 * The life of a key: created, read, edited, rolled, revoked.
 *
 * A person sees and changes the keys of their own account alone: any other key is not there for them.
 */

import {
  hashToken,
  hintOf,
  importTagKey,
  makeToken,
  mintingIdentityOf,
} from '../core/key/token.ts';
import { periodAt } from '../core/quota.ts';
import type { NewToken, ShownKey } from '../keys/admin/types.ts';
import { keySchema, keyWithTokenSchema, toAuditDocument, toKeyDocument } from './documents.ts';
import { etagOf, failedPrecondition, isNotModified } from './etag.ts';
import { invalidFields } from './field-problems.ts';
import { once } from './idempotency.ts';
import {
  boundsOf,
  changeKey,
  committed,
  findReadableKey,
  newKeyId,
  noSuchKey,
  noteOf,
} from './key-changes.ts';
import { type KeyEdit, patchKeySchema, readKeyEdit, readRoll, rollKeySchema } from './key-edit.ts';
import { MANAGEMENT_BODY_MAX_BYTES, TOKENS_PER_KEY } from './limits.ts';
import { listKeysOperation } from './list-keys.ts';
import { createKeySchema, readNewKey } from './new-key.ts';
import {
  answer,
  type Call,
  type Context,
  type Operation,
  type OperationResult,
  refusal,
} from './operation.ts';
import { toQuotaUse } from './plan-document.ts';
import { problem } from './problems.ts';
import { readBody } from './request-body.ts';
import { createSlices, inSlices } from './slices.ts';

const createExample = {
  name: 'Production web player',
  owner: 'acct_1',
  access: { cors: { allowedOrigins: ['https://app.example.com'], fullAccess: false } },
  expiresAt: null,
};

/** The endpoints about keys. */
export const keyOperations: readonly Operation[] = [
  {
    method: 'POST',
    path: '/keys',
    name: 'createKey',
    summary: 'Create a key',
    description:
      'Only this response shows the token. A person owns the keys that they create, whatever "owner" says.',
    body: {
      schema: createKeySchema,
      example: createExample,
      maxBytes: MANAGEMENT_BODY_MAX_BYTES,
    },
    isIdempotent: true,
    answer: {
      status: 201,
      description: 'The key, with its token.',
      schema: keyWithTokenSchema,
      headers: ['Location', 'ETag'],
    },
    problems: ['quota_of_owner'],
    handle: createKey,
  },
  listKeysOperation,
  {
    method: 'GET',
    path: '/keys/{id}',
    name: 'getKey',
    summary: 'Read a key',
    isCacheable: true,
    answer: { status: 200, description: 'The key.', schema: keySchema, headers: ['ETag'] },
    problems: ['not_found'],
    handle: getKey,
  },
  {
    method: 'PATCH',
    path: '/keys/{id}',
    name: 'editKey',
    summary: 'Edit a key',
    description:
      'Changes the name, the access, the expiry, or whether the key is enabled. Its owner and its kind are fixed. The operator alone suspends keys.',
    body: {
      schema: patchKeySchema,
      mediaTypes: ['application/json', 'application/merge-patch+json'],
      example: { name: 'Staging web player', enabled: false },
      maxBytes: MANAGEMENT_BODY_MAX_BYTES,
    },
    isConditional: true,
    answer: { status: 200, description: 'The key.', schema: keySchema, headers: ['ETag'] },
    problems: ['not_found', 'conflict', 'quota_of_owner'],
    handle: editKey,
  },
  {
    method: 'DELETE',
    path: '/keys/{id}',
    name: 'revokeKey',
    summary: 'Revoke a key for good',
    isConditional: true,
    answer: { status: 204, description: 'The key is revoked.' },
    problems: ['not_found', 'conflict'],
    handle: revokeKey,
  },
  {
    method: 'POST',
    path: '/keys/{id}/roll',
    name: 'rollKey',
    summary: 'Give a key a new token',
    description:
      'The previous tokens expire after "graceSeconds", which is 0 by default. Only this response shows the new token.',
    body: {
      schema: rollKeySchema,
      example: { graceSeconds: 3600 },
      maxBytes: MANAGEMENT_BODY_MAX_BYTES,
      isOptional: true,
    },
    isIdempotent: true,
    isConditional: true,
    answer: {
      status: 200,
      description: 'The key, with its new token.',
      schema: keyWithTokenSchema,
      headers: ['ETag'],
    },
    problems: ['not_found', 'conflict', 'too_many_tokens'],
    handle: rollKey,
  },
];

async function createKey(call: Call): Promise<OperationResult> {
  const { management, caller, request } = call;
  const body = await readBody(request, { maxBytes: MANAGEMENT_BODY_MAX_BYTES });
  if (!body.ok) return body;
  const slices = createSlices(management.pause);
  return once(call, body.text, async (keep) => {
    await slices.spend(body.text.length);
    const reading = await inSlices(readNewKey(body.document, boundsOf(call)), slices);
    if (!reading.ok) return refusal(invalidFields(reading));

    const { name, owner, access, expiresAtMs, plan } = reading.value;
    const { token, stored } = await newToken(call, access);
    const nowMs = management.now();
    const key: ShownKey = {
      id: newKeyId(call),
      name,
      owner: caller.owner ?? owner,
      ...access,
      ...plan,
      hint: hintOf(token),
      createdAtMs: nowMs,
      updatedAtMs: nowMs,
      revokedAtMs: null,
      expiresAtMs,
      enabled: true,
      suspended: false,
      lastUsedAtMs: null,
      version: 1,
      retiringEndsMs: [],
    };
    const created = answer(
      201,
      { ...toKeyDocument(key), token },
      { Location: `/_edge/v1/keys/${key.id}`, ETag: etagOf(key) },
    );
    await management.store.keys.insert(key, stored, {
      ...noteOf(call, nowMs),
      before: null,
      after: toAuditDocument(key),
      answer: await keep(created),
    });
    await committed(call, { event: 'key_created', keyId: key.id }, [stored.tokenHash]);
    return created;
  });
}

async function getKey(call: Call): Promise<OperationResult> {
  const key = await findReadableKey(call, call.id);
  if (key === null) return refusal(noSuchKey(call.id));
  return isNotModified(call.request.headers, key)
    ? answer(304, null, { ETag: etagOf(key) })
    : shown(call, key);
}

async function editKey(call: Call): Promise<OperationResult> {
  const { management, request, id } = call;
  const body = await readBody(request, {
    maxBytes: MANAGEMENT_BODY_MAX_BYTES,
    mediaTypes: ['application/json', 'application/merge-patch+json'],
  });
  if (!body.ok) return body;
  return changeKey(call, async (key) => {
    const slices = createSlices(management.pause);
    await slices.spend(body.text.length);
    const reading = await inSlices(readKeyEdit(body.document, key, boundsOf(call)), slices);
    if (!reading.ok) return refusal(invalidFields(reading));
    const stale = failedPrecondition(request.headers, key);
    if (stale) return refusal(stale);

    const nowMs = management.now();
    const edited = await withQuotaState(call, key, applyEdit(key, reading.value, nowMs));
    if (isSameState(key, edited)) return shown(call, key);
    const tokenHashes = await management.store.keys.update(key, edited, {
      ...noteOf(call, nowMs),
      before: toAuditDocument(key),
      after: toAuditDocument(edited),
    });
    if (tokenHashes === null) return null;
    await committed(call, { event: 'key_edited', keyId: id }, tokenHashes);
    return shown(call, edited);
  });
}

async function revokeKey(call: Call): Promise<OperationResult> {
  const { management, request, id } = call;
  return changeKey(call, async (key) => {
    const stale = failedPrecondition(request.headers, key);
    if (stale) return refusal(stale);
    const tokenHashes = await management.store.keys.revoke(key, {
      ...noteOf(call, management.now()),
      before: toAuditDocument(key),
      after: null,
    });
    if (tokenHashes === null) return null;
    await committed(call, { event: 'key_revoked', keyId: id }, tokenHashes);
    return answer(204, null);
  });
}

async function rollKey(call: Call): Promise<OperationResult> {
  const { management, request, id } = call;
  const body = await readBody(request, { maxBytes: MANAGEMENT_BODY_MAX_BYTES, absent: {} });
  if (!body.ok) return body;
  return once(call, body.text, (keep) =>
    changeKey(call, async (key) => {
      const reading = readRoll(body.document);
      if (!reading.ok) return refusal(invalidFields(reading));
      const stale = failedPrecondition(request.headers, key);
      if (stale) return refusal(stale);
      const { graceSeconds } = reading.value;
      const nowMs = management.now();
      const hasRoom =
        graceSeconds === 0 || (await management.store.keys.countTokens(id, nowMs)) < TOKENS_PER_KEY;
      if (!hasRoom) return refusal(tooManyTokens());

      const { token, stored } = await newToken(call, key);
      const olderExpireAtMs = nowMs + graceSeconds * 1000;
      const rolled = {
        ...key,
        hint: hintOf(token),
        updatedAtMs: nowMs,
        version: key.version + 1,
        // The token so far, and those that were on their way out before.
        retiringEndsMs:
          graceSeconds === 0
            ? []
            : [olderExpireAtMs, ...key.retiringEndsMs.map((ms) => Math.min(ms, olderExpireAtMs))],
      };
      const shownOnce = answer(200, { ...toKeyDocument(rolled), token }, { ETag: etagOf(rolled) });
      const tokenHashes = await management.store.keys.roll(
        key,
        rolled,
        { ...stored, olderExpireAtMs },
        {
          ...noteOf(call, nowMs),
          before: toAuditDocument(key),
          after: toAuditDocument(rolled),
          answer: await keep(shownOnce),
        },
      );
      if (tokenHashes === null) return null;
      await committed(call, { event: 'key_rolled', keyId: id }, tokenHashes);
      return shownOnce;
    }),
  );
}

/** Makes a token for a key, and what is stored of it. */
async function newToken(
  { management }: Context,
  { kind, clientTokens }: Pick<ShownKey, 'kind' | 'clientTokens'>,
): Promise<{ readonly token: string; readonly stored: NewToken }> {
  const tagKey = await importTagKey(await management.store.keys.tagKeyHex());
  const { tokenPrefix: prefix, fillRandom } = management;
  // Only for keys that opted in, so that an older version of the Worker knows all other tokens.
  const mintsClientTokens = Boolean(clientTokens);
  const token = await makeToken({ prefix, kind, tagKey, fillRandom, mintsClientTokens });
  const minting = mintsClientTokens ? await mintingIdentityOf(token, tagKey) : null;
  return { token, stored: { tokenHash: await hashToken(token), minting } };
}

async function shown({ management }: Call, key: ShownKey): Promise<OperationResult> {
  const { quota = null } = key;
  const quotaUse =
    quota &&
    toQuotaUse(quota, await management.usage.quotaUseOf(key.id, quota.period), management.now());
  const document = { ...toKeyDocument(key), ...(quotaUse && { quotaUse }) };
  return answer(200, document, { ETag: etagOf(key) });
}

/** Returns an edited key that is let in or refused by its new quota at once, if the edit changes that. */
async function withQuotaState(
  { management }: Call,
  before: ShownKey,
  edited: ShownKey,
): Promise<ShownKey> {
  const { quota = null } = edited;
  const { requests, period } = before.quota ?? {};
  if (quota === null) return { ...edited, quotaRenewsAtMs: null };
  if (quota.requests === requests && quota.period === period) return edited;
  const isUsedUp = (await management.usage.quotaUseOf(edited.id, quota.period)) >= quota.requests;
  const { endMs } = periodAt(quota.period, management.now());
  return { ...edited, quotaRenewsAtMs: isUsedUp ? endMs : null };
}

function applyEdit(key: ShownKey, { access, plan, ...rest }: KeyEdit, nowMs: number): ShownKey {
  return { ...key, ...access, ...plan, ...rest, updatedAtMs: nowMs, version: key.version + 1 };
}

/** Tells whether an edit changes nothing, so that there is nothing to write. */
function isSameState(left: ShownKey, right: ShownKey): boolean {
  return toAuditDocument(left) === toAuditDocument(right);
}

function tooManyTokens() {
  return problem(
    'too_many_tokens',
    `Cannot roll the key with a grace: ${TOKENS_PER_KEY} of its tokens are still valid. Roll it with "graceSeconds": 0 to end them all, or wait`,
  );
}
