/** `MANAGE_HOST` in local development, where one host serves the page and the API: it is not used. */

import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseEnv } from 'node:util';
import { PROJECT_DIR } from './options.ts';

/**
 * Returns the `MANAGE_HOST` that the session does not use; `null` if none is set. Wrangler reads it from
 * the file of secrets first, and then from wrangler.toml.
 */
export async function ignoredManageHost(
  devVarsFile: string,
  configFile = join(PROJECT_DIR, 'wrangler.toml'),
): Promise<string | null> {
  const [secrets, config] = await Promise.all(
    [devVarsFile, configFile].map((file) => readFile(file, 'utf8').catch(() => '')),
  );
  const [, , written] = /^[ \t]*MANAGE_HOST[ \t]*=[ \t]*(["'])(.*?)\1/m.exec(config ?? '') ?? [];
  return parseEnv(secrets ?? '')['MANAGE_HOST'] || written || null;
}
