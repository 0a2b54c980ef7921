/** Counting and handing over, with a Queue that fails in every way and a clock that tests set. */

import { describe, expect, inject, it, test } from 'vitest';
import { BACKGROUND_WORK_MS } from '../../src/core/limits.ts';
import {
  ENDPOINTS_PER_KEY,
  USAGE_EARLY_FLUSH_ROWS,
  USAGE_ENDPOINTS_IN_MEMORY,
  USAGE_ROWS_IN_MEMORY,
  USAGE_WAITING_BYTES,
} from '../../src/usage/limits.ts';
import { anIsolate, Clock, FaultyQueue, FLUSH_MS, NOON_MS, openBatch, sumOf } from './fixtures.ts';

const MINUTE_MS = 60_000;

describe('a Queue that fails', () => {
  const failures = [
    ['rejects', 'rejects'],
    ['throws before it returns a promise', 'throws'],
    ['never answers', 'hangs'],
  ] as const;
  for (const [name, taking] of failures) {
    it(`loses no request when it ${name}, and is given the same batch again`, async () => {
      const clock = new Clock();
      const queue = new FaultyQueue();
      const isolate = anIsolate(clock, queue.deliver);
      queue.taking = [taking, taking, 'takes'];

      isolate.allow('key_a', 3);
      await clock.advance(MINUTE_MS);
      // The request that counted has gone on for as long as a request may; another takes over.
      isolate.allow('key_b');
      await clock.advance(MINUTE_MS);

      expect(sumOf(queue.held)).toEqual({
        'key_a 2026-11-22 allowed': 3,
        'key_b 2026-11-22 allowed': 1,
      });
      expect(new Set(queue.given.slice(0, 3))).toHaveLength(1);
      expect(isolate.counter.stats()).toEqual({ rows: 0, waitingBatches: 0, waitingBytes: 0 });
      expect(isolate.events).toHaveLength(1);
      expect(isolate.events[0]).toMatchObject({
        event: 'usage_hand_over_failed',
        waitingBatches: 1,
      });
    });
  }

  it('keeps no request longer than its background work may last', async () => {
    const clock = new Clock();
    const queue = new FaultyQueue();
    queue.taking = ['hangs'];
    const isolate = anIsolate(clock, queue.deliver, 10_000);
    isolate.allow('key_a');
    const startedMs = clock.now();
    await isolate.backgroundEnd(clock);
    expect(clock.now() - startedMs).toBeLessThanOrEqual(BACKGROUND_WORK_MS);
    expect(queue.given.length).toBeGreaterThan(1);
  });

  it('is not counted twice when it took what it said it had not', async () => {
    for (const taking of ['taken_but_hangs', 'taken_but_failed'] as const) {
      const clock = new Clock();
      const queue = new FaultyQueue();
      const isolate = anIsolate(clock, queue.deliver);
      queue.taking = [taking, 'takes'];
      isolate.allow('key_a', 3);
      await clock.advance(MINUTE_MS);
      expect(queue.held).toHaveLength(2);
      expect(queue.held[0]).toBe(queue.held[1]);
    }
  });

  it('is left alone for longer and longer, up to a minute', async () => {
    const clock = new Clock();
    const queue = new FaultyQueue();
    const isolate = anIsolate(clock, queue.deliver);
    queue.taking = ['rejects'];
    const givenPerMinute: number[] = [];
    for (let minute = 0; minute < 20; minute++) {
      const before = queue.given.length;
      for (let second = 0; second < 60; second++) {
        isolate.allow('key_a');
        await clock.advance(1_000);
      }
      givenPerMinute.push(queue.given.length - before);
    }
    expect(givenPerMinute[0]).toBeLessThanOrEqual(7);
    expect(Math.max(...givenPerMinute.slice(2))).toBeLessThanOrEqual(2);
    expect(Math.min(...givenPerMinute)).toBeGreaterThanOrEqual(0);
    expect(queue.given.length).toBeGreaterThan(15);
    // Once a minute for operators, not once an attempt.
    expect(isolate.events.length).toBeLessThanOrEqual(20);
  });

  it('holds up no batch behind one that it never takes', async () => {
    const clock = new Clock();
    const queue = new FaultyQueue();
    const isolate = anIsolate(clock, (batch) =>
      batch.text.includes('key_poison') ? Promise.reject(new Error('never')) : queue.deliver(batch),
    );
    isolate.allow('key_poison');
    await clock.advance(FLUSH_MS);
    // Enough for batches to be closed while one waits.
    for (let i = 0; i < USAGE_EARLY_FLUSH_ROWS; i++) isolate.allow(`key_${i}`);
    for (let minute = 0; minute < 60; minute++) {
      isolate.allow('key_1');
      await clock.advance(MINUTE_MS);
    }
    expect(Object.keys(sumOf(queue.held))).toHaveLength(USAGE_EARLY_FLUSH_ROWS);
    expect(isolate.counter.stats().waitingBatches).toBe(1);
  });

  it('leaves requests alone: counting never waits, throws, or leaves much work behind', async () => {
    const clock = new Clock();
    const queue = new FaultyQueue();
    const isolate = anIsolate(clock, queue.deliver);
    queue.taking = ['hangs'];
    for (let second = 0; second < 600; second++) {
      isolate.allow('key_a', 100);
      await clock.advance(1_000);
    }
    // One piece of work an interval at most, among 60,000 requests.
    expect(isolate.backgroundWork()).toBeLessThanOrEqual(600 / (FLUSH_MS / 1_000) + 1);
    // What waits does not grow with time: counts of the same key go on adding up.
    expect(isolate.counter.stats()).toMatchObject({ rows: 1, waitingBatches: 1 });
    queue.taking = ['takes'];
    await clock.advance(MINUTE_MS);
    isolate.allow('key_a');
    await clock.advance(MINUTE_MS);
    expect(sumOf(queue.held)).toEqual({ 'key_a 2026-11-22 allowed': 60_001 });
  });
});

