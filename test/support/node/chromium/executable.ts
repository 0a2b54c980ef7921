/**
 * The headless Chromium that the tests drive. The npm package @sparticuz/chromium carries one, so that
 * every machine runs the same browser and none has to install it. `CHROMIUM_PATH` names another one.
 *
 * The package's own `args` are not used: `--disable-web-security` is among them, and with it every
 * CORS test passes. `test/end-to-end/harness.test.ts` keeps watch over that.
 */

import { execFile } from 'node:child_process';
import { access, constants, mkdir, mkdtemp, readFile, rename, rm } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import type { LaunchOptions } from 'playwright-core';
import { writeFontConfiguration } from './fonts.ts';

/** The path of a browser, and what its process needs in its environment beyond ours. */
export type ChromiumExecutable = { path: string; env: Record<string, string> };

/**
 * The options with which Playwright starts the browser: `CHROMIUM_PATH` if it is set, otherwise the
 * packaged one. Throws if `CHROMIUM_PATH` is not an executable file.
 */
export async function chromiumLaunchOptions(): Promise<LaunchOptions> {
  const { path, env } = (await namedChromium()) ?? (await packagedChromium());
  return {
    executablePath: path,
    env: { ...definedEnvironment(), ...env },
    headless: true,
    chromiumSandbox: false,
    args: [
      '--no-sandbox',
      '--disable-gpu',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
      // A page of a test lives for seconds. The compilers cost more than their code saves: axe takes a sixth less.
      '--js-flags=--no-opt --no-maglev',
    ],
  };
}

async function namedChromium(): Promise<ChromiumExecutable | null> {
  const path = process.env['CHROMIUM_PATH'];
  if (!path) return null;
  if (await isExecutable(path)) return { path, env: {} };
  throw new Error(`Cannot start "${path}": CHROMIUM_PATH must name an executable file`);
}

/**
 * The Chromium in @sparticuz/chromium, unpacked once per version and `npm ci` into `node_modules/.cache`. In the
 * temporary folder, another user of the machine could have left it, or a cleaner a part of it.
 *
 * The package unpacks the libraries that Chromium needs (libnss3 and its kin) only if the environment
 * looks like AWS Lambda's. One child process gets such an environment, and only the browser the libraries.
 */
export async function packagedChromium(): Promise<ChromiumExecutable> {
  if (process.platform !== 'linux' || process.arch !== 'x64') {
    const machine = `${process.platform} on ${process.arch}`;
    throw new Error(
      `Cannot start the packaged Chromium: it is built for Linux on x64, and this is ${machine}. ` +
        'Set CHROMIUM_PATH to an installed Chromium or Chrome',
    );
  }
  const entry = createRequire(import.meta.url).resolve('@sparticuz/chromium');
  const packageFolder = join(dirname(entry), '..');
  const { version } = JSON.parse(await readFile(join(packageFolder, 'package.json'), 'utf8'));
  const folder = join(packageFolder, `../../.cache/edge-authorizer/chromium-${version}`);
  if (!(await isExecutable(join(folder, 'chromium')))) await unpack(entry, folder);
  return {
    path: join(folder, 'chromium'),
    env: {
      LD_LIBRARY_PATH: join(folder, 'al2023/lib'),
      FONTCONFIG_FILE: await writeFontConfiguration(folder),
    },
  };
}

/** Unpacks beside the folder and renames, so that no process ever sees half a browser. */
async function unpack(entry: string, folder: string): Promise<void> {
  await mkdir(dirname(folder), { recursive: true });
  const unfinished = await mkdtemp(`${folder}-`);
  const { PATH } = process.env;
  const script = `import(${JSON.stringify(entry)}).then((package_) => package_.default.executablePath())`;
  try {
    await promisify(execFile)(process.execPath, ['-e', script], {
      // The package unpacks into os.tmpdir(), which is TMPDIR.
      env: { PATH, TMPDIR: unfinished, AWS_EXECUTION_ENV: 'nodejs22.x' },
    });
    // Fails if another process was first, whose copy is as good.
    await rename(unfinished, folder).catch(() => {});
  } finally {
    await rm(unfinished, { recursive: true, force: true });
  }
}

async function isExecutable(path: string): Promise<boolean> {
  try {
    await access(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

function definedEnvironment(): Record<string, string> {
  const entries = Object.entries(process.env);
  return Object.fromEntries(entries.filter((entry): entry is [string, string] => entry[1] != null));
}
