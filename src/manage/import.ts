/**
 * Import: keys that exist elsewhere become keys here, with the tokens that their users have already.
 *
 * All rows or none, with every problem listed by row (`import-rows.ts`).
 */

import * as v from 'valibot';
import { type FieldProblem, ProblemList } from '../core/field-problem.ts';
import type { ImportedKey, KeyOfToken, ManagedKey } from '../keys/admin/types.ts';
import type { Problem } from '../problem.ts';
import { toAuditDocument } from './documents.ts';
import { invalidFields, problemOfFields } from './field-problems.ts';
import { once } from './idempotency.ts';
import { importSchema, inRow, type Row, readRows } from './import-rows.ts';
import { parseImport } from './import-text.ts';
import { committed, isVisible, newKeyId, noteOf } from './key-changes.ts';
import { IMPORT_BODY_MAX_BYTES, IMPORT_KEYS_MAX, OWNER_TOKEN_MIN_LENGTH } from './limits.ts';
import {
  answer,
  type Call,
  type Context,
  type Operation,
  type OperationResult,
  refusal,
} from './operation.ts';
import { problem } from './problems.ts';
import { readText } from './request-body.ts';
import { createSlices } from './slices.ts';

/** The endpoint about imports. */
export const importOperations: readonly Operation[] = [
  {
    method: 'POST',
    path: '/keys/import',
    name: 'importKeys',
    summary: 'Import keys with the tokens that they have',
    description: `Up to ${IMPORT_KEYS_MAX} keys in a body of up to ${IMPORT_BODY_MAX_BYTES} bytes, all of them or none. A token of any form works, as long as it can be sent as a Bearer token. For the operator, and for people if PEOPLE_MAY_IMPORT is set: with plain tokens of at least ${OWNER_TOKEN_MIN_LENGTH} characters.`,
    body: {
      schema: importSchema,
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
        imported: v.pipe(v.number(), v.integer(), v.description('How many keys were made.')),
        skipped: v.pipe(
          v.number(),
          v.integer(),
          v.description('Rows that were left out because their token is known.'),
        ),
        keys: v.pipe(
          v.array(
            v.object({
              id: v.pipe(v.string(), v.description('The id of the key.')),
              name: v.pipe(v.string(), v.description('The name of the key.')),
              owner: v.pipe(v.nullable(v.string()), v.description('Its owner; null: no account.')),
              hint: v.pipe(v.string(), v.description('The beginning of its token.')),
            }),
          ),
          v.description('The keys, in the order of the rows.'),
        ),
      }),
    },
    problems: ['operator_only', 'duplicate_tokens', 'quota_of_owner'],
    handle: importKeys,
  },
];

async function importKeys(call: Call): Promise<OperationResult> {
  const { management, caller, request } = call;
  if (caller.owner !== null && !management.peopleMayImport) return refusal(operatorOnly());
  const slices = createSlices(management.pause);
  const received = await readText(request, { maxBytes: IMPORT_BODY_MAX_BYTES });
  if (!received.ok) return received;
  const body = await parseImport(received.text, slices);
  if (!body.ok) return body;
  return once(call, body.text, async (keep) => {
    const reading = await readRows(call, body.document, slices);
    if (!reading.ok) return refusal(invalidFields(reading));
    const { skipsKnown } = reading.value;
    const rows = skipsKnown ? await withoutKnown(call, reading.value.rows) : reading.value.rows;
    const duplicates = skipsKnown ? null : await findDuplicates(call, rows);
    if (duplicates) return refusal(duplicates);

    const nowMs = management.now();
    const keys: ImportedKey[] = [];
    for (const row of rows) {
      const key: ManagedKey = {
        id: newKeyId(call),
        name: row.name,
        owner: caller.owner ?? row.owner,
        ...row.access,
        ...row.plan,
        hint: row.hint,
        createdAtMs: row.createdAtMs ?? nowMs,
        updatedAtMs: nowMs,
        revokedAtMs: null,
        expiresAtMs: row.expiresAtMs,
        enabled: true,
        suspended: false,
        lastUsedAtMs: null,
        version: 1,
      };
      const { tokenHash, isForeign } = row;
      const after = toAuditDocument(key);
      await slices.spend(after.length);
      keys.push({ key, tokenHash, isForeign, after });
    }
    const imported = answer(201, {
      imported: keys.length,
      skipped: reading.value.rows.length - keys.length,
      keys: keys.map(({ key: { id, name, owner, hint } }) => ({ id, name, owner, hint })),
    });
    try {
      const note = { ...noteOf(call, nowMs), answer: await keep(imported) };
      // An empty batch is an error to D1.
      if (keys.length > 0 || note.answer !== null) {
        await management.store.keys.insertImported(keys, note, management.pause);
      }
    } catch (error) {
      // Another import may have added one of the tokens in between.
      const late = await findDuplicates(call, rows);
      if (late) return refusal(late);
      throw error;
    }
    // No token is named, so that no copies are made: the first reader of a key leaves one.
    await committed(call, { event: 'keys_imported', count: keys.length }, []);
    return imported;
  });
}

function operatorOnly(): Problem {
  return problem(
    'operator_only',
    'Cannot import keys: import is for the operator of this deployment. Create keys instead',
  );
}

/** The rows whose token no key has or had, the first of each token. */
async function withoutKnown(
  { management }: Context,
  rows: readonly Row[],
): Promise<readonly Row[]> {
  const hashes = rows.map(({ tokenHash }) => tokenHash);
  const seen = new Set((await management.store.keys.findByTokens(hashes)).keys());
  return rows.filter(({ tokenHash }) => {
    const isNew = !seen.has(tokenHash);
    seen.add(tokenHash);
    return isNew;
  });
}

/** Returns the 409 if the token of a row is also another row's or another key's; otherwise `null`. */
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

/** The fault of a token that a key has or had. The state of another account's key is not revealed. */
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
