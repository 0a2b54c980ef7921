/** wrangler as a child process: shown to the operator, or read by us. */

import { type StdioOptions, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';

/** wrangler's command line, for `process.execPath`. */
export const WRANGLER = join(import.meta.dirname, '../../node_modules/wrangler/bin/wrangler.js');

/** The place where the operator sees what happens. */
export interface Screen {
  print(text: string): void;
  /** The streams of wrangler. */
  stdio: StdioOptions;
}

/** The terminal, on which wrangler may ask. */
export const terminal: Screen = { print: (text) => console.log(text), stdio: 'inherit' };

/** Runs a command that the operator sees and may be asked by. Throws if it fails. */
export async function runWrangler(args: readonly string[], { stdio }: Screen): Promise<void> {
  const child = spawn(process.execPath, [WRANGLER, ...args], { stdio });
  const [exitCode] = await once(child, 'close');
  if (exitCode !== 0) {
    throw new Error(
      `Cannot go on: wrangler ${args[0]} ended with exit code ${exitCode}. It may be repeated`,
    );
  }
}

/** Runs a command and returns its output, without printing it. */
export async function captureWrangler(
  args: readonly string[],
): Promise<{ exitCode: number; stdout: string; stderr: string }> {
  const child = spawn(process.execPath, [WRANGLER, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
  const [[exitCode], stdout, stderr] = await Promise.all([
    once(child, 'close'),
    text(child.stdout),
    text(child.stderr),
  ]);
  return { exitCode: exitCode ?? 1, stdout, stderr };
}
