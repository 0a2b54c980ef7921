/**
 * Questions to people at a terminal, and secrets from them or from a pipe.
 */

import { createInterface } from 'node:readline/promises';
import { Writable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { CommandError, exitCodes } from './failures.ts';
import type { Surroundings } from './surroundings.ts';

/** Returns the line that a person answers; empty if the input ends. */
export async function ask(
  question: string,
  { stdin, stderr }: Pick<Surroundings, 'stdin' | 'stderr'>,
): Promise<string> {
  stderr.write(question);
  return readLine(stdin, new Writable({ write: (_chunk, _encoding, next) => next() }), false);
}

/**
 * Returns a secret: a line that a terminal does not show, or all of a pipe. Never quoted anywhere. Throws a
 * `CommandError` for Ctrl-C.
 */
export async function askSecret(
  question: string,
  { stdin, stderr }: Pick<Surroundings, 'stdin' | 'stderr'>,
): Promise<string> {
  if (!stdin.isTTY) return (await text(stdin)).trim();
  stderr.write(question);
  const silent = new Writable({ write: (_chunk, _encoding, next) => next() });
  // As a terminal, the interface puts it into raw mode, so that the terminal itself echoes nothing.
  const secret = await readLine(stdin, silent, true).finally(() => stderr.write('\n'));
  return secret.trim();
}

async function readLine(
  input: NodeJS.ReadableStream,
  output: NodeJS.WritableStream,
  terminal: boolean,
): Promise<string> {
  const lines = createInterface({ input, output, terminal });
  try {
    const ended = new Promise<string>((resolve, reject) => {
      lines.once('close', () => resolve(''));
      // Ctrl-C. In raw mode the terminal sends no signal.
      lines.once('SIGINT', () => reject(new CommandError('Interrupted', exitCodes.interrupted)));
    });
    return await Promise.race([lines.question(''), ended]);
  } finally {
    lines.close();
  }
}
