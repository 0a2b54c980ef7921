import { expect, test } from 'vitest';
import type { LogEvent } from '../../src/log/events.ts';
import { oncePerMinute } from '../../src/log/once-per-minute.ts';

const database: LogEvent = { event: 'database_failed', error: 'timeout' };
const replica: LogEvent = { event: 'replica_failed', error: 'timeout' };

test('oncePerMinute() passes on one event of each name per minute', () => {
  let nowMs = 0;
  const logged: [atMs: number, name: string][] = [];
  const log = oncePerMinute(
    ({ event }) => logged.push([nowMs, event]),
    () => nowMs,
  );
  const arrivals: [atMs: number, event: LogEvent][] = [
    [0, database],
    [1, database],
    [2, replica],
    [59_999, database],
    [60_000, database],
    [60_001, replica],
    [60_002, replica],
  ];
  for (const [atMs, event] of arrivals) {
    nowMs = atMs;
    log(event);
  }
  expect(logged).toEqual([
    [0, 'database_failed'],
    [2, 'replica_failed'],
    [60_000, 'database_failed'],
    [60_002, 'replica_failed'],
  ]);
});
