/**
 * The cost of a look-up over time, and its outcome if stores fail. The model (`test/keys-model`) shows
 * that its answers are always right. These tests show the exact times and counts.
 */

import { beforeAll, describe, expect, inject, test } from 'vitest';
import { checksumOf } from '../../../src/core/key/token.ts';
import { BACKGROUND_WORK_MS } from '../../../src/core/limits.ts';
import {
  ASK_TWICE_TRIP_MS,
  DATABASE_TIMEOUT_MS,
  FEED_CACHE_LONG_SECONDS,
  FEED_CACHE_MARGIN_MS,
  FEED_CACHE_SECONDS,
  FEED_CACHE_SLOWEST_POLL_MS,
  MISS_SECONDS,
  MISSES_IN_MEMORY,
  NEAR_READ_EVERY_MS,
  NEAR_READS_IN_A_ROW,
  NEAR_READS_OFF_MS,
  OUTAGE_GRACE_RESTRICTED_SECONDS,
  PRIMARY_BESIDE_KV_MS,
  REFUSAL_LOOKUPS,
  REPLICA_TIMEOUT_MS,
  RETRY_AFTER_SECONDS,
  SHARED_POLL_HEAD_START_MS,
} from '../../../src/keys/limits.ts';
import { RequestScope } from '../../../src/keys/lookup/request-scope.ts';
import { SHARED_POLL_AGE_MS } from '../../../src/keys/lookup/shared-polls.ts';
import type { NearRequest } from '../../../src/keys/types.ts';
import { copyOf, readNear } from '../../keys-model/truth.ts';
import {
  aStoredKey,
  aToken,
  Edge,
  type EdgeIsolate,
  importedToken,
  prepareTokens,
} from '../edge.ts';

/** More than an isolate remembers. The nightly run sends a million. */
const FLOOD = inject('isNightly') ? 1_000_000 : 4 * MISSES_IN_MEMORY;

beforeAll(prepareTokens);

/** An edge whose D1 has one key, a backend key unless told otherwise. */
function edgeWithKey(overrides: Parameters<typeof aStoredKey>[0] = {}) {
  const edge = new Edge();
  const { token, hash } = aToken();
  edge.truth.create(aStoredKey(overrides), hash, false);
  return { edge, token, hash };
}

/** The same, and an isolate that knows the key; nothing was asked yet. */
async function edgeWithKnownKey(
  overrides: Parameters<typeof aStoredKey>[0] = {},
  settings: { clockMs?: number } & Parameters<Edge['isolate']>[0] = {},
) {
  const { edge, token, hash } = edgeWithKey(overrides);
  const isolate = edge.isolate(settings);
  await isolate.request(token);
  await edge.time.advance(1);
  edge.takeCalls();
  return { edge, token, hash, isolate };
}

/** Puts into KV what D1 holds of a token. */
function replicate(edge: Edge, hash: string): void {
  edge.copies.set(`key:${hash}`, copyOf(edge.truth.current, hash) as never);
}

/** The health of a store that must not be waited for: its calls hang. */
const hanging = { tookMs: Number.POSITIVE_INFINITY, fails: false };
const failing = { tookMs: 0, fails: true };
const well = { tookMs: 0, fails: false };
/** D1's primary where it is no use to ask it beside KV. */
const far = { tookMs: 200, fails: false };

/** Lets an isolate read the log. */
async function refresh(edge: Edge, { directory }: EdgeIsolate): Promise<void> {
  const refreshed = directory.refresh();
  await edge.time.advance(edge.health.database.tookMs);
  await refreshed;
}

describe('a hot key', () => {
  test('is recalled at once, without any call and as the same object', async () => {
    const { edge, token, isolate } = await edgeWithKnownKey();
    const scope = new RequestScope(edge.time.nowMs, () => {
      throw new Error('nothing is left behind');
    });
    const first = isolate.directory.recall(token, scope);
    expect(first).toMatchObject({ outcome: 'found', key: { id: 'key_1' }, isStale: false });
    expect(isolate.directory.recall(token, scope)).toBe(first);
    expect(edge.takeCalls()).toEqual({});
  });

  test.for([
    { ageMs: 1, calls: {} },
    { ageMs: 4_999, calls: {} },
    { ageMs: 5_000, calls: { cacheReads: 1, database: 1, cacheWrites: 1 } },
    { ageMs: 9_999, calls: { cacheReads: 1, database: 1, cacheWrites: 1 } },
  ])('is answered from memory with a lease of $ageMs ms', async ({ ageMs, calls }) => {
    const { edge, token, isolate } = await edgeWithKnownKey();
    edge.shared = null;
    await edge.time.advance(ageMs - 1);
    const scope = new RequestScope(edge.time.nowMs, (work) => void work);
    expect(isolate.directory.recall(token, scope)).toMatchObject({ outcome: 'found' });
    await edge.time.advance(0);
    expect(edge.takeCalls()).toEqual(calls);
  });

  test('is not answered from memory once the lease is over, but by one read of D1', async () => {
    const { edge, token, isolate } = await edgeWithKnownKey();
    edge.shared = null;
    await edge.time.advance(10_000);
    const scope = new RequestScope(edge.time.nowMs, (work) => void work);
    expect(isolate.directory.recall(token, scope)).toBeUndefined();
    expect(edge.takeCalls()).toEqual({});
    expect(await isolate.request(token)).toMatchObject({ outcome: 'found', isStale: false });
    expect(edge.takeCalls()).toEqual({ cacheReads: 1, database: 1, cacheWrites: 1 });
  });

  test('begins one poll, not one a request, and another when that one died', async () => {
    const { edge, token, isolate } = await edgeWithKnownKey();
    edge.shared = null;
    edge.health.database = hanging;
    await edge.time.advance(6_000);
    for (let number = 0; number < 100; number++) await isolate.request(token);
    expect(edge.takeCalls()).toEqual({ cacheReads: 1, database: 1 });
    await edge.time.advance(DATABASE_TIMEOUT_MS);
    for (let number = 0; number < 100; number++) await isolate.request(token);
    expect(edge.takeCalls()).toEqual({ cacheReads: 1, database: 1 });
  });

  test('has its lease renewed from the start of the poll, not from its end', async () => {
    const { edge, token, isolate } = await edgeWithKnownKey();
    edge.health.database = { tookMs: 1_200, fails: false };
    edge.shared = null;
    await edge.time.advance(5_000);
    await isolate.request(token);
    await edge.time.advance(1_200);
    edge.takeCalls();
    edge.shared = null;
    await edge.time.advance(3_799);
    await isolate.request(token);
    expect(edge.takeCalls()).toEqual({});
    await edge.time.advance(1);
    await isolate.request(token);
    expect(edge.takeCalls()).toMatchObject({ database: 1 });
  });
});

