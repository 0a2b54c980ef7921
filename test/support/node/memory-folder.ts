/**
 * A folder in memory for the files of a run. D1 and KV write to the disk with each transaction. On a disk, the tests
 * in workerd need a quarter more processor time, and take twice as long.
 */

import { accessSync, constants, mkdtempSync, rmSync, statfsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** The memory of a Linux machine as a folder. A container may have little of it, or none. */
const MEMORY = '/dev/shm';
/** Ten times the most that a run was seen to need. */
const NEEDED_BYTES = 1024 ** 3;

/** How later parts of a run learn where the machine's own temporary folder is. */
const diskVariable = 'EDGE_DISK_FOLDER';

/**
 * The machine's own temporary folder: for files that outlive a run, and for programs, which a container does not
 * start from memory.
 */
export function diskFolder(): string {
  return process.env[diskVariable] ?? tmpdir();
}

/**
 * Makes a folder in memory the temporary one of this process, and removes it when the process ends. Changes
 * nothing on a machine without room for it, nor a second time: Vitest reads its configuration three times.
 */
export function useMemoryFolder(): void {
  if (process.env[diskVariable] !== undefined || !hasRoom(MEMORY)) return;
  const folder = mkdtempSync(join(MEMORY, 'edge-authorizer-'));
  process.on('exit', () => rmSync(folder, { recursive: true, force: true }));
  process.env[diskVariable] = tmpdir();
  process.env['TMPDIR'] = folder;
}

function hasRoom(folder: string): boolean {
  try {
    accessSync(folder, constants.W_OK);
    const { bavail, bsize } = statfsSync(folder);
    return bavail * bsize >= NEEDED_BYTES;
  } catch {
    return false;
  }
}
