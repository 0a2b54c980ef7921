/**
 * Import: keys that exist elsewhere become keys here, with the tokens that their users have already.
 *
 * All rows or none, with every problem listed by row. A token may come plain, to be hashed here, or as
 * the hash that the other key store holds. Plain ones are never quoted back, logged or stored.
 */

import * as v from 'valibot';
import { type FieldProblem, ProblemList } from '../core/field-problem.ts';
import { hashToken, hasValidTag, hintOf, importTagKey, readTokenForm } from '../core/key/token.ts';
import { TOKEN_MAX_LENGTH } from '../core/limits.ts';
import type { ImportedKey, KeyOfToken, ManagedKey } from '../keys/admin/types.ts';
import type { Problem } from '../problem.ts';
import {
  type NewKey,
  newKeyEntries,
  readNewKeyAs,
  timeSchema,
  toAuditDocument,
  toMs,
  toNewKey,
} from './documents.ts';
import { invalidFields, problemOfFields } from './field-problems.ts';
import { once } from './idempotency.ts';
import { committed, isVisible, newKeyId, noteOf } from './keys.ts';
import {
  IMPORT_BODY_MAX_BYTES,
  IMPORT_KEYS_MAX,
  IMPORTED_TOKEN_MIN_LENGTH,
  MANAGEMENT_BODY_MAX_BYTES,
} from './limits.ts';
import {
  answer,
  type Call,
  type Context,
  type Operation,
  type Outcome,
  refuse,
} from './operation.ts';
import {
  because,
  failed,
  type Reading,
  readDocument,
  type Schema,
  secret,
  wanted,
} from './read-document.ts';
import { readBody } from './request-body.ts';
import { createSlices, sizeOf } from './slices.ts';

const HINT_MAX_LENGTH = 16;

const rowSchema = v.pipe(
  v.strictObject({
    ...newKeyEntries,
    token: v.optional(
      v.pipe(
        v.string(),
        v.minLength(
          IMPORTED_TOKEN_MIN_LENGTH,
          because(
            `it is shorter than ${IMPORTED_TOKEN_MIN_LENGTH} characters, so that it could be guessed`,
            'Create a new key instead',
          ),
        ),
        v.maxCodePoints(
          TOKEN_MAX_LENGTH,
          because(
            `it is longer than ${TOKEN_MAX_LENGTH} characters, which is more than is looked up`,
            'Create a new key instead',
          ),
        ),
        v.regex(
          /^[A-Za-z0-9\-._~+/]+=*$/,
          because(
            'it holds a character that no Bearer token may have, so that nobody could send it',
            'Check that it was copied whole and without quotes or blanks',
          ),
        ),
        v.description('The token as its users have it. Either this or "tokenHash".'),
        wanted('the token as a string, or its hash as tokenHash'),
        secret(),
      ),
    ),
    tokenHash: v.optional(
      v.pipe(
        v.string(),
        v.regex(
          /^[0-9a-fA-F]{64}$/,
          because('it is not a SHA-256 hash', 'Send 64 hexadecimal digits'),
        ),
        v.description(
          'SHA-256 of the token in hexadecimal. Either this or "token". Whether such a token can be sent and looked up cannot be checked.',
        ),
        wanted('the SHA-256 hash of the token as 64 hexadecimal digits'),
        secret(),
      ),
    ),
    hint: v.optional(
      v.pipe(
        v.string(),
        v.maxCodePoints(
          HINT_MAX_LENGTH,
          because(`it is longer than ${HINT_MAX_LENGTH} characters`, 'Use a few characters'),
        ),
        v.regex(
          /^[\x21-\x7e]*$/,
          because('it holds something else than visible ASCII characters', 'Use a few characters'),
        ),
        v.description(
          'With "tokenHash": what people recognise the token by, such as its first four characters.',
        ),
        wanted('a string of a few characters'),
        secret(),
      ),
    ),
    createdAt: v.pipe(
      v.nullish(timeSchema),
      v.description('When the key was made elsewhere; absent: now.'),
    ),
  }),
  wanted('an object with at least a name, and a token or tokenHash'),
  // In its place somebody may have put a token, as in that of the list and of the hint.
  secret(),
);

/** The body, with the given schema for a row. */
function bodyOf<Row extends Schema>(row: Row) {
  return v.pipe(
    v.strictObject({
      keys: v.pipe(
        v.array(row),
        v.minLength(1, because('it is empty', 'List at least one key')),
        v.maxLength(
          IMPORT_KEYS_MAX,
          because(`it holds more than ${IMPORT_KEYS_MAX} keys`, 'Import them in several calls'),
        ),
        wanted(`a list of 1 to ${IMPORT_KEYS_MAX} keys`),
        secret(),
      ),
    }),
    wanted('an object, such as {"keys": [{"name": "...", "token": "..."}]}'),
    secret(),
  );
}