describe('a cold look-up', () => {
  test('in a warm data centre costs one read of KV and one of the cache, at once', async () => {
    const { edge, token, hash } = edgeWithKey();
    replicate(edge, hash);
    await edge.isolate().request(aToken(1).token);
    edge.takeCalls();
    edge.health.replica = { tookMs: 90, fails: false };
    edge.health.cache = { tookMs: SHARED_POLL_HEAD_START_MS, fails: false };
    const startedMs = edge.time.nowMs;
    const found = await edge.isolate().request(token, { origin: 'https://a.test' });
    expect(found).toMatchObject({ outcome: 'found', isStale: false });
    expect(edge.takeCalls()).toEqual({ replicaReads: 1, cacheReads: 1 });
    expect(edge.time.nowMs - startedMs).toBe(90);
    expect(found).toMatchObject({ source: 'kv' });
  });

  test('counts on a copy that is older than the poll which is shared', async () => {
    const { edge, token, hash } = edgeWithKey();
    replicate(edge, hash);
    // The follower reads the log line by line, and shares every line, not the last one alone.
    const follower = edge.isolate();
    for (let number = 1; number < 5; number++) {
      edge.truth.create(aStoredKey({ id: `key_${number}` }), aToken(number).hash, false);
      await follower.request(aToken(number).token);
      await edge.time.advance(FEED_CACHE_SECONDS * 1000);
    }
    edge.takeCalls();
    await edge.isolate().request(token);
    expect(edge.takeCalls()).toEqual({ replicaReads: 1, cacheReads: 1 });
  });

  test('in a cold data centre costs one read of D1, for log, key and origin', async () => {
    const { edge, token } = edgeWithKey({ allowedOrigins: ['https://a.test'] });
    const isolate = edge.isolate();
    expect(await isolate.request(token, { origin: 'https://a.test' })).toMatchObject({
      outcome: 'found',
    });
    expect(edge.takeCalls()).toMatchObject({ replicaReads: 1, cacheReads: 1, database: 1 });
    expect(await isolate.preflight('https://a.test')).toBe('registered');
    expect(edge.takeCalls()).toEqual({});
  });

  test.for([
    { what: 'a token that does not exist', origin: 'https://nowhere.test' },
    { what: 'a preflight', origin: 'https://a.test' },
  ])('of $what costs one read of D1', async ({ what, origin }) => {
    const { edge } = edgeWithKey({ allowedOrigins: ['https://a.test'] });
    const isolate = edge.isolate();
    if (what === 'a preflight') await isolate.preflight(origin);
    else await isolate.request(aToken(1).token, { origin, isAllowed: false });
    expect(edge.takeCalls()).toMatchObject({ database: 1 });
    await isolate.preflight(origin);
    expect(edge.takeCalls()).toEqual({});
  });

  test('reads once for each of two requests at once, and the first to end serves the third', async () => {
    const { edge, token } = edgeWithKey();
    edge.health.database = { tookMs: 50, fails: false };
    const isolate = edge.isolate();
    const scopes = [1, 2].map(() => new RequestScope(edge.time.nowMs, (work) => void work));
    const both = Promise.all(scopes.map((scope) => isolate.directory.find(token, null, scope)));
    await edge.time.advance(100);
    expect(await both).toMatchObject([{ outcome: 'found' }, { outcome: 'found' }]);
    expect(edge.takeCalls()).toMatchObject({ database: 2 });
    await isolate.request(token);
    expect(edge.takeCalls()).toEqual({});
  });

  test.for([
    { what: 'fails', health: failing, waitedMs: 0 },
    {
      what: 'takes too long',
      health: { tookMs: REPLICA_TIMEOUT_MS + 10, fails: false },
      waitedMs: REPLICA_TIMEOUT_MS,
    },
    { what: 'hangs', health: hanging, waitedMs: REPLICA_TIMEOUT_MS },
  ])(
    'is answered by D1 when KV $what, and the log says so once a minute',
    async ({ health, waitedMs }) => {
      const { edge, hash } = edgeWithKey();
      replicate(edge, hash);
      edge.health.replica = health;
      for (let number = 0; number < 3; number++) {
        // Its lease has just begun, and D1 is far, so that nothing but KV is asked at first.
        const asking = edge.isolate();
        edge.health.database = far;
        await refresh(edge, asking);
        edge.health.database = well;
        const startedMs = edge.time.nowMs;
        expect(await asking.request(aToken().token)).toMatchObject({
          outcome: 'found',
          source: 'd1',
        });
        expect(edge.time.nowMs - startedMs).toBe(waitedMs);
      }
      const isolate = edge.isolate();
      edge.events.length = 0;
      for (let number = 1; number <= 5; number++) await isolate.request(aToken(number).token);
      expect(edge.events.map(({ event }) => event)).toEqual(['replica_failed']);
      await edge.time.advance(60_000);
      await isolate.request(aToken(6).token);
      // D1 has answered before KV is given up.
      await edge.time.advance(REPLICA_TIMEOUT_MS);
      expect(edge.events.map(({ event }) => event)).toEqual(['replica_failed', 'replica_failed']);
    },
  );

  test('takes a tombstone in KV for an answer', async () => {
    const { edge, token, hash } = edgeWithKey();
    edge.truth.edit('key_1', { isRevoked: true });
    replicate(edge, hash);
    await edge.isolate().request(aToken(1).token, { isAllowed: false });
    edge.takeCalls();
    const found = await edge.isolate().request(token);
    expect(found).toEqual({ outcome: 'unknown', cause: 'revoked', source: 'kv' });
    expect(edge.takeCalls()).toEqual({ replicaReads: 1, cacheReads: 1 });
  });

  test('tells the log whether a token was revoked or never was, from D1 and from memory', async () => {
    const { edge, token, isolate } = await edgeWithKnownKey();
    edge.truth.edit('key_1', { isRevoked: true });
    await edge.time.advance(10_000);
    for (let time = 0; time < 2; time++) {
      const revoked = await isolate.request(token, { isAllowed: false });
      expect(revoked).toMatchObject({ outcome: 'unknown', cause: 'revoked' });
      const never = await isolate.request(aToken(1).token, { isAllowed: false });
      expect(never).toMatchObject({ outcome: 'unknown', cause: 'no key has this token' });
    }
  });
});

describe('a copy in KV', () => {
  test('is left by a cold reader that found none, once its request is allowed', async () => {
    const { edge, token, hash } = edgeWithKey();
    await edge.isolate().request(token, { isAllowed: false });
    expect(edge.takeCalls().replicaWrites).toBeUndefined();
    await edge.isolate().request(token, { isAllowed: true });
    expect(edge.takeCalls().replicaWrites).toBe(1);
    expect(edge.copies.get(`key:${hash}`)).toEqual(copyOf(edge.truth.current, hash));
  });

  test('of a pattern is left by an allowed request alone, once', async () => {
    const allowedOrigins = ['https://*.a.test'];
    const { edge, token } = edgeWithKey({ allowedOrigins });
    const isolate = edge.isolate();
    const origin = 'https://x.a.test';
    await isolate.request(aToken(1).token, { origin, isAllowed: false });
    await isolate.preflight('https://b.test');
    await isolate.preflight(origin);
    await edge.isolate().preflight(origin);
    await isolate.request(token, { origin, isAllowed: false });
    expect(edge.takeCalls().replicaWrites).toBeUndefined();

    const other = edge.isolate();
    await other.request(token);
    await other.preflight(origin);
    edge.takeCalls();
    await other.request(token, { origin });
    await other.request(token, { origin: 'https://y.a.test' });
    expect(edge.takeCalls()).toEqual({ replicaWrites: 1 });
    expect([...edge.copies.keys()].filter((name) => name.startsWith('pattern:'))).toEqual([
      'pattern:https://*.a.test',
    ]);
  });

  test('is not written if KV has a good one, does not answer, or was not asked', async () => {
    const { edge, token, hash } = edgeWithKey();
    edge.health.replica = failing;
    await edge.isolate().request(token);
    edge.health.replica = well;
    expect(edge.takeCalls().replicaWrites).toBeUndefined();

    replicate(edge, hash);
    edge.shared = null;
    await edge.isolate().request(token);
    expect(edge.takeCalls()).toMatchObject({ database: 1, replicaReads: 1 });
    expect(edge.takeCalls().replicaWrites).toBeUndefined();

    const isolate = edge.isolate();
    await isolate.request(token);
    edge.copies.clear();
    await edge.time.advance(600_000);
    edge.takeCalls();
    await isolate.request(token);
    expect(edge.takeCalls()).toEqual({ cacheReads: 1, database: 1, cacheWrites: 1 });
  });

  test('is not left again within a minute by the same isolate', async () => {
    const { edge, token } = edgeWithKey();
    const isolate = edge.isolate();
    let written = 0;
    for (let number = 0; number < 130; number++) {
      // Each edit makes what memory and KV hold worthless.
      edge.truth.edit('key_1', { enabled: true });
      edge.copies.clear();
      await isolate.directory.refresh();
      await isolate.request(token);
      written += edge.takeCalls().replicaWrites ?? 0;
      await edge.time.advance(1_000);
    }
    expect(written).toBe(3);
  });

  test('that is stale costs a read of D1, and is replaced', async () => {
    const { edge, token, hash } = edgeWithKey();
    replicate(edge, hash);
    edge.truth.edit('key_1', { enabled: false });
    expect(await edge.isolate().request(token)).toMatchObject({ key: { enabled: false } });
    expect(edge.takeCalls()).toMatchObject({ database: 1, replicaWrites: 1 });
    expect(edge.copies.get(`key:${hash}`)).toEqual(copyOf(edge.truth.current, hash));
  });

  test('that is newer than the log is known to be costs a read of D1, and is kept', async () => {
    const { edge, isolate } = await edgeWithKnownKey();
    edge.truth.create(aStoredKey({ id: 'key_2' }), aToken(1).hash, false);
    replicate(edge, aToken(1).hash);
    await isolate.request(aToken(1).token);
    expect(edge.takeCalls()).toEqual({ replicaReads: 1, database: 1 });
  });
});

