/** Child processes that are watched, whose output is passed on, and of which nothing is left behind. */

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';

export interface Child {
  name: string;
  /** Resolves, never rejects, when the process is gone: with 0 only if it ended well by itself. */
  exited: Promise<{ code: number; how: string }>;
  /** Asks the process and all that it has started to end, then makes them. Resolves when they are gone. */
  stop: () => Promise<void>;
}

const STOP_GRACE_MS = 5 * 1000;

/** Starts Node with these arguments and hands every line of its output to `onLine`. */
export function startChild(
  name: string,
  args: string[],
  run: { cwd: string; env: NodeJS.ProcessEnv; onLine: (line: string) => void },
): Child {
  const child = spawn(process.execPath, args, {
    cwd: run.cwd,
    env: run.env,
    // No stdin, so that nothing prompts or waits for hotkeys.
    stdio: ['ignore', 'pipe', 'pipe'],
    // A process group of its own: a Ctrl-C in the terminal reaches us alone, we end the children in
    // order, and wrangler's own children (workerd, esbuild) can be ended with it.
    detached: true,
  });
  for (const output of [child.stdout, child.stderr]) {
    createInterface({ input: output }).on('line', run.onLine);
  }

  // The last resort, when this process ends by an error of its own.
  const kill = () => killGroup(child);
  process.once('exit', kill);

  const exited = howItEnded(child).finally(() => {
    // The child may have left its own children behind. At once, while no other process has its id.
    kill();
    process.off('exit', kill);
  });
  return {
    name,
    exited,
    async stop() {
      // Not to the whole group: wrangler would take the end of its runtime for a crash.
      child.kill('SIGTERM');
      const timer = setTimeout(kill, STOP_GRACE_MS);
      await exited;
      clearTimeout(timer);
    },
  };
}

async function howItEnded(child: ChildProcess): Promise<{ code: number; how: string }> {
  try {
    const [code, signal] = await once(child, 'exit');
    return signal === null
      ? { code, how: `exit code ${code}` }
      : { code: 1, how: `signal ${signal}` };
  } catch (error) {
    return { code: 1, how: String(error) };
  }
}

function killGroup(child: ChildProcess): void {
  if (child.pid === undefined) return;
  try {
    // Windows has no process groups.
    if (process.platform === 'win32') child.kill('SIGKILL');
    else process.kill(-child.pid, 'SIGKILL');
  } catch {
    // The group is empty.
  }
}
