/**
 * Schedules: what happens in a world, step by step, and how fast-check draws them.
 */

import fc from 'fast-check';
import type { StoredKey } from '../../src/core/key/key.ts';
import { parseOrigin, type WebOrigin } from '../../src/core/origins/web-origin.ts';
import { periodAt } from '../../src/core/quota.ts';
import { clientEdits, keyEdits, quotaChanges, quotaEdit } from './edits.ts';
import type { Health } from './platform.ts';
import type { Call, Credential } from './rights.ts';
import { IMPORTED_SLOT, MINTING_SLOT, type ModelToken, slots, TOKENS_IN_SLOT } from './slots.ts';
import type { DataCentre, Isolate, World } from './world.ts';

/** One step. Numbers choose among what there is, whatever its length. */
export type Step =
  | { readonly do: 'wait'; readonly ms: number }
  | {
      readonly do: 'request';
      readonly isolate: number;
      readonly slot: number;
      readonly token: number;
      readonly call: number;
    }
  /** A request with a client token that a token of the minting slot made. */
  | {
      readonly do: 'client request';
      readonly isolate: number;
      readonly token: number;
      readonly client: number;
      readonly call: number;
    }
  /** A request with the newest token of every slot, and with a client token. */
  | { readonly do: 'requests'; readonly isolate: number; readonly call: number }
  | { readonly do: 'preflight'; readonly isolate: number; readonly origin: number }
  | { readonly do: 'create'; readonly slot: number; readonly copies: Copies }
  | {
      readonly do: 'edit';
      readonly slot: number;
      readonly edit: number;
      readonly copies: Copies;
    }
  | {
      readonly do: 'quota';
      readonly slot: number;
      readonly change: (typeof quotaChanges)[number];
      readonly copies: Copies;
    }
  | {
      readonly do: 'roll';
      readonly slot: number;
      readonly graceMs: number;
      readonly copies: Copies;
    }
  /** Others change very much. */
  | { readonly do: 'flood'; readonly lines: number }
  | { readonly do: 'repair' }
  | {
      readonly do: 'health';
      readonly place: number;
      readonly store: 'database' | 'replica' | 'cache';
      readonly health: Health;
    }
  | { readonly do: 'lose cache'; readonly place: number }
  | { readonly do: 'restart'; readonly isolate: number }
  | { readonly do: 'restore'; readonly back: number };

/** When management's copy of a change reaches KV. Never: until a repair. */
type Copies = 'at once' | 'late' | 'never';

const origins: readonly WebOrigin[] = ['https://a.test', 'https://b.test', 'https://x.w.test'].map(
  (value) => parseOrigin(value) as WebOrigin,
);

const calls: readonly Call[] = [
  { method: 'POST', path: '/api/stream', origin: null },
  { method: 'POST', path: '/api/stream', origin: origins[0] ?? null },
  { method: 'POST', path: '/api/stream', origin: origins[1] ?? null },
  { method: 'GET', path: '/a', origin: origins[0] ?? null },
  { method: 'GET', path: '/b', origin: origins[0] ?? null },
  { method: 'GET', path: '/b', origin: null },
];

const [ofC = null, ofD = null] = ['https://c.test', 'https://d.test'].map(parseOrigin);
/** Calls of pages with client tokens. */
const clientCalls: readonly Call[] = [
  { method: 'GET', path: '/a', origin: ofC },
  { method: 'GET', path: '/b', origin: ofC },
  { method: 'GET', path: '/a', origin: ofD },
  { method: 'GET', path: '/a', origin: null },
];

const index = fc.nat({ max: 59 });
// Much happens to few, so that it comes together.
const isolate = fc.constantFrom(0, 0, 0, 0, 1, 2, 3);
const place = fc.constantFrom(0, 0, 1);
const slot = fc.constantFrom(0, 0, 1, 1, 1, 2, 3, 4, 4);
const token = fc.constantFrom(0, 0, 0, 1, 2, 3);
const copies = fc.constantFrom<Copies>('at once', 'late', 'never');

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 12,
    arbitrary: fc.record({
      do: fc.constant('request' as const),
      isolate,
      slot,
      token,
      call: index,
    }),
  },
  {
    weight: 5,
    arbitrary: fc.record({
      do: fc.constant('client request' as const),
      isolate,
      token,
      client: index,
      call: fc.constantFrom(0, 0, 0, 1, 2, 3),
    }),
  },
  {
    weight: 10,
    arbitrary: fc.record({
      do: fc.constant('wait' as const),
      ms: fc.constantFrom(
        30,
        300,
        1_600,
        3_100,
        4_800,
        5_200,
        5_200,
        9_900,
        10_100,
        10_100,
        61_000,
        200_000,
      ),
    }),
  },
  {
    weight: 6,
    arbitrary: fc.record({ do: fc.constant('requests' as const), isolate, call: index }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant('preflight' as const),
      isolate,
      origin: index,
    }),
  },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('create' as const), slot, copies }) },
  {
    weight: 5,
    arbitrary: fc.record({ do: fc.constant('edit' as const), slot, edit: index, copies }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant('quota' as const),
      slot,
      change: fc.constantFrom(...quotaChanges, 'set' as const, 'use up' as const),
      copies,
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant('roll' as const),
      slot,
      graceMs: fc.constantFrom(0, 5_000, 60_000),
      copies,
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant('flood' as const),
      lines: fc.constantFrom(1_500, 2_100, 9_000),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('repair' as const) }) },
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant('health' as const),
      place,
      store: fc.constantFrom('database' as const, 'database', 'database', 'replica', 'cache'),
      health: fc.constantFrom<Health>('well', 'well', 'slow', 'failing', 'hanging'),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('lose cache' as const), place }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('restart' as const), isolate }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('restore' as const), back: index }) },
);

