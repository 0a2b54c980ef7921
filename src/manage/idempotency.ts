/**
 * `Idempotency-Key`: a request that is repeated, because its answer got lost, is not carried out again
 * and gets the same answer. https://datatracker.ietf.org/doc/draft-ietf-httpapi-idempotency-key-header/
 *
 * The answer is kept for 24 hours, in the same transaction as the change, so there is either both or
 * neither. Only success is kept: a refusal changed nothing, and trying again may come out better.
 *
 * A token is shown once and stored nowhere, so its place in a kept answer needs care. It is kept
 * encrypted, under a key that is derived from the Idempotency-Key, which only the caller has, and from
 * the admin token, which only the Worker has: D1 alone, or a backup of it, does not give it away. Without
 * an admin token, an Idempotency-Key that is short enough to be guessed would protect nothing. So the token
 * is not kept then, and the repeated request receives a 409 that says so, with the key's id.
 */

import { base64url } from 'jose';
import type { KeptAnswer } from '../keys/admin/types.ts';
import { ANSWER_KEPT_SECONDS, IDEMPOTENCY_KEY_MAX_LENGTH } from './limits.ts';
import {
  type Answer,
  type AnswerDocument,
  type Call,
  type OperationResult,
  refusal,
} from './operation.ts';
import { problem } from './problems.ts';

/** Makes of an answer what is kept of it; `null` where nothing is to be kept. */
export type Keep = (answer: Answer<AnswerDocument>) => Promise<KeptAnswer | null>;

/** 128 bits in base64url. A UUID has 36 characters. */
const UNGUESSABLE_LENGTH = 22;
const SALT_BYTES = 32;
const IV_BYTES = 12;

const encoder = new TextEncoder();

/** A kept answer, as JSON. */
interface Kept {
  readonly status: Answer['status'];
  readonly headers: Answer['headers'];
  readonly body: AnswerDocument;
}

/**
 * Carries a request out once. `act` gets what makes the answer a kept one, to write it with the change.
 * Refuses an Idempotency-Key that cannot be read (400), and one that belongs to another request (422).
 */
export async function once(
  call: Call,
  bodyText: string,
  act: (keep: Keep) => Promise<OperationResult>,
): Promise<OperationResult> {
  const idempotencyKey = call.request.headers.get('idempotency-key');
  if (idempotencyKey === null) return act(async () => null);
  if (
    idempotencyKey.length > IDEMPOTENCY_KEY_MAX_LENGTH ||
    !/^[\x21-\x7e]+$/.test(idempotencyKey)
  ) {
    return refusal(
      problem(
        'malformed_header',
        `Cannot read the Idempotency-Key: 1 to ${IDEMPOTENCY_KEY_MAX_LENGTH} visible ASCII characters without spaces are required, such as a UUID`,
      ),
    );
  }

  const name = await nameOf(call, idempotencyKey, bodyText);
  const kept = await findKept(call, name);
  if (kept !== null) return replay(call, name, kept);
  try {
    const outcome = await act((answer) => keep(call, name, answer));
    if (outcome.ok) return outcome;
    // The same request may have been faster in another isolate, and be why this one was refused.
    const overtaking = await findKept(call, name);
    return overtaking === null ? outcome : replay(call, name, overtaking);
  } catch (error) {
    // So may it be why this one could not be written; or it was written, and D1's answer got lost.
    const overtaking = await findKept(call, name);
    if (overtaking === null) throw error;
    return replay(call, name, overtaking);
  }
}

/** Under which name an answer is kept, and what opens its token. */
interface Name {
  readonly caller: string;
  readonly keyHash: string;
  readonly requestHash: string;
  readonly idempotencyKey: string;
}

async function nameOf(call: Call, idempotencyKey: string, bodyText: string): Promise<Name> {
  const { method, url } = call.request;
  const { actor, owner } = call.caller;
  return {
    caller: owner === null ? actor : `${actor} of ${owner}`,
    keyHash: await sha256(idempotencyKey),
    requestHash: await sha256(`${method} ${new URL(url).pathname}\n${bodyText}`),
    idempotencyKey,
  };
}

function findKept({ management }: Call, { caller, keyHash }: Name): Promise<KeptAnswer | null> {
  return management.store.answers.find(caller, keyHash, management.now());
}

