import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { readBase64, readDerSignature } from '../../src/leaks/der-signature.ts';

// Made by OpenSSL 3 (`openssl dgst -sha256 -sign`) over "a body", until each shape had come up.
const signer = spki(
  'MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEG4+08UVfjvUEEpIJe698hE673Ko8NpJKRtNSKFcsnXBsRJUKMaVbLM11RayY+6pPuuaXpmDgqEByot8g2JPVRw==',
);
const signatures = {
  both: 'MEYCIQDdy0C4xxuihunyHLv6IE7Y7rd3dzfhpDM9Y9I2Gbae4wIhAK3x41mwQ0UNwlVMiUngiPLjvwe5U1ZMpm1GInl2mFl1',
  r: 'MEUCIQCqfwTLRy2Vr3H1X5i9nCPXj39v0hIlTkkRelPH7iOwyAIgQL9DHwt74AVxFxorNlvC+E3hcKoIm4U+tqt58QHnS1w=',
  s: 'MEUCIFNkCqKWqCIVdNJ/7zqJes+LGMtHnOuiHVyFUjsgnSB9AiEA9nuDfc040hhODB/JWP5EWtaj7Ss7Ay33NNhw1EGJ0rM=',
  neither:
    'MEQCIEWFjyMlPZa3arryQgF1Tf2ofC9pFIQhjSKNzyXCel1KAiAtktyQqfURI8G4BMJEBMH86hyKPzdvouQ2faLQbmhlGg==',
  shortR:
    'MEMCHw6c9U/uu31r6YiVN4J6oKxooeYCG2pODAx+iGDCdowCIEXUtQY+sXiv9e2ZYrMK09BA6CmQWx35bWT2U66F1acA',
} as const;

const good = hexOf(signatures.both);
const r = good.slice(8, 8 + 66);
const s = good.slice(-66);

describe('readDerSignature() refuses', () => {
  test.each([
    ['nothing', ''],
    ['a letter', 'M'],
    ['another alphabet', signatures.r.replaceAll('+', '-').replaceAll('/', '_')],
    ['a blank in it', ` ${signatures.both}`],
    ['a line break in it', `${signatures.both.slice(0, 64)}\n${signatures.both.slice(64)}`],
    ['a line break after it', `${signatures.both}\n`],
    ['padding left out', signatures.r.slice(0, -1)],
    ['padding too much', `${signatures.r}====`],
    ['padding before its end', `${signatures.neither.slice(0, -4)}====`],
    ['bits beyond the last byte', signatures.r.replace('1w=', '1x=')],
    ['a signature twice', signatures.both.repeat(2)],
    ['a megabyte', 'MEYC'.repeat(250_000)],
    ['r and s as Web Crypto has them', encode(`${r.slice(2)}${s.slice(2)}`)],
  ])('base64: %s', (_, text) => {
    expect(readDerSignature(text)).toBeNull();
  });

  const one = '020101';
  test.each([
    ['a sequence of nothing', '3000'],
    ['one byte', '30'],
    ['one number', `3003${one}`],
    ['three numbers', `3009${one}${one}${one}`],
    ['a set', `3106${one}${one}`],
    ['a number that is a string', `3006040101${one}`],
    ['a number of no bytes', `30050200${one}`],
    ['a second number of no bytes', `3005${one}0200`],
    ['zero as r', `3006020100${one}`],
    ['zero as s', `3006${one}020100`],
    ['a negative r', `3006020180${one}`],
    ['a negative s', `3006${one}0201ff`],
    ['a zero byte too many', `300702020001${one}`],
    ['a zero byte too many before a high bit', `300802030000ff${one}`],
    ['a length that is too small', `3005${one}${one}`],
    ['a length that is too large', `3007${one}${one}`],
    ['a byte after it', `3006${one}${one}00`],
    ['a byte after it, inside', `3007${one}${one}00`],
    ['a number that runs past its end', `3006${one}020201`],
    ['a number that runs past the whole', `30060220${'01'.repeat(4)}`],
    ['a length in the long form', `308106${one}${one}`],
    ['a length in the indefinite form', `3080${one}${one}0000`],
    ["a number's length in the long form", `300702810101${one}`],
    ['a number of 33 bytes', `30260221${'01'.repeat(33)}${one}`],
    ['a number of 34 bytes', `302702220080${'01'.repeat(32)}${one}`],
    ['a good one with its last byte lost', good.slice(0, -2)],
    ['a good one with its first byte lost', good.slice(2)],
  ])('DER: %s', (_, hex) => {
    expect(readDerSignature(encode(hex))).toBeNull();
  });

  test('any good one with a bit of its frame changed', () => {
    const bytes = bytesOf(good);
    for (const place of [0, 1, 2, 3, 4, 37, 38, 39]) {
      for (let bit = 0; bit < 8; bit++) {
        const changed = Uint8Array.from(bytes);
        changed[place]! ^= 1 << bit; // The signature has 72 bytes.
        expect(
          readDerSignature(btoa(String.fromCharCode(...changed))),
          `${place}.${bit}`,
        ).toBeNull();
      }
    }
  });
});