/** A world's seed and what happens in it. */
export interface Schedule {
  readonly seed: number;
  /** `true` if every slot has a key from the start, and its copy in KV. */
  readonly isPopulated: boolean;
  /** `true` if the key that mints is there from the start, and sends requests with every slot. */
  readonly hasClients?: boolean;
  readonly steps: readonly Step[];
}

export const schedules: fc.Arbitrary<Schedule> = fc.record({
  seed: fc.integer(),
  isPopulated: fc.boolean(),
  hasClients: fc.boolean(),
  steps: fc.array(step, { minLength: 5, maxLength: 60, size: 'max' }),
});

/** Lets a schedule happen. Returns what did not hold; `null` when everything did. */
export async function run(
  world: World,
  tokens: readonly (readonly ModelToken[])[],
  { isPopulated, hasClients = false, steps }: Omit<Schedule, 'seed'>,
): Promise<string | null> {
  const runner = new Runner(world, tokens, hasClients);
  if (isPopulated) {
    for (const slot of runner.slots) await runner.do({ do: 'create', slot, copies: 'at once' });
    await runner.do({ do: 'wait', ms: 2_000 });
  }
  for (const [at, step] of steps.entries()) {
    await runner.do(step);
    if (world.failures.length > 0) return `step ${at + 1}: ${world.failures[0]}`;
  }
  // What is under way ends.
  await world.time.advance(10_000);
  return world.failures[0] ?? null;
}

interface SlotState {
  /** Of the newest key in the slot; empty before the first. */
  id: string;
  tokensGiven: number;
}

class Runner {
  /** The slots that are filled, and that send requests, together. */
  readonly slots: readonly number[];
  readonly #world: World;
  readonly #tokens: readonly (readonly ModelToken[])[];
  /** By slot: the key's id, and how many of the slot's tokens were given out. */
  readonly #keys: readonly SlotState[] = slots.map(() => ({ id: '', tokensGiven: 0 }));
  readonly #due = new Set<string>();

  constructor(world: World, tokens: readonly (readonly ModelToken[])[], hasClients: boolean) {
    this.slots = [...slots.keys()].filter((slot) => hasClients || slot !== MINTING_SLOT);
    this.#world = world;
    this.#tokens = tokens;
  }

