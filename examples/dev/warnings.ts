/** Mistakes that do not keep a session from starting. */

import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parse } from 'smol-toml';
import { unknownSettings } from '../../scripts/deploy/unknown-settings.ts';
import { PROJECT_DIR } from './options.ts';
import { connectionFault } from './reach-upstream.ts';
import type { ChosenUpstream } from './upstream.ts';

/** Returns a line for each mistake in wrangler.toml, and one if the API does not accept connections. */
export async function warningsOf({ url, source, from }: ChosenUpstream): Promise<string[]> {
  const warnings = await settingWarnings();
  // The example is not started yet.
  const fault = source === 'example' ? null : await connectionFault(url);
  if (fault === null) return warnings;
  // The origin alone, in case the rest holds a secret.
  const upstream = `the upstream ${URL.parse(url)?.origin} (from ${from})`;
  const effect = 'The edge answers 502 until it does';
  return [...warnings, `${upstream} does not accept connections: ${fault}. ${effect}`];
}

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
