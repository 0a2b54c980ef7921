/**
 * How much memory a process holds, as the operating system counts it: what a test of streaming needs
 * to know, and what the Worker itself cannot tell.
 */

import { execFile } from 'node:child_process';
import { readdir, readFile } from 'node:fs/promises';
import { promisify } from 'node:util';

/** Ids of the running child processes of this process whose program has this name. */
export async function childProcesses(program: string): Promise<number[]> {
  const processes = await listProcesses();
  return processes
    .filter(({ parentId, name }) => parentId === process.pid && name === program)
    .map(({ id }) => id);
}

export type MemoryWatch = {
  /** The most that the process grew by since the watch began, in bytes. Ends the watch. */
  stop(): Promise<number>;
};

/** Looks at the process every few milliseconds until stopped. */
export async function watchMemory(processId: number): Promise<MemoryWatch> {
  const startBytes = await residentBytes(processId);
  let peakBytes = startBytes;
  let isStopped = false;
  const look = async () => {
    peakBytes = Math.max(peakBytes, await residentBytes(processId));
  };
  const watching = (async () => {
    while (!isStopped) {
      await look();
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  })();
  return {
    async stop() {
      isStopped = true;
      await watching;
      await look();
      return peakBytes - startBytes;
    },
  };
}

/** Physical memory that the process holds at the moment. Throws when there is no such process. */
export async function residentBytes(processId: number): Promise<number> {
  if (process.platform === 'linux') {
    const status = await readFile(`/proc/${processId}/status`, 'utf8');
    return inBytes(/^VmRSS:\s*(\d+) kB$/m.exec(status)?.[1]);
  }
  return inBytes(await ps(['-o', 'rss=', '-p', String(processId)]));
}

/**
 * The part of it that is not of files, such as the program's own: what the process allocated. NaN
 * where there is no `/proc`. https://docs.kernel.org/filesystems/proc.html#process-specific-subdirectories
 */
export async function anonymousBytes(processId: number): Promise<number> {
  if (process.platform !== 'linux') return Number.NaN;
  const status = await readFile(`/proc/${processId}/status`, 'utf8');
  return inBytes(/^RssAnon:\s*(\d+) kB$/m.exec(status)?.[1]);
}

interface ProcessLine {
  id: number;
  parentId: number;
  name: string;
}

/** Read from /proc where there is one, because not every container has `ps`. */
async function listProcesses(): Promise<ProcessLine[]> {
  if (process.platform === 'linux') {
    const names = await readdir('/proc');
    const found = await Promise.all(names.filter((name) => /^\d+$/.test(name)).map(readStat));
    return found.filter((line) => line !== null);
  }
  const lines = (await ps(['-A', '-o', 'pid=,ppid=,comm='])).trim().split('\n');
  return lines.flatMap((line) => {
    const [, id, parentId, path] = /^\s*(\d+)\s+(\d+)\s+(.*)$/.exec(line) ?? [];
    if (path === undefined) return [];
    return [{ id: Number(id), parentId: Number(parentId), name: path.replace(/^.*\//, '') }];
  });
}

/** `null` if the process ended meanwhile. The name is in brackets and may contain blanks. */
async function readStat(id: string): Promise<ProcessLine | null> {
  const stat = await readFile(`/proc/${id}/stat`, 'utf8').catch(() => '');
  const [, name, parentId] = /^\d+ \((.*)\) \S (\d+)/s.exec(stat) ?? [];
  return name === undefined ? null : { id: Number(id), parentId: Number(parentId), name };
}

async function ps(args: string[]): Promise<string> {
  return (await promisify(execFile)('ps', args)).stdout;
}

function inBytes(kibibytes: string | undefined): number {
  const value = Number(kibibytes);
  if (!(value > 0)) throw new Error(`Cannot read the memory of a process: got "${kibibytes}"`);
  return value * 1024;
}
