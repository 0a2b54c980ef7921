/** Programs that some tests and measurements use if the machine has them. No test depends on one. */

import { execFileSync } from 'node:child_process';
import { access, constants } from 'node:fs/promises';
import { delimiter, join } from 'node:path';

/** The optional programs by name, with what uses each. */
export const optionalPrograms: Readonly<Record<string, string>> = {
  nginx: 'the differential test, beside the readings recorded from it',
  wrk: '`npm run bench`',
  gunicorn: 'the differential test, beside what was recorded from it; the Python example',
  python3: 'the Python example in docs/upstream.md',
  deno: 'the nightly test of the minting library',
  bun: 'the nightly test of the minting library',
  chromium: 'tests, if CHROMIUM_PATH names it',
  'google-chrome': 'tests, if CHROMIUM_PATH names it',
  'firefox-esr': 'the nightly test of three engines',
  zsh: 'the nightly test of completion',
  fish: 'the nightly test of completion',
  WebKitWebDriver: 'the nightly test of three engines, with Xvfb',
  Xvfb: 'the nightly test of three engines, for WebKit',
};

/** The path of a program that root's shell would find, or `null` if it is not installed. */
export async function findProgram(name: string): Promise<string | null> {
  for (const folder of [...(process.env['PATH'] ?? '').split(delimiter), '/usr/sbin']) {
    const path = join(folder, name);
    const isThere = await access(path, constants.X_OK).then(
      () => true,
      () => false,
    );
    if (isThere) return path;
  }
  return null;
}

/** The Node of the machine: not the one in a package, which runs the tests. `null` if there is no other. */
export async function nodeOfMachine(): Promise<{ path: string; version: string } | null> {
  const folders = (process.env['PATH'] ?? '').split(delimiter);
  for (const folder of folders.filter((name) => !name.includes('node_modules'))) {
    const path = join(folder, 'node');
    try {
      await access(path, constants.X_OK);
      return { path, version: execFileSync(path, ['--version'], { encoding: 'utf8' }).trim() };
    } catch {
      // Not here.
    }
  }
  return null;
}
