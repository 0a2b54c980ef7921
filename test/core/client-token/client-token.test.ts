/** The form of a client token: one spelling, decided before any cryptography. */

import { describe, expect, test } from 'vitest';
import { mintClientToken } from '../../../src/client-tokens/client-tokens.ts';
import { toBase64Url } from '../../../src/core/client-token/base64url.ts';
import {
  CLIENT_TOKEN_MAX_LENGTH,
  isClientToken,
  readClientToken,
} from '../../../src/core/client-token/client-token.ts';
import { publicKeyOf } from '../../../src/core/client-token/derivation.ts';
import { lengthOfClientToken } from '../../../src/core/client-token/mint-request.ts';
import { signClientToken } from '../../../src/core/client-token/signature.ts';

const randomPart = '0123456789ABCDEFGHIJabcdefghij';
const apiKey = `ea_sk_${randomPart}Tag00000crc000`;
const good = await mintClientToken(apiKey, { sub: 'visitor-1', issuedAt: new Date(1e12) });
const [header = '', payload = '', signature = ''] = good.slice('ea_ct_'.length).split('.');
const kid = 'ayKU_OjHK492qY0ja0k5SgTag00000';

const encoder = new TextEncoder();
const encode = (text: string) => toBase64Url(encoder.encode(text));
const withHeader = (text: string) => `ea_ct_${encode(text)}.${payload}.${signature}`;
const withSignature = (bytes: Uint8Array) => `ea_ct_${header}.${payload}.${toBase64Url(bytes)}`;
const signatureBytes = Uint8Array.from(
  atob(signature.replaceAll('-', '+').replaceAll('_', '/')),
  (character) => character.charCodeAt(0),
);

/** The signature with another number in one half, from the least significant byte. */
function withHalf(half: 'R' | 'S', value: bigint): string {
  const bytes = signatureBytes.slice();
  const start = half === 'R' ? 0 : 32;
  for (let place = 0; place < 32; place++) {
    bytes[start + place] = Number((value >> BigInt(8 * place)) & 255n);
  }
  return withSignature(bytes);
}

const order = 2n ** 252n + 27742317777372353535851937790883648493n;
const prime = 2n ** 255n - 19n;
const s = signatureBytes.slice(32).reduceRight((value, byte) => (value << 8n) | BigInt(byte), 0n);