describe('a request that dies', () => {
  it('while it waits out the interval: a later one hands over, and nothing is lost', async () => {
    const clock = new Clock();
    const queue = new FaultyQueue();
    const isolate = anIsolate(clock, queue.deliver);
    isolate.allow('key_a', 3);
    await clock.advance(1_000);
    clock.killBackgroundWork();

    await clock.advance(2 * FLUSH_MS - 1_000);
    isolate.allow('key_a');
    expect(isolate.backgroundWork()).toBe(1);
    await clock.advance(1_000);
    isolate.allow('key_a');
    expect(isolate.backgroundWork()).toBe(2);
    await clock.advance(0);
    expect(sumOf(queue.held)).toEqual({ 'key_a 2026-11-22 allowed': 5 });
  });

  it.each(['hangs', 'taken_but_hangs'] as const)(
    'while it sends (the Queue %s): a later one sends the same batch',
    async (taking) => {
      const clock = new Clock();
      const queue = new FaultyQueue();
      const isolate = anIsolate(clock, queue.deliver);
      queue.taking = [taking, 'takes'];
      isolate.allow('key_a', 3);
      await clock.advance(FLUSH_MS);
      expect(queue.given).toHaveLength(1);
      clock.killBackgroundWork();

      // For a while it counts as sent: requests that are counted meanwhile form a batch of their own.
      isolate.allow('key_b');
      await clock.advance(FLUSH_MS);
      expect(queue.given).toHaveLength(2);
      expect(queue.given[1]).toContain('key_b');

      await clock.advance(FLUSH_MS);
      isolate.allow('key_b');
      await clock.advance(FLUSH_MS);
      expect(queue.given.filter((text) => text === queue.given[0])).toHaveLength(2);
      expect(sumOf([...new Set(queue.held)])).toEqual({
        'key_a 2026-11-22 allowed': 3,
        'key_b 2026-11-22 allowed': 2,
      });
    },
  );
});

describe('an isolate that dies', () => {
  it('loses what it counted in its last interval, and nothing from before', async () => {
    const clock = new Clock();
    const queue = new FaultyQueue();
    const isolate = anIsolate(clock, queue.deliver);
    let mostLost = 0;
    for (let counted = 1; counted <= 1_200; counted++) {
      isolate.allow('key_a');
      await clock.advance(100);
      // If the isolate died now, this count would be lost.
      const handedOver = sumOf(queue.held)['key_a 2026-11-22 allowed'] ?? 0;
      mostLost = Math.max(mostLost, counted - handedOver);
    }
    expect(mostLost).toBeLessThanOrEqual(FLUSH_MS / 100);
    expect(mostLost).toBeGreaterThan(0);
  });

  it('has handed everything over when no request came for an interval', async () => {
    const clock = new Clock();
    const queue = new FaultyQueue();
    const isolate = anIsolate(clock, queue.deliver);
    isolate.allow('key_a', 7);
    await clock.advance(1_000);
    isolate.allow('key_a', 5);
    await clock.advance(FLUSH_MS);
    expect(sumOf(queue.held)).toEqual({ 'key_a 2026-11-22 allowed': 12 });
  });
});

