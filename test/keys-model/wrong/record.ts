/**
 * Records, for each wrong version, the shortest schedule that catches it, and keeps those on record
 * that still do:
 *
 *     node test/keys-model/wrong/record.ts >schedules.json
 *     mv schedules.json test/keys-model/wrong/
 *
 * A schedule depends on which calls the protocol makes and when. So a change of the protocol may make
 * a recorded schedule miss its wrong version; then run this again. It fails if 20,000 random schedules
 * do not catch a wrong version.
 */

import fc from 'fast-check';
import { prepareModel, promises, replay } from '../promises.ts';
import type { Schedule } from '../schedule.ts';
import type { MakeDirectory } from '../world.ts';
import onRecord from './schedules.json' with { type: 'json' };
import { wrongVersions } from './versions.ts';

await prepareModel();
const known = onRecord as unknown as Readonly<Record<string, Schedule>>;
const recorded: Record<string, Schedule> = {};
for (const [name, makeDirectory] of Object.entries(wrongVersions)) {
  const schedule = known[name];
  const isGood = schedule !== undefined && (await catches(schedule, makeDirectory));
  recorded[name] = isGood ? schedule : await findSchedule(name, makeDirectory);
}
console.log(JSON.stringify(recorded, null, 2));

async function catches(schedule: Schedule, makeDirectory: MakeDirectory): Promise<boolean> {
  return (await replay(schedule, makeDirectory)) !== null && (await replay(schedule)) === null;
}

async function findSchedule(name: string, makeDirectory: MakeDirectory): Promise<Schedule> {
  const { counterexample } = await fc.check(promises(makeDirectory), { numRuns: 20_000 });
  if (!counterexample) throw new Error(`No schedule catches a directory that ${name}`);
  return counterexample[0];
}
