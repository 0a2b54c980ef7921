/** The admin token of local development, in the file that wrangler reads secrets from. */

import { randomBytes } from 'node:crypto';
import { appendFile, mkdir, readFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { parseEnv } from 'node:util';

const COMMENT =
  '# Secrets of local development, made by `npm run dev`. Not for deployment, not for git.';

/**
 * Returns the `ADMIN_TOKEN` of the file, after adding a random one if the file has no such line.
 *
 * Creates the file readable for its owner alone, and leaves alone what is already in it.
 */
export async function ensureAdminToken(devVarsFile: string): Promise<string> {
  const content = await readFile(devVarsFile, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return null;
    throw error;
  });
  const { ADMIN_TOKEN: present } = parseEnv(content ?? '');
  if (present !== undefined && present !== '') return present;

  const token = randomBytes(32).toString('base64url');
  const start = content === null ? `${COMMENT}\n` : content.endsWith('\n') ? '' : '\n';
  await mkdir(dirname(devVarsFile), { recursive: true });
  await appendFile(devVarsFile, `${start}ADMIN_TOKEN=${token}\n`, { mode: 0o600 });
  return token;
}
