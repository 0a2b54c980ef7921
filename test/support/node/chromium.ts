/**
 * A real headless Chromium, for what only a browser enforces: CORS. An installed one is preferred;
 * otherwise the one in the npm package @sparticuz/chromium runs, which needs nothing installed.
 *
 * That package's own `args` are not used: `--disable-web-security` is among them, and with it
 * every CORS test passes. `test/end-to-end/harness.test.ts` keeps watch over that.
 */

import { execFile } from 'node:child_process';
import { access, constants, mkdtemp, readFile, rename, rm } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { type Browser, chromium } from 'playwright-core';

/** Where a browser is, and what its process needs in its environment beyond ours. */
export type ChromiumExecutable = { path: string; env: Record<string, string> };

/**
 * Launches the browser with an empty profile. Close it with `close()`.
 *
 * Looks for `CHROMIUM_PATH`, then for an installed `chromium`, `chromium-browser` or
 * `google-chrome`, then takes the packaged one; or give `executable` to choose.
 */
export async function launchChromium(executable?: ChromiumExecutable): Promise<Browser> {
  const { path, env } = executable ?? (await installedChromium()) ?? (await packagedChromium());
  return chromium.launch({
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
    ],
  });
}

/** The installed Chromium, `null` when there is none. Throws when `CHROMIUM_PATH` is wrong. */
export async function installedChromium(): Promise<ChromiumExecutable | null> {
  const { CHROMIUM_PATH, PATH = '' } = process.env;
  if (CHROMIUM_PATH) {
    if (await isExecutable(CHROMIUM_PATH)) return { path: CHROMIUM_PATH, env: {} };
    throw new Error(`Cannot launch "${CHROMIUM_PATH}": CHROMIUM_PATH must be an executable file`);
  }
  const folders = ['/usr/bin', ...PATH.split(delimiter)];
  const names = ['chromium', 'chromium-browser', 'google-chrome'];
  for (const path of folders.flatMap((folder) => names.map((name) => join(folder, name)))) {
    if (await isExecutable(path)) return { path, env: {} };
  }
  return null;
}

/**
 * The Chromium in @sparticuz/chromium, unpacked once per version into the temporary folder.
 *
 * The libraries that it needs (libnss3 and its kin) are unpacked too, but only where the package
 * believes to be in AWS Lambda, which it reads from the environment. So that is said to a child
 * process alone, and the libraries are shown to the browser alone.
 */
export async function packagedChromium(): Promise<ChromiumExecutable> {
  const entry = createRequire(import.meta.url).resolve('@sparticuz/chromium');
  const packageFile = join(dirname(entry), '../package.json');
  const { version } = JSON.parse(await readFile(packageFile, 'utf8'));
  const folder = join(tmpdir(), `edge-authorizer-chromium-${version}`);
  if (!(await isExecutable(join(folder, 'chromium')))) await unpack(entry, folder);
  return {
    path: join(folder, 'chromium'),
    env: {
      LD_LIBRARY_PATH: join(folder, 'al2023/lib'),
      FONTCONFIG_PATH: join(folder, 'fonts'),
    },
  };
}

/** Unpacks beside the folder and renames, so that nobody ever sees half a browser. */
async function unpack(entry: string, folder: string): Promise<void> {
  const unfinished = await mkdtemp(`${folder}-`);
  const { PATH } = process.env;
  const script = `import(${JSON.stringify(entry)}).then((package_) => package_.default.executablePath())`;
  try {
    await promisify(execFile)(process.execPath, ['-e', script], {
      // The package unpacks into os.tmpdir(), which is TMPDIR.
      env: { PATH, TMPDIR: unfinished, AWS_EXECUTION_ENV: 'nodejs22.x' },
    });
    // Fails when another process was first, whose copy is as good.
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
