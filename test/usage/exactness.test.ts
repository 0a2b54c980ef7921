/**
 * From isolates over the Queue to the real D1: every request is counted exactly once, when nothing
 * fails and also when everything does for a while. Only an isolate's death loses anything.
 */

import { createMessageBatch } from 'cloudflare:test';
import { env } from 'cloudflare:workers';
import fc from 'fast-check';
import { beforeEach, expect, inject, it } from 'vitest';
import type { RejectionCode } from '../../src/core/decide/rejection.ts';
import worker from '../../src/index.ts';
import { freshStorage } from '../support/workers.ts';
import {
  aMessage,
  anIsolate,
  Clock,
  consume,
  countedInD1,
  FaultyQueue,
  type Isolate,
  type Taking,
} from './fixtures.ts';

const isNightly = inject('isNightly');
const REQUESTS = isNightly ? 100_000 : 20_000;

beforeEach(async () => {
  await freshStorage();
});

it(`${REQUESTS} requests over 8 isolates are counted exactly`, { timeout: 600_000 }, async () => {
  // The consumer is the Worker's own, which goes by the real time.
  const clock = new Clock(Date.now());
  const queue = new FaultyQueue();
  const isolates = Array.from({ length: 8 }, () => anIsolate(clock, queue.deliver));
  const expected = new Expectation();
  const random = aRandom(20261122);
  let messages = 0;

  const deliver = async () => {
    const texts = queue.held.splice(0);
    messages += texts.length;
    for (let start = 0; start < texts.length; start += 100) {
      const group = texts.slice(start, start + 100).map((body, index) => ({
        id: `message-${start + index}`,
        timestamp: clock.now(),
        attempts: 1,
        body,
      }));
      await worker.queue(createMessageBatch('edge-authorizer-usage', group), env);
    }
  };

  for (let i = 0; i < REQUESTS; i++) {
    const isolate = isolates[random(isolates.length)]!;
    countOne(isolate, expected, random(200), random(10));
    // About 400 requests a second in all.
    if (i % 4 === 0) await clock.advance(10);
    if (i % (REQUESTS / 10) === 0) await deliver();
  }
  await clock.advance(60_000);
  await deliver();
  const counted = await countedInD1();
  expect(counted).toEqual(expected.counts);
  expect(Object.values(counted).reduce((sum, requests) => sum + requests, 0)).toBe(REQUESTS);
  // One message an isolate and interval, not one a request.
  expect(messages).toBeLessThan(8 * (REQUESTS / 400 / 5 + 2));
});

it('no fault of the Queue or of D1 changes a count', { timeout: 600_000 }, async () => {
  const count = fc.record({
    step: fc.constant('count' as const),
    isolate: fc.nat(2),
    key: fc.nat(3),
    kind: fc.nat(9),
  });
  const pass = fc.record({
    step: fc.constant('pass' as const),
    ms: fc.constantFrom(10, 1_000, 5_000, 20_000, 70_000, 9 * 60 * 60 * 1000),
  });
  const taking = fc.record({
    step: fc.constant('taking' as const),
    taking: fc.array(
      fc.constantFrom<Taking>(
        'takes',
        'rejects',
        'throws',
        'hangs',
        'taken_but_hangs',
        'taken_but_failed',
      ),
      { minLength: 1, maxLength: 4 },
    ),
  });
  const kill = fc.record({ step: fc.constant('kill' as const) });
  const deliver = fc.record({
    step: fc.constant('deliver' as const),
    order: fc.infiniteStream(fc.nat(1_000)),
    again: fc.boolean(),
    database: fc.constantFrom('works', 'fails', 'works_but_fails'),
  });
  const steps = fc.array(
    fc.oneof(
      { weight: 6, arbitrary: count },
      { weight: 3, arbitrary: pass },
      taking,
      kill,
      deliver,
    ),
    {
      maxLength: 60,
    },
  );

  await fc.assert(
    fc.asyncProperty(steps, async (run) => {
      await env.DB.batch(
        ['usage_daily', 'usage_batches', 'refused_origins'].map((table) =>
          env.DB.prepare(`DELETE FROM ${table}`),
        ),
      );
      const clock = new Clock();
      const queue = new FaultyQueue();
      const isolates = Array.from({ length: 3 }, () => anIsolate(clock, queue.deliver));
      const expected = new Expectation();

      for (const step of run) {
        if (step.step === 'count') countOne(isolates[step.isolate]!, expected, step.key, step.kind);
        if (step.step === 'pass') await clock.advance(step.ms);
        if (step.step === 'taking') queue.taking = [...step.taking];
        if (step.step === 'kill') clock.killBackgroundWork();
        if (step.step === 'deliver') {
          const texts = shuffled(queue.held.splice(0), step.order);
          const messages = texts.map((text) => aMessage(text));
          await consume(messages, { clock, db: databaseThat(step.database) });
          for (const [index, message] of messages.entries()) {
            if (message.outcome !== 'acknowledged' || step.again) queue.held.push(texts[index]!);
          }
        }
      }

      queue.taking = ['takes'];
      for (const isolate of isolates) {
        do {
          countOne(isolate, expected, 0, 0);
          await clock.advance(120_000);
        } while (isolate.counter.stats().rows > 0 || isolate.counter.stats().waitingBatches > 0);
      }
      await consume(
        queue.held.map((text) => aMessage(text)),
        { clock },
      );
      expect(await countedInD1()).toEqual(expected.counts);
    }),
    { numRuns: isNightly ? 1_500 : 60 },
  );
});

/** The counts that are expected, by "key day outcome". */
class Expectation {
  readonly counts: Record<string, number> = {};

  add(keyId: string, nowMs: number, outcome: string): void {
    const name = `${keyId} ${new Date(nowMs).toISOString().slice(0, 10)} ${outcome}`;
    this.counts[name] = (this.counts[name] ?? 0) + 1;
  }
}

/** Counts one request as the gateway would: mostly allowed, sometimes anything else. */
function countOne({ counter, request }: Isolate, expected: Expectation, key: number, kind: number) {
  const context = request();
  const keyId = `key_${key}`;
  const refuse = (code: RejectionCode, of: string | null = keyId) =>
    counter.countRefused({ code, keyId: of, origin: 'https://a.example' }, context);
  const expectIt = (outcome: string, of = keyId) => expected.add(of, context.nowMs, outcome);
  switch (kind) {
    case 1:
      refuse('origin_not_allowed');
      return expectIt('denied:origin_not_allowed');
    case 2:
      counter.countAllowed(keyId, context);
      refuse('upstream_unreachable');
      return expectIt('upstream_error:upstream_unreachable');
    case 3:
      refuse('invalid_key', null);
      return expectIt('denied:invalid_key', 'none');
    case 4:
      counter.countPreflight(context);
      return expectIt('preflight_granted', 'none');
    default:
      counter.countAllowed(keyId, context);
      return expectIt('allowed');
  }
}

function databaseThat(behaves: string): D1Database {
  const db = {
    prepare: env.DB.prepare.bind(env.DB),
    async batch(statements: D1PreparedStatement[]) {
      if (behaves === 'fails') throw new Error('D1 is gone');
      const results = await env.DB.batch(statements);
      if (behaves === 'works_but_fails') throw new Error('Network connection lost');
      return results;
    },
  };
  return db as unknown as D1Database;
}

function shuffled(texts: readonly string[], order: Iterator<number>): string[] {
  return texts
    .map((text) => ({ text, place: order.next().value as number }))
    .sort((left, right) => left.place - right.place)
    .map(({ text }) => text);
}

/** The same numbers in every run: mulberry32. */
function aRandom(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below;
  };
}