describe('readDerSignature()', () => {
  test.each(Object.entries(signatures))(
    'reads what OpenSSL made, so that Web Crypto takes it: a zero byte before %s',
    async (_, text) => {
      const raw = readDerSignature(text);
      expect(raw).toHaveLength(64);
      expect(await verify(signer, raw!, 'a body')).toBe(true); // It is no `null` if it has a length.
      expect(await verify(signer, raw!, 'a body.')).toBe(false);
    },
  );

  test('writes small numbers with zeros in front', () => {
    const raw = readDerSignature(encode('3007020101020200ff'));
    expect(raw).toEqual(Uint8Array.from({ length: 64 }, (_, at) => ({ 31: 1, 63: 255 })[at] ?? 0));
  });

  test('gives each pair of numbers back that are written as DER has them, and throws on nothing', () => {
    const number = fc.uint8Array({ minLength: 1, maxLength: 32 }).filter(([first]) => first !== 0);
    fc.assert(
      fc.property(number, number, (left, right) => {
        const body = [...integerOf(left), ...integerOf(right)];
        const raw = readDerSignature(btoa(String.fromCharCode(0x30, body.length, ...body)));
        const padded = [left, right].flatMap((one) => [...new Uint8Array(32 - one.length), ...one]);
        expect([...(raw ?? [])]).toEqual(padded);
      }),
    );
    fc.assert(fc.property(fc.string(), (text) => void readDerSignature(text)));
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 80 }), (bytes) => {
        readDerSignature(btoa(String.fromCharCode(...bytes)));
      }),
    );
  });
});

describe('readBase64()', () => {
  test('takes as many bytes as are allowed, and no more', () => {
    expect(readBase64('AAEC', 3)).toEqual(Uint8Array.of(0, 1, 2));
    expect(readBase64('AAEC', 2)).toBeNull();
    expect(readBase64('AAE=', 2)).toEqual(Uint8Array.of(0, 1));
  });
});

/** An INTEGER by the rule of X.690, section 8.3. */
function integerOf(magnitude: Uint8Array): number[] {
  const value = (magnitude[0] ?? 0) >= 0x80 ? [0, ...magnitude] : [...magnitude];
  return [0x02, value.length, ...value];
}

function spki(base64: string): Promise<CryptoKey> {
  const bytes = Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
  const algorithm = { name: 'ECDSA', namedCurve: 'P-256' };
  return crypto.subtle.importKey('spki', bytes, algorithm, false, ['verify']);
}

async function verify(
  key: Promise<CryptoKey>,
  signature: Uint8Array<ArrayBuffer>,
  body: string,
): Promise<boolean> {
  const algorithm = { name: 'ECDSA', hash: 'SHA-256' };
  return crypto.subtle.verify(algorithm, await key, signature, new TextEncoder().encode(body));
}

function bytesOf(hex: string): Uint8Array {
  return Uint8Array.from(hex.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));
}

function encode(hex: string): string {
  return btoa(String.fromCharCode(...bytesOf(hex)));
}

function hexOf(base64: string): string {
  return Array.from(atob(base64), (character) =>
    character.charCodeAt(0).toString(16).padStart(2, '0'),
  ).join('');
}