describe('memory', { timeout: 600_000 }, () => {
  const isNightly = inject('isNightly');
  // Several times what is kept, in both. At night, a million keys.
  const keysPerWindow = isNightly ? 100_000 : 4 * USAGE_ROWS_IN_MEMORY;
  const keyCount = isNightly ? 1_000_000 : 8 * USAGE_EARLY_FLUSH_ROWS;

  it('is bounded under keys that cannot be handed over, and totals stay exact', async () => {
    const clock = new Clock();
    const queue = new FaultyQueue();
    const isolate = anIsolate(clock, queue.deliver);
    queue.taking = ['rejects'];
    const windowBytes: number[] = [];
    for (let window = 0; window < 10; window++) {
      const context = isolate.request();
      for (let i = 0; i < keysPerWindow; i++) {
        const keyId = `key_${String(window * keysPerWindow + i).padStart(22, '0')}`;
        if (i % 4 === 0) {
          isolate.counter.countRefused(
            { code: 'origin_not_allowed', keyId, origin: `https://${i}.example` },
            context,
          );
        } else {
          isolate.counter.countAllowed(keyId, context);
        }
      }
      // One row more for those that are counted together, by outcome.
      expect(isolate.counter.stats().rows).toBeLessThanOrEqual(USAGE_ROWS_IN_MEMORY + 2);
      const before = isolate.counter.stats().waitingBytes;
      await clock.advance(MINUTE_MS);
      windowBytes.push(isolate.counter.stats().waitingBytes - before);
    }
    const { waitingBytes } = isolate.counter.stats();
    expect(waitingBytes).toBeGreaterThan(USAGE_WAITING_BYTES);
    expect(waitingBytes).toBeLessThanOrEqual(USAGE_WAITING_BYTES + Math.max(...windowBytes));
    expect(waitingBytes).toBeLessThan(6 * 1024 * 1024);
    expect(isolate.events.map(({ event }) => event)).toContain('usage_overflow');

    queue.taking = ['takes'];
    for (let minute = 0; minute < 5; minute++) {
      isolate.counter.countPreflight(isolate.request());
      await clock.advance(MINUTE_MS);
    }
    const sums = sumOf([...new Set(queue.held)]);
    const total = Object.values(sums).reduce((sum, requests) => sum + requests, 0);
    expect(total).toBe(10 * keysPerWindow + 5);
    expect(sums['unattributed 2026-11-22 allowed']).toBeGreaterThan(5 * keysPerWindow);
    expect(sums['none 2026-11-22 preflight_granted']).toBe(5);
  });

  it('has room for any number of keys while the Queue accepts them: each is counted apart', async () => {
    const clock = new Clock();
    const queue = new FaultyQueue();
    const isolate = anIsolate(clock, queue.deliver);
    let mostRows = 0;
    for (let i = 0; i < keyCount; i++) {
      isolate.counter.countAllowed(`key_${i}`, isolate.request());
      if (i % 1_000 === 0) {
        mostRows = Math.max(mostRows, isolate.counter.stats().rows);
        await clock.advance(1);
      }
    }
    await clock.advance(MINUTE_MS);
    expect(mostRows).toBeLessThanOrEqual(USAGE_EARLY_FLUSH_ROWS + 1_000);
    const sums = sumOf(queue.held);
    expect(Object.keys(sums)).toHaveLength(keyCount);
    expect(Object.values(sums).every((requests) => requests === 1)).toBe(true);
    expect(isolate.events).toEqual([]);
  });

  it('keeps 50 endpoints of a key, and so many in all that no count of a key gives way', async () => {
    const clock = new Clock();
    const queue = new FaultyQueue();
    const isolate = anIsolate(clock, queue.deliver);
    const allow = (keyId: string, endpoint: string) =>
      isolate.counter.countAllowed(keyId, isolate.request(), { endpoint });
    for (let i = 0; i < 200; i++) allow('key_a', `GET /${i}`);
    allow('key_a', 'GET /0');
    for (let i = 0; i < 9_000; i++) {
      allow(`key_${i}`, 'GET /v1/items');
      allow(`key_${i}`, 'POST /v1/items');
    }
    await clock.advance(FLUSH_MS);

    const endpoints = queue.held.flatMap((text) => openBatch(text).endpoints ?? []);
    const ofKeyA = endpoints.filter(([keyId]) => keyId === 'key_a');
    expect(ofKeyA).toHaveLength(ENDPOINTS_PER_KEY + 1);
    expect(ofKeyA).toContainEqual(['key_a', '2026-11-22', 'GET /0', 2]);
    expect(ofKeyA).toContainEqual(['key_a', '2026-11-22', 'other', 200 - ENDPOINTS_PER_KEY]);
    expect(endpoints).toHaveLength(USAGE_ENDPOINTS_IN_MEMORY);
    const sums = sumOf(queue.held);
    expect(Object.keys(sums)).toHaveLength(9_001);
    expect(sums['key_8999 2026-11-22 allowed']).toBe(2);
    expect(isolate.events).toEqual([]);
  });

  it('keeps the 20 newest refused origins of a key, and 500 in all', async () => {
    const clock = new Clock();
    const queue = new FaultyQueue();
    const isolate = anIsolate(clock, queue.deliver);
    const refuse = (keyId: string, origin: string) =>
      isolate.counter.countRefused(
        { code: 'origin_not_allowed', keyId, origin },
        isolate.request(),
      );
    for (let i = 0; i < 1_000; i++) {
      refuse('key_a', `https://${i}.example`);
      refuse('key_a', 'https://again.example');
      await clock.advance(1);
    }
    for (let i = 0; i < 1_000; i++) refuse(`key_${i}`, 'https://a.example');
    await clock.advance(FLUSH_MS);

    const origins = queue.held.flatMap((text) => openBatch(text).origins);
    const ofKeyA = origins.filter(([keyId]) => keyId === 'key_a').map(([, origin]) => origin);
    expect(new Set(ofKeyA)).toEqual(
      new Set([
        'https://again.example',
        ...Array.from({ length: 19 }, (_, i) => `https://${999 - i}.example`),
      ]),
    );
    expect(origins.find(([, origin]) => origin === 'https://again.example')).toEqual([
      'key_a',
      'https://again.example',
      'origin_not_allowed',
      NOON_MS + 999,
      1_000,
    ]);
    expect(origins).toHaveLength(500);
    // Left out as origins, counted all the same.
    expect(sumOf(queue.held)['key_999 2026-11-22 denied:origin_not_allowed']).toBe(1);
    expect(isolate.events).toEqual([
      { event: 'usage_overflow', unattributedRequests: 0, droppedOrigins: 520 },
    ]);
  });
});

