/**
 * `.dev.vars`: the secrets of local development.
 */

import { randomBytes } from 'node:crypto';
import { appendFile, readFile } from 'node:fs/promises';
import { parseEnv } from 'node:util';

/**
 * Adds a random `ADMIN_TOKEN` unless the file has one. Returns whether it did. A new file is readable for
 * its owner alone.
 */
export async function ensureAdminToken(file: string): Promise<boolean> {
  const content = await readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return '';
    throw error;
  });
  if (parseEnv(content)['ADMIN_TOKEN']) return false;
  const start = content === '' || content.endsWith('\n') ? '' : '\n';
  const token = randomBytes(32).toString('base64url');
  await appendFile(file, `${start}ADMIN_TOKEN=${token}\n`, { mode: 0o600 });
  return true;
}
