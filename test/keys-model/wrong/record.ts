/**
 * Records, for each wrong version, the shortest schedule that catches it:
 *
 *     node test/keys-model/wrong/record.ts >test/keys-model/wrong/schedules.json
 *
 * A schedule depends on which calls the protocol makes and when. So a change of the protocol may make
 * a recorded schedule miss its wrong version; then run this again. It fails if 20,000 random schedules
 * do not catch a wrong version.
 */

import fc from 'fast-check';
import { prepareModel, promises } from '../promises.ts';
import type { Schedule } from '../schedule.ts';
import { wrongVersions } from './versions.ts';

await prepareModel();
const recorded: Record<string, Schedule> = {};
for (const [name, makeDirectory] of Object.entries(wrongVersions)) {
  const { failed, counterexample } = await fc.check(promises(makeDirectory), {
    numRuns: 20_000,
  });
  if (!failed || !counterexample) throw new Error(`No schedule catches a directory that ${name}`);
  [recorded[name]] = counterexample;
}
console.log(JSON.stringify(recorded, null, 2));
