/**
 * One run of the command line: arguments in, an exit code out.
 */

import { readFile } from 'node:fs/promises';
import { CommanderError } from 'commander';
import { CommandError, exitCodes } from './failures.ts';
import { createProgram } from './program.ts';
import { styleFor } from './style.ts';
import type { Surroundings } from './surroundings.ts';
import { cleanText } from './tables.ts';

/**
 * Runs one command. Returns its exit code (see `exitCodes`); messages for people go to standard error,
 * results to standard output. Never throws for a failure of the command.
 */
export async function run(args: readonly string[], surroundings: Surroundings): Promise<number> {
  const { stdout, stderr, env } = surroundings;
  const program = createProgram(surroundings, await readVersion());
  try {
    await program.parseAsync(args, { from: 'user' });
    return exitCodes.ok;
  } catch (error) {
    if (error instanceof CommanderError) {
      // Help and version end in an "error" too, with exit code 0.
      return error.exitCode === 0 ? exitCodes.ok : exitCodes.usage;
    }
    if (!(error instanceof CommandError)) throw error;
    const isJson = args.includes('--json');
    if (isJson && error.problem !== null) stdout.write(`${JSON.stringify(error.problem)}\n`);
    if (error.message === '') return error.exitCode;
    const [first = '', ...others] = error.message.split('\n').map(cleanText);
    stderr.write(`${[styleFor(stderr, env)('red', first), ...others].join('\n')}\n`);
    return error.exitCode;
  }
}

/** The version of the package, whose file is as far from here when this is JavaScript in `lib`. */
async function readVersion(): Promise<string> {
  const file = new URL('../../package.json', import.meta.url);
  const { version }: { version: string } = JSON.parse(await readFile(file, 'utf8'));
  return version;
}