describe('a token that cannot exist', () => {
  test.for([
    { what: 'an invented tag', change: (token: string) => retagged(token, 'aaaaaaaa') },
    { what: 'a wrong checksum', change: (token: string) => `${token.slice(0, -1)}_` },
    { what: 'a form that was never imported', change: () => 'another-imported-token' },
    { what: 'too many characters', change: (token: string) => token.repeat(20) },
  ])('by $what is refused without a call', async ({ change }) => {
    const { edge, token, isolate } = await edgeWithKnownKey();
    const found = await isolate.request(change(token), { isAllowed: false });
    expect(found).toMatchObject({ outcome: 'unknown' });
    expect(edge.takeCalls()).toEqual({});
  });

  test('is refused without a call, whatever tag it has, also without a lease', async () => {
    const { edge, token, isolate } = await edgeWithKnownKey();
    for (let number = 0; number < FLOOD; number++) {
      const tag = number.toString(36).padStart(8, 'z');
      const scope = new RequestScope(edge.time.nowMs, (work) => void work);
      const found = await isolate.directory.find(retagged(token, tag), null, scope);
      if (found.outcome !== 'unknown') throw new Error(`${found.outcome} with tag ${tag}`);
    }
    expect(edge.takeCalls()).toEqual({});
    expect(isolate.directory.stats()).toMatchObject({ keys: 1, misses: 0 });
    // One poll keeps the log up to date; no token is looked up.
    await edge.time.advance(20_000);
    for (let number = 0; number < 100; number++) {
      await isolate.request(retagged(token, number.toString(36).padStart(8, 'y')));
    }
    expect(edge.takeCalls()).toEqual({ cacheReads: 1, database: 1, cacheWrites: 1 });
  });

  test('is refused by what the shared poll tells, before D1 is asked', async () => {
    const { edge, token } = edgeWithKey();
    await edge.isolate().request(token);
    edge.takeCalls();
    const found = await edge.isolate().request(retagged(token, 'bbbbbbbb'), { isAllowed: false });
    expect(found).toMatchObject({ outcome: 'unknown', cause: 'wrong tag' });
    expect(edge.takeCalls().database).toBeUndefined();
  });

  test('by its form is looked up once a log that is current tells of an import', async () => {
    const { edge, isolate } = await edgeWithKnownKey();
    const imported = await importedToken();
    edge.truth.create(aStoredKey({ id: 'key_2' }), imported.hash, true);
    edge.shared = null;
    expect(await isolate.request(imported.token)).toMatchObject({ outcome: 'unknown' });
    // A lease that is over says nothing about imports.
    await edge.time.advance(10_000);
    expect(await isolate.request(imported.token)).toMatchObject({ key: { id: 'key_2' } });
  });

  /** A token of our form with another tag and the checksum that goes with it. */
  function retagged(token: string, tag: string): string {
    const tagged = token.slice(0, -14) + tag;
    return tagged + checksumOf(tagged);
  }
});

describe('what does not exist', () => {
  test('is asked for once in some seconds, and not at all costs of keys in use', async () => {
    const { edge, isolate } = await edgeWithKnownKey();
    for (let number = 0; number < 10; number++) await isolate.request(aToken(1).token);
    expect(edge.takeCalls()).toEqual({ replicaReads: 1, database: 1 });
    await edge.time.advance(MISS_SECONDS * 1000);
    await isolate.request(aToken(1).token);
    expect(edge.takeCalls()).toMatchObject({ database: 1 });
  });

  test('works at the first try when it is made, also after this isolate has just refused it', async () => {
    const { edge, isolate } = await edgeWithKnownKey();
    expect(await isolate.request(aToken(1).token)).toMatchObject({ outcome: 'unknown' });
    expect(await isolate.preflight('https://new.test')).toBe('unregistered');
    const key = aStoredKey({ id: 'key_2', allowedOrigins: ['https://new.test'] });
    edge.truth.create(key, aToken(1).hash, false);
    // Another isolate's management made it: this one has not heard of it, and forgets by itself.
    await edge.time.advance(MISS_SECONDS * 1000);
    expect(await isolate.request(aToken(1).token)).toMatchObject({ key: { id: 'key_2' } });
    expect(await isolate.preflight('https://new.test')).toBe('registered');

    const { isolate: maker, edge: there } = await edgeWithKnownKey();
    await maker.request(aToken(1).token);
    await maker.preflight('https://new.test');
    there.truth.create(key, aToken(1).hash, false);
    await maker.directory.refresh();
    expect(await maker.request(aToken(1).token)).toMatchObject({ key: { id: 'key_2' } });
    expect(await maker.preflight('https://new.test')).toBe('registered');
  });

  test('is remembered within bounds when many more tokens come, and drives out no key in use', async () => {
    const { edge, token, isolate } = await edgeWithKnownKey();
    // Once something was imported, any token may exist, and each of these has to be looked up.
    edge.truth.create(aStoredKey({ id: 'key_2' }), (await importedToken()).hash, true);
    await isolate.directory.refresh();
    for (let number = 0; number < FLOOD; number++) {
      const scope = new RequestScope(edge.time.nowMs, (work) => void work);
      await isolate.directory.find(`flood-${number}`, null, scope);
      if (number % 1_000 === 0) await isolate.directory.find(token, null, scope);
    }
    expect(edge.takeCalls().database).toBeGreaterThanOrEqual(FLOOD);
    const { misses, keys, keyBytes } = isolate.directory.stats();
    expect(misses).toBeLessThanOrEqual(MISSES_IN_MEMORY);
    expect(keys).toBe(1);
    expect(keyBytes).toBeLessThan(10_000);
    await isolate.request(token);
    expect(edge.takeCalls()).toEqual({});
  });

  test('is remembered within bounds, apart from the keys', async () => {
    const { edge, token, isolate } = await edgeWithKnownKey();
    for (let number = 0; number < MISSES_IN_MEMORY + 500; number++) {
      const scope = new RequestScope(edge.time.nowMs, (work) => void work);
      const origin = { ...anyOrigin, value: `https://x${number}.test`, host: `x${number}.test` };
      await isolate.directory.findOrigin(origin, scope, 'preflight');
    }
    const { misses } = isolate.directory.stats();
    expect(misses).toBeLessThanOrEqual(MISSES_IN_MEMORY);
    expect(misses).toBeGreaterThan(MISSES_IN_MEMORY / 2);
    edge.takeCalls();
    await isolate.request(token);
    expect(edge.takeCalls()).toEqual({});
  });

  const anyOrigin = { value: '', scheme: 'https', host: '', port: '', isOpaque: false };
});

describe('an origin', () => {
  test('whose last key has expired is asked for once in some seconds, not at every preflight', async () => {
    const edge = new Edge();
    const expiresAtMs = edge.time.nowMs + 60_000;
    const key = aStoredKey({ allowedOrigins: ['https://a.test'], expiresAtMs });
    edge.truth.create(key, aToken().hash, false);
    const isolate = edge.isolate();
    expect(await isolate.preflight('https://a.test')).toBe('registered');
    await edge.time.advance(60_000);
    edge.takeCalls();
    for (let number = 0; number < 5; number++) {
      expect(await isolate.preflight('https://a.test')).toBe('unregistered');
    }
    expect(edge.takeCalls().database).toBe(1);
  });

  test('stops being registered when the last key that lists it does', async () => {
    const { edge, isolate } = await edgeWithKnownKey({ allowedOrigins: ['https://a.test'] });
    expect(await isolate.preflight('https://a.test')).toBe('registered');
    edge.truth.edit('key_1', { allowedOrigins: ['https://b.test'] });
    await edge.time.advance(10_000);
    edge.shared = null;
    // The grant of a preflight is no boundary, so the first does not wait for the log.
    expect(await isolate.preflight('https://a.test')).toBe('registered');
    expect(await isolate.preflight('https://a.test')).toBe('unregistered');
    expect(await isolate.preflight('https://b.test')).toBe('registered');
  });
});

