import { env } from 'cloudflare:workers';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { createKeyReplica } from '../../../src/keys/stores/kv.ts';
import { aStoredKey } from '../edge.ts';

const replica = createKeyReplica(env.KEYS);
const at = { seq: 7, mark: 281_474_976_710_655 };

afterEach(async () => {
  vi.restoreAllMocks();
  const { keys } = await env.KEYS.list();
  await Promise.all(keys.map(({ name }) => env.KEYS.delete(name)));
});

describe('a copy in KV', () => {
  test('is null if KV has no copy', async () => {
    expect(await replica.getKey('00ff')).toBeNull();
    expect(await replica.getOrigins(['https://a.test', '*'])).toEqual([]);
  });

  test.for([
    { what: 'a key', value: aStoredKey({ allowedOrigins: ['https://a.test'] }) },
    { what: 'a tombstone', value: null },
  ])('of $what is returned with the line at which it was true', async ({ value }) => {
    await replica.putKey('00ff', { value, at });
    expect(await replica.getKey('00ff')).toEqual({ value, at });
    expect(await env.KEYS.get('key:00ff', 'json')).toEqual({
      v: 3,
      seqAt: 7,
      mark: at.mark,
      value,
    });
  });

  test('of a pattern comes back with the end of its registration, in one read', async () => {
    const value = { pattern: 'https://*.a.test', untilMs: Number.MAX_SAFE_INTEGER };
    await replica.putOrigin({ value, at });
    const get = vi.spyOn(env.KEYS, 'get');
    const asked = ['https://b.a.test', 'https://*.a.test', 'https://*.test', '*'];
    expect(await replica.getOrigins(asked)).toEqual([{ value, at }]);
    expect(get.mock.calls).toEqual([
      [asked.map((pattern) => `pattern:${pattern}`), { type: 'json', cacheTtl: 60 }],
    ]);
    expect(await env.KEYS.get('pattern:https://*.a.test')).not.toBeNull();
  });

  test('fits into the longest name that KV takes, for the longest origin', async () => {
    const pattern = `a${'b'.repeat(63)}://${'c'.repeat(400)}:65535`;
    await replica.putOrigin({ value: { pattern, untilMs: 1 }, at });
    expect(await replica.getOrigins([pattern])).toHaveLength(1);
  });

  test.for([
    { what: 'an older shape', text: '{"v":1,"seqAt":7,"value":{}}' },
    // It says nothing of addresses: believed, a key that lists some would be let in from anywhere.
    {
      what: 'the shape from before plans',
      text: JSON.stringify({ v: 2, seqAt: 7, mark: 5, value: aStoredKey() }),
    },
    { what: 'a newer shape', text: '{"v":4}' },
    { what: 'no object', text: '7' },
    { what: 'null', text: 'null' },
  ])('of $what is ignored', async ({ text }) => {
    await env.KEYS.put('key:00ff', text);
    expect(await replica.getKey('00ff')).toBeNull();
  });

  test('that is no JSON counts as KV out of order', async () => {
    await env.KEYS.put('key:00ff', '{"v":3');
    await expect(replica.getKey('00ff')).rejects.toThrow();
  });

  test.for([
    { what: 'a key', days: 30, put: () => replica.putKey('00ff', { value: null, at }) },
    {
      what: 'an origin',
      days: 1,
      put: () => replica.putOrigin({ value: { pattern: 'https://a.test', untilMs: 1 }, at }),
    },
  ])('of $what lives for $days days', async ({ days, put }) => {
    await put();
    const { keys } = await env.KEYS.list();
    const livesForSeconds = (keys[0]?.expiration ?? 0) - Date.now() / 1000;
    expect(Math.abs(livesForSeconds - days * 24 * 60 * 60)).toBeLessThan(60);
  });

  test('is read with a lifetime that the platform takes', async () => {
    const get = vi.spyOn(env.KEYS, 'get');
    await replica.getKey('00ff');
    expect(get).toHaveBeenCalledWith('key:00ff', { type: 'json', cacheTtl: 60 });
  });
});
