/** How a connection is held to its key, with a clock of the test's own. */

import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { OPEN_CONNECTION_CHECK_MS, OPEN_CONNECTION_LOST_MS } from '../../src/gateway/limits.ts';
import { createOpenConnections } from '../../src/gateway/open-connections.ts';

const MINUTE_MS = 60 * 1000;

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

const someConnections = (perKey = 2) =>
  createOpenConnections({ perKey, bytesPerMinute: 100, now: () => Date.now() });

describe('an open connection', () => {
  test('ends once, with the code, when its key does not allow it any more', async () => {
    const connections = someConnections();
    let code: 'invalid_key' | null = null;
    const stillAllowed = vi.fn(async () => code);
    const end = vi.fn();
    connections.open('key_1')?.watch(stillAllowed, end);
    await vi.advanceTimersByTimeAsync(OPEN_CONNECTION_CHECK_MS * 3);
    expect([stillAllowed.mock.calls.length, end.mock.calls]).toEqual([3, []]);
    code = 'invalid_key';
    await vi.advanceTimersByTimeAsync(OPEN_CONNECTION_CHECK_MS * 3);
    expect(end.mock.calls).toEqual([['invalid_key']]);
    expect(stillAllowed).toHaveBeenCalledTimes(4);
    expect(connections.count()).toBe(0);
  });

  test('ends when it cannot be known whether its key allows it', async () => {
    const end = vi.fn();
    someConnections()
      .open('key_1')
      ?.watch(() => Promise.reject(new Error('broken')), end);
    await vi.advanceTimersByTimeAsync(OPEN_CONNECTION_CHECK_MS);
    expect(end.mock.calls).toEqual([['internal_error']]);
  });

  test('asks nothing after it was closed, not even by an answer on its way', async () => {
    const connection = someConnections().open('key_1');
    const end = vi.fn();
    connection?.watch(async () => {
      connection.close();
      return 'invalid_key';
    }, end);
    await vi.advanceTimersByTimeAsync(OPEN_CONNECTION_CHECK_MS * 2);
    expect(end).not.toHaveBeenCalled();
    expect(vi.getTimerCount()).toBe(0);
  });
});

describe('the bound of a key', () => {
  test('counts what is open, for each key by itself', () => {
    const connections = someConnections();
    const first = connections.open('key_1');
    expect(connections.open('key_1')).not.toBeNull();
    expect(connections.open('key_1')).toBeNull();
    expect(connections.open('key_2')).not.toBeNull();
    first?.close();
    expect(connections.open('key_1')).not.toBeNull();
    expect(connections.count()).toBe(3);
  });

  // The runtime drops a client that disconnects in the middle of a stream, without notice.
  test('forgets a connection that has not been heard of', async () => {
    const connections = someConnections(1);
    connections.open('key_1');
    await vi.advanceTimersByTimeAsync(OPEN_CONNECTION_LOST_MS);
    expect(connections.open('key_1')).toBeNull();
    await vi.advanceTimersByTimeAsync(1);
    expect(connections.open('key_1')).not.toBeNull();
  });

  test('on bytes holds for all its connections together, and starts again each minute', async () => {
    const connections = someConnections();
    const [first, second] = [connections.open('key_1'), connections.open('key_1')];
    expect(first?.relay(60)).toBe(true);
    expect(second?.relay(40)).toBe(true);
    expect(first?.relay(1)).toBe(false);
    expect(connections.open('key_2')?.relay(100)).toBe(true);
    // Even a new connection does not start at zero.
    first?.close();
    second?.close();
    expect(connections.open('key_1')?.relay(1)).toBe(false);
    await vi.advanceTimersByTimeAsync(MINUTE_MS);
    expect(connections.open('key_1')?.relay(100)).toBe(true);
  });
});