describe('a pattern', () => {
  test('answers for every origin that it admits, at no cost', async () => {
    const allowedOrigins = [
      'https://*.a.test',
      'https://my-app-*.vercel.app',
      'http://localhost:*',
    ];
    const { edge, isolate } = await edgeWithKnownKey({ allowedOrigins });
    await isolate.preflight('https://first.a.test');
    await isolate.preflight('https://my-app-1.vercel.app');
    await isolate.preflight('http://localhost:1');
    edge.takeCalls();
    for (let number = 2; number < 200; number++) {
      expect(await isolate.preflight(`https://x${number}.a.test`)).toBe('registered');
      expect(await isolate.preflight(`https://my-app-${number}.vercel.app`)).toBe('registered');
      expect(await isolate.preflight(`http://localhost:${3_000 + number}`)).toBe('registered');
    }
    expect(edge.takeCalls()).toEqual({});
    expect(isolate.directory.stats().origins).toBe(3);
  });

  test.for([
    {
      origin: 'https://x.b.a.test',
      asked: ['*', 'https://x.b.a.test', 'https://*.b.a.test', 'https://*.a.test'],
    },
    { origin: 'http://localhost:81', asked: ['*', 'http://localhost:81', 'http://localhost:*'] },
    { origin: 'app://x', asked: ['*', 'app://x'] },
    { origin: 'null', asked: ['*'] },
  ])(
    'is asked of KV with three others at most, in one read: $origin',
    async ({ origin, asked }) => {
      const { edge, isolate } = await edgeWithKnownKey();
      await isolate.preflight(origin);
      expect(edge.patternReads).toEqual([asked]);
      expect(edge.takeCalls()).toMatchObject({ replicaReads: 1, database: 1 });
    },
  );

  test('in KV answers without D1, and is worthless once the log names it', async () => {
    const { edge, token } = edgeWithKey({ allowedOrigins: ['https://*.a.test'] });
    const writer = edge.isolate();
    await writer.preflight('https://x.a.test');
    await writer.request(token, { origin: 'https://x.a.test' });
    expect(edge.takeCalls().replicaWrites).toBe(2);
    expect(await edge.isolate().preflight('https://y.a.test')).toBe('registered');
    expect(edge.takeCalls()).toEqual({ replicaReads: 1, cacheReads: 1 });

    edge.truth.edit('key_1', { allowedOrigins: ['https://b.test'] });
    edge.shared = null;
    await edge.isolate().preflight('https://z.a.test');
    // What is shared now holds the line that names it.
    expect(await edge.isolate().preflight('https://z.a.test')).toBe('unregistered');
  });

  test('in KV that has expired hides no other one that admits the origin', async () => {
    const edge = new Edge();
    const expiresAtMs = edge.time.nowMs + 1_000;
    const short = aStoredKey({ allowedOrigins: ['https://x.a.test'], expiresAtMs });
    edge.truth.create(short, aToken().hash, false);
    const isolate = edge.isolate();
    await isolate.preflight('https://x.a.test');
    await isolate.request(aToken().token, { origin: 'https://x.a.test' });
    const long = aStoredKey({ id: 'key_2', allowedOrigins: ['https://*.a.test'] });
    edge.truth.create(long, aToken(1).hash, false);
    await edge.time.advance(2_000);
    edge.shared = null;
    expect(await edge.isolate().preflight('https://x.a.test')).toBe('registered');
  });
});

describe('look-ups that only make a refusal readable', () => {
  test('have a budget, beyond which the answer is unsure', async () => {
    const { edge, isolate } = await edgeWithKnownKey();
    const answers: string[] = [];
    for (let number = 0; number < 1_500; number++) {
      answers.push(await isolate.preflight(`https://x${number}.test`, 'refusal'));
    }
    const asked = edge.takeCalls().database ?? 0;
    const elapsedSeconds = edge.time.nowMs / 1000;
    expect(asked).toBeLessThanOrEqual(
      REFUSAL_LOOKUPS.burst + Math.ceil(elapsedSeconds * REFUSAL_LOOKUPS.perSecond),
    );
    expect(answers.filter((answer) => answer === 'unregistered')).toHaveLength(asked);
    expect(answers.at(-1)).toBe('unsure');
  });

  test('have it again later, and take nothing from preflights', async () => {
    const { edge, isolate } = await edgeWithKnownKey({ allowedOrigins: ['https://a.test'] });
    for (let number = 0; number < 200; number++) {
      await isolate.preflight(`https://x${number}.test`, 'refusal');
    }
    expect(await isolate.preflight('https://a.test', 'refusal')).toBe('unsure');
    expect(await isolate.preflight('https://a.test')).toBe('registered');
    // From memory there is no budget.
    expect(await isolate.preflight('https://a.test', 'refusal')).toBe('registered');
    await edge.time.advance(1_000);
    expect(await isolate.preflight('https://new.test', 'refusal')).toBe('unregistered');
  });
});

describe('with D1 out of reach', () => {
  test('a known key is accepted at once, while requests arrive, however long D1 hangs', async () => {
    const { edge, token, isolate } = await edgeWithKnownKey();
    edge.health.database = hanging;
    const waits: number[] = [];
    for (let atMs = 0; atMs < 200_000; atMs += 500) {
      await edge.time.advance(500);
      const startedMs = edge.time.nowMs;
      expect(await isolate.request(token)).toMatchObject({ outcome: 'found' });
      waits.push(edge.time.nowMs - startedMs);
    }
    expect(new Set(waits)).toEqual(new Set([0]));
  });

  test('a request on an idle isolate waits for D1 no longer than its timeout', async () => {
    const { edge, token, isolate } = await edgeWithKnownKey();
    await edge.time.advance(60_000);
    edge.health.database = hanging;
    edge.shared = null;
    const startedMs = edge.time.nowMs;
    expect(await isolate.request(token)).toMatchObject({ outcome: 'found', isStale: true });
    expect(edge.time.nowMs - startedMs).toBe(DATABASE_TIMEOUT_MS);
  });

  test.for([
    { what: 'a backend key', key: {}, outageGraceMs: 300_000, graceMs: 300_000 },
    {
      what: 'a restricted key',
      key: { allowedOrigins: ['https://a.test'] },
      outageGraceMs: 300_000,
      graceMs: OUTAGE_GRACE_RESTRICTED_SECONDS * 1000,
    },
    {
      what: 'a key with full access',
      key: { allowedOrigins: ['https://a.test'], fullAccess: true },
      outageGraceMs: 300_000,
      graceMs: 300_000,
    },
    {
      what: 'a restricted key with a shorter grace',
      key: { allowedOrigins: ['https://a.test'] },
      outageGraceMs: 20_000,
      graceMs: 20_000,
    },
    { what: 'any key without a grace', key: {}, outageGraceMs: 0, graceMs: 0 },
  ])('$what is valid for its grace after the lease, marked stale, and no longer', async (given) => {
    const { edge, token, isolate } = await edgeWithKnownKey(given.key, given);
    edge.health.database = failing;
    edge.shared = null;
    await edge.time.advance(9_998);
    expect(await isolate.request(token)).toMatchObject({ outcome: 'found', isStale: false });
    await edge.time.advance(given.graceMs);
    if (given.graceMs > 0) {
      expect(await isolate.request(token)).toMatchObject({ outcome: 'found', isStale: true });
    }
    await edge.time.advance(1);
    expect(await isolate.request(token)).toEqual({ outcome: 'unavailable' });
  });

  test('a token that no store can confirm is unavailable at once, never unknown', async () => {
    const { edge, isolate } = await edgeWithKnownKey();
    edge.health.database = hanging;
    await isolate.request(aToken(1).token);
    edge.takeCalls();
    const startedMs = edge.time.nowMs;
    for (let number = 2; number < 12; number++) {
      expect(await isolate.request(aToken(number).token)).toEqual({ outcome: 'unavailable' });
    }
    expect(edge.time.nowMs).toBe(startedMs);
    // A fresh isolate has not heard of the outage. It finds out once.
    edge.shared = null;
    expect(await edge.isolate().request(aToken().token)).toEqual({ outcome: 'unavailable' });
    expect(edge.time.nowMs - startedMs).toBe(DATABASE_TIMEOUT_MS);
  });

  test('a key that is in KV, and that the log vouches for, remains valid too', async () => {
    const { edge, isolate } = await edgeWithKnownKey();
    edge.truth.create(aStoredKey({ id: 'key_2' }), aToken(1).hash, false);
    await isolate.directory.refresh();
    replicate(edge, aToken(1).hash);
    edge.health.database = failing;
    await edge.time.advance(30_000);
    edge.shared = null;
    await isolate.request(aToken().token);
    expect(await isolate.request(aToken(1).token)).toMatchObject({
      key: { id: 'key_2' },
      isStale: true,
    });
  });

  test('a key that the log has named does not go on', async () => {
    const { edge, token, isolate } = await edgeWithKnownKey();
    edge.truth.edit('key_1', { isRevoked: true });
    await isolate.directory.refresh();
    edge.health.database = failing;
    for (const waitMs of [0, 5_000, 10_000, 60_000]) {
      await edge.time.advance(waitMs);
      expect(await isolate.request(token)).toEqual({ outcome: 'unavailable' });
    }
  });

  test('an origin is unsure, known or not, and at once', async () => {
    const { edge, isolate } = await edgeWithKnownKey({ allowedOrigins: ['https://a.test'] });
    await isolate.preflight('https://a.test');
    edge.health.database = hanging;
    edge.health.replica = hanging;
    edge.shared = null;
    await edge.time.advance(10_000);
    expect(await isolate.preflight('https://b.test')).toBe('unsure');
    const startedMs = edge.time.nowMs;
    expect(await isolate.preflight('https://a.test')).toBe('unsure');
    expect(await isolate.preflight('https://b.test')).toBe('unsure');
    expect(edge.time.nowMs).toBe(startedMs);
  });

  test('the log says so once a minute', async () => {
    const { edge, token, isolate } = await edgeWithKnownKey();
    edge.health.database = failing;
    for (let atMs = 0; atMs < 120_000; atMs += 1_000) {
      await isolate.request(token);
      await edge.time.advance(1_000);
    }
    expect(edge.events.map(({ event }) => event)).toEqual(['database_failed', 'database_failed']);
  });

  test('that is over, everything is as before, without a restart', async () => {
    const { edge, token, isolate } = await edgeWithKnownKey();
    edge.health.database = failing;
    await edge.time.advance(400_000);
    expect(await isolate.request(token)).toEqual({ outcome: 'unavailable' });
    edge.health.database = well;
    edge.shared = null;
    await edge.time.advance(RETRY_AFTER_SECONDS * 1000);
    expect(await isolate.request(token)).toMatchObject({ outcome: 'found', isStale: false });
    edge.takeCalls();
    await isolate.request(token);
    expect(edge.takeCalls()).toEqual({});
  });

  test('for a moment, the next read that succeeds ends it', async () => {
    const { edge } = edgeWithKey();
    const isolate = edge.isolate();
    edge.health.database = far;
    await isolate.request(aToken().token);
    edge.health.database = failing;
    await isolate.request(aToken(1).token);
    edge.health.database = well;
    // The first one to be turned away tries D1 behind its request.
    await edge.time.advance(DATABASE_TIMEOUT_MS);
    expect(await isolate.request(aToken(2).token)).toEqual({ outcome: 'unavailable' });
    expect(await isolate.request(aToken(2).token)).toMatchObject({ outcome: 'unknown' });
  });

  test('long ago, a key that was revoked since is refused at the first request', async () => {
    const { edge, token, isolate } = await edgeWithKnownKey();
    edge.health.database = failing;
    await edge.time.advance(20_000);
    expect(await isolate.request(token)).toMatchObject({ outcome: 'found', isStale: true });
    edge.health.database = well;
    edge.truth.edit('key_1', { isRevoked: true });
    edge.shared = null;
    await edge.time.advance(10_000);
    expect(await isolate.request(token)).toMatchObject({ outcome: 'unknown' });
  });
});

