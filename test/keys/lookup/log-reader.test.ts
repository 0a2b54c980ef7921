/**
 * How the log is read and shared when reads overtake one another. What a whole directory does is in
 * `directory.test.ts`.
 */

import { describe, expect, test } from 'vitest';
import { ChangeFeed } from '../../../src/keys/lookup/change-feed.ts';
import { LogReader } from '../../../src/keys/lookup/log-reader.ts';
import type { DatabaseAnswer, SharedPoll } from '../../../src/keys/types.ts';
import { createRandom } from '../../keys-model/random.ts';
import { readVersion, Truth } from '../../keys-model/truth.ts';
import { VirtualTime } from '../../keys-model/virtual-time.ts';
import { aStoredKey } from '../edge.ts';

/** A reader whose next reads of D1 are answered when a test says so. */
function aReader() {
  const time = new VirtualTime();
  const truth = new Truth(() => time.nowMs, createRandom(1));
  truth.create(aStoredKey(), 'hash-1', false);
  const feed = new ChangeFeed();
  const shared: SharedPoll[] = [];
  const answers: ((answer: DatabaseAnswer) => void)[] = [];
  const reader = new LogReader({
    feed,
    database: {
      read: () => new Promise((resolve) => answers.push(resolve)),
      readLines: async () => [],
    },
    feedCache: {
      get: async () => null,
      put: async (poll) => {
        shared.push(poll);
      },
    },
    now: () => time.nowMs,
    withTimeout: time.withTimeout,
    logFailure: () => {},
    onRestart: () => {},
    refreshMs: 5_000,
    maxStalenessMs: 10_000,
  });
  const answerAsOfNow = () => readVersion(truth.current, { fromSeq: null });
  return { time, truth, feed, reader, shared, answers, answerAsOfNow };
}

describe('a shared poll', () => {
  test('carries the start of the lease, not that of the read that was overtaken', async () => {
    const { time, truth, feed, reader, shared, answers, answerAsOfNow } = aReader();
    const leaseStartMs = time.nowMs;
    void reader.read({}, null);
    await time.advance(400);
    void reader.read({}, (work) => void work);
    const overtaken = answerAsOfNow();
    await time.advance(100);
    truth.create(aStoredKey({ id: 'key_2' }), 'hash-2', false);
    answers[0]?.(answerAsOfNow());
    await time.advance(10);
    answers[1]?.(overtaken);
    await time.advance(0);
    expect(feed.ageMs(time.nowMs)).toBe(time.nowMs - leaseStartMs);
    expect(shared.map(({ startedAtMs }) => startedAtMs)).toEqual([leaseStartMs]);
  });

  test('is not made of a lease that is older than the slowest poll that may be shared', async () => {
    const { time, truth, reader, shared, answers, answerAsOfNow } = aReader();
    void reader.read({}, null);
    await time.advance(900);
    void reader.read({}, (work) => void work);
    const overtaken = answerAsOfNow();
    truth.create(aStoredKey({ id: 'key_2' }), 'hash-2', false);
    answers[0]?.(answerAsOfNow());
    await time.advance(200);
    answers[1]?.(overtaken);
    await time.advance(0);
    expect(shared).toEqual([]);
  });
});