describe('readClientToken() refuses', () => {
  const rows: readonly (readonly [name: string, token: string])[] = [
    ['nothing', ''],
    ['the API key itself', apiKey],
    ['a prefix in upper case', good.replace('ea_ct_', 'EA_ct_')],
    ['a prefix that begins with a digit', good.replace('ea_ct_', '1a_ct_')],
    ['no prefix', good.replace('ea_ct_', '_ct_')],
    ['a prefix of 17 characters', good.replace('ea_ct_', `${'a'.repeat(17)}_ct_`)],
    ['another kind', good.replace('_ct_', '_sk_')],
    ['two parts', `ea_ct_${header}.${payload}`],
    ['four parts', `${good}.${signature}`],
    ['an empty payload', `ea_ct_${header}..${signature}`],
    ['a blank at the end', `${good} `],
    ['a line break at the end', `${good}\n`],
    ['padding', `${good}=`],
    [
      'base64 instead of base64url',
      withHeader(`{"alg":"Ed25519","typ":"edge-ct+jwt","kid":"${kid}"}`).replace('-', '+'),
    ],
    ['alg none', withHeader(`{"alg":"none","typ":"edge-ct+jwt","kid":"${kid}"}`)],
    ['alg HS256', withHeader(`{"alg":"HS256","typ":"edge-ct+jwt","kid":"${kid}"}`)],
    ['alg ES256', withHeader(`{"alg":"ES256","typ":"edge-ct+jwt","kid":"${kid}"}`)],
    [
      'alg EdDSA, which RFC 9864 deprecates',
      withHeader(`{"alg":"EdDSA","typ":"edge-ct+jwt","kid":"${kid}"}`),
    ],
    ['alg in lower case', withHeader(`{"alg":"ed25519","typ":"edge-ct+jwt","kid":"${kid}"}`)],
    ['typ JWT', withHeader(`{"alg":"Ed25519","typ":"JWT","kid":"${kid}"}`)],
    ['no typ', withHeader(`{"alg":"Ed25519","kid":"${kid}"}`)],
    [
      'another order of members',
      withHeader(`{"typ":"edge-ct+jwt","alg":"Ed25519","kid":"${kid}"}`),
    ],
    ['a blank in the header', withHeader(`{"alg":"Ed25519", "typ":"edge-ct+jwt","kid":"${kid}"}`)],
    [
      'a blank before the header',
      withHeader(` {"alg":"Ed25519","typ":"edge-ct+jwt","kid":"${kid}"}`),
    ],
    [
      'a blank after the header',
      withHeader(`{"alg":"Ed25519","typ":"edge-ct+jwt","kid":"${kid}"} `),
    ],
    [
      'a line break after the header',
      withHeader(`{"alg":"Ed25519","typ":"edge-ct+jwt","kid":"${kid}"}\n`),
    ],
    [
      'a byte order mark before the header',
      withHeader(`\ufeff{"alg":"Ed25519","typ":"edge-ct+jwt","kid":"${kid}"}`),
    ],
    ['jwk', withHeader(`{"alg":"Ed25519","typ":"edge-ct+jwt","kid":"${kid}","jwk":{}}`)],
    ['jku', withHeader(`{"alg":"Ed25519","typ":"edge-ct+jwt","kid":"${kid}","jku":"https://a"}`)],
    ['x5c', withHeader(`{"alg":"Ed25519","typ":"edge-ct+jwt","kid":"${kid}","x5c":[]}`)],
    ['crit', withHeader(`{"alg":"Ed25519","typ":"edge-ct+jwt","kid":"${kid}","crit":[]}`)],
    [
      'a member twice',
      withHeader(`{"alg":"none","alg":"Ed25519","typ":"edge-ct+jwt","kid":"${kid}"}`),
    ],
    [
      'an escape in a member',
      withHeader(`{"alg":"Ed25519","typ":"edge-ct+jwt","kid":"\\u0061${kid.slice(1)}"}`),
    ],
    ['a short kid', withHeader(`{"alg":"Ed25519","typ":"edge-ct+jwt","kid":"${kid.slice(1)}"}`)],
    ['a long kid', withHeader(`{"alg":"Ed25519","typ":"edge-ct+jwt","kid":"${kid}0"}`)],
    [
      'a kid with a hyphen in its tag',
      withHeader(`{"alg":"Ed25519","typ":"edge-ct+jwt","kid":"${kid.slice(0, -1)}-"}`),
    ],
    [
      'a kid whose name is no 128 bits',
      withHeader(
        `{"alg":"Ed25519","typ":"edge-ct+jwt","kid":"${kid.slice(0, 21)}h${kid.slice(22)}"}`,
      ),
    ],
    [
      'a header that is no UTF-8',
      `ea_ct_${toBase64Url(Uint8Array.of(0xff, 0xfe))}.${payload}.${signature}`,
    ],
    [
      'a payload that is no UTF-8',
      `ea_ct_${header}.${toBase64Url(Uint8Array.of(0xff))}.${signature}`,
    ],
    [
      'a payload of an impossible length',
      `ea_ct_${header}.${payload.slice(0, 4 * Math.floor(payload.length / 4) + 1 - 4)}.${signature}`,
    ],
    [
      'a payload with bits after its end',
      `ea_ct_${header}.eyJ9.${signature}`.replace('eyJ9', 'eyJ'),
    ],
    ['a signature of 63 bytes', withSignature(signatureBytes.slice(1))],
    ['a signature of 65 bytes', withSignature(Uint8Array.of(...signatureBytes, 0))],
    ['a signature with bits after its end', good.slice(0, -1) + nextCharacter(good.slice(-1))],
    ['S = L', withHalf('S', order)],
    ['S = L + 1', withHalf('S', order + 1n)],
    ['S = 2^252 + 2^128, above L in its middle', withHalf('S', 2n ** 252n + 2n ** 128n)],
    ['S + L', withHalf('S', s + order)],
    ['S of ones', withHalf('S', 2n ** 256n - 1n)],
    ['R with y = p', withHalf('R', prime)],
    ['R with y = p + 1, the other spelling of 1', withHalf('R', prime + 1n)],
    ['R with y = p and a sign', withHalf('R', prime + 2n ** 255n)],
  ];
  test.each(rows)('%s', (_, token) => {
    expect(readClientToken(token)).toBeNull();
  });

  test('2,049 characters, and reads 2,048 of the same form', () => {
    const ofLength = (length: number) => {
      const filler = length - good.length + payload.length;
      return `ea_ct_${header}.${'A'.repeat(filler)}.${signature}`;
    };
    // Zero bytes in the payload are no claims; only the form is read here.
    const lengths = [2_044, 2_045, 2_046, 2_047, 2_048].filter((length) => {
      return readClientToken(ofLength(length)) !== null;
    });
    expect(lengths).toContain(CLIENT_TOKEN_MAX_LENGTH);
    expect(readClientToken(ofLength(CLIENT_TOKEN_MAX_LENGTH + 1))).toBeNull();
    expect(readClientToken(ofLength(CLIENT_TOKEN_MAX_LENGTH + 2))).toBeNull();
  });
});

