/**
 * Shared by the tests of usage: a clock that only tests advance, isolates that count, and a Queue with the
 * faults of a real one.
 */

import { env } from 'cloudflare:workers';
import type { LogEvent } from '../../src/log/events.ts';
import type { ClosedBatch } from '../../src/usage/batch.ts';
import { consumeUsage, type UsageMessage } from '../../src/usage/consumer.ts';
import { type CountContext, UsageCounter } from '../../src/usage/counter.ts';
import { readBatch } from '../../src/usage/read-batch.ts';

/** Noon, so that no test crosses midnight without meaning to. */
export const NOON_MS = Date.parse('2026-11-22T12:00:00.000Z');
export const FLUSH_MS = 5_000;

/** Time that passes only when a test advances it. */
export class Clock {
  #nowMs: number;
  #timers: { readonly atMs: number; readonly ring: () => void }[] = [];

  constructor(startMs = NOON_MS) {
    this.#nowMs = startMs;
  }

  readonly now = (): number => this.#nowMs;

  readonly wait = (ms: number): Promise<void> =>
    new Promise((resolve) => {
      this.#timers.push({ atMs: this.#nowMs + ms, ring: resolve });
    });

  readonly withTimeout = async <Result>(
    work: Promise<Result>,
    timeoutMs: number,
  ): Promise<Result> => {
    const { promise: timeout, reject } = Promise.withResolvers<never>();
    const ring = () => reject(new Error(`no answer within ${timeoutMs} ms`));
    const timer = { atMs: this.#nowMs + timeoutMs, ring };
    this.#timers.push(timer);
    try {
      return await Promise.race([work, timeout]);
    } finally {
      this.#timers = this.#timers.filter((other) => other !== timer);
    }
  };

  /** Lets time pass, and everything happen that falls into it, in its order. */
  async advance(ms: number): Promise<void> {
    const endMs = this.#nowMs + ms;
    for (;;) {
      await afterPromises();
      const [next] = this.#timers.toSorted((left, right) => left.atMs - right.atMs);
      if (next === undefined || next.atMs > endMs) break;
      this.#timers.splice(this.#timers.indexOf(next), 1);
      this.#nowMs = Math.max(this.#nowMs, next.atMs);
      next.ring();
    }
    this.#nowMs = endMs;
  }

  /** Makes waiting work wait for ever, as that of a request that the platform has ended. */
  killBackgroundWork(): void {
    this.#timers = [];
  }
}

/** After all that was ready to run has run, nothing of which waits for more than promises here. */
async function afterPromises(): Promise<void> {
  for (let i = 0; i < 50; i++) await null;
}

/** One isolate that counts. */
export interface Isolate {
  readonly counter: UsageCounter;
  readonly events: LogEvent[];
  /** How many pieces of background work requests have left behind. */
  readonly backgroundWork: () => number;
  /** Lets time pass until all background work has ended, for at most an hour. */
  backgroundEnd(clock: Clock): Promise<void>;
  /** A request that arrives now. */
  request(): CountContext;
  /** Counts so many requests that a key may make, now. */
  allow(keyId: string, times?: number): void;
}

export function anIsolate(
  clock: Clock,
  deliver: (batch: ClosedBatch) => Promise<unknown>,
  flushMs = FLUSH_MS,
): Isolate {
  const events: LogEvent[] = [];
  let backgroundWork = 0;
  let working = 0;
  const counter = new UsageCounter({
    deliver,
    flushMs,
    now: clock.now,
    wait: clock.wait,
    withTimeout: clock.withTimeout,
    newId: () => crypto.randomUUID(),
    log: (event) => events.push(event),
  });
  const request = () => ({
    nowMs: clock.now(),
    runInBackground: (work: Promise<unknown>) => {
      backgroundWork += 1;
      working += 1;
      void work.finally(() => {
        working -= 1;
      });
      work.catch((error: unknown) => {
        throw error;
      });
    },
  });
  return {
    counter,
    events,
    backgroundWork: () => backgroundWork,
    async backgroundEnd(ofClock) {
      for (let second = 0; working > 0 && second < 3_600; second++) await ofClock.advance(1_000);
      if (working > 0) throw new Error('background work does not end');
    },
    request,
    allow(keyId, times = 1) {
      const context = request();
      for (let i = 0; i < times; i++) counter.countAllowed(keyId, context);
    },
  };
}

/** How a Queue takes a message. `taken_but_failed`: it has it, and says that it has not. */
export type Taking =
  | 'takes'
  | 'rejects'
  | 'throws'
  | 'hangs'
  | 'taken_but_hangs'
  | 'taken_but_failed';

/** A Queue that takes and delivers messages as a test decides. */
export class FaultyQueue {
  /** How it takes the next messages; the last way remains. */
  taking: Taking[] = ['takes'];
  /** Every text that it was given, taken or not. */
  readonly given: string[] = [];
  /** The messages that it holds for the consumer. */
  readonly held: string[] = [];

