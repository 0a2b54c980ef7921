import {
  createLocalJWKSet,
  decodeJwt,
  decodeProtectedHeader,
  exportJWK,
  generateKeyPair,
  jwtVerify,
} from 'jose';
import { describe, expect, it } from 'vitest';
import type { AssertionKey } from '../../src/core/assertion-jwks.ts';
import { compileKey, type StoredKey } from '../../src/core/key/key.ts';
import { restrictedRoutes } from '../../src/core/routes/restricted-routes.ts';
import { type AssertionMode, createAssertionSigner } from '../../src/gateway/assertion.ts';

const nowMs = Date.parse('2026-11-22T12:00:00.700Z');
const storedKey: StoredKey = {
  id: 'key_1',
  owner: 'acct_1',
  kind: 'cors',
  allowedOrigins: ['https://a.example'],
  fullAccess: false,
  rules: null,
  enabled: true,
  expiresAtMs: null,
};
const aRequest = (more: object = {}) => ({
  key: compileKey(storedKey, restrictedRoutes),
  isStale: false,
  method: 'GET',
  url: 'https://upstream.test/api/stream/1?secret=1',
  nowMs,
  ...more,
});

async function aKeyPair(kid?: string): Promise<AssertionKey> {
  const { privateKey } = await generateKeyPair('EdDSA', { extractable: true });
  const jwk = await exportJWK(privateKey);
  return { ...jwk, ...(kid === undefined ? {} : { kid }) } as AssertionKey;
}

async function aSigner(mode: AssertionMode, keys?: readonly AssertionKey[]) {
  let ids = 0;
  return createAssertionSigner({
    mode,
    keys: keys ?? [await aKeyPair()],
    issuer: 'edge-authorizer',
    audience: 'https://upstream.test',
    newId: () => `id-${++ids}`,
  });
}

const verifyOptions = {
  issuer: 'edge-authorizer',
  audience: 'https://upstream.test',
  algorithms: ['EdDSA'],
  currentDate: new Date(nowMs),
};

describe('createAssertionSigner()', () => {
  it('signs the metadata and tags of the key, and nothing in their place', async () => {
    const meta = { plan: 'pro' };
    const keyWith = (more: Partial<StoredKey>) => ({
      key: compileKey({ ...storedKey, ...more }, restrictedRoutes),
    });
    for (const mode of ['request', 'key'] as const) {
      const signer = await aSigner(mode);
      const claimsOf = async (more: Partial<StoredKey>) =>
        decodeJwt(await signer.sign(aRequest(keyWith(more))));
      const bare = await claimsOf({});
      expect([bare['meta'], bare['tags']]).toEqual([undefined, undefined]);
      expect(await claimsOf({ meta, tags: ['beta'] })).toMatchObject({ meta, tags: ['beta'] });
      // Signed once per key, an assertion does not outlive what it says.
      expect(await claimsOf({ meta: { plan: 'free' } })).toMatchObject({ meta: { plan: 'free' } });
      expect((await claimsOf({}))['meta']).toBeUndefined();
    }
  });

  it('signs what the published keys refuse when one character of the claims is changed', async () => {
    const signer = await aSigner('request');
    const [header, payload, signature] = (await signer.sign(aRequest())).split('.');
    const claims = JSON.parse(atob(payload!.replaceAll('-', '+').replaceAll('_', '/')));
    const forged = btoa(JSON.stringify({ ...claims, access: 'full' })).replaceAll('=', '');
    const keys = createLocalJWKSet(await signer.publicKeys());
    await expect(
      jwtVerify(`${header}.${forged}.${signature}`, keys, verifyOptions),
    ).rejects.toThrow('signature verification failed');
  });

  it('is refused 30 seconds after it was issued', async () => {
    const signer = await aSigner('request');
    const keys = createLocalJWKSet(await signer.publicKeys());
    const late = { ...verifyOptions, currentDate: new Date(nowMs + 30_000) };
    await expect(jwtVerify(await signer.sign(aRequest()), keys, late)).rejects.toThrow('"exp"');
  });

  it('binds an assertion to its method and URL without the query, with every claim', async () => {
    const signer = await aSigner('request');
    const keys = createLocalJWKSet(await signer.publicKeys());
    const { payload, protectedHeader } = await jwtVerify(
      await signer.sign(aRequest()),
      keys,
      verifyOptions,
    );
    expect(payload).toEqual({
      iss: 'edge-authorizer',
      aud: 'https://upstream.test',
      sub: 'acct_1',
      key_id: 'key_1',
      access: 'restricted',
      stale: false,
      htm: 'GET',
      htu: 'https://upstream.test/api/stream/1',
      jti: 'id-1',
      iat: Math.floor(nowMs / 1000),
      exp: Math.floor(nowMs / 1000) + 30,
    });
    expect(protectedHeader).toMatchObject({ alg: 'EdDSA', typ: 'JWT' });
  });

  it('says so when the key was let in on stale knowledge, and names no subject without an owner', async () => {
    const signer = await aSigner('request');
    const key = compileKey({ ...storedKey, owner: null }, restrictedRoutes);
    const claims = decodeJwt(await signer.sign(aRequest({ isStale: true, key })));
    expect(claims).toMatchObject({ stale: true });
    expect(claims).not.toHaveProperty('sub');
  });

  it('gives every request an assertion of its own when it binds them', async () => {
    const signer = await aSigner('request');
    const [first, second] = [await signer.sign(aRequest()), await signer.sign(aRequest())];
    expect(decodeJwt(first).jti).not.toBe(decodeJwt(second).jti);
  });

  it('signs once per key and half a lifetime when asked to, without a binding', async () => {
    const signer = await aSigner('key');
    const first = await signer.sign(aRequest());
    expect(decodeJwt(first)).not.toHaveProperty('htm');
    expect(decodeJwt(first)).not.toHaveProperty('htu');
    expect(await signer.sign(aRequest({ method: 'POST', nowMs: nowMs + 14_999 }))).toBe(first);
    expect(await signer.sign(aRequest({ nowMs: nowMs + 15_000 }))).not.toBe(first);
  });

  it('never reuses an assertion for a key whose owner, access or staleness differ', async () => {
    const signer = await aSigner('key');
    const full = compileKey({ ...storedKey, fullAccess: true }, restrictedRoutes);
    const moved = compileKey({ ...storedKey, owner: 'acct_2' }, restrictedRoutes);
    const assertions = await Promise.all([
      signer.sign(aRequest()),
      signer.sign(aRequest({ key: full })),
      signer.sign(aRequest({ key: moved })),
      signer.sign(aRequest({ isStale: true })),
    ]);
    expect(new Set(assertions).size).toBe(4);
  });

  it('publishes every key without its private part, and signs with the first', async () => {
    const [current, previous] = [await aKeyPair('new'), await aKeyPair('old')];
    const signer = await aSigner('request', [current, previous]);
    const { keys } = await signer.publicKeys();
    expect(keys.map(({ kid }) => kid)).toEqual(['new', 'old']);
    expect(JSON.stringify(keys)).not.toContain('"d"');
    expect(decodeProtectedHeader(await signer.sign(aRequest())).kid).toBe('new');
  });

  it('verifies, during a rotation, what was signed before it', async () => {
    const [current, previous] = [await aKeyPair(), await aKeyPair()];
    const before = await (await aSigner('request', [previous])).sign(aRequest());
    const published = await (await aSigner('request', [current, previous])).publicKeys();
    const { payload } = await jwtVerify(before, createLocalJWKSet(published), verifyOptions);
    expect(payload['key_id']).toBe('key_1');
  });
});
