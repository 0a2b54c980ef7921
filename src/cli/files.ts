/**
 * JSON from files and from standard input, in the encodings that people's tools write.
 */

import { readFile } from 'node:fs/promises';
import { buffer } from 'node:stream/consumers';
import { usageError } from './failures.ts';
import type { Surroundings } from './surroundings.ts';

/** The rows of an import, from a file or, for `-`, from whatever exports them. */
export async function readRows(
  file: string,
  { stdin, stderr }: Surroundings,
): Promise<readonly unknown[]> {
  if (file !== '-') return readJsonList(file);
  if (stdin.isTTY) stderr.write('The list of keys as JSON, then Enter and Ctrl-D:\n');
  return readJsonList('standard input', () => buffer(stdin));
}

/** A list in a file. Throws for `null`, too: as rules, it would remove those of the key. */
export async function readJsonList(
  source: string,
  read: () => Promise<Uint8Array> = () => readFile(source),
): Promise<readonly unknown[]> {
  const document = await readJson(source, read);
  if (Array.isArray(document)) return document;
  throw usageError(`Cannot use ${source}: it is not a JSON list`);
}

/** The JSON of a file. Throws a `CommandError` that does not quote the file, which may hold tokens. */
export async function readJson(
  source: string,
  read: () => Promise<Uint8Array> = () => readFile(source),
): Promise<unknown> {
  try {
    return JSON.parse(decode(await read()));
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw usageError(`Cannot read ${source}: ${withoutExcerpt(reason)}`);
  }
}

/** Text without its byte order mark. PowerShell writes UTF-16, which that mark tells from UTF-8. */
function decode(bytes: Uint8Array): string {
  const [first, second] = bytes;
  const isLittle = first === 0xff && second === 0xfe;
  const isBig = first === 0xfe && second === 0xff;
  const encoding = isLittle ? 'utf-16le' : isBig ? 'utf-16be' : 'utf-8';
  // A decoder drops the mark itself: https://encoding.spec.whatwg.org/#dom-textdecoder-ignorebom
  return new TextDecoder(encoding, { fatal: true }).decode(bytes);
}

/** The reason without the excerpt that V8 quotes: it may be a token. */
function withoutExcerpt(reason: string): string {
  return reason.replace(/, (?:\.\.\.)?".*is not valid JSON$/s, '');
}