  readonly deliver = (batch: ClosedBatch): Promise<unknown> => {
    this.given.push(batch.text);
    const taking = this.taking.length > 1 ? this.taking.shift() : this.taking[0];
    switch (taking) {
      case 'rejects':
        return Promise.reject(new Error('Queue send failed: Too Many Requests'));
      case 'throws':
        throw new Error('Queue is not there');
      case 'hangs':
        return new Promise(() => {});
      case 'taken_but_hangs':
        this.held.push(batch.text);
        return new Promise(() => {});
      case 'taken_but_failed':
        this.held.push(batch.text);
        return Promise.reject(new Error('Network connection lost'));
      default:
        this.held.push(batch.text);
        return Promise.resolve({});
    }
  };
}

/** A message as the Queue hands it to the consumer, which notes what becomes of it. */
export function aMessage(body: unknown, attempts = 1) {
  const message = {
    id: crypto.randomUUID(),
    body,
    attempts,
    outcome: 'unsettled' as string,
    ack: () => {
      message.outcome = 'acknowledged';
    },
    retry: (options?: QueueRetryOptions) => {
      message.outcome = `again in ${options?.delaySeconds} s`;
    },
  };
  return message satisfies UsageMessage;
}

/** Delivers messages to the consumer, over the real D1 unless told otherwise. */
export async function consume(
  messages: readonly UsageMessage[],
  { clock = new Clock(), db = env.DB }: { readonly clock?: Clock; readonly db?: D1Database } = {},
): Promise<object[]> {
  const events: object[] = [];
  await consumeUsage(messages, {
    writesEvents: false,
    db,
    now: clock.now,
    withTimeout: clock.withTimeout,
    log: (event) => events.push(event),
  });
  return events;
}

/** Opens a batch. Throws if the text is no batch. */
export function openBatch(text: string): {
  id: string;
  counts: [
    keyId: string,
    day: string,
    outcome: string,
    requests: number,
    clientRequests?: number,
  ][];
  used: [keyId: string, atMs: number][];
  origins: [keyId: string, origin: string, code: string, atMs: number, count: number][];
  endpoints?: [keyId: string, day: string, endpoint: string, requests: number][];
} {
  const reading = readBatch(text);
  if (reading.outcome !== 'batch') throw new Error(`Cannot open a batch: ${reading.outcome}`);
  return JSON.parse(text);
}

/** The rows of texts added up, by "key day outcome". */
export function sumOf(texts: readonly string[]): Record<string, number> {
  const sums: Record<string, number> = {};
  for (const text of texts) {
    const { counts }: ReturnType<typeof openBatch> = JSON.parse(text);
    for (const [keyId, day, outcome, requests] of counts) {
      const name = `${keyId} ${day} ${outcome}`;
      sums[name] = (sums[name] ?? 0) + requests;
    }
  }
  return sums;
}

/** Everything that D1 counted, by "key day outcome". */
export async function countedInD1(): Promise<Record<string, number>> {
  const { results } = await env.DB.prepare(
    'SELECT key_id, day, outcome, requests FROM usage_daily WHERE requests <> 0',
  ).all<{ key_id: string; day: string; outcome: string; requests: number }>();
  return Object.fromEntries(
    results.map((row) => [`${row.key_id} ${row.day} ${row.outcome}`, row.requests]),
  );
}

/** A batch with these rows, closed at noon unless told otherwise. */
export function aBatch(
  rows: Partial<Omit<ReturnType<typeof openBatch>, 'id'>> = {},
  closedAtMs = NOON_MS,
): ClosedBatch {
  const id = `${String(closedAtMs).padStart(13, '0')}-${crypto.randomUUID()}`;
  const { counts = [], used = [], origins = [], endpoints } = rows;
  const v = endpoints === undefined ? 1 : 3;
  return { id, text: JSON.stringify({ v, id, counts, used, origins, endpoints }) };
}