/** The endpoint about imports. */
export const importOperations: readonly Operation[] = [
  {
    method: 'POST',
    path: '/keys/import',
    name: 'importKeys',
    summary: 'Import keys with the tokens that they have',
    description: `Up to ${IMPORT_KEYS_MAX} keys in a body of up to ${IMPORT_BODY_MAX_BYTES} bytes, all of them or none. A token of any form works, as long as it can be sent as a Bearer token.`,
    body: {
      schema: bodyOf(rowSchema),
      example: {
        keys: [
          {
            name: 'Web player',
            owner: 'acct_1',
            access: { cors: { allowedOrigins: ['https://app.example.com'] } },
            token: '4f8a6c1e-6c1b-4b62-9d3e-0f3f6f0c8d11',
            createdAt: '2023-05-04T10:00:00Z',
          },
          {
            name: 'Backend',
            tokenHash: 'b94d27b9934d3e08a52e52d7da7dabfac484efe37a5380ee9088f7ace2efcde9',
          },
        ],
      },
      maxBytes: IMPORT_BODY_MAX_BYTES,
    },
    isIdempotent: true,
    answer: {
      status: 201,
      description: 'The keys, in the order of the rows.',
      schema: v.object({
        imported: v.pipe(v.number(), v.integer()),
        keys: v.array(
          v.object({
            id: v.string(),
            name: v.string(),
            owner: v.nullable(v.string()),
            hint: v.string(),
          }),
        ),
      }),
    },
    problems: ['duplicate_tokens'],
    handle: importKeys,
  },
];

/** A row that was checked. */
interface Row extends NewKey {
  readonly tokenHash: string;
  readonly isForeign: boolean;
  readonly hint: string;
  readonly createdAtMs: number | null;
  /** Where the token was in the row. */
  readonly field: 'token' | 'tokenHash';
}

async function importKeys(call: Call): Promise<Outcome> {
  const { management, caller, request } = call;
  const body = await readBody(request, { maxBytes: IMPORT_BODY_MAX_BYTES });
  if (!body.ok) return body;
  return once(call, body.text, async (keep) => {
    const reading = await readRows(call, body.document);
    if (!reading.ok) return refuse(invalidFields(reading));
    const rows = reading.value;
    const duplicates = await findDuplicates(call, rows);
    if (duplicates) return refuse(duplicates);

    const nowMs = management.now();
    const keys = rows.map((row): ImportedKey => {
      const key: ManagedKey = {
        id: newKeyId(call),
        name: row.name,
        owner: caller.owner ?? row.owner,
        ...row.access,
        hint: row.hint,
        createdAtMs: row.createdAtMs ?? nowMs,
        expiresAtMs: row.expiresAtMs,
        enabled: true,
        lastUsedAtMs: null,
        version: 1,
      };
      const { tokenHash, isForeign } = row;
      return { key, tokenHash, isForeign, after: toAuditDocument(key) };
    });
    const imported = answer(201, {
      imported: keys.length,
      keys: keys.map(({ key: { id, name, owner, hint } }) => ({ id, name, owner, hint })),
    });
    try {
      await management.store.keys.insertImported(keys, {
        ...noteOf(call, nowMs),
        answer: await keep(imported),
      });
    } catch (error) {
      // Somebody else may have imported one of the tokens in between.
      const late = await findDuplicates(call, rows);
      if (late) return refuse(late);
      throw error;
    }
    await committed(
      call,
      { event: 'keys_imported', count: keys.length },
      keys.map(({ tokenHash }) => tokenHash),
    );
    return imported;
  });
}

/**
 * Reads all rows, and finds what is wrong with any of them. Pauses between slices of them, so that the
 * isolate also answers other requests.
 */
async function readRows(context: Context, document: unknown): Promise<Reading<readonly Row[]>> {
  const body = readDocument(bodyOf(v.unknown()), document);
  if (!body.ok) return body;
  const { management } = context;
  const tagKey = await importTagKey(await management.store.keys.tagKeyHex());
  const adminTokenHash =
    management.adminToken === null ? null : await hashToken(management.adminToken);
  const surroundings = { tagKey, adminTokenHash, nowMs: management.now() };
  const slices = createSlices(management.pause);
  const rows: Row[] = [];
  const found = new ProblemList();
  for (const [index, item] of body.value.keys.entries()) {
    const size = sizeOf(item);
    await slices.spend(size);
    const row =
      size > MANAGEMENT_BODY_MAX_BYTES ? rowTooLarge() : await readRow(item, surroundings);
    if (row.ok) rows.push(row.value);
    else found.addAll(row, (problem) => inRow(index, problem));
  }
  return found.isEmpty ? { ok: true, value: rows } : failed(found);
}

/** What rows are checked against. */
interface Surroundings {
  readonly tagKey: CryptoKey;
  /** The operator's token must not become that of a key. */
  readonly adminTokenHash: string | null;
  readonly nowMs: number;
}

