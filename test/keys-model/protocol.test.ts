/**
 * The look-up protocol under random schedules: nothing that happens breaks its promises, and no mistake
 * in it goes unnoticed.
 *
 * Each wrong version is caught by a schedule that was recorded for it (`wrong/record.ts`). The nightly
 * tier runs many more schedules: `protocol.nightly.test.ts`.
 */

import fc from 'fast-check';
import { beforeAll, describe, expect, test } from 'vitest';
import { freshSeed, prepareModel, promises, replay } from './promises.ts';
import type { Schedule } from './schedule.ts';
import recorded from './wrong/schedules.json' with { type: 'json' };
import { wrongVersions } from './wrong/versions.ts';

const SCHEDULES = 100;
/** By the name of the wrong version that each of them catches. */
const catching = recorded as unknown as Readonly<Record<string, Schedule>>;

beforeAll(prepareModel);

describe('the directory', () => {
  // fast-check prints the shortest schedule that it finds when this fails.
  test(`keeps every promise in ${SCHEDULES} random schedules`, { timeout: 600_000 }, async () => {
    await fc.assert(promises(), { numRuns: SCHEDULES, seed: freshSeed() });
  });
});

/** Schedules that were once called broken promises, shortened. */
const knownSchedules: readonly (Schedule & { readonly what: string })[] = [
  {
    // That read then seemed to show a D1 that went back, and the isolate forgot its keys.
    what: 'a page of the log reaches beyond the read that found the gap',
    seed: 0,
    isPopulated: true,
    hasClients: false,
    steps: [
      { do: 'health', place: 0, store: 'database', health: 'slow' },
      { do: 'requests', isolate: 0, call: 0 },
      { do: 'wait', ms: 10_100 },
      { do: 'request', isolate: 0, slot: 0, token: 0, call: 0 },
      { do: 'flood', lines: 2_100 },
      { do: 'preflight', isolate: 0, origin: 0 },
      { do: 'edit', slot: 1, edit: 0, copies: 'at once' },
      { do: 'wait', ms: 1_600 },
      { do: 'edit', slot: 2, edit: 0, copies: 'at once' },
      { do: 'wait', ms: 10_100 },
      { do: 'request', isolate: 1, slot: 0, token: 0, call: 0 },
      { do: 'client request', isolate: 0, token: 0, client: 0, call: 0 },
      { do: 'requests', isolate: 0, call: 0 },
      { do: 'health', place: 0, store: 'database', health: 'well' },
      { do: 'wait', ms: 30 },
      { do: 'health', place: 0, store: 'database', health: 'well' },
      { do: 'requests', isolate: 0, call: 0 },
      { do: 'health', place: 0, store: 'database', health: 'hanging' },
      { do: 'request', isolate: 2, slot: 0, token: 0, call: 0 },
    ],
  },
  {
    // Twice in a row, after a flood and a restore: the token was refused although D1 had answered.
    what: "D1's answer about a client token is contradicted while its signature is verified",
    seed: 0,
    isPopulated: true,
    hasClients: true,
    steps: [
      { do: 'preflight', isolate: 0, origin: 0 },
      { do: 'wait', ms: 61_000 },
      { do: 'flood', lines: 9_000 },
      { do: 'request', isolate: 0, slot: 0, token: 0, call: 0 },
      { do: 'edit', slot: 4, edit: 0, copies: 'at once' },
      { do: 'wait', ms: 300 },
      { do: 'restore', back: 0 },
      { do: 'client request', isolate: 0, token: 0, client: 0, call: 0 },
      { do: 'request', isolate: 0, slot: 0, token: 0, call: 0 },
      { do: 'client request', isolate: 0, token: 0, client: 0, call: 0 },
      { do: 'requests', isolate: 0, call: 0 },
      { do: 'request', isolate: 0, slot: 0, token: 0, call: 0 },
    ],
  },
  {
    // It was asked a second time, so that the request waited for as long as two.
    what: 'a slow D1 answers about a client token, and is restored meanwhile',
    seed: -4,
    isPopulated: true,
    hasClients: false,
    steps: [
      { do: 'request', isolate: 0, slot: 0, token: 0, call: 0 },
      { do: 'create', slot: 4, copies: 'at once' },
      { do: 'request', isolate: 0, slot: 0, token: 0, call: 0 },
      { do: 'edit', slot: 4, edit: 0, copies: 'never' },
      { do: 'wait', ms: 30 },
      { do: 'health', place: 0, store: 'database', health: 'slow' },
      { do: 'client request', isolate: 0, token: 0, client: 0, call: 0 },
      { do: 'restore', back: 0 },
      { do: 'wait', ms: 3_100 },
      { do: 'requests', isolate: 0, call: 0 },
      { do: 'client request', isolate: 0, token: 0, client: 0, call: 0 },
      { do: 'repair' },
      { do: 'edit', slot: 0, edit: 0, copies: 'at once' },
      { do: 'health', place: 0, store: 'database', health: 'well' },
    ],
  },
  {
    // The cache answers so late that the window has moved past all that its poll knew.
    what: 'a late shared poll from before a flood made the isolate forget its keys',
    seed: 0,
    isPopulated: true,
    hasClients: false,
    steps: [
      { do: 'request', isolate: 0, slot: 0, token: 0, call: 0 },
      { do: 'wait', ms: 10_100 },
      { do: 'health', place: 0, store: 'cache', health: 'slow' },
      { do: 'requests', isolate: 1, call: 0 },
      { do: 'flood', lines: 9_000 },
      { do: 'health', place: 0, store: 'cache', health: 'failing' },
      { do: 'wait', ms: 5_200 },
      { do: 'health', place: 0, store: 'database', health: 'failing' },
      { do: 'requests', isolate: 1, call: 0 },
      { do: 'repair' },
      { do: 'wait', ms: 30 },
      { do: 'requests', isolate: 0, call: 0 },
      { do: 'request', isolate: 0, slot: 0, token: 0, call: 0 },
      { do: 'edit', slot: 0, edit: 0, copies: 'at once' },
    ],
  },
  {
    // A client token's key was revoked, and D1 restored to before that, while D1 was out of reach.
    what: 'memory refused a client token after the lease was over',
    seed: 0,
    isPopulated: true,
    hasClients: true,
    steps: [
      { do: 'requests', isolate: 0, call: 0 },
      { do: 'edit', slot: 4, edit: 0, copies: 'at once' },
      { do: 'wait', ms: 30 },
      { do: 'edit', slot: 0, edit: 0, copies: 'at once' },
      { do: 'restore', back: 0 },
      { do: 'restore', back: 2 },
      { do: 'health', place: 0, store: 'database', health: 'failing' },
      { do: 'wait', ms: 10_100 },
      { do: 'create', slot: 0, copies: 'at once' },
      { do: 'request', isolate: 0, slot: 0, token: 0, call: 0 },
      { do: 'health', place: 0, store: 'database', health: 'well' },
      { do: 'preflight', isolate: 0, origin: 0 },
      { do: 'requests', isolate: 0, call: 0 },
    ],
  },
  {
    // Two reads of D1 are on their way when D1 is restored between them. The isolate cannot tell which
    // was the later, learns nothing more, and continues with the one that knows more lines.
    what: 'D1 is restored between two reads at once, then out of reach',
    seed: 1140799634,
    isPopulated: true,
    steps: [
      { do: 'preflight', isolate: 0, origin: 0 },
      { do: 'edit', slot: 0, edit: 0, copies: 'never' },
      { do: 'requests', isolate: 0, call: 0 },
      { do: 'request', isolate: 0, slot: 0, token: 0, call: 0 },
      { do: 'request', isolate: 0, slot: 0, token: 0, call: 0 },
      { do: 'wait', ms: 30 },
      { do: 'restore', back: 7 },
      { do: 'wait', ms: 61_000 },
      { do: 'health', place: 0, store: 'database', health: 'failing' },
      { do: 'request', isolate: 0, slot: 1, token: 0, call: 0 },
      { do: 'wait', ms: 300 },
    ],
  },
  {
    // What is answered as stale may be older than the bound, so it is not the key as D1 has it.
    what: 'the log names a key that went on as stale',
    seed: 0,
    isPopulated: true,
    steps: [
      { do: 'requests', isolate: 0, call: 0 },
      { do: 'wait', ms: 3_100 },
      { do: 'edit', slot: 0, edit: 1, copies: 'at once' },
      { do: 'wait', ms: 9_900 },
      { do: 'health', place: 0, store: 'database', health: 'failing' },
      { do: 'request', isolate: 0, slot: 0, token: 0, call: 0 },
      { do: 'wait', ms: 30 },
      { do: 'health', place: 0, store: 'database', health: 'well' },
      { do: 'request', isolate: 0, slot: 0, token: 3, call: 0 },
      { do: 'wait', ms: 30 },
      { do: 'wait', ms: 30 },
      { do: 'requests', isolate: 0, call: 0 },
      { do: 'health', place: 0, store: 'database', health: 'well' },
      { do: 'edit', slot: 1, edit: 0, copies: 'late' },
      { do: 'health', place: 0, store: 'database', health: 'failing' },
      { do: 'wait', ms: 30 },
      { do: 'request', isolate: 0, slot: 0, token: 0, call: 0 },
    ],
  },
  {
    // The poll that the neighbour shared is over its age by the clock of the isolate that reads it.
    what: 'a shared poll is found too old to count, and D1 is out of reach',
    seed: 0,
    isPopulated: true,
    steps: [
      { do: 'roll', slot: 0, graceMs: 0, copies: 'at once' },
      { do: 'health', place: 0, store: 'database', health: 'slow' },
      { do: 'wait', ms: 10_100 },
      { do: 'request', isolate: 1, slot: 0, token: 1, call: 0 },
      { do: 'wait', ms: 200_000 },
      { do: 'wait', ms: 200_000 },
      { do: 'requests', isolate: 0, call: 0 },
      { do: 'requests', isolate: 0, call: 0 },
      { do: 'wait', ms: 3_100 },
      { do: 'requests', isolate: 1, call: 0 },
      { do: 'request', isolate: 0, slot: 0, token: 0, call: 0 },
      { do: 'health', place: 0, store: 'database', health: 'well' },
      { do: 'preflight', isolate: 0, origin: 0 },
      { do: 'health', place: 0, store: 'database', health: 'failing' },
      { do: 'request', isolate: 0, slot: 0, token: 0, call: 0 },
    ],
  },
  {
    // The isolate takes in no shared poll that lacks lines before it, so that tells it nothing. Its own read
    // of D1 lacks them too, and the lease of before the changes still counts while it reads the pages.
    what: "a neighbour's poll follows a flood of lines that came while D1 hung",
    seed: 25,
    isPopulated: true,
    steps: [
      { do: 'requests', isolate: 0, call: 0 },
      { do: 'wait', ms: 1_600 },
      { do: 'health', place: 0, store: 'database', health: 'hanging' },
      { do: 'wait', ms: 4_800 },
      { do: 'requests', isolate: 0, call: 0 },
      { do: 'edit', slot: 0, edit: 0, copies: 'never' },
      { do: 'edit', slot: 1, edit: 1, copies: 'never' },
      { do: 'edit', slot: 2, edit: 2, copies: 'never' },
      { do: 'edit', slot: 3, edit: 0, copies: 'never' },
      { do: 'flood', lines: 9_000 },
      { do: 'health', place: 0, store: 'database', health: 'well' },
      { do: 'restart', isolate: 1 },
      { do: 'requests', isolate: 1, call: 0 },
      { do: 'wait', ms: 1_600 },
      { do: 'requests', isolate: 0, call: 0 },
      { do: 'wait', ms: 300 },
      { do: 'requests', isolate: 0, call: 0 },
      { do: 'wait', ms: 5_200 },
    ],
  },
  {
    // It was young enough when it was asked for, so it counts, and contests what D1 told meanwhile.
    what: "a neighbour's poll of before a restore arrives after D1's answer",
    seed: 2065994628,
    isPopulated: false,
    steps: [
      { do: 'preflight', isolate: 0, origin: 0 },
      { do: 'health', place: 0, store: 'cache', health: 'slow' },
      { do: 'request', isolate: 0, slot: 0, token: 0, call: 0 },
      { do: 'create', slot: 0, copies: 'never' },
      { do: 'preflight', isolate: 1, origin: 0 },
      { do: 'restart', isolate: 0 },
      { do: 'wait', ms: 3_100 },
      { do: 'repair' },
      { do: 'restore', back: 0 },
      { do: 'request', isolate: 0, slot: 0, token: 0, call: 0 },
      { do: 'wait', ms: 4_800 },
      { do: 'requests', isolate: 0, call: 0 },
    ],
  },
  ...Array.from({ length: 20 }, (_, seed): Schedule & { what: string } => ({
    // The isolate has given the cache up by then, so it learnt nothing.
    what: `a neighbour's poll arrives late, and D1 hangs (seed ${seed})`,
    seed,
    isPopulated: true,
    steps: [
      { do: 'wait', ms: 10_100 },
      { do: 'requests', isolate: 0, call: 0 },
      { do: 'wait', ms: 61_000 },
      { do: 'wait', ms: 10_100 },
      { do: 'requests', isolate: 1, call: 0 },
      { do: 'wait', ms: 300 },
      { do: 'health', place: 0, store: 'cache', health: 'slow' },
      { do: 'health', place: 0, store: 'database', health: 'hanging' },
      { do: 'requests', isolate: 0, call: 0 },
      { do: 'wait', ms: 5_200 },
    ],
  })),
];

describe('the directory keeps every promise when', () => {
  test.for(knownSchedules)('$what', async (schedule) => {
    expect(await replay(schedule)).toBeNull();
  });
});

describe('a directory that', () => {
  test.for(Object.entries(wrongVersions))('%s is caught', async ([name, makeDirectory]) => {
    const schedule = catching[name];
    if (!schedule) throw new Error('No schedule is recorded: see test/keys-model/README.md');
    expect(await replay(schedule, makeDirectory)).not.toBeNull();
    // What catches it is its mistake, and not the schedule.
    expect(await replay(schedule)).toBeNull();
  });
});
