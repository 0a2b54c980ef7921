/**
 * The model's schedules on a real D1, changed by management's own statements: so that what the model
 * proves of its double holds for the SQL too.
 */

import { env } from 'cloudflare:workers';
import fc from 'fast-check';
import { beforeAll, expect, inject, test } from 'vitest';
import type { StoredKey } from '../../src/core/key/key.ts';
import { createAdminStore } from '../../src/keys/admin/store.ts';
import type { ManagedKey } from '../../src/keys/admin/types.ts';
import { createCopySource } from '../../src/keys/stores/copies.ts';
import { createKeyStore } from '../../src/keys/stores/d1.ts';
import { dayOf } from '../../src/usage/batch.ts';
import { mergeUsage } from '../../src/usage/d1.ts';
import { rememberCrypto } from '../keys-model/immediate-crypto.ts';
import { run, schedules } from '../keys-model/schedule.ts';
import { type ModelToken, makeModelTokens } from '../keys-model/slots.ts';
import { type Mirror, MODEL_TAG_KEY_HEX } from '../keys-model/truth.ts';
import { World } from '../keys-model/world.ts';
import { aKey, applySchema } from '../support/workers.ts';

const SCHEDULES = inject('isNightly') ? 200 : 10;

let tokens: readonly (readonly ModelToken[])[];

beforeAll(async () => {
  rememberCrypto();
  tokens = await makeModelTokens();
  await applySchema();
});

test(`D1 keeps the model's promises in ${SCHEDULES} random schedules`, {
  timeout: 600_000,
}, async () => {
  await fc.assert(
    fc.asyncProperty(schedules, async ({ seed, ...schedule }) => {
      await emptyD1();
      const work = new RealWork();
      const world = new World({
        seed,
        dataCentres: 1,
        isolatesInEach: 2,
        settle: () => work.settle(),
        mirror: (of) => createMirror(of, work),
      });
      expect(await run(world, tokens, schedule)).toBeNull();
    }),
    { numRuns: SCHEDULES, endOnFailure: true },
  );
});

/** Work that takes real time, but no time in the world: the clock waits until it is done. */
class RealWork {
  readonly #underWay = new Set<Promise<unknown>>();

  async do<Result>(work: Promise<Result>): Promise<Result> {
    this.#underWay.add(work);
    try {
      return await work;
    } finally {
      this.#underWay.delete(work);
    }
  }

  async settle(): Promise<void> {
    do {
      await Promise.allSettled(this.#underWay);
      await new Promise((resolve) => setTimeout(resolve, 0));
    } while (this.#underWay.size > 0);
  }
}

/** The real D1, changed as management changes it, and compared with the model at every read. */
function createMirror(world: World, work: RealWork): Mirror {
  const { time } = world;
  const store = createKeyStore(env.DB);
  const copies = createCopySource(env.DB);
  const { keys: managed } = createAdminStore(env.DB);
  const note = () => ({
    atMs: time.nowMs,
    actor: 'model',
    requestId: '',
    before: null,
    after: null,
    answer: null,
  });
  // As in the model, a key that was revoked is not changed again.
  const findLiving = async (id: string): Promise<ManagedKey | null> => {
    const key = await managed.find(id);
    return key?.revokedAtMs === null ? key : null;
  };
  return {
    async create(stored, tokenHash, isImported, minting) {
      const key = aKey({ ...stored, createdAtMs: time.nowMs });
      if (!isImported) return managed.insert(key, { tokenHash, minting }, note());
      await managed.insertImported([{ key, tokenHash, isForeign: true, after: '{}' }], note());
    },
    async edit(id, edit) {
      const before = await findLiving(id);
      if (!before) return;
      if (edit.isRevoked) {
        await managed.revoke(before, note());
        return;
      }
      await managed.update(before, { ...before, ...edit, version: before.version + 1 }, note());
    },
    async useUp(id, { requests }) {
      const batchId = `${time.nowMs}-${crypto.randomUUID()}`;
      const counts = [[id, dayOf(time.nowMs), 'allowed', requests]];
      const text = JSON.stringify({ v: 1, id: batchId, counts, used: [], origins: [] });
      await mergeUsage(env.DB, [{ id: batchId, text }], time.nowMs);
    },
    async roll(id, tokenHash, olderExpireAtMs, minting) {
      const before = await findLiving(id);
      if (!before) return;
      const after = { ...before, version: before.version + 1 };
      const changed = await managed.roll(
        before,
        after,
        { tokenHash, olderExpireAtMs, minting },
        note(),
      );
      if (changed === null) throw new Error(`D1 did not roll ${id}`);
    },
    read: (request, expected) =>
      work.do(
        store.read(request).then((answer) => {
          const [told, wanted] = [answer, expected].map(({ key, parent, registered, feed }) => ({
            key,
            parent,
            untilMs: registered?.untilMs,
            hasImportedTokens: feed.hasImportedTokens,
          }));
          // The directory takes an error for an outage, so it is not thrown here.
          if (!equals(told, wanted)) {
            const [asTold, asWanted] = [told, wanted].map((value) => JSON.stringify(sorted(value)));
            world.failures.push(`D1 answered ${asTold}, and the model ${asWanted}`);
          }
          return answer;
        }),
      ),
    readLines: (fromSeq) => work.do(store.readLines(fromSeq)),
    copyOf: (tokenHash) =>
      work.do(
        copies.readCopies([tokenHash]).then(({ at, keys }) => ({
          at,
          value: keys.get(tokenHash) as StoredKey | null,
        })),
      ),
  };
}

function equals(left: unknown, right: unknown): boolean {
  return JSON.stringify(sorted(left)) === JSON.stringify(sorted(right));
}

/** The same value with its members in the order of their names. */
function sorted(value: unknown): unknown {
  if (value === null || typeof value !== 'object' || Array.isArray(value)) return value;
  const members = Object.entries(value).sort(([left], [right]) => (left < right ? -1 : 1));
  return Object.fromEntries(members.map(([name, member]) => [name, sorted(member)]));
}

async function emptyD1(): Promise<void> {
  const tables = [
    'replica_writes',
    'usage_daily',
    'origins',
    'minting_tokens',
    'tokens',
    'audit',
    'keys',
    'changes',
  ];
  await env.DB.batch([
    ...tables.map((table) => env.DB.prepare(`DELETE FROM ${table}`)),
    env.DB.prepare("UPDATE settings SET value = ? WHERE name = 'token_tag_key'").bind(
      MODEL_TAG_KEY_HEX,
    ),
  ]);
}
