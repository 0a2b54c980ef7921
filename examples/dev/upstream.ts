/**
 * The API that the edge is put in front of: one of the user's own, from wherever they set it, or the
 * example.
 */

import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseEnv } from 'node:util';
import { type DevOptions, HOST, PROJECT_DIR } from './options.ts';

/** The API, and how it was chosen. */
export interface ChosenUpstream {
  url: string;
  /** `file`: wrangler reads it there by itself. */
  source: 'option' | 'file' | 'example';
  /** The place where it was set. */
  from: string;
  /** A value that is set elsewhere and does not count now; `null`: none is. */
  overridden: string | null;
}

/** Chooses: the option, then .dev.vars, then wrangler.toml, then the example. */
export async function chooseUpstream(options: DevOptions): Promise<ChosenUpstream> {
  const devVars = parseEnv(await textOf(options.devVarsFile))['UPSTREAM_URL'] || null;
  const toml = await textOf(join(PROJECT_DIR, 'wrangler.toml'));
  const [, inToml = ''] = /^UPSTREAM_URL\s*=\s*["']([^"']*)["']/m.exec(toml) ?? [];
  const { upstream } = options;
  if (upstream !== null) {
    const other = devVars ?? inToml;
    const isOverridden = other !== '' && other !== upstream;
    const file = devVars === null ? 'wrangler.toml' : '.dev.vars';
    return {
      url: upstream,
      source: 'option',
      from: '--upstream',
      overridden: isOverridden ? `UPSTREAM_URL = ${other} in ${file}` : null,
    };
  }
  const file = { source: 'file', overridden: null } as const;
  if (devVars !== null) return { ...file, url: devVars, from: '.dev.vars' };
  if (inToml !== '') return { ...file, url: inToml, from: 'wrangler.toml' };
  const url = `http://${HOST}:${options.upstreamPort}`;
  return { url, source: 'example', from: 'examples/upstream', overridden: null };
}

async function textOf(file: string): Promise<string> {
  return await readFile(file, 'utf8').catch(() => '');
}
