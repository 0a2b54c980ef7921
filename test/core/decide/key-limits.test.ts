/** Which limit a key counts against, and under which name. */

import { describe, expect, test } from 'vitest';
import { type KeyLimits, limitOfKey, visitorOf } from '../../../src/core/decide/key-limits.ts';
import type { Limit } from '../../../src/core/decide/rate-limit.ts';
import type { Key, LimitBy } from '../../../src/core/key/key.ts';
import { aBackendKey, aClientKey, aKey } from '../fixtures.ts';

const aLimit = (name: string): Limit => ({
  policy: { name, requests: 10, seconds: 60 },
  take: async () => true,
});
const every = aLimit('key');
const burst = aLimit('burst');
const limits: KeyLimits = { keys: every, named: new Map([['burst', burst]]) };
const addressOf = () => '203.0.113.7';
const never = () => {
  throw new Error('The address was asked for');
};

const owned = (by: LimitBy, key: Key = aBackendKey()): Key => ({
  ...key,
  limit: { name: 'burst', by },
});

describe('limitOfKey()', () => {
  test('is absent without a limit of every key and a selected one', () => {
    expect(limitOfKey({ keys: null, named: limits.named }, aKey(), never)).toBeNull();
  });

  test('is that of every key, under the id, if the key selects none', () => {
    expect(limitOfKey(limits, aKey(), never)).toEqual({ limit: every, name: 'key_1' });
  });

  test('is that of every key if the configuration no longer has the selected one', () => {
    const named = new Map([['other', burst]]);
    expect(limitOfKey({ keys: every, named }, owned('owner'), never)).toEqual({
      limit: every,
      name: 'key_1',
    });
    expect(limitOfKey({ keys: null, named }, owned('owner'), never)).toBeNull();
  });

  const visitor = aClientKey({ subject: 'visitor' }, aBackendKey());
  const nameless = aClientKey({ subject: null }, aBackendKey());
  test.each<[string, Key, string]>([
    ['by key', owned('key'), 'key_1'],
    ['by owner', owned('owner'), 'owner acct_1'],
    ['by owner, without one', owned('owner', aBackendKey({ owner: null })), 'key_1'],
    ['by address', owned('address'), 'key_1 address 203.0.113.7'],
    ['by client, for the key itself', owned('client'), 'key_1 address 203.0.113.7'],
    ['by client, for a visitor', owned('client', visitor), 'key_1 sub visitor'],
    ['by client, without a name', owned('client', nameless), 'key_1 address 203.0.113.7'],
    ['by address, for a visitor', owned('address', visitor), 'key_1 address 203.0.113.7'],
    ['by key, for a visitor', owned('key', visitor), 'key_1'],
  ])('is the selected one, counted %s', (_, key, name) => {
    expect(limitOfKey(limits, key, addressOf)).toEqual({ limit: burst, name });
  });

  test('counts the addresses of one IPv6 network as one', () => {
    const names = ['2001:db8:1:2::1', '2001:db8:1:2:ffff::', '2001:db8:1:3::1'].map(
      (address) => limitOfKey(limits, owned('address'), () => address)?.name,
    );
    expect(names).toEqual([
      'key_1 address 2001:db8:1:2::/64',
      'key_1 address 2001:db8:1:2::/64',
      'key_1 address 2001:db8:1:3::/64',
    ]);
  });

  test.each<[LimitBy, Key]>([
    ['key', owned('key')],
    ['owner', owned('owner')],
    ['client', owned('client', visitor)],
  ])('asks for no address by %s', (_, key) => {
    expect(() => limitOfKey(limits, key, never)).not.toThrow();
  });
});

test('two keys never share the visitors that their pages name', () => {
  const name = (id: string) =>
    visitorOf(aClientKey({ subject: 'a' }, aBackendKey({ id })), addressOf);
  expect([name('key_1'), name('key_2')]).toEqual(['key_1 sub a', 'key_2 sub a']);
});