describe('a near read replica', () => {
  /** A replica that answers at the isolate's head, and counts. */
  function aReplica(edge: Edge, tookMs = 20) {
    const asked = { count: 0 };
    const near = {
      isFromPrimary: false,
      version: edge.truth.current,
      read: async (request: NearRequest) => {
        asked.count += 1;
        await edge.time.wait(tookMs);
        return { ...readNear(near.version, request), isFromPrimary: near.isFromPrimary };
      },
    };
    return { asked, near };
  }

  async function edgeWithReplica(tookMs?: number) {
    const { edge, token } = edgeWithKey();
    edge.health.replica = hanging;
    edge.health.database = far;
    const { asked, near } = aReplica(edge, tookMs);
    const isolate = edge.isolate({ near });
    await refresh(edge, isolate);
    edge.takeCalls();
    return { edge, token, isolate, asked, near };
  }

  test('answers a key that is cold in KV, without D1', async () => {
    const { edge, token, isolate } = await edgeWithReplica();
    const beganMs = edge.time.nowMs;
    expect(await isolate.request(token)).toMatchObject({ outcome: 'found', source: 'replica' });
    expect(edge.time.nowMs - beganMs).toBe(20);
    expect(edge.takeCalls()).toEqual({ replicaReads: 1 });
  });

  test('is not believed that a key does not exist', async () => {
    const { edge, isolate, asked } = await edgeWithReplica();
    const { token, hash } = aToken(1);
    edge.truth.create(aStoredKey({ id: 'key_2' }), hash, false);
    expect(await isolate.request(token)).toMatchObject({ outcome: 'found', source: 'd1' });
    expect(asked.count).toBe(1);
  });

  test('is not believed if a later line names the token', async () => {
    const { edge, token, isolate, near } = await edgeWithReplica();
    edge.truth.edit('key_1', { enabled: false });
    near.version = edge.truth.current;
    expect(await isolate.request(token)).toMatchObject({ outcome: 'found', source: 'd1' });
  });

  test('is asked a few times in a row, and then once in a while', async () => {
    const { edge, isolate, asked } = await edgeWithReplica();
    const scope = () => new RequestScope(edge.time.nowMs, (work) => void work);
    const all = Array.from({ length: NEAR_READS_IN_A_ROW + 5 }, (_, number) =>
      isolate.directory.find(aToken(number + 1).token, null, scope()),
    );
    await edge.time.advance(2_000);
    await Promise.all(all);
    expect(asked.count).toBe(NEAR_READS_IN_A_ROW);
    await edge.time.advance(2 * NEAR_READS_IN_A_ROW * NEAR_READ_EVERY_MS);
    await refresh(edge, isolate);
    await isolate.request(aToken(NEAR_READS_IN_A_ROW + 7).token);
    expect(asked.count).toBe(NEAR_READS_IN_A_ROW + 1);
  });

  test('is never asked by an isolate that looks up more than that all the time', async () => {
    const { edge, isolate, asked } = await edgeWithReplica();
    for (let number = 0; number < 60; number++) {
      const scope = () => new RequestScope(edge.time.nowMs, (work) => void work);
      for (let each = 0; each < 4; each++) {
        void isolate.directory.find(aToken((4 * number + each) % 20).token, null, scope());
      }
      await edge.time.advance(1_000);
    }
    // Until the budget is used up, it grows by one for each four look-ups.
    expect(asked.count).toBeLessThanOrEqual(Math.ceil((NEAR_READS_IN_A_ROW * 4) / 3));
  });

  test('is left alone for ten minutes once the primary answers in its place', async () => {
    const { edge, token, isolate, asked, near } = await edgeWithReplica();
    near.isFromPrimary = true;
    await isolate.request(token);
    await edge.time.advance(60_000);
    await refresh(edge, isolate);
    await isolate.request(aToken(1).token);
    expect(asked.count).toBe(1);
    await edge.time.advance(NEAR_READS_OFF_MS);
    await refresh(edge, isolate);
    await isolate.request(aToken(2).token);
    expect(asked.count).toBe(2);
  });

  test('grants a preflight although the lease is over', async () => {
    const { edge } = edgeWithKey({ allowedOrigins: ['https://a.test'] });
    edge.health.replica = hanging;
    const isolate = edge.isolate({ near: aReplica(edge).near });
    await refresh(edge, isolate);
    edge.health.database = { tookMs: 300, fails: false };
    await edge.time.advance(60_000);
    edge.shared = null;
    const beganMs = edge.time.nowMs;
    expect(await isolate.preflight('https://a.test')).toBe('registered');
    expect(edge.time.nowMs - beganMs).toBe(20);
  });
});

