/** Mistakes that do not keep a session from starting. */

import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parse } from 'smol-toml';
import { unknownSettings } from '../../scripts/deploy/unknown-settings.ts';
import { PROJECT_DIR } from './options.ts';

/** Returns a line for each variable in wrangler.toml that is no setting. */
export async function settingWarnings(
  configFile = join(PROJECT_DIR, 'wrangler.toml'),
): Promise<string[]> {
  return unknownSettings(await varsIn(configFile));
}

/** Returns the table `[vars]`. It is empty if the file cannot be read: wrangler then says why. */
async function varsIn(configFile: string): Promise<object> {
  try {
    const { vars } = parse(await readFile(configFile, 'utf8'));
    return typeof vars === 'object' ? vars : {};
  } catch {
    return {};
  }
}