describe('readClientToken()', () => {
  test('takes a token apart', () => {
    const form = readClientToken(good);
    expect(form).toMatchObject({
      prefix: 'ea',
      kid,
      payload: '{"iat":1000000000,"exp":1000000300,"sub":"visitor-1"}',
      signed: `${header}.${payload}`,
    });
    expect(form?.signature).toEqual(signatureBytes);
  });

  test.each([
    ['S = L - 1', withHalf('S', order - 1n)],
    ['S = 2^252, below L in its lower half', withHalf('S', 2n ** 252n)],
    ['S = 0', withHalf('S', 0n)],
    ['R with y = p - 1', withHalf('R', prime - 1n)],
    ['R with y = p - 1 and a sign', withHalf('R', prime - 1n + 2n ** 255n)],
  ])('takes %s for a signature, which is verified later', (_, token) => {
    expect(readClientToken(token)?.signed).toBe(`${header}.${payload}`);
  });

  test.each(['a', 'z9', 'abc', `a${'0'.repeat(15)}`])('reads the prefix %s', (prefix) => {
    const token = good.replace('ea_ct_', `${prefix}_ct_`);
    expect(isClientToken(token)).toBe(true);
    expect(readClientToken(token)?.prefix).toBe(prefix);
  });

  test('keeps a byte order mark of the claims, which are then no JSON', () => {
    const marked = `ea_ct_${header}.${encode('\ufeff{}')}.${signature}`;
    expect(readClientToken(marked)?.payload).toBe('\ufeff{}');
  });

  test('leaves nothing to do but one verification', async () => {
    const form = readClientToken(good);
    const jwk = { kty: 'OKP', crv: 'Ed25519', x: await publicKeyOf(randomPart) };
    const key = await crypto.subtle.importKey('jwk', jwk, 'Ed25519', false, ['verify']);
    const verify = (signed: string) =>
      crypto.subtle.verify('Ed25519', key, signatureBytes, encoder.encode(signed));
    expect(await verify(form?.signed ?? '')).toBe(true);
    expect(await verify(`${form?.signed}A`)).toBe(false);
  });

  test.each([
    [apiKey, false],
    ['8c5e2d37-7a2a-4f7b-9d1e-3f2f3b1a4c55', false],
    ['', false],
    ['_ct_', false],
    ['ea_ct', false],
    ['1a_ct_', false],
    ['a-ea_ct_', false],
    [' ea_ct_', false],
    ['ea_sk_ea_ct_', false],
    [`${'a'.repeat(17)}_ct_`, false],
    [`${'a'.repeat(16)}_ct_`, true],
    ['a_ct_', true],
    ['ea_ct_', true],
    [good, true],
  ])('isClientToken(%j) is %s, by its beginning alone', (token, isOne) => {
    expect(isClientToken(token)).toBe(isOne);
  });
});

/** Another character of base64url for the same bytes: one of the unused bits is set. */
function nextCharacter(character: string): string {
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
  return alphabet.charAt(alphabet.indexOf(character) + 1);
}

test('lengthOfClientToken() returns the length of the token that is signed', async () => {
  for (let length = 1; length <= 64; length++) {
    const claims = { iat: 1, exp: 601, sub: 'x'.repeat(length), meta: { team: 'zoë "1"' } };
    const token = await signClientToken({ prefix: 'ea', kid, claims }, randomPart);
    expect(lengthOfClientToken('ea', claims)).toBe(token.length);
  }
});