describe("D1's primary", () => {
  /** An isolate that knows the log, with a D1 at some distance, and KV that takes its time. */
  async function edgeAt(tookMs: number) {
    const { edge, token } = edgeWithKey();
    edge.health.database = { tookMs, fails: false };
    edge.health.replica = { tookMs: 200, fails: false };
    const isolate = edge.isolate();
    await refresh(edge, isolate);
    edge.takeCalls();
    return { edge, token, isolate };
  }

  test.for([
    { tookMs: 8, isAsked: true },
    { tookMs: PRIMARY_BESIDE_KV_MS, isAsked: true },
    { tookMs: PRIMARY_BESIDE_KV_MS + 10, isAsked: false },
  ])('is asked for a cold key beside KV only if it is near: $tookMs ms', async (given) => {
    const { edge, token, isolate } = await edgeAt(given.tookMs);
    const beganMs = edge.time.nowMs;
    expect(await isolate.request(token)).toMatchObject({ outcome: 'found', source: 'd1' });
    const waitedMs = edge.time.nowMs - beganMs;
    if (given.isAsked) expect(waitedMs).toBeLessThan(given.tookMs + 10);
    else expect(waitedMs).toBeGreaterThanOrEqual(200 + given.tookMs);
    expect(edge.takeCalls()).toMatchObject({ database: 1, replicaReads: 1 });
  });

  test('is asked once for a look-up, though KV fails before it answers', async () => {
    const { edge, token, isolate } = await edgeAt(8);
    edge.health.replica = failing;
    expect(await isolate.request(token)).toMatchObject({ outcome: 'found' });
    expect(edge.takeCalls()).toMatchObject({ database: 1 });
  });

  test('is left to the polls by an isolate that looks up much', async () => {
    const { edge, isolate } = await edgeAt(8);
    for (let each = 0; each < NEAR_READS_IN_A_ROW + 5; each++) {
      const scope = new RequestScope(edge.time.nowMs, (work) => void work);
      void isolate.directory.find(aToken(each + 1).token, null, scope);
    }
    await edge.time.advance(100);
    expect(edge.takeCalls().database).toBe(NEAR_READS_IN_A_ROW);
  });

  test('is not asked again beside KV right after it failed', async () => {
    const { edge, isolate } = await edgeAt(8);
    edge.health.database = failing;
    await refresh(edge, isolate);
    edge.takeCalls();
    await edge.time.advance(100);
    expect(await isolate.request(aToken(1).token)).toEqual({ outcome: 'unavailable' });
    expect(edge.takeCalls().database).toBeUndefined();
  });

  /** An isolate that knows a key, after a pause. Reads of D1 take as long as these trips, in order. */
  async function edgeAfterPause(lastTripMs: number, trips: readonly number[]) {
    const { edge, token, isolate } = await edgeAt(lastTripMs);
    edge.health.replica = { tookMs: 0, fails: false };
    await isolate.request(token);
    await edge.time.advance(60_000);
    await refresh(edge, isolate);
    await edge.time.advance(60_000);
    edge.shared = null;
    edge.takeCalls();
    const left = [...trips];
    edge.health.database = {
      get tookMs() {
        return left.shift() ?? lastTripMs;
      },
      fails: false,
    };
    return { edge, token, isolate };
  }

  test.for([
    { what: 'near', lastTripMs: ASK_TWICE_TRIP_MS.least - 1, reads: 1 },
    { what: 'far', lastTripMs: ASK_TWICE_TRIP_MS.least, reads: 2 },
    { what: 'very far', lastTripMs: ASK_TWICE_TRIP_MS.most, reads: 2 },
    { what: 'slow', lastTripMs: ASK_TWICE_TRIP_MS.most + 1, reads: 1 },
  ])('that is $what is asked $reads times by a request that waits for it alone', async (given) => {
    const { edge, token, isolate } = await edgeAfterPause(given.lastTripMs, []);
    await isolate.request(token);
    expect(edge.takeCalls().database).toBe(given.reads);
  });

  test.for([
    { trips: [400, 150] },
    { trips: [150, 400] },
    { trips: [Number.POSITIVE_INFINITY, 150] },
    { trips: [150, Number.POSITIVE_INFINITY] },
  ])('counts by the first of two answers: $trips', async ({ trips }) => {
    const { edge, token, isolate } = await edgeAfterPause(250, trips);
    const beganMs = edge.time.nowMs;
    expect(await isolate.request(token)).toMatchObject({ outcome: 'found', source: 'd1' });
    expect(edge.time.nowMs - beganMs).toBe(150);
    await edge.time.advance(5_000 - 150 - 1);
    const recalled = isolate.directory.recall(token, new RequestScope(edge.time.nowMs, () => {}));
    expect(recalled).toMatchObject({ outcome: 'found', isStale: false });
  });

  test('is not asked twice while another request asks it', async () => {
    const { edge, token, isolate } = await edgeAfterPause(250, []);
    const scope = () => new RequestScope(edge.time.nowMs, (work) => void work);
    const both = [1, 2].map(() => isolate.directory.find(token, null, scope()));
    await edge.time.advance(1_000);
    await Promise.all(both);
    expect(edge.takeCalls().database).toBe(3);
  });

  test('is not asked twice for a cold key, nor after a read that failed', async () => {
    const { edge, token, isolate } = await edgeAfterPause(250, []);
    edge.health.replica = { tookMs: 200, fails: false };
    await isolate.request(aToken(1).token);
    expect(edge.takeCalls().database).toBe(1);
    edge.health.database = failing;
    await refresh(edge, isolate);
    edge.health.database = { tookMs: 250, fails: false };
    await edge.time.advance(60_000);
    edge.shared = null;
    edge.takeCalls();
    await isolate.request(token);
    expect(edge.takeCalls().database).toBe(1);
  });

  test('is asked without a head start for the cache once the cache had nothing twice', async () => {
    const { edge, token, isolate } = await edgeAt(200);
    edge.health.cache = { tookMs: 9, fails: false };
    const waits: number[] = [];
    for (let round = 0; round < 4; round++) {
      await edge.time.advance(60_000);
      edge.shared = null;
      const beganMs = edge.time.nowMs;
      await isolate.request(token);
      waits.push(edge.time.nowMs - beganMs);
    }
    expect(waits.slice(0, 2).every((ms) => ms > 200)).toBe(true);
    expect(waits.slice(2)).toEqual([200, 200]);
  });
});

describe('keeping warm', () => {
  async function edgeThatKeepsWarm() {
    const known = await edgeWithKnownKey({}, { keepWarmMs: 25_000 });
    known.edge.shared = null;
    return known;
  }
  const keepWarm = (edge: Edge, isolate: EdgeIsolate) =>
    isolate.directory.keepWarm(new RequestScope(edge.time.nowMs, (work) => void work));

  test('spares the next request the wait, for as long as the setting says', async () => {
    const { edge, token, isolate } = await edgeThatKeepsWarm();
    keepWarm(edge, isolate);
    await edge.time.advance(33_000);
    const recall = () =>
      isolate.directory.recall(token, new RequestScope(edge.time.nowMs, () => {}));
    expect(recall()).toMatchObject({ outcome: 'found' });
    await edge.time.advance(10_000);
    expect(recall()).toBeUndefined();
  });

  test('reads D1 a few times and then ends', async () => {
    const { edge, isolate } = await edgeThatKeepsWarm();
    keepWarm(edge, isolate);
    await edge.time.advance(600_000);
    expect(edge.takeCalls().database).toBeLessThanOrEqual(5);
  });

  /** The times between the entries that a loop leaves in the cache. Each poll of D1 takes 250 ms. */
  async function pausesBetweenEntries(edge: Edge, isolate: EdgeIsolate): Promise<number[]> {
    edge.sharedLong = edge.shared;
    edge.shared = null;
    edge.health.database = { tookMs: 250, fails: false };
    edge.takeCalls();
    keepWarm(edge, isolate);
    const writtenMs: number[] = [];
    for (let tick = 0; tick < 24_000; tick += 50) {
      await edge.time.advance(50);
      if (edge.takeCalls().cacheWrites) writtenMs.push(edge.time.nowMs);
      edge.shared = null;
    }
    return writtenMs.slice(1).map((ms, index) => ms - (writtenMs[index] ?? 0));
  }

  test('leaves no time in which neighbours find no shared poll', async () => {
    const { edge, isolate } = await edgeWithKnownKey({}, { keepWarmMs: 25_000 });
    const pauses = await pausesBetweenEntries(edge, isolate);
    expect(pauses.length).toBeGreaterThanOrEqual(2);
    expect(Math.max(...pauses)).toBeLessThan(FEED_CACHE_LONG_SECONDS * 1000);
  });

  test('polls later if its own requests found no neighbour', async () => {
    const { edge, token, isolate } = await edgeWithKnownKey({}, { keepWarmMs: 25_000 });
    edge.shared = null;
    await edge.time.advance(60_000);
    await isolate.request(token);
    const pauses = await pausesBetweenEntries(edge, isolate);
    expect(pauses.length).toBeGreaterThanOrEqual(2);
    expect(Math.min(...pauses)).toBeGreaterThan(FEED_CACHE_LONG_SECONDS * 1000);
  });

  test('passes to the next allowed request, so that one loop runs', async () => {
    const { edge, isolate } = await edgeThatKeepsWarm();
    for (let second = 0; second < 20; second++) {
      keepWarm(edge, isolate);
      await edge.time.advance(1_000);
    }
    edge.takeCalls();
    await edge.time.advance(60_000);
    // As many as one loop does, not twenty.
    expect(edge.takeCalls().database).toBeLessThanOrEqual(5);
  });

  test('continues at a measured pace while D1 fails', async () => {
    const { edge, isolate } = await edgeThatKeepsWarm();
    edge.health.database = failing;
    keepWarm(edge, isolate);
    await edge.time.advance(60_000);
    expect(edge.takeCalls().database).toBeLessThanOrEqual(25);
  });

  test.for([25_000, 27_000])('ends in time though D1 hangs: %d ms', async (keepWarmMs) => {
    const { edge, isolate } = await edgeWithKnownKey({}, { keepWarmMs });
    edge.health.database = hanging;
    const startedMs = edge.time.nowMs;
    let endedMs = Number.POSITIVE_INFINITY;
    const scope = new RequestScope(startedMs, (work) => {
      void work.finally(() => {
        endedMs = edge.time.nowMs;
      });
    });
    isolate.directory.keepWarm(scope);
    await edge.time.advance(120_000);
    expect(endedMs - startedMs).toBeGreaterThan(keepWarmMs - 2_000);
    expect(endedMs - startedMs).toBeLessThanOrEqual(BACKGROUND_WORK_MS);
  });

  test('does nothing when it is turned off', async () => {
    const { edge, isolate } = await edgeWithKnownKey({}, { keepWarmMs: 0 });
    keepWarm(edge, isolate);
    await edge.time.advance(60_000);
    expect(edge.takeCalls()).toEqual({});
  });
});

