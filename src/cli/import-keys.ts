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
 * that says how many rows were imported before the call that failed.
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
      const { json } = await sendRows(api, keys, start);
      imported.push(...((json as { keys?: unknown[] }).keys ?? []));
      bar?.update(start + keys.length);
    }
  } finally {
    bar?.stop();
  }
  return imported;
}

async function sendRows(api: ApiClient, keys: readonly unknown[], start: number) {
  try {
    return await api.send('POST', '/keys/import', { body: { keys }, expected: 'keys' });
  } catch (error) {
    if (!(error instanceof CommandError)) throw error;
    throw new CommandError(
      `Imported ${start} keys, then stopped at the rows from ${start} on (counted from 0 in each call):\n${error.message}`,
      error.exitCode,
      error.problem,
    );
  }
}
