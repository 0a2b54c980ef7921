/** Starts processes that do not outlive us, and asks Linux about them. */

import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdir, readFile } from 'node:fs/promises';
import type { Prefix } from './cores.ts';

const running = new Set<ChildProcess>();
process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL');
});
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => process.exit(1));

/** Starts a command on some cores. It is killed when we end, however we end. */
export function start(
  cores: Prefix,
  command: string,
  commandLine: readonly string[],
  options: SpawnOptions,
): ChildProcess {
  const child = spawn(cores.command, [...cores.arguments, command, ...commandLine], options);
  running.add(child);
  child.once('exit', () => running.delete(child));
  return child;
}

/** Ends a process and waits until it has ended. */
export async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, 'exit');
  child.kill('SIGKILL');
  await exited;
}

/**
 * The processor time that a process has used, in seconds, all threads together. Unlike a throughput,
 * it hardly depends on what else the machine is doing. NaN where there is no `/proc`.
 * https://docs.kernel.org/scheduler/sched-stats.html#proc-pid-schedstat
 */
export async function cpuSecondsOf(pid: number): Promise<number> {
  try {
    const threads = await readdir(`/proc/${pid}/task`);
    const times = await Promise.all(
      threads.map(async (thread) => {
        const text = await readFile(`/proc/${pid}/task/${thread}/schedstat`, 'utf8');
        return Number(text.split(' ')[0]);
      }),
    );
    return times.reduce((sum, nanoseconds) => sum + nanoseconds, 0) / 1e9;
  } catch {
    return Number.NaN;
  }
}

/** Returns the ids of the workerd processes that this process has started, in no order. Linux only. */
export async function workerdProcesses(): Promise<readonly number[]> {
  const names = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
  const found = await Promise.all(
    names.map(async (name) => {
      // A process may have ended in between.
      const stat = await readFile(`/proc/${name}/stat`, 'utf8').catch(() => '');
      const [, parent] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
      const isOurs = stat.includes('(workerd)') && Number(parent) === process.pid;
      return isOurs ? [Number(name)] : [];
    }),
  );
  return found.flat();
}