describe('many changes by other owners', () => {
  test.for([
    { lines: 1_900, pages: 0 },
    { lines: 2_500, pages: 1 },
    { lines: 30_000, pages: 7 },
  ])('cost no key its place in memory: $lines', async ({ lines, pages }) => {
    const { edge, token, isolate } = await edgeWithKnownKey();
    edge.shared = null;
    edge.truth.flood(lines);
    await edge.time.advance(6_000);
    await isolate.request(token);
    expect(edge.takeCalls()).toMatchObject({ database: 1, ...(pages > 0 ? { pages } : {}) });
    // The lease is that of the poll.
    await edge.time.advance(4_900);
    expect(await isolate.request(token)).toMatchObject({ outcome: 'found', isStale: false });
    expect(edge.takeCalls()).toEqual({});
  });

  test('cost no key its place in memory, however often they happen while it is idle', async () => {
    const { edge, token, isolate } = await edgeWithKnownKey();
    for (let flood = 0; flood < 10; flood++) {
      edge.shared = null;
      edge.truth.flood(1_900);
      await edge.time.advance(6_000);
      await isolate.directory.refresh();
    }
    edge.takeCalls();
    expect(await isolate.request(token)).toMatchObject({ outcome: 'found' });
    expect(edge.takeCalls()).toEqual({});
  });

  test('cost no key its outage grace', async () => {
    const { edge, token, isolate } = await edgeWithKnownKey();
    edge.shared = null;
    edge.truth.flood(30_000);
    await edge.time.advance(6_000);
    await isolate.request(token);
    edge.health.database = failing;
    await edge.time.advance(200_000);
    expect(await isolate.request(token)).toMatchObject({ outcome: 'found', isStale: true });
  });

  test('do not delay a request whose lease is over by more than one read of D1', async () => {
    const { edge, token, isolate } = await edgeWithKnownKey();
    edge.shared = null;
    edge.truth.flood(30_000);
    edge.health.database = { tookMs: 300, fails: false };
    await edge.time.advance(20_000);
    const beganMs = edge.time.nowMs;
    expect(await isolate.request(token)).toMatchObject({ outcome: 'found', isStale: false });
    expect(edge.time.nowMs - beganMs).toBe(300);
  });

  test('cost no key that is asked for meanwhile its outage grace', async () => {
    const { edge, token, isolate } = await edgeWithKnownKey();
    edge.truth.create(aStoredKey({ id: 'key_2' }), aToken(1).hash, false);
    edge.shared = null;
    edge.truth.flood(30_000);
    edge.health.database = { tookMs: 300, fails: false };
    await edge.time.advance(20_000);
    await isolate.request(token);
    edge.truth.flood(10);
    await isolate.request(aToken(1).token);
    await edge.time.advance(20_000);
    edge.health.database = failing;
    for (const known of [token, aToken(1).token]) {
      expect(await isolate.request(known)).toMatchObject({ outcome: 'found', isStale: true });
    }
  });

  test('are read once, and not by each request that comes meanwhile', async () => {
    const { edge, token, isolate } = await edgeWithKnownKey();
    edge.shared = null;
    edge.truth.flood(30_000);
    edge.health.database = { tookMs: 300, fails: false };
    await edge.time.advance(20_000);
    for (let number = 0; number < 5; number++) await isolate.request(token);
    await edge.time.advance(20_000);
    expect(edge.takeCalls()).toMatchObject({ pages: 7 });
  });

  test.for([
    { what: 'before them', before: 0, after: 9_000 },
    { what: 'in their middle', before: 3_000, after: 6_000 },
    { what: 'after them', before: 9_000, after: 0 },
  ])('do not hide a revocation $what', async ({ before, after }) => {
    const { edge, token, isolate } = await edgeWithKnownKey();
    edge.shared = null;
    edge.truth.flood(before);
    edge.truth.edit('key_1', { isRevoked: true });
    edge.truth.flood(after);
    await edge.time.advance(6_000);
    await isolate.request(token);
    expect(await isolate.request(token)).toMatchObject({ outcome: 'unknown', cause: 'revoked' });
  });

  test('do not hide a revocation after them while the pages are still on their way', async () => {
    const { edge, token, isolate } = await edgeWithKnownKey();
    edge.shared = null;
    edge.truth.flood(9_000);
    edge.truth.edit('key_1', { isRevoked: true });
    edge.health.database = { tookMs: 1_000, fails: false };
    await edge.time.advance(6_000);
    await isolate.request(token);
    await edge.time.advance(1_001);
    expect(edge.takeCalls()).toMatchObject({ database: 1, pages: 1 });
    expect(await isolate.request(token)).toMatchObject({ outcome: 'unknown', cause: 'revoked' });
  });
});

describe('a clock that is set back', () => {
  test.for([
    { backMs: 1_001, calls: { database: 1 } },
    { backMs: 4_000, calls: { database: 1 } },
    { backMs: 3_600_000, calls: { database: 1 } },
  ])('by $backMs ms ends the lease', async ({ backMs, calls }) => {
    const clock = { clockMs: 0 };
    const { edge, token, isolate } = await edgeWithKnownKey({}, clock);
    await edge.time.advance(4_500);
    await isolate.request(token);
    expect(edge.takeCalls()).toEqual({});
    clock.clockMs = -backMs;
    edge.shared = null;
    await isolate.request(token);
    expect(edge.takeCalls()).toMatchObject(calls);
  });

  test('in small steps adds no more than a second to the bound', async () => {
    const clock = { clockMs: 0 };
    const { edge, token, isolate } = await edgeWithKnownKey({}, clock);
    await edge.time.advance(4_500);
    await isolate.request(token);
    edge.shared = null;
    for (const [step, database] of [undefined, undefined, 1].entries()) {
      clock.clockMs -= 400;
      await isolate.request(token);
      expect(edge.takeCalls().database, `step ${step}`).toBe(database);
    }
  });

  test('is no reason to trust what was found missing', async () => {
    const clock = { clockMs: 0 };
    const { edge, isolate } = await edgeWithKnownKey({}, clock);
    const { token } = aToken(1);
    await isolate.request(token);
    edge.takeCalls();
    clock.clockMs = -500;
    await isolate.request(token);
    expect(edge.takeCalls()).toMatchObject({ database: 1 });
  });
});