describe('what is counted', () => {
  test('an upstream failure moves a request from allowed, also when that was handed over', async () => {
    for (const pauseMs of [0, 30_000]) {
      const clock = new Clock();
      const queue = new FaultyQueue();
      const isolate = anIsolate(clock, queue.deliver);
      const context = isolate.request();
      isolate.allow('key_a', 2);
      isolate.counter.countAllowed('key_a', context);
      await clock.advance(pauseMs);
      isolate.counter.countRefused(
        { code: 'upstream_timeout', keyId: 'key_a', origin: null },
        context,
      );
      await clock.advance(MINUTE_MS);
      expect(sumOf(queue.held)).toEqual({
        'key_a 2026-11-22 allowed': 2,
        'key_a 2026-11-22 upstream_error:upstream_timeout': 1,
      });
    }
  });

  test('requests of client tokens are a figure of their own, among those of their key', async () => {
    const clock = new Clock();
    const queue = new FaultyQueue();
    const { counter, request, allow } = anIsolate(clock, queue.deliver);
    allow('key_a', 3);
    counter.countAllowed('key_a', request(), { isClient: true });
    counter.countAllowed('key_a', request(), { isClient: true });
    const refused = { keyId: 'key_a', isClient: true, origin: null } as const;
    counter.countRefused({ ...refused, code: 'route_not_allowed' }, request());
    // It was let through before, and moves from there with its part of the figure.
    counter.countRefused({ ...refused, code: 'upstream_timeout' }, request());
    await clock.advance(MINUTE_MS);
    const { v, counts } = JSON.parse(queue.held[0] ?? '');
    expect(v).toBe(2);
    expect(counts).toEqual([
      ['key_a', '2026-11-22', 'allowed', 4, 1],
      ['key_a', '2026-11-22', 'denied:route_not_allowed', 1, 1],
      ['key_a', '2026-11-22', 'upstream_error:upstream_timeout', 1, 1],
    ]);
  });

  test('a batch without client tokens is what every version of the Worker reads', async () => {
    const clock = new Clock();
    const queue = new FaultyQueue();
    anIsolate(clock, queue.deliver).allow('key_a');
    await clock.advance(MINUTE_MS);
    expect(JSON.parse(queue.held[0] ?? '')).toMatchObject({
      v: 1,
      counts: [['key_a', '2026-11-22', 'allowed', 1]],
    });
  });

  test('requests without a key count under none, by outcome, and use no key', async () => {
    const clock = new Clock();
    const queue = new FaultyQueue();
    const { counter, request } = anIsolate(clock, queue.deliver);
    counter.countRefused(
      { code: 'invalid_key', keyId: null, origin: 'https://a.example' },
      request(),
    );
    counter.countRefused({ code: 'invalid_key', keyId: null, origin: null }, request());
    counter.countRefused(
      { code: 'origin_not_registered', keyId: null, origin: 'https://a.example' },
      request(),
    );
    counter.countPreflight(request());
    await clock.advance(MINUTE_MS);
    expect(sumOf(queue.held)).toEqual({
      'none 2026-11-22 denied:invalid_key': 2,
      'none 2026-11-22 denied:origin_not_registered': 1,
      'none 2026-11-22 preflight_granted': 1,
    });
    expect(queue.held.map(openBatch)).toMatchObject([{ used: [], origins: [] }]);
  });

  test('a refusal is not a use, and only refusals about origins name one', async () => {
    const clock = new Clock();
    const queue = new FaultyQueue();
    const { counter, request } = anIsolate(clock, queue.deliver);
    const origin = 'https://a.example';
    for (const code of ['route_not_allowed', 'cors_not_enabled', 'rate_limited'] as const) {
      counter.countRefused({ code, keyId: 'key_a', origin }, request());
    }
    await clock.advance(MINUTE_MS);
    expect(queue.held.map(openBatch)).toMatchObject([
      { used: [], origins: [['key_a', origin, 'cors_not_enabled', NOON_MS, 1]] },
    ]);
  });

  test('the day is that of the arrival in UTC, on both sides of midnight', async () => {
    const midnightMs = Date.parse('2027-01-01T00:00:00.000Z');
    const clock = new Clock(midnightMs - 2);
    const queue = new FaultyQueue();
    const isolate = anIsolate(clock, queue.deliver);
    const late = isolate.request();
    isolate.allow('key_a');
    await clock.advance(1);
    isolate.allow('key_a');
    await clock.advance(1);
    isolate.allow('key_a', 5);
    // Arrived before midnight, and is counted after others that arrived later.
    isolate.counter.countAllowed('key_a', late);
    isolate.allow('key_a');
    isolate.counter.countRefused({ code: 'invalid_key', keyId: 'key_a', origin: null }, late);
    await clock.advance(MINUTE_MS);
    expect(sumOf(queue.held)).toEqual({
      'key_a 2026-12-31 allowed': 3,
      'key_a 2026-12-31 denied:invalid_key': 1,
      'key_a 2027-01-01 allowed': 6,
    });
    const used = queue.held.flatMap((text) => openBatch(text).used.map(([, atMs]) => atMs));
    expect(Math.max(...used)).toBe(midnightMs);
  });

  test('nothing counted sends nothing', async () => {
    const clock = new Clock();
    const queue = new FaultyQueue();
    const isolate = anIsolate(clock, queue.deliver);
    isolate.allow('key_a');
    const failed = isolate.request();
    isolate.counter.countAllowed('key_b', failed);
    isolate.counter.countRefused(
      { code: 'upstream_timeout', keyId: 'key_b', origin: null },
      failed,
    );
    await clock.advance(10 * MINUTE_MS);
    expect(queue.given).toHaveLength(1);
    // Not even a row for what was counted and moved.
    expect(sumOf(queue.held)).toEqual({
      'key_a 2026-11-22 allowed': 1,
      'key_b 2026-11-22 upstream_error:upstream_timeout': 1,
    });
  });

  test('with no interval, everything goes with the request that counted it', async () => {
    const clock = new Clock();
    const queue = new FaultyQueue();
    const isolate = anIsolate(clock, queue.deliver, 0);
    for (let i = 1; i <= 3; i++) {
      isolate.allow('key_a');
      await clock.advance(0);
      expect(sumOf(queue.held)).toEqual({ 'key_a 2026-11-22 allowed': i });
    }
  });
});