async function readRow(item: unknown, surroundings: Surroundings): Promise<Reading<Row>> {
  const reading = readNewKeyAs(rowSchema, item, (document, access) => ({ document, access }));
  if (!reading.ok) return reading;
  const { document, access } = reading.value;
  const { token, tokenHash } = document;
  const key = toNewKey(document, access);
  const createdAtMs = toMs(document.createdAt);
  if (createdAtMs !== null && createdAtMs > surroundings.nowMs) {
    return refused('createdAt', 'it is in the future', 'Send when the key was made, or remove it');
  }
  if (token !== undefined && tokenHash !== undefined) {
    return refused('tokenHash', 'there is a token as well', 'Send one of token and tokenHash');
  }
  if (token !== undefined) {
    const misfit = await findMisfit(token, key, surroundings.tagKey);
    if (misfit) return refused('token', misfit.reason, misfit.fix);
    const isForeign = readTokenForm(token).form === 'foreign';
    const row: Row = {
      ...key,
      tokenHash: await hashToken(token),
      isForeign,
      hint: hintOf(token),
      createdAtMs,
      field: 'token',
    };
    return unlessAdminToken(row, surroundings);
  }
  if (tokenHash === undefined) {
    return refused('token', 'it is missing', 'Add the token, or its SHA-256 hash as tokenHash');
  }
  const row: Row = {
    ...key,
    tokenHash: tokenHash.toLowerCase(),
    // Nobody can tell from a hash. Looked up in any case, it works in any case.
    isForeign: true,
    hint: document.hint ?? '',
    createdAtMs,
    field: 'tokenHash',
  };
  return unlessAdminToken(row, surroundings);
}

function rowTooLarge(): Reading<never> {
  return refused(
    '',
    `the row is larger than ${MANAGEMENT_BODY_MAX_BYTES} characters`,
    'Use fewer rules or origins',
  );
}

/** Why a plain token could never work as that of this key; `null` when it can. */
async function findMisfit(
  token: string,
  { access }: NewKey,
  tagKey: CryptoKey,
): Promise<Pick<FieldProblem, 'reason' | 'fix'> | null> {
  const form = readTokenForm(token);
  if (form.form === 'mistyped') {
    return {
      reason: 'it has the form of our own tokens, but its checksum is wrong, so it cannot work',
      fix: 'Check that it was copied whole',
    };
  }
  if (form.form !== 'ours') return null;
  if (!(await hasValidTag(form, tagKey))) {
    return {
      reason:
        'it has the form of our own tokens, but this deployment did not make it, so it cannot work',
      fix: 'Create a new key instead',
    };
  }
  if (form.kind === access.kind) return null;
  return {
    reason: `it says that it is for ${form.kind === 'cors' ? 'pages' : 'backends'}, and the access of the key says otherwise`,
    fix: form.kind === 'cors' ? 'Add access.cors' : 'Remove access.cors',
  };
}

function unlessAdminToken(row: Row, { adminTokenHash }: Surroundings): Reading<Row> {
  if (row.tokenHash !== adminTokenHash) return { ok: true, value: row };
  return refused(row.field, 'it is the admin token', 'Never use it as an API key');
}

function refused(path: string, reason: string, fix: string): Reading<never> {
  return failed({ problems: [{ path, value: null, reason, fix }], more: 0 });
}

function inRow(index: number, problem: FieldProblem): FieldProblem {
  const { path } = problem;
  return { ...problem, path: path === '' ? `keys[${index}]` : `keys[${index}].${path}` };
}

/** The 409 for rows whose token is another row's or another key's; `null` when there are none. */
async function findDuplicates(
  { management, caller }: Context,
  rows: readonly Row[],
): Promise<Problem | null> {
  const known = await management.store.keys.findByTokens(rows.map(({ tokenHash }) => tokenHash));
  const firstAt = new Map<string, number>();
  const duplicates = new ProblemList();
  for (const [index, { tokenHash, field }] of rows.entries()) {
    const add = (fault: Pick<FieldProblem, 'reason' | 'fix'>) =>
      duplicates.add(() => inRow(index, { path: field, value: null, ...fault }));
    const first = firstAt.get(tokenHash);
    if (first !== undefined) {
      add({ reason: `keys[${first}] has the same token`, fix: 'Remove the row' });
      continue;
    }
    firstAt.set(tokenHash, index);
    const found = known.get(tokenHash);
    if (found !== undefined) add(knownToken(found, caller));
  }
  return duplicates.isEmpty ? null : problemOfFields('duplicate_tokens', duplicates);
}

/** What is said of a token that a key has or had. How another account's key fares is not told. */
function knownToken(
  found: KeyOfToken,
  caller: Context['caller'],
): Pick<FieldProblem, 'reason' | 'fix'> {
  return found.isRevoked && isVisible(found.key, caller)
    ? {
        reason: 'it belonged to a key that was revoked',
        fix: 'Remove the row, and create a new key instead',
      }
    : { reason: 'a key has this token already', fix: 'Remove the row' };
}
