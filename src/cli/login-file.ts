/**
 * The file in which `login` keeps the address of an edge and the token for it. Only its owner may read
 * it.
 */

import { chmod, mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { usageError } from './failures.ts';

/** One edge, and the credentials for it. */
export interface Login {
  readonly url: string;
  readonly token: string;
  readonly headers: Readonly<Record<string, string>>;
}

/**
 * The path of the file: below `XDG_CONFIG_HOME`, `APPDATA` on Windows, or `~/.config`.
 * https://specifications.freedesktop.org/basedir-spec/latest/
 */
export function loginFile(env: Readonly<Record<string, string | undefined>>): string {
  const { XDG_CONFIG_HOME: xdg, APPDATA: appData, HOME: home } = env;
  const folder = xdg || appData || join(home || homedir(), '.config');
  return join(folder, 'edge-authorizer', 'login.json');
}

/** Returns what `login` kept, `null` if it kept nothing. Throws a `CommandError` for another file. */
export async function readLogin(file: string): Promise<Login | null> {
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw usageError(`Cannot read ${file}: ${(error as Error).message}`);
  }
  const login = parse(text);
  if (login !== null) return login;
  throw usageError(`Cannot use ${file}: it is not a file of "edge-authorizer login". Remove it`);
}

/** Replaces the file, so that it never has looser rights, not even those of an older file. */
export async function writeLogin(file: string, login: Login): Promise<void> {
  await mkdir(dirname(file), { recursive: true, mode: 0o700 });
  const draft = `${file}.${process.pid}`;
  await rm(draft, { force: true });
  await writeFile(draft, `${JSON.stringify(login, null, 2)}\n`, { mode: 0o600, flag: 'wx' });
  // The mode above is narrowed by the umask; this one is exact.
  await chmod(draft, 0o600);
  await rename(draft, file);
}

/** Removes the file. Returns whether there was one. */
export async function removeLogin(file: string): Promise<boolean> {
  try {
    await rm(file);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false;
    throw error;
  }
}

function parse(text: string): Login | null {
  try {
    const { url, token, headers } = JSON.parse(text) as Partial<Login>;
    if (typeof url !== 'string' || typeof token !== 'string') return null;
    return { url, token, headers: headers ?? {} };
  } catch {
    return null;
  }
}
