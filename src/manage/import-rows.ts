/**
 * The rows of an import: their schema, and the checks that need more than it.
 *
 * A token may come plain, to be hashed here, or as the hash that the other key store holds. Plain ones are
 * never quoted, logged or stored.
 */

import * as v from 'valibot';
import { type FieldProblem, ProblemList } from '../core/field-problem.ts';
import { hashToken, hasValidTag, hintOf, importTagKey, readTokenForm } from '../core/key/token.ts';
import { TOKEN_MAX_LENGTH } from '../core/limits.ts';
import type { ImportText } from './import-text.ts';
import { boundsOf } from './key-changes.ts';
import { newKeyEntries, timeSchema, toMs } from './key-members.ts';
import {
  IMPORT_KEYS_MAX,
  IMPORTED_TOKEN_MIN_LENGTH,
  MANAGEMENT_BODY_MAX_BYTES,
  OWNER_TOKEN_MIN_LENGTH,
} from './limits.ts';
import { type KeyBounds, type NewKey, readNewKeyAs, toNewKey } from './new-key.ts';
import type { Context } from './operation.ts';
import {
  failed,
  type Reading,
  readDocument,
  ruleMessage,
  type Schema,
  secret,
  wanted,
} from './read-document.ts';
import { inSlices, type Slices } from './slices.ts';

const HINT_MAX_LENGTH = 16;

