/**
 * Records what an installed nginx makes of targets:
 * `node test/end-to-end/differential/record-nginx.ts >test/end-to-end/differential/nginx-readings.json`,
 * then `npm run format`. To be run again after a change of `targets.ts`, and now and then with a newer nginx.
 */

import { spawnSync } from 'node:child_process';
import fc from 'fast-check';
import { findProgram } from '../../support/node/programs.ts';
import { type NginxReading, startNginx } from './nginx.ts';
import { hostileRequests, targetPieces } from './targets.ts';

const RANDOM_TARGETS = 800;

const program = await findProgram('nginx');
if (program === null) throw new Error('Cannot record nginx: it is not installed');
const version = /nginx\/(\S+)/.exec(spawnSync(program, ['-v']).stderr.toString())?.[1] ?? '';

const randomTargets = fc.sample(
  fc
    .array(fc.constantFrom(...targetPieces), { minLength: 1, maxLength: 14 })
    .map((pieces) => `/api/${pieces.join('')}`),
  { numRuns: RANDOM_TARGETS, seed: 1 },
);
const hostile = hostileRequests('edge.test').map(({ target }) => target);
const nginx = await startNginx(program);
const readings: Record<string, NginxReading> = {};
for (const target of new Set([...hostile, ...randomTargets])) {
  // A request line cannot carry line ends, and length alone changes nothing.
  if (/[\r\n]/.test(target) || target.length > 200) continue;
  readings[target] = await nginx.read(target);
}
await nginx.close();
console.log(JSON.stringify({ version, readings }));
