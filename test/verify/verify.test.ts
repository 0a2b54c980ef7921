/** `edge-authorizer/verify`: the options that it refuses, the requests that it refuses, then what it accepts. */

import { exportJWK, generateKeyPair, type JWK, SignJWT } from 'jose';
import { beforeAll, beforeEach, describe, expect, test } from 'vitest';
import {
  createVerifier,
  type IncomingRequest,
  UnverifiedRequestError,
  type VerifierOptions,
} from '../../src/verify/verify.ts';

const AUDIENCE = 'https://api.example';
const JWKS_URL = 'https://edge.example/_edge/jwks.json';

type Signer = { readonly privateKey: CryptoKey; readonly jwk: JWK };
let edge: Signer;
let stranger: Signer;
beforeAll(async () => {
  const make = async (kid: string): Promise<Signer> => {
    const { privateKey, publicKey } = await generateKeyPair('EdDSA', { extractable: true });
    return { privateKey, jwk: { ...(await exportJWK(publicKey)), kid, alg: 'EdDSA', use: 'sig' } };
  };
  [edge, stranger] = await Promise.all([make('edge'), make('stranger')]);
});

let fetched: string[];
let respond: () => Response | Promise<Response>;
beforeEach(() => {
  fetched = [];
  respond = () => Response.json({ keys: [edge.jwk] });
});

const optionsWith = (more: Partial<VerifierOptions> = {}): VerifierOptions => ({
  jwksUrl: JWKS_URL,
  audience: AUDIENCE,
  fetch: async (url) => {
    fetched.push(url);
    return respond();
  },
  ...more,
});

async function sign(claims: Record<string, unknown> = {}, { privateKey, jwk } = edge) {
  const now = Math.floor(Date.now() / 1000);
  const all = { iss: 'edge-authorizer', aud: AUDIENCE, iat: now, exp: now + 30, jti: '1' };
  const bound = { key_id: 'key_1', access: 'backend', htm: 'GET', htu: `${AUDIENCE}/a` };
  return new SignJWT({ ...all, ...bound, ...claims })
    .setProtectedHeader({ alg: 'EdDSA', kid: String(jwk.kid) })
    .sign(privateKey);
}

const requestWith = (
  assertion: string | readonly string[] | undefined,
  more: Partial<IncomingRequest> = {},
): IncomingRequest => ({
  method: 'GET',
  url: '/a?b=c',
  headers: { 'x-edge-assertion': assertion },
  ...more,
});

/** The reason and the status of a refusal. */
async function refusalOf(
  request: IncomingRequest,
  options = optionsWith(),
): Promise<readonly [string, number]> {
  const error: unknown = await createVerifier(options)(request).catch((thrown: unknown) => thrown);
  if (!(error instanceof UnverifiedRequestError)) throw new Error(`accepted: ${String(error)}`);
  return [error.reason, error.status];
}

describe('there is no verifier', () => {
  test.each([
    ['without a key set', { jwksUrl: undefined }, 'jwksUrl is not set'],
    ['with an empty key set', { jwksUrl: ' ' }, 'jwksUrl is not set'],
    ['with a key set that is no URL', { jwksUrl: 'edge.example' }, 'not an https URL'],
    ['with a key set over plain http', { jwksUrl: 'http://edge.example/' }, 'not an https URL'],
    ['with a file as key set', { jwksUrl: 'file:///keys' }, 'not an https URL'],
    ['without an audience', { audience: undefined }, 'audience is not set'],
    ['with an empty audience', { audience: '' }, 'audience is not set'],
    ['with an empty issuer', { issuer: '' }, 'issuer is not set'],
    ['with another mode', { assertion: 'off' as never }, 'neither "request" nor "key"'],
  ] satisfies readonly [string, Partial<VerifierOptions>, string][])('%s', (_, more, message) => {
    expect(() => createVerifier(optionsWith(more))).toThrow(TypeError);
    expect(() => createVerifier(optionsWith(more))).toThrow(message);
  });
});