describe('a poll that is shared', () => {
  test('counts for as old as it can be', async () => {
    const { edge, token } = edgeWithKey();
    await edge.isolate().request(token);
    const isolate = edge.isolate();
    await isolate.request(token);
    expect(edge.takeCalls().database).toBe(1);
    edge.shared = null;
    await edge.time.advance(5_000 - SHARED_POLL_AGE_MS - 1);
    await isolate.request(token);
    expect(edge.takeCalls()).toEqual({});
    await edge.time.advance(1);
    await isolate.request(token);
    expect(edge.takeCalls()).toMatchObject({ cacheReads: 1, database: 1 });
  });

  test('lets a revoked key live no longer than a poll of its own would', async () => {
    const { edge, token } = edgeWithKey();
    const poller = edge.isolate();
    await poller.request(token);
    const polledMs = edge.time.nowMs;
    edge.truth.edit('key_1', { isRevoked: true });
    // The cache has kept the poll for as long as it may.
    await edge.time.advance(SHARED_POLL_AGE_MS - 1_000);
    const isolate = edge.isolate();
    edge.copies.set(
      `key:${aToken().hash}`,
      copyOf(edge.truth.versions[1] ?? edge.truth.current, aToken().hash) as never,
    );
    expect(await isolate.request(token)).toMatchObject({ outcome: 'found' });
    edge.shared = null;
    edge.health.database = { tookMs: 1_000, fails: false };
    await edge.time.advance(polledMs + 10_000 - 1_000 - edge.time.nowMs);
    expect(await isolate.request(token)).toMatchObject({ outcome: 'unknown' });
  });

  test('counts for nothing when its writer calls it older than the cache may keep it', async () => {
    const { edge, token } = edgeWithKey();
    await edge.isolate().request(token);
    await edge.time.advance(SHARED_POLL_AGE_MS - FEED_CACHE_MARGIN_MS + 1);
    edge.takeCalls();
    await edge.isolate().request(token);
    expect(edge.takeCalls()).toMatchObject({ cacheReads: 1, database: 1 });
  });

  test('never counts as younger than the cache allows, whatever its writer says', async () => {
    const { edge, token } = edgeWithKey();
    await edge.isolate({ clockMs: 3_600_000 }).request(token);
    const isolate = edge.isolate();
    await isolate.request(token);
    edge.shared = null;
    edge.takeCalls();
    await edge.time.advance(5_000 - SHARED_POLL_AGE_MS);
    await isolate.request(token);
    expect(edge.takeCalls()).toMatchObject({ cacheReads: 1, database: 1 });
  });

  test('was quick', async () => {
    const { edge, token } = edgeWithKey();
    edge.health.database = { tookMs: FEED_CACHE_SLOWEST_POLL_MS + 10, fails: false };
    await edge.isolate().request(token);
    expect(edge.takeCalls().cacheWrites).toBeUndefined();
  });

  test('is put there again when it has run out, not at every read of D1', async () => {
    const { edge } = edgeWithKey();
    const isolate = edge.isolate();
    for (let number = 0; number < 10; number++) await isolate.request(aToken(number).token);
    expect(edge.takeCalls().cacheWrites).toBe(1);
    await edge.time.advance(FEED_CACHE_SECONDS * 1000);
    await isolate.request(aToken(11).token);
    expect(edge.takeCalls().cacheWrites).toBe(1);
  });

  test('spares the others their own one', async () => {
    const { edge, token } = edgeWithKey();
    const isolates = Array.from({ length: 10 }, () => edge.isolate());
    for (const isolate of isolates) await isolate.request(token);
    expect(edge.takeCalls().database).toBe(1);
    await edge.time.advance(9_999);
    edge.shared = null;
    for (const isolate of isolates) await isolate.request(token);
    expect(edge.takeCalls().database).toBe(1);
  });

  test.for([
    { what: 'the cache fails', health: failing },
    { what: 'the cache hangs', health: hanging },
  ])('is done without when $what', async ({ health }) => {
    const { edge, token } = edgeWithKey();
    edge.health.cache = health;
    const isolate = edge.isolate();
    expect(await isolate.request(token)).toMatchObject({ outcome: 'found' });
    await edge.time.advance(6_000);
    expect(await isolate.request(token)).toMatchObject({ outcome: 'found' });
    await edge.time.advance(6_000);
    expect(await isolate.request(token)).toMatchObject({ outcome: 'found', isStale: false });
    expect(edge.events.map(({ event }) => event)).toEqual(['cache_failed']);
  });

  test('is not asked for where it would be older than a lease may get', async () => {
    const { edge, token } = edgeWithKey();
    const isolate = edge.isolate({ refreshMs: SHARED_POLL_AGE_MS });
    await isolate.request(token);
    await edge.time.advance(SHARED_POLL_AGE_MS);
    await isolate.request(token);
    expect(edge.takeCalls()).toEqual({ replicaReads: 1, replicaWrites: 1, database: 2 });
  });
});

describe('settings at their ends', () => {
  test('a refresh of 0 polls behind every request, one after the other', async () => {
    const { edge, token, isolate } = await edgeWithKnownKey({}, { refreshMs: 0 });
    for (let number = 0; number < 5; number++) await isolate.request(token);
    expect(edge.takeCalls()).toEqual({ database: 5 });
    edge.health.database = { tookMs: 300, fails: false };
    for (let number = 0; number < 5; number++) await isolate.request(token);
    expect(edge.takeCalls()).toEqual({ database: 1 });
  });

  test('a staleness of 1 second lets no answer of D1 count that took longer', async () => {
    const settings = { refreshMs: 500, maxStalenessMs: 1_000 };
    const { edge, token, isolate } = await edgeWithKnownKey({}, settings);
    edge.health.database = { tookMs: 1_100, fails: false };
    await edge.time.advance(1_000);
    const startedMs = edge.time.nowMs;
    expect(await isolate.request(token)).toMatchObject({ outcome: 'found', isStale: true });
    expect(edge.time.nowMs - startedMs).toBe(1_000);
  });

  test('a staleness of 1 second ends a revoked key within that, though D1 failed before', async () => {
    const settings = { refreshMs: 500, maxStalenessMs: 1_000 };
    const { edge, token, isolate } = await edgeWithKnownKey({}, settings);
    edge.health.database = failing;
    await edge.time.advance(3_000);
    expect(await isolate.request(token)).toMatchObject({ isStale: true });
    edge.health.database = well;
    edge.truth.edit('key_1', { isRevoked: true });
    await edge.time.advance(1_000);
    expect(await isolate.request(token)).toMatchObject({ outcome: 'unknown' });
  });

  test('a refresh as long as the staleness still ends the lease', async () => {
    const settings = { refreshMs: 10_000, maxStalenessMs: 10_000 };
    const { edge, token, isolate } = await edgeWithKnownKey({}, settings);
    edge.truth.edit('key_1', { isRevoked: true });
    edge.shared = null;
    await edge.time.advance(9_998);
    expect(await isolate.request(token)).toMatchObject({ outcome: 'found' });
    await edge.time.advance(1);
    expect(await isolate.request(token)).toMatchObject({ outcome: 'unknown' });
  });
});

describe('a D1 that was restored to an earlier time', () => {
  test('makes what memory and KV hold of the abandoned history worthless', async () => {
    const { edge, token, hash } = edgeWithKey();
    const { current } = edge.truth;
    edge.truth.create(aStoredKey({ id: 'key_2' }), aToken(1).hash, false);
    replicate(edge, hash);
    replicate(edge, aToken(1).hash);
    const isolate = edge.isolate();
    expect(await isolate.request(aToken(1).token)).toMatchObject({ key: { id: 'key_2' } });

    edge.truth.restore(current);
    // The seqs are given out again.
    edge.truth.edit('key_1', { enabled: false });
    await edge.time.advance(10_000);
    edge.shared = null;
    expect(await isolate.request(aToken(1).token)).toMatchObject({ outcome: 'unknown' });
    expect(await isolate.request(token)).toMatchObject({ key: { enabled: false } });
    expect(await edge.isolate().request(aToken(1).token)).toMatchObject({ outcome: 'unknown' });
  });

  test('is asked for its whole log, so that copies from before it count again', async () => {
    const { edge, hash } = edgeWithKey();
    replicate(edge, hash);
    edge.truth.create(aStoredKey({ id: 'key_2' }), aToken(1).hash, false);
    const { current } = edge.truth;
    edge.truth.create(aStoredKey({ id: 'key_3' }), aToken(2).hash, false);
    const isolate = edge.isolate();
    await isolate.request(aToken(2).token);
    edge.truth.restore(current);
    edge.truth.create(aStoredKey({ id: 'key_4' }), aToken(3).hash, false);
    // The first read tells of it, the second tells all.
    edge.health.database = far;
    await refresh(edge, isolate);
    await refresh(edge, isolate);
    edge.takeCalls();
    expect(await isolate.request(aToken().token)).toMatchObject({ key: { id: 'key_1' } });
    expect(edge.takeCalls()).toEqual({ replicaReads: 1 });
  });
});
