/** The Queue's consumer: what becomes of each message, and of D1. */

import { createExecutionContext, createMessageBatch, getQueueResult } from 'cloudflare:test';
import { env } from 'cloudflare:workers';
import { beforeEach, describe, expect, it, test } from 'vitest';
import worker from '../../src/index.ts';
import { DAY_MS } from '../../src/usage/batch.ts';
import { trimUsage } from '../../src/usage/d1.ts';
import { USAGE_MERGE_MAX_BYTES, USAGE_MERGE_TIMEOUT_MS } from '../../src/usage/limits.ts';
import { freshStorage } from '../support/workers.ts';
import { aBatch, aMessage, Clock, consume, countedInD1, NOON_MS } from './fixtures.ts';

const day = '2026-11-22';
const ofKeyA = (requests = 1, closedAtMs = NOON_MS) =>
  aBatch({ counts: [['key_a', day, 'allowed', requests]] }, closedAtMs);

beforeEach(async () => {
  await freshStorage();
});

describe('a message that is no batch', () => {
  const id = `${NOON_MS}-${crypto.randomUUID()}`;
  const good = { v: 1, id, counts: [['key_a', day, 'allowed', 1]], used: [], origins: [] };
  const malformed: [name: string, body: unknown][] = [
    ['an object', good],
    ['nothing', undefined],
    ['null', 'null'],
    ['not JSON', '{"v":1'],
    ['an array', JSON.stringify([good])],
    ['without a version', JSON.stringify({ ...good, v: undefined })],
    ['of version 0', JSON.stringify({ ...good, v: 0 })],
    ['with a version in words', JSON.stringify({ ...good, v: '2' })],
    ['without an id', JSON.stringify({ ...good, id: undefined })],
    ['with an id that has no time', JSON.stringify({ ...good, id: crypto.randomUUID() })],
    ['with another member', JSON.stringify({ ...good, token: 'x' })],
    ['without its lists', JSON.stringify({ v: 1, id })],
    ['with a row too short', JSON.stringify({ ...good, counts: [['key_a', day, 'allowed']] })],
    [
      'with a row too long',
      JSON.stringify({ ...good, counts: [['key_a', day, 'allowed', 1, 1, 1]] }),
    ],
    [
      'with a count in words',
      JSON.stringify({ ...good, counts: [['key_a', day, 'allowed', '1']] }),
    ],
    ['with half a count', JSON.stringify({ ...good, counts: [['key_a', day, 'allowed', 0.5]] })],
    [
      'with a key of other letters',
      JSON.stringify({ ...good, counts: [["a'--", day, 'allowed', 1]] }),
    ],
    [
      'with a day in words',
      JSON.stringify({ ...good, counts: [['key_a', 'today', 'allowed', 1]] }),
    ],
    ['with a time before time', JSON.stringify({ ...good, used: [['key_a', -1]] })],
    [
      'with a line break in an origin',
      JSON.stringify({ ...good, origins: [['a', 'a\nb', 'c', 1, 1]] }),
    ],
    ['with an origin never refused', JSON.stringify({ ...good, origins: [['a', 'b', 'c', 1, 0]] })],
  ];
  for (const [name, body] of malformed) {
    it(`(${name}) is put away with a line in the log, and the others are merged`, async () => {
      const messages = [aMessage(ofKeyA(2).text), aMessage(body), aMessage(ofKeyA(3).text)];
      const events = await consume(messages);
      expect(messages.map(({ outcome }) => outcome)).toEqual(Array(3).fill('acknowledged'));
      expect(events).toEqual([
        { event: 'usage_malformed', messageId: messages[1]?.id, reason: expect.any(String) },
      ]);
      expect(await countedInD1()).toEqual({ [`key_a ${day} allowed`]: 5 });
    });
  }

  it('but of a later version waits for the consumer that can read it', async () => {
    const message = aMessage(JSON.stringify({ v: 4, id, totals: {} }), 3);
    expect(await consume([message])).toEqual([]);
    expect(message.outcome).toBe('again in 40 s');
  });
});

describe('a batch that is too old', () => {
  it('is not merged, because whether it was merged before may be forgotten', async () => {
    const clock = new Clock();
    const batch = ofKeyA(3);
    await consume([aMessage(batch.text)], { clock });
    // The Queue holds it back for longer than merged batches are remembered.
    await clock.advance(7 * DAY_MS + 1);
    await trimUsage(env.DB, { nowMs: clock.now(), retentionDays: 400 });
    const late = aMessage(batch.text);
    expect(await consume([late], { clock })).toEqual([
      { event: 'usage_expired', batchId: batch.id },
    ]);
    expect(late.outcome).toBe('acknowledged');
    expect(await countedInD1()).toEqual({ [`key_a ${day} allowed`]: 3 });
  });

  it('is distinguished from one that is still accepted, at any time', async () => {
    const batch = ofKeyA(3);
    for (let hours = 0; hours <= 24 * 9; hours += 3) {
      const clock = new Clock(NOON_MS + hours * 60 * 60 * 1000);
      await trimUsage(env.DB, { nowMs: clock.now(), retentionDays: 400 });
      await consume([aMessage(batch.text)], { clock });
    }
    expect(await countedInD1()).toEqual({ [`key_a ${day} allowed`]: 3 });
  });
});