const rowSchema = v.pipe(
  v.strictObject({
    ...newKeyEntries,
    token: v.optional(
      v.pipe(
        v.string(),
        v.minLength(
          IMPORTED_TOKEN_MIN_LENGTH,
          ruleMessage(
            `it is shorter than ${IMPORTED_TOKEN_MIN_LENGTH} characters, so that it could be guessed`,
            'Create a new key instead',
          ),
        ),
        v.maxCodePoints(
          TOKEN_MAX_LENGTH,
          ruleMessage(
            `it is longer than ${TOKEN_MAX_LENGTH} characters, which is more than is looked up`,
            'Create a new key instead',
          ),
        ),
        v.regex(
          /^[A-Za-z0-9\-._~+/]+=*$/,
          ruleMessage(
            'it holds a character that no Bearer token may have, so that no client could send it',
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
          ruleMessage('it is not a SHA-256 hash', 'Send 64 hexadecimal digits'),
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
          ruleMessage(`it is longer than ${HINT_MAX_LENGTH} characters`, 'Use a few characters'),
        ),
        v.regex(
          /^[\x21-\x7e]*$/,
          ruleMessage(
            'it holds something else than visible ASCII characters',
            'Use a few characters',
          ),
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
  // A caller may have put a token in its place, as in that of the list and of the hint.
  secret(),
);

/** The body of an import, with the given schema for a row. */
function bodyOf<Row extends Schema>(row: Row) {
  return v.pipe(
    v.strictObject({
      keys: v.pipe(
        v.array(row),
        v.minLength(1, ruleMessage('it is empty', 'List at least one key')),
        v.maxLength(
          IMPORT_KEYS_MAX,
          ruleMessage(`it holds more than ${IMPORT_KEYS_MAX} keys`, 'Import them in several calls'),
        ),
        v.description('The keys, as rows.'),
        wanted(`a list of 1 to ${IMPORT_KEYS_MAX} keys`),
        secret(),
      ),
      onConflict: v.optional(
        v.pipe(
          v.picklist(['fail', 'skip']),
          v.description(
            'The treatment of a row whose token is known: "fail" refuses the import, "skip" leaves the row out.',
          ),
          wanted('"fail" or "skip"'),
        ),
        'fail',
      ),
    }),
    wanted('an object, such as {"keys": [{"name": "...", "token": "..."}]}'),
    secret(),
  );
}

/** The body of an import. */
export const importSchema = bodyOf(rowSchema);

/** A row that was checked. */
export interface Row extends NewKey {
  readonly tokenHash: string;
  readonly isForeign: boolean;
  readonly hint: string;
  readonly createdAtMs: number | null;
  /** The member of the row that held the token. */
  readonly field: 'token' | 'tokenHash';
}

/** An import that was checked. */
export interface ReadImport {
  readonly rows: readonly Row[];
  /** Rows whose token is known are left out. */
  readonly skipsKnown: boolean;
}

/**
 * Reads all rows, and finds what is wrong with any of them. Pauses between slices of them, so that the
 * isolate also answers other requests.
 */
export async function readRows(
  context: Context,
  { frame, rows: texts }: ImportText,
  slices: Slices,
): Promise<Reading<ReadImport>> {
  const document = isList(frame) ? { ...frame, keys: texts } : frame;
  const body = readDocument(bodyOf(v.unknown()), document);
  if (!body.ok) return body;
  const { management } = context;
  const tagKey = await importTagKey(await management.store.keys.tagKeyHex());
  const adminTokenHashes = new Set(management.adminTokens.map(({ sha256 }) => sha256));
  if (management.adminToken !== null) adminTokenHashes.add(await hashToken(management.adminToken));
  const bounds = boundsOf(context);
  const surroundings = { tagKey, adminTokenHashes, bounds, nowMs: management.now() };
  const rows: Row[] = [];
  const found = new ProblemList();
  for (const [index, { size, value }] of texts.entries()) {
    await slices.spend(size);
    const row = value === undefined ? rowTooLarge() : await readRow(value, surroundings, slices);
    if (row.ok) rows.push(row.value);
    else found.addAll(row, (problem) => inRow(index, problem));
  }
  const skipsKnown = body.value.onConflict === 'skip';
  return found.isEmpty ? { ok: true, value: { rows, skipsKnown } } : failed(found);
}

/** Tells whether a document holds a list of keys, which the scan has emptied. */
function isList(frame: unknown): frame is Readonly<Record<string, unknown>> {
  return (
    typeof frame === 'object' && frame !== null && Array.isArray((frame as { keys?: unknown }).keys)
  );
}

/** The surroundings against which rows are checked. */
interface Surroundings {
  readonly tagKey: CryptoKey;
  /** The token of an operator must not become that of a key. */
  readonly adminTokenHashes: ReadonlySet<string>;
  readonly bounds: KeyBounds;
  readonly nowMs: number;
}

async function readRow(
  item: unknown,
  surroundings: Surroundings,
  slices: Slices,
): Promise<Reading<Row>> {
  const reading = await inSlices(
    readNewKeyAs(rowSchema, item, surroundings.bounds, (document, parts) => ({ document, parts })),
    slices,
  );
  if (!reading.ok) return reading;
  const { document, parts } = reading.value;
  const { token, tokenHash } = document;
  const key = toNewKey(document, parts);
  const createdAtMs = toMs(document.createdAt);
  if (createdAtMs !== null && createdAtMs > surroundings.nowMs) {
    return refused('createdAt', 'it is in the future', 'Send when the key was made, or remove it');
  }
  if (token !== undefined && tokenHash !== undefined) {
    return refused('tokenHash', 'there is a token as well', 'Send one of token and tokenHash');
  }
  // An owner could claim another owner's token by its hash, and a short token could be guessed.
  const isOwner = surroundings.bounds.owner !== null;
  if (isOwner && tokenHash !== undefined) {
    return refused('tokenHash', 'the operator alone imports by hash', 'Send the token itself');
  }
  if (isOwner && token !== undefined && token.length < OWNER_TOKEN_MIN_LENGTH) {
    return refused(
      'token',
      `it is shorter than ${OWNER_TOKEN_MIN_LENGTH} characters, so that it could be guessed`,
      'Create a new key instead',
    );
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
    // A hash does not show the form of its token. If it is looked up in any case, it works in any case.
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

function unlessAdminToken(row: Row, { adminTokenHashes }: Surroundings): Reading<Row> {
  if (!adminTokenHashes.has(row.tokenHash)) return { ok: true, value: row };
  return refused(row.field, 'it is an admin token', 'Never use it as an API key');
}

function refused(path: string, reason: string, fix: string): Reading<never> {
  return failed({ problems: [{ path, value: null, reason, fix }], more: 0 });
}

/** A problem of a row, as one of the whole document. */
export function inRow(index: number, problem: FieldProblem): FieldProblem {
  const { path } = problem;
  return { ...problem, path: path === '' ? `keys[${index}]` : `keys[${index}].${path}` };
}
