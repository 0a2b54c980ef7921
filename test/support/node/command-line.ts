/** Runs the command line: within this process, which takes milliseconds, or as its users do. */

import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { Readable, Writable } from 'node:stream';
import { run } from '../../../src/cli/program.ts';
import { projectRoot } from './build-bundle.ts';

/** The result of one command. */
export type CommandResult = { exitCode: number; stdout: string; stderr: string };

/** A way to run one command: with these arguments, exactly this environment, and this standard input. */
export type RunCommand = (
  args: readonly string[],
  env: Record<string, string>,
  stdin?: string,
) => Promise<CommandResult>;

/** Runs a command in this process, with streams that are not terminals. */
export const runInProcess: RunCommand = async (args, env, stdin = '') => {
  const stdout = gather();
  const stderr = gather();
  const exitCode = await run(args, {
    env,
    fetch,
    // A process's streams have more members than these. The command line uses none of them.
    stdin: Readable.from([Buffer.from(stdin)]) as unknown as NodeJS.ReadStream,
    stdout: stdout.stream as NodeJS.WriteStream,
    stderr: stderr.stream as NodeJS.WriteStream,
  });
  return { exitCode, stdout: stdout.text(), stderr: stderr.text() };
};

/** Runs a command as a process of its own. */
export const runAsProcess: RunCommand = (args, env, stdin = '') => {
  const program = join(projectRoot, 'src/cli/main.ts');
  return new Promise((resolve) => {
    const child = execFile(
      process.execPath,
      [program, ...args],
      { env },
      (error, stdout, stderr) => {
        resolve({ exitCode: error === null ? 0 : Number(error.code), stdout, stderr });
      },
    );
    child.stdin?.end(stdin);
  });
};

function gather(): { stream: Writable; text(): string } {
  const pieces: Buffer[] = [];
  const stream = new Writable({
    write(piece: Buffer, _encoding, done) {
      pieces.push(piece);
      done();
    },
  });
  return { stream, text: () => Buffer.concat(pieces).toString('utf8') };
}
