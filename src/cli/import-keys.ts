/**
 * Imports many keys in calls that the API takes, with a progress bar for people. Each call is all or
 * nothing; what an earlier call imported stays, and the message says how far it came.
 */

import { SingleBar } from 'cli-progress';
import { type ApiClient, CommandError } from './api-client.ts';

/** Keys in one call: small enough for a quick answer, far below the API's limit of 1,000. */
const KEYS_PER_CALL = 500;

/**
 * Imports rows in their order. Returns the keys as the API answered them. Throws a `CommandError`
 * that says which rows were imported before the call that failed, and which were in it.
 */
export async function importKeys(
  api: ApiClient,
  rows: readonly unknown[],
  stderr: NodeJS.WriteStream,
): Promise<readonly unknown[]> {
  const imported: unknown[] = [];
  const bar = stderr.isTTY
    ? new SingleBar({ stream: stderr, format: '{bar} {value}/{total} keys', clearOnComplete: true })
    : null;
  bar?.start(rows.length, 0);
  try {
    for (let start = 0; start < rows.length; start += KEYS_PER_CALL) {
      const keys = rows.slice(start, start + KEYS_PER_CALL);
      const { json } = await sendRows(api, keys, { start, total: rows.length });
      imported.push(...((json as { keys?: unknown[] }).keys ?? []));
      bar?.update(start + keys.length);
    }
  } finally {
    bar?.stop();
  }
  return imported;
}

async function sendRows(
  api: ApiClient,
  keys: readonly unknown[],
  { start, total }: { readonly start: number; readonly total: number },
) {
  try {
    return await api.send('POST', '/keys/import', { body: { keys }, expected: 'keys' });
  } catch (error) {
    if (!(error instanceof CommandError)) throw error;
    const before = start === 0 ? null : `${rowsText(1, start)} of ${total}`;
    const failed = rowsText(start + 1, start + keys.length);
    const outcome =
      error.problem === null
        ? // The answer alone may have been lost.
          `Cannot tell whether the edge took ${failed}${before === null ? '' : `; it took ${before}`}`
        : `Imported ${before ?? 'nothing'}: the edge refused ${failed}`;
    const counting = error.message.includes('keys[')
      ? `. Below, keys[0] is row ${start + 1} of the file`
      : '';
    throw new CommandError(
      `${outcome}${counting}\n${error.message}`,
      error.exitCode,
      error.problem,
    );
  }
}

/** Rows as people count them. */
function rowsText(first: number, last: number): string {
  return first === last ? `row ${first}` : `rows ${first} to ${last}`;
}
