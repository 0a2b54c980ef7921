/** The migrations of a database: applied by wrangler, which asks first, and checked afterwards. */

import { readdir } from 'node:fs/promises';
import { stripVTControlCharacters } from 'node:util';
import type { Cloudflare } from './cloudflare.ts';
import type { Database } from './config.ts';
import { captureWrangler, runWrangler, type Screen } from './wrangler.ts';

/**
 * Applies what a database lacks. Throws if something is still missing afterwards: wrangler ends well when
 * migrations are declined, and the new code may need them.
 */
export async function applyMigrations(
  cloudflare: Cloudflare,
  { binding, id, migrationsDir }: Database & { id: string },
  selection: readonly string[],
  screen: Screen,
): Promise<void> {
  if ((await pending(cloudflare, id, migrationsDir))?.length === 0) return;
  await runWrangler(['d1', 'migrations', 'apply', binding, '--remote', ...selection], screen);
  const left = await pending(cloudflare, id, migrationsDir);
  if (left === null ? await saysNothingToApply(binding, selection) : left.length === 0) return;
  throw new Error(
    'Cannot deploy: migrations are still to be applied. The Worker that was deployed before is still in service',
  );
}

/** The files that a database has not seen; `null` if it cannot be asked, as before its first migration. */
async function pending(
  cloudflare: Cloudflare,
  id: string,
  folder: string,
): Promise<string[] | null> {
  const files = (await readdir(folder)).filter((name) => name.endsWith('.sql'));
  try {
    const sql = 'SELECT name FROM d1_migrations ORDER BY id';
    const answer = await cloudflare.call('POST', `/d1/database/${id}/query`, { sql });
    const [{ results }] = answer as [{ results: { name: string }[] }];
    const applied = new Set(results.map(({ name }) => name));
    return files.filter((name) => !applied.has(name));
  } catch {
    return null;
  }
}

async function saysNothingToApply(binding: string, selection: readonly string[]): Promise<boolean> {
  const list = ['d1', 'migrations', 'list', binding, '--remote', ...selection];
  const { exitCode, stdout } = await captureWrangler(list);
  return exitCode === 0 && stripVTControlCharacters(stdout).includes('No migrations to apply');
}