describe('D1 that fails', () => {
  it('puts messages back for later and later, and loses none', async () => {
    const batch = ofKeyA(3);
    const db = {
      prepare: env.DB.prepare.bind(env.DB),
      batch: () => Promise.reject(new Error('D1')),
    };
    for (const [attempts, seconds] of [
      [1, 10],
      [2, 20],
      [7, 640],
      [8, 900],
      [100, 900],
    ] as const) {
      const message = aMessage(batch.text, attempts);
      const events = await consume([message], { db: db as unknown as D1Database });
      expect(message.outcome).toBe(`again in ${seconds} s`);
      expect(events).toEqual([{ event: 'usage_merge_failed', error: 'D1', batches: 1 }]);
    }
    await consume([aMessage(batch.text, 101)]);
    expect(await countedInD1()).toEqual({ [`key_a ${day} allowed`]: 3 });
  });

  it('and has merged all the same counts once', async () => {
    const batch = ofKeyA(3);
    const db = {
      prepare: env.DB.prepare.bind(env.DB),
      batch: async (statements: D1PreparedStatement[]) => {
        await env.DB.batch(statements);
        throw new Error('Network connection lost');
      },
    };
    const first = aMessage(batch.text);
    await consume([first], { db: db as unknown as D1Database });
    expect(first.outcome).toBe('again in 10 s');
    await consume([aMessage(batch.text, 2)]);
    expect(await countedInD1()).toEqual({ [`key_a ${day} allowed`]: 3 });
  });

  it('by never answering holds nothing up for longer than its time', async () => {
    const clock = new Clock();
    const db = { prepare: env.DB.prepare.bind(env.DB), batch: () => new Promise(() => {}) };
    const message = aMessage(ofKeyA().text);
    const consumed = consume([message], { clock, db: db as unknown as D1Database });
    await clock.advance(USAGE_MERGE_TIMEOUT_MS - 1);
    expect(message.outcome).toBe('unsettled');
    await clock.advance(1);
    await consumed;
    expect(message.outcome).toBe('again in 10 s');
  });

  it('for one transaction leaves the others as they are', async () => {
    const filler = Array.from({ length: 1_500 }, (_, i): [string, string, string, number] => [
      `key_filler_${i}`,
      '2026-11-01',
      'denied:origin_not_allowed',
      1,
    ]);
    const large = () => aBatch({ counts: [['key_a', day, 'allowed', 1], ...filler] }).text;
    const messages = Array.from({ length: 30 }, () => aMessage(large()));
    const perTransaction = Math.floor(USAGE_MERGE_MAX_BYTES / large().length);
    let calls = 0;
    const db = {
      prepare: env.DB.prepare.bind(env.DB),
      batch: (statements: D1PreparedStatement[]) => {
        calls += 1;
        return calls === 2 ? Promise.reject(new Error('D1')) : env.DB.batch(statements);
      },
    };
    await consume(messages, { db: db as unknown as D1Database });
    const outcomes = messages.map(({ outcome }) => outcome);
    expect(outcomes).toEqual(
      messages.map((_, i) =>
        Math.floor(i / perTransaction) === 1 ? 'again in 10 s' : 'acknowledged',
      ),
    );
    expect((await countedInD1())[`key_a ${day} allowed`]).toBe(30 - perTransaction);
  });
});

test("the Worker's own queue handler merges and acknowledges each message", async () => {
  const now = Date.now();
  const messages = [ofKeyA(2, now).text, ofKeyA(3, now).text, 'no batch'].map((body, index) => ({
    id: `message-${index}`,
    timestamp: now,
    attempts: 1,
    body,
  }));
  const batch = createMessageBatch('edge-authorizer-usage', messages);
  const ctx = createExecutionContext();
  await worker.queue(batch, env);
  expect(await getQueueResult(batch, ctx)).toMatchObject({
    outcome: 'ok',
    retryBatch: { retry: false },
    explicitAcks: ['message-0', 'message-1', 'message-2'],
    retryMessages: [],
  });
  expect(await countedInD1()).toEqual({ [`key_a ${day} allowed`]: 5 });
});

test('a batch that is sent into the real Queue reaches D1', { timeout: 30_000 }, async () => {
  await env.USAGE.send(ofKeyA(4, Date.now()).text, { contentType: 'text' });
  await expect
    .poll(countedInD1, { timeout: 20_000, interval: 200 })
    .toEqual({ [`key_a ${day} allowed`]: 4 });
});
