/** Readiness: what counts, and how often D1 is asked. */

import { describe, expect, test } from 'vitest';
import { createReadiness, type Readiness } from '../../src/health/readiness.ts';

/** A world with a clock, a lease and a database that answers in turn. */
function createWorld(answers: (boolean | Error)[]) {
  const world = { nowMs: 0, isLeaseCurrent: false, reads: 0 };
  const readiness = createReadiness({
    isLeaseCurrent: () => world.isLeaseCurrent,
    async hasSchema() {
      const answer = answers[world.reads++];
      // Slower than the requests that come at the same time.
      await new Promise((resolve) => setTimeout(resolve, 10));
      if (typeof answer === 'boolean') return answer;
      throw answer ?? new Error('asked too often');
    },
    now: () => world.nowMs,
    pause: (ms) => {
      world.nowMs += ms;
      return new Promise((resolve) => setTimeout(resolve, 1));
    },
  });
  return { world, readiness };
}

describe('createReadiness()', () => {
  test.each<[string, boolean | Error, Readiness]>([
    ['D1 has the schema', true, 'ready'],
    ['D1 has no tables', false, 'schema_missing'],
    ['D1 does not answer', new Error('no answer'), 'unavailable'],
  ])('without a lease, if %s', async (_name, answer, expected) => {
    const { world, readiness } = createWorld([answer]);
    expect(await readiness()).toBe(expected);
    expect(world.reads).toBe(1);
  });

  test('asks no store while the lease is young', async () => {
    const { world, readiness } = createWorld([]);
    world.isLeaseCurrent = true;
    expect(await readiness()).toBe('ready');
    expect(world.reads).toBe(0);
  });

  test('asks D1 once in 5 seconds, and then again', async () => {
    const { world, readiness } = createWorld([false, true]);
    for (const nowMs of [0, 1, 4_999]) {
      world.nowMs = nowMs;
      expect(await readiness()).toBe('schema_missing');
    }
    expect(world.reads).toBe(1);
    world.nowMs = 5_000;
    expect(await readiness()).toBe('ready');
    expect(world.reads).toBe(2);
  });

  test('gives the answer of one read to all that come during it', async () => {
    const { world, readiness } = createWorld([true]);
    const all = await Promise.all(Array.from({ length: 20 }, () => readiness()));
    expect(new Set(all)).toEqual(new Set(['ready']));
    expect(world.reads).toBe(1);
  });
});