  async do(step: Step): Promise<void> {
    const world = this.#world;
    switch (step.do) {
      case 'wait':
        return world.time.advance(step.ms);
      case 'request': {
        const token = this.#token(step.slot % slots.length, step.token);
        void world.request(this.#isolate(step.isolate), itself(token), choose(calls, step.call));
        return world.time.advance(0);
      }
      case 'client request': {
        const client = clientOf(this.#token(MINTING_SLOT, step.token), step.client);
        void world.request(this.#isolate(step.isolate), client, choose(clientCalls, step.call));
        return world.time.advance(0);
      }
      case 'requests': {
        const isolate = this.#isolate(step.isolate);
        const call = choose(calls, step.call);
        for (const slot of this.slots) {
          const { tokensGiven } = this.#keys[slot] as SlotState;
          const token = this.#token(slot, Math.max(0, tokensGiven - 1));
          void world.request(isolate, itself(token), call);
          if (slot !== MINTING_SLOT) continue;
          const clientCall = choose(clientCalls, step.call);
          void world.request(isolate, clientOf(token, step.call), clientCall);
        }
        return world.time.advance(0);
      }
      case 'preflight':
        void world.preflight(this.#isolate(step.isolate), choose(origins, step.origin));
        return world.time.advance(0);
      case 'create':
        return this.#create(step.slot % slots.length, step.copies);
      case 'edit':
        return this.#edit(step.slot % slots.length, step.edit, step.copies);
      case 'quota':
        return this.#changeQuota(step.slot % slots.length, step.change, step.copies);
      case 'roll':
        return this.#roll(step.slot % slots.length, step.graceMs, step.copies);
      case 'flood':
        // A real D1 is filled by tests of its own.
        if (world.mirror) return;
        world.truth.flood(step.lines);
        world.floodedAtMs = world.time.nowMs;
        return;
      case 'repair':
        for (const hash of this.#due) void world.replicate(this.#place(0), hash, 0);
        this.#due.clear();
        return world.time.advance(0);
      case 'health':
        this.#place(step.place).health = {
          ...this.#place(step.place).health,
          [step.store]: step.health,
        };
        return;
      case 'lose cache':
        return this.#place(step.place).cache.lose();
      case 'restart':
        return world.restart(step.isolate % world.isolates.length);
      case 'restore': {
        // A real D1 is restored from outside.
        if (world.mirror) return;
        const { versions } = world.truth;
        const back = 1 + (step.back % 4);
        world.truth.restore(
          versions[Math.max(0, versions.length - 1 - back)] ?? world.truth.current,
        );
        world.restoredAtMs = world.time.nowMs;
      }
    }
  }

  async #create(slot: number, when: Copies): Promise<void> {
    const { truth, mirror } = this.#world;
    const key = this.#keys[slot] as SlotState;
    const current = truth.current.keys.get(key.id);
    if ((current && !current.isRevoked) || key.tokensGiven >= TOKENS_IN_SLOT) return;
    key.id = `key_${slot}_${key.tokensGiven}`;
    const stored: StoredKey = { ...(slots[slot] as (typeof slots)[number]), id: key.id };
    const { hash, minting } = this.#token(slot, key.tokensGiven++);
    truth.create(stored, hash, slot === IMPORTED_SLOT, minting);
    await mirror?.create(stored, hash, slot === IMPORTED_SLOT, minting);
    this.#copy([hash], when);
  }

  async #edit(slot: number, choice: number, when: Copies): Promise<void> {
    const { truth, mirror, time } = this.#world;
    const { id } = this.#keys[slot] as SlotState;
    const key = truth.current.keys.get(id);
    if (!key) return;
    const edits = slot === MINTING_SLOT ? clientEdits(key, time.nowMs) : keyEdits(key, time.nowMs);
    const edit = choose(edits, choice);
    truth.edit(id, edit);
    await mirror?.edit(id, edit);
    this.#copy(truth.hashesOf(id), when);
  }

  /** Changes a quota, or uses it up. A world without a real D1 has periods that end soon. */
  async #changeQuota(
    slot: number,
    change: (typeof quotaChanges)[number],
    when: Copies,
  ): Promise<void> {
    const { truth, mirror, time } = this.#world;
    const { id } = this.#keys[slot] as SlotState;
    const isUnlimited = truth.current.keys.get(id)?.quota === undefined;
    if (change === 'use up' && isUnlimited) await this.#changeQuota(slot, 'set', when);
    const key = truth.current.keys.get(id);
    const { nowMs } = time;
    const renewsAtMs = mirror ? periodAt('day', nowMs).endMs : nowMs + 30_000;
    const edit = key && !key.isRevoked ? quotaEdit(key, change, { nowMs, renewsAtMs }) : null;
    if (!edit) return;
    truth.edit(id, edit);
    await (change === 'use up' && key?.quota
      ? mirror?.useUp(id, key.quota)
      : mirror?.edit(id, edit));
    this.#copy(truth.hashesOf(id), when);
  }

  async #roll(slot: number, graceMs: number, when: Copies): Promise<void> {
    const { truth, mirror, time } = this.#world;
    const key = this.#keys[slot] as SlotState;
    if (!truth.current.keys.has(key.id) || key.tokensGiven >= TOKENS_IN_SLOT) return;
    if (slot === IMPORTED_SLOT) return;
    const { hash, minting } = this.#token(slot, key.tokensGiven++);
    truth.roll(key.id, hash, time.nowMs + graceMs, minting);
    await mirror?.roll(key.id, hash, time.nowMs + graceMs, minting);
    this.#copy(truth.hashesOf(key.id), when);
  }

  #copy(hashes: readonly string[], when: Copies): void {
    for (const hash of hashes) {
      this.#due.add(hash);
      if (when === 'never') continue;
      void this.#world.replicate(this.#place(0), hash, when === 'late' ? 30_000 : 0);
    }
  }

  #isolate(choice: number): Isolate {
    return choose(this.#world.isolates, choice);
  }

  #place(choice: number): DataCentre {
    return choose(this.#world.places, choice);
  }

  #token(slot: number, choice: number): ModelToken {
    return choose(this.#tokens[slot] as readonly ModelToken[], choice);
  }
}

function choose<Item>(items: readonly Item[], choice: number): Item {
  return items[choice % items.length] as Item;
}

function itself({ token, hash }: ModelToken): Credential {
  return { token, tokenHash: hash, name: hash, claims: null };
}

/** A client token of a token of the minting slot. */
function clientOf({ hash, minting, clients }: ModelToken, choice: number): Credential {
  // Every token of that slot mints.
  return { ...choose(clients, choice), tokenHash: hash, name: minting!.kid };
}
