/**
 * Places processes on cores: the server under test has the last core for itself, and load generator and
 * upstream share the others, so that the server is the bottleneck and is not moved about. Without
 * `taskset`, or on one core, the kernel decides.
 */

import { spawnSync } from 'node:child_process';
import { cpus } from 'node:os';

/** The words to put before a command line. */
export type Prefix = { command: string; arguments: string[] };

const last = cpus().length - 1;
const canPin = last > 0 && spawnSync('taskset', ['--version']).status === 0;

/** The core of the server under test. */
export const coreUnderTest: Prefix = pinnedTo(String(last));
/** The cores of everything else. */
export const otherCores: Prefix = pinnedTo(last === 1 ? '0' : `0-${last - 1}`);

/** For the report. */
export const pinning = canPin
  ? `server under test on core ${last}, load generator and upstream on ${last === 1 ? 'core 0' : `cores 0-${last - 1}`}`
  : 'processes are not pinned to cores';

function pinnedTo(cores: string): Prefix {
  return canPin
    ? { command: 'taskset', arguments: ['-c', cores] }
    : { command: 'env', arguments: [] };
}
