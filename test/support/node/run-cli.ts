/**
 * Runs the command line in this process, with streams of its own in place of the process's.
 */

import { PassThrough } from 'node:stream';
import { text } from 'node:stream/consumers';
import { run } from '../../../src/cli/run.ts';

/** The outcome of a run. */
export interface CliRun {
  exitCode: number;
  stdout: string;
  stderr: string;
}

/** The process that a run believes to be in. */
export interface CliProcess {
  env?: Record<string, string>;
  /** The content of standard input. */
  stdin?: string;
  /** `true` if all streams are a terminal. */
  isTerminal?: boolean;
  now?: () => number;
  /** In place of the real one. */
  fetch?: (request: Request) => Promise<Response>;
}

/** Runs one command. Never finds a login of this machine, unless `env` names its folder. */
export async function runCli(
  args: readonly string[],
  {
    env = {},
    stdin = '',
    isTerminal = false,
    now = Date.now,
    fetch = globalThis.fetch,
  }: CliProcess = {},
): Promise<CliRun> {
  const stream = () => Object.assign(new PassThrough(), { isTTY: isTerminal });
  const [input, stdout, stderr] = [stream(), stream(), stream()];
  input.end(stdin);
  const printed = Promise.all([text(stdout), text(stderr)]);
  const exitCode = await run(args, {
    env: { XDG_CONFIG_HOME: '/nowhere', ...env },
    fetch,
    stdin: input,
    stdout,
    stderr,
    now,
  });
  stdout.end();
  stderr.end();
  const [out, err] = await printed;
  return { exitCode, stdout: out, stderr: err };
}