async function keep(call: Call, name: Name, answer: Answer<AnswerDocument>): Promise<KeptAnswer> {
  const { management } = call;
  const { token, ...body } = answer.body;
  const kept: Kept = { status: answer.status, headers: answer.headers, body };
  return {
    caller: name.caller,
    keyHash: name.keyHash,
    requestHash: name.requestHash,
    answer: JSON.stringify(kept),
    sealedToken: typeof token === 'string' ? await seal(call, name, token) : null,
    expiresAtMs: management.now() + ANSWER_KEPT_SECONDS * 1000,
  };
}

async function replay(call: Call, name: Name, kept: KeptAnswer): Promise<OperationResult> {
  if (kept.requestHash !== name.requestHash) {
    return refusal(
      problem(
        'idempotency_key_reused',
        'Cannot accept the Idempotency-Key: another request was made with it in the last 24 hours. Use a new one for each request',
      ),
    );
  }
  // Only `keep` writes these.
  const { status, headers, body } = JSON.parse(kept.answer) as Kept;
  const again = { ...headers, 'Idempotency-Replayed': 'true' };
  if (!showsToken(body)) return { ok: true, status, headers: again, body };
  const token = await open(call, name, kept);
  if (token === null) {
    return refusal(
      problem(
        'token_not_replayable',
        `Cannot show the token of ${JSON.stringify(body['id'])} again: an earlier request with this Idempotency-Key succeeded, and tokens are shown once`,
        { extensions: { keyId: body['id'] } },
      ),
    );
  }
  return { ok: true, status, headers: again, body: { ...body, token } };
}

/** Returns whether an answer shows a token. Only those answers are about one key. */
function showsToken(body: AnswerDocument): boolean {
  return typeof body['id'] === 'string';
}

async function seal(call: Call, name: Name, token: string): Promise<string | null> {
  const { adminToken, fillRandom } = call.management;
  if (adminToken === null && name.idempotencyKey.length < UNGUESSABLE_LENGTH) return null;
  const salt = new Uint8Array(SALT_BYTES);
  const iv = new Uint8Array(IV_BYTES);
  fillRandom(salt);
  fillRandom(iv);
  const sealed = await crypto.subtle.encrypt(
    { name: 'AES-GCM', iv },
    await sealingKey(name, adminToken, salt),
    encoder.encode(token),
  );
  return [salt, iv, new Uint8Array(sealed)].map((part) => base64url.encode(part)).join('.');
}

/** The token of a kept answer; `null` when it was not kept, or the admin token is another by now. */
async function open(call: Call, name: Name, kept: KeptAnswer): Promise<string | null> {
  const [salt, iv, sealed] = (kept.sealedToken?.split('.') ?? []).map((part) =>
    Uint8Array.from(base64url.decode(part)),
  );
  if (salt === undefined || iv === undefined || sealed === undefined) return null;
  try {
    const token = await crypto.subtle.decrypt(
      { name: 'AES-GCM', iv },
      await sealingKey(name, call.management.adminToken, salt),
      sealed,
    );
    return new TextDecoder().decode(token);
  } catch {
    return null;
  }
}

/** HKDF over what D1 does not have. https://www.rfc-editor.org/rfc/rfc5869 */
async function sealingKey(
  { caller, idempotencyKey }: Name,
  adminToken: string | null,
  salt: Uint8Array<ArrayBuffer>,
): Promise<CryptoKey> {
  // A line break is in neither, so that no two pairs give the same text.
  const secret = encoder.encode(`${idempotencyKey}\n${adminToken ?? ''}`);
  const material = await crypto.subtle.importKey('raw', secret, 'HKDF', false, ['deriveKey']);
  return crypto.subtle.deriveKey(
    {
      name: 'HKDF',
      hash: 'SHA-256',
      salt,
      info: encoder.encode(`edge-authorizer idempotency\n${caller}`),
    },
    material,
    { name: 'AES-GCM', length: 256 },
    false,
    ['encrypt', 'decrypt'],
  );
}

async function sha256(text: string): Promise<string> {
  const digest = await crypto.subtle.digest('SHA-256', encoder.encode(text));
  return Array.from(new Uint8Array(digest), (byte) => byte.toString(16).padStart(2, '0')).join('');
}