describe('a request is refused', () => {
  const now = Math.floor(Date.now() / 1000);
  test.each([
    ['without an assertion', undefined, 'missing'],
    ['with an empty one', '', 'missing'],
    ['with several', ['a.b.c', 'a.b.c'], 'missing'],
    ['with one that is no JWT', 'forged', 'invalid'],
    ['with one that is too long', `${'a'.repeat(20_000)}.b.c`, 'invalid'],
    ['with an unsigned one', `${btoa('{"alg":"none"}').replaceAll('=', '')}.e30.`, 'invalid'],
  ] as const)('%s', async (_, assertion, reason) => {
    await expect(refusalOf(requestWith(assertion))).resolves.toEqual([reason, 401]);
  });

  test.each([
    ['of another issuer', { iss: 'stranger' }, 'invalid'],
    ['without an audience', { aud: undefined }, 'invalid'],
    ['for another audience', { aud: 'https://other.example' }, 'invalid'],
    ['that has expired', { iat: now - 60, exp: now - 30 }, 'invalid'],
    ['that never expires', { exp: undefined }, 'invalid'],
    ['that does not say when it was issued', { iat: undefined }, 'invalid'],
    ['that lives longer than the edge signs', { iat: now - 90, exp: now + 600 }, 'invalid'],
    ['that is from the future', { iat: now + 60, exp: now + 90 }, 'invalid'],
    ['without an id', { jti: undefined }, 'invalid'],
    ['without an access', { access: undefined }, 'invalid'],
    ['with an access that is not known', { access: 'root' }, 'invalid'],
    ['that names no key', { key_id: undefined }, 'invalid'],
    ['for another method', { htm: 'POST' }, 'other_request'],
    ['for another path', { htu: `${AUDIENCE}/b` }, 'other_request'],
    ['for a path that is no URL', { htu: '/a' }, 'other_request'],
    ['that is bound to no request', { htm: undefined, htu: undefined }, 'other_request'],
    ['that is bound to half a request', { htm: undefined }, 'other_request'],
  ] as const)('with an assertion %s', async (_, claims, reason) => {
    // Control case: without the change, the same is accepted.
    await createVerifier(optionsWith())(requestWith(await sign()));
    await expect(refusalOf(requestWith(await sign(claims)))).resolves.toEqual([reason, 401]);
  });

  test('with an assertion that half a binding does not free in the mode key', async () => {
    const assertion = await sign({ htm: undefined });
    const options = optionsWith({ assertion: 'key' });
    await expect(refusalOf(requestWith(assertion), options)).resolves.toEqual([
      'other_request',
      401,
    ]);
  });

  test('with one of another key, also under the id of the edge', async () => {
    const named = { ...stranger, jwk: { ...stranger.jwk, kid: 'edge' } };
    for (const signer of [stranger, named]) {
      await expect(refusalOf(requestWith(await sign({}, signer)))).resolves.toEqual([
        'invalid',
        401,
      ]);
    }
  });

  test.each([
    ['/A'],
    ['/a/'],
    ['/%61'],
    ['//a'],
    ['/b/../a'],
    ['https://api.example/b'],
    [''],
    ['a'],
  ])('as %j, if its assertion is for /a', async (url) => {
    await expect(refusalOf(requestWith(await sign(), { url }))).resolves.toEqual([
      'other_request',
      401,
    ]);
  });

  test.each([
    ['is out of reach', () => Promise.reject(new Error('down'))],
    ['answers an error', () => new Response('', { status: 500 })],
    ['redirects', () => new Response(null, { status: 302, headers: { Location: JWKS_URL } })],
    ['is no JSON', () => new Response('<html>')],
    ['is no key set', () => Response.json([])],
  ] as const)('with 503 while the key set %s', async (_, answer) => {
    respond = answer;
    const refused = await refusalOf(requestWith(await sign()));
    expect(refused).toEqual(['keys_unavailable', 503]);
  });

  test('without its assertion in the message', async () => {
    const assertion = await sign({ aud: 'other' });
    const error: unknown = await createVerifier(optionsWith())(requestWith(assertion)).catch(
      (thrown: unknown) => thrown,
    );
    expect(String(error)).not.toContain(assertion.slice(0, 20));
  });
});

describe('a request is accepted', () => {
  test.each([
    ['of Node', (assertion) => requestWith(assertion)],
    [
      'of Express below a router',
      (assertion) => ({ ...requestWith(assertion), url: '/', originalUrl: '/a?b' }),
    ],
    [
      'of the Fetch API',
      (assertion) => new Request(`${AUDIENCE}/a?b`, { headers: { 'X-Edge-Assertion': assertion } }),
    ],
  ] satisfies readonly [string, (assertion: string) => IncomingRequest][])(
    '%s',
    async (_, toRequest) => {
      const caller = await createVerifier(optionsWith())(toRequest(await sign({ sub: 'acct_1' })));
      expect(caller).toEqual({
        keyId: 'key_1',
        owner: 'acct_1',
        access: 'backend',
        isStale: false,
        isUnconfirmed: false,
        meta: {},
        tags: [],
        client: null,
      });
    },
  );

  test('with all that the edge says about its caller', async () => {
    const claims = {
      access: 'restricted',
      stale: true,
      unconfirmed: true,
      meta: { plan: 'pro' },
      tags: ['beta'],
      client: { sub: 'visitor', jti: 'j', meta: { role: 'viewer' } },
    };
    const caller = await createVerifier(optionsWith())(requestWith(await sign(claims)));
    expect(caller).toEqual({
      keyId: 'key_1',
      owner: null,
      access: 'restricted',
      isStale: true,
      isUnconfirmed: true,
      meta: { plan: 'pro' },
      tags: ['beta'],
      client: { subject: 'visitor', tokenId: 'j', meta: { role: 'viewer' } },
    });
  });

  test('on a public route, without a key', async () => {
    const assertion = await sign({ access: 'public', key_id: undefined });
    const caller = await createVerifier(optionsWith())(requestWith(assertion));
    expect(caller).toMatchObject({ access: 'public', keyId: null });
  });

  test('by an assertion for many requests, in the mode key alone', async () => {
    const assertion = await sign({ htm: undefined, htu: undefined });
    const verify = createVerifier(optionsWith({ assertion: 'key' }));
    await expect(verify(requestWith(assertion, { url: '/z' }))).resolves.toMatchObject({
      keyId: 'key_1',
    });
  });

  test('with one fetch of the key set for many, and few for keys that strangers invent', async () => {
    const verify = createVerifier(optionsWith());
    for (let count = 0; count < 20; count++) await verify(requestWith(await sign()));
    expect(fetched).toEqual([JWKS_URL]);
    for (let count = 0; count < 20; count++) {
      await verify(requestWith(await sign({}, stranger))).catch(() => null);
    }
    expect(fetched).toHaveLength(1);
  });
});
