/**
 * Imports many keys in calls that the API accepts, with a progress bar for people. Each call is all or
 * nothing; the keys of earlier calls stay, and the message says how far it came.
 */

import { SingleBar } from 'cli-progress';
import type { ManagementClient } from '../management-client/client.ts';
import type { ImportKeysAnswer, ImportKeysRequest } from '../management-client/schema.ts';
import { answerOf, CommandError } from './failures.ts';
import type { Output } from './surroundings.ts';

/** Keys in one call by default: a quick answer, far below the API's limit of 1,000. */
export const ROWS_PER_CALL = 500;
/** Bytes of rows in one call: below the API's limit of 1 MiB for the whole body. */
const BYTES_PER_CALL = 768 * 1024;

/** Rows that are sent together. */
interface Batch {
  readonly start: number;
  readonly rows: readonly unknown[];
}

/**
 * Imports rows in their order. Returns the keys as the API answered them, and how many rows it skipped.
 * Throws a `CommandError` that says which rows were imported before the call that failed, and which
 * were in it.
 */
export async function importKeys(
  client: ManagementClient,
  rows: readonly unknown[],
  options: {
    readonly stderr: Output;
    readonly rowsPerCall: number;
    readonly skipExisting?: boolean;
  },
): Promise<{ readonly keys: ImportKeysAnswer['keys']; readonly skipped: number }> {
  const keys: ImportKeysAnswer['keys'] = [];
  let skipped = 0;
  const bar = barOn(options.stderr);
  bar?.start(rows.length, 0);
  try {
    for (const batch of batchesOf(rows, options.rowsPerCall)) {
      const answer = await sendBatch(client, batch, rows.length, options.skipExisting === true);
      for (const key of answer.keys) keys.push(key);
      skipped += batch.rows.length - answer.keys.length;
      bar?.update(batch.start + batch.rows.length);
    }
  } finally {
    bar?.stop();
  }
  return { keys, skipped };
}

/** Cuts rows into calls, by count and by size. A row that is too long alone is a call of its own. */
export function* batchesOf(rows: readonly unknown[], rowsPerCall: number): Generator<Batch> {
  let start = 0;
  let bytes = 0;
  for (const [index, row] of rows.entries()) {
    // With the comma between two.
    const size = Buffer.byteLength(JSON.stringify(row) ?? 'null') + 1;
    const isFull = index - start === rowsPerCall || bytes + size > BYTES_PER_CALL;
    if (isFull && index > start) {
      yield { start, rows: rows.slice(start, index) };
      start = index;
      bytes = 0;
    }
    bytes += size;
  }
  if (start < rows.length || rows.length === 0) yield { start, rows: rows.slice(start) };
}

async function sendBatch(
  client: ManagementClient,
  { start, rows }: Batch,
  total: number,
  skipExisting: boolean,
): Promise<ImportKeysAnswer> {
  // Unchecked: the API says best what is wrong with a row.
  const keys = rows as ImportKeysRequest['keys'];
  const body = { keys, ...(skipExisting ? { onConflict: 'skip' as const } : {}) };
  try {
    return (await answerOf(client.POST('/keys/import', { body }), 'keys')).data;
  } catch (error) {
    if (!(error instanceof CommandError)) throw error;
    const before = start === 0 ? null : `${rowsText(1, start)} of ${total}`;
    const failed = rowsText(start + 1, start + rows.length);
    const outcome =
      error.problem === null
        ? // The answer alone may have been lost.
          `Cannot tell whether the edge took ${failed}${before === null ? '' : `; it took ${before}`}. Repeat it with --skip-existing`
        : `Imported ${before ?? 'nothing'}: the edge refused ${failed}`;
    const counting = error.message.includes('keys[')
      ? `. Below, keys[0] is row ${start + 1} of the file`
      : '';
    const message = `${outcome}${counting}\n${error.message}`;
    throw new CommandError(message, error.exitCode, error.problem);
  }
}

/** A bar on a terminal, and none elsewhere. */
function barOn(stderr: Output): SingleBar | null {
  if (!stderr.isTTY) return null;
  const format = '{bar} {value}/{total} keys';
  // The library asks only for a stream that text can be written to.
  const stream = stderr as NodeJS.WriteStream;
  return new SingleBar({ stream, format, clearOnComplete: true });
}

/** Rows as people count them. */
function rowsText(first: number, last: number): string {
  if (last < first) return 'a list without rows';
  return first === last ? `row ${first}` : `rows ${first} to ${last}`;
}
