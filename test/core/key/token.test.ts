import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  checksumOf,
  hashToken,
  hasValidKidTag,
  hasValidTag,
  hideTokens,
  hintOf,
  importTagKey,
  type KeyKind,
  makeToken,
  mintingIdentityOf,
  mintingTokenOf,
  randomBase62,
  readTokenForm,
  tokenPrefixPattern,
} from '../../../src/core/key/token.ts';
import { TOKEN_MAX_LENGTH } from '../../../src/core/limits.ts';

const alphabet = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';
const tagKeyHex = '000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f';
const tagKey = await importTagKey(tagKeyHex);
const otherTagKey = await importTagKey('ff'.repeat(32));

// Computed apart from this code, with Python's hmac, zlib and hashlib: random characters in the order
// of the alphabet, under the tag key above. Tokens of this form are out in the world.
const golden = [
  {
    kind: 'cors',
    token: 'ea_pk_0123456789ABCDEFGHIJKLMNOPQRSTTcssqCjt0U3Szq',
    hash: '221d529d82924024e5f38c498be4794a641b6ce5dd031fa2457903a9da51fa2e',
  },
  {
    kind: 'backend',
    token: 'ea_sk_0123456789ABCDEFGHIJKLMNOPQRST3aRhN3LD2B6kse',
    hash: '0178e9351e3b5d3b96010cf46a21160a4aaac36f7e545d451a95dd751b9abe0a',
  },
] as const;

describe('readTokenForm() takes for foreign', () => {
  const [{ token }] = golden;
  test.each([
    ['nothing', ''],
    ['a UUID', '6ba7b810-9dad-11d1-80b4-00c04fd430c8'],
    ['a JWT', 'eyJhbGciOiJFZERTQSJ9.eyJzdWIiOiIxIn0.c2ln'],
    ['a word', 'token'],
    ['a prefix alone', 'ea_pk_'],
    ['another type', token.replace('_pk_', '_xk_')],
    ['no type', token.replace('_pk_', '_')],
    ['a type in upper case', token.replace('_pk_', '_PK_')],
    ['a prefix in upper case', token.replace('ea_', 'EA_')],
    ['a prefix that starts with a digit', token.replace('ea_', '1a_')],
    ['a prefix of 17 characters', token.replace('ea_', `${'a'.repeat(17)}_`)],
    ['no prefix', token.replace('ea_', '')],
    ['a token without its first character', token.slice(1).slice(2)],
    ['a token without its last character', token.slice(0, -1)],
    ['a token with one character more', `${token}0`],
    ['a token with a blank after it', `${token} `],
    ['a token with a newline after it', `${token}\n`],
    ['a token with a hyphen in it', token.replace('A', '-')],
    ['a token with a letter outside ASCII in it', token.replace('A', 'Ä')],
    ['a token twice', token + token],
    ['a token in quotes', `"${token}"`],
    ['a token of 512 characters', 'a'.repeat(TOKEN_MAX_LENGTH)],
  ])('%s', (_, text) => {
    expect(readTokenForm(text)).toEqual({ form: 'foreign' });
  });
});

describe('readTokenForm()', () => {
  test('does not look into a token of more than 512 characters', () => {
    expect(readTokenForm('a'.repeat(TOKEN_MAX_LENGTH + 1))).toEqual({ form: 'oversized' });
    expect(readTokenForm('a'.repeat(10_000_000))).toEqual({ form: 'oversized' });
  });

  test.each(golden)(
    'knows a $kind token that was made elsewhere',
    async ({ kind, token, hash }) => {
      const form = readTokenForm(token);
      expect(form).toEqual({
        form: 'ours',
        kind,
        signed: token.slice(0, -14),
        tag: token.slice(-14, -6),
      });
      if (form.form !== 'ours') return;
      expect(await hasValidTag(form, tagKey)).toBe(true);
      expect(await hasValidTag(form, otherTagKey)).toBe(false);
      expect(await hashToken(token)).toBe(hash);
    },
  );

  test('takes no token with one character changed for ours, whichever it is', () => {
    let mistyped = 0;
    for (const { token } of golden) {
      for (let place = 0; place < token.length; place++) {
        for (const character of `${alphabet}_-`) {
          if (character === token[place]) continue;
          const changed = token.slice(0, place) + character + token.slice(place + 1);
          const isOurForm = /^[a-z][a-z0-9]*_[sp]k_[0-9A-Za-z]{44}$/.test(changed);
          expect(readTokenForm(changed), changed).toEqual({
            form: isOurForm ? 'mistyped' : 'foreign',
          });
          mistyped += isOurForm ? 1 : 0;
        }
      }
    }
    // All 61 other characters in 44 places, and those that the prefix and the type may have.
    expect(mistyped).toBe(2 * (44 * 61 + 25 + 35 + 1));
  });

  test('takes no token with two neighbours exchanged for ours', () => {
    for (const { token } of golden) {
      for (let place = 0; place + 1 < token.length; place++) {
        const [left = '', right = ''] = token.slice(place, place + 2);
        if (left === right) continue;
        const changed = token.slice(0, place) + right + left + token.slice(place + 2);
        expect(readTokenForm(changed).form, changed).not.toBe('ours');
      }
    }
  });

  test('takes no token with a character lost or doubled for ours', () => {
    for (const { token } of golden) {
      for (let place = 0; place < token.length; place++) {
        const lost = token.slice(0, place) + token.slice(place + 1);
        const doubled = token.slice(0, place + 1) + token.slice(place);
        expect(readTokenForm(lost).form, lost).not.toBe('ours');
        expect(readTokenForm(doubled).form, doubled).not.toBe('ours');
      }
    }
  });

  test('throws on no string', () => {
    const anyText = fc.array(fc.nat(0xffff)).map((units) => String.fromCharCode(...units));
    fc.assert(
      fc.property(anyText, (text) => {
        expect(readTokenForm(text).form).not.toBe('ours');
        hintOf(text);
      }),
    );
  });
});

describe('makeToken()', () => {
  test.each(golden)('makes the $kind token that was made elsewhere', async ({ kind, token }) => {
    expect(await makeToken({ prefix: 'ea', kind, tagKey, fillRandom: countingBytes() })).toBe(
      token,
    );
  });

  test('makes tokens that are read back, with a valid tag, whatever the prefix and the kind', async () => {
    const prefix = fc.stringMatching(/^[a-z][a-z0-9]{0,15}$/);
    const kind = fc.constantFrom<KeyKind>('backend', 'cors');
    const property = fc.asyncProperty(
      prefix,
      kind,
      fc.infiniteStream(fc.nat(255)),
      async (...made) => {
        const [namespace, keyKind, bytes] = made;
        const fillRandom = fillFrom(bytes);
        const token = await makeToken({ prefix: namespace, kind: keyKind, tagKey, fillRandom });
        expect(token).toMatch(/^[a-z0-9]+_[sp]k_[0-9A-Za-z]{44}$/);
        expect(token.startsWith(`${namespace}_${keyKind === 'cors' ? 'pk' : 'sk'}_`)).toBe(true);
        const form = readTokenForm(token);
        expect(form).toMatchObject({ form: 'ours', kind: keyKind });
        expect(form.form === 'ours' && (await hasValidTag(form, tagKey))).toBe(true);
      },
    );
    await fc.assert(property);
  });

  test('makes another token each time', async () => {
    const fillRandom = (bytes: Uint8Array<ArrayBuffer>) => crypto.getRandomValues(bytes);
    const tokens = Array.from({ length: 100 }, () =>
      makeToken({ prefix: 'ea', kind: 'cors', tagKey, fillRandom }),
    );
    expect(new Set(await Promise.all(tokens)).size).toBe(100);
  });
});

// Computed with Python as well, from the contract in docs/client-tokens.md.
const minting = {
  token: 'ea_sk_0123456789ABCDEFGHIJKLMNOPQRSTGrrzR8ya4IkrSY',
  kid: 'fus3s6AINVbnOLLCg28VIwGrrzR8ya',
  publicKey: 'GK_QEqkesmwgtvy55csSBFY8WG5FSsR_hFp6J-rcfF4',
};

describe('a backend token that mints client tokens', () => {
  const named = { prefix: 'ea', kid: minting.kid };

  test.each([
    ['under another prefix', { ...named, prefix: 'eb' }],
    ['with another name', { ...named, kid: minting.kid.replace('fus3', 'fus4') }],
    ['with another tag', { ...named, kid: minting.kid.replace('Grrz', 'GrrZ') }],
    ['with the tag of the other kind', { ...named, kid: `${minting.kid.slice(0, 22)}3aRhN3LD` }],
    ['without a tag', { ...named, kid: minting.kid.slice(0, 22) }],
  ])('is not named by a kid %s', async (_, invented) => {
    expect(await hasValidKidTag(invented, tagKey)).toBe(false);
  });

  test('is not named by its kid under another tag key', async () => {
    expect(await hasValidKidTag(named, otherTagKey)).toBe(false);
  });

  test.each([
    ['a backend token with the first kind of tag', golden[1].token],
    ['a CORS token', golden[0].token],
    ['a token that was imported', '6ba7b810-9dad-11d1-80b4-00c04fd430c8'],
    ['a mistyped token', `${minting.token.slice(0, -1)}0`],
  ])('has an identity that %s has not', async (_, token) => {
    expect(await mintingIdentityOf(token, tagKey)).toBeNull();
    expect(await mintingIdentityOf(minting.token, tagKey)).toEqual({
      kid: minting.kid,
      publicKey: minting.publicKey,
    });
  });

  test.each([
    ['a CORS token', golden[0].token],
    ['a token that was imported', '6ba7b810-9dad-11d1-80b4-00c04fd430c8'],
    ['a mistyped token', `${minting.token.slice(0, -1)}0`],
    ['nothing', ''],
  ])('mints at the edge, and %s does not', async (_, token) => {
    expect(await mintingTokenOf(token, tagKey)).toBeNull();
  });

  test('mints at the edge under the name that its holder mints under', async () => {
    expect(await mintingTokenOf(minting.token, tagKey)).toEqual({
      prefix: 'ea',
      randomPart: alphabet.slice(0, 30),
      kid: minting.kid,
      publicKey: minting.publicKey,
    });
  });

  test('mints at the edge with the first kind of tag, and gets a name with a valid tag', async () => {
    const [, { token }] = golden;
    const minted = await mintingTokenOf(token, tagKey);
    expect(minted?.kid).toBe(minting.kid);
    expect(await hasValidKidTag({ prefix: 'ea', kid: minted?.kid ?? '' }, tagKey)).toBe(true);
    expect(await mintingIdentityOf(token, tagKey)).toBeNull();
  });

  test('is the one that was made elsewhere, and its tag is valid', async () => {
    const made = await makeToken({
      prefix: 'ea',
      kind: 'backend',
      tagKey,
      fillRandom: countingBytes(),
      mintsClientTokens: true,
    });
    expect(made).toBe(minting.token);
    const form = readTokenForm(made);
    expect(form.form === 'ours' && (await hasValidTag(form, tagKey))).toBe(true);
    expect(form.form === 'ours' && (await hasValidTag(form, otherTagKey))).toBe(false);
    expect(await hasValidKidTag(named, tagKey)).toBe(true);
  });

  test('has a tag that no CORS token can borrow', async () => {
    const body = minting.token.replace('_sk_', '_pk_').slice(0, -6);
    // Nor is it a tag of a CORS token if it is made for one.
    const ofSecondKind = await makeToken({
      prefix: 'ea',
      kind: 'cors',
      tagKey,
      fillRandom: countingBytes(),
      mintsClientTokens: true,
    });
    for (const token of [body + checksumOf(body), ofSecondKind]) {
      const form = readTokenForm(token);
      expect(form.form).toBe('ours');
      expect(form.form === 'ours' && (await hasValidTag(form, tagKey))).toBe(false);
    }
  });
});

describe('hasValidTag() refuses', () => {
  test.each([
    ['other random characters', (token: string) => token.replace('0123', '3210')],
    ['another kind', (token: string) => token.replace('_pk_', '_sk_')],
    ['another prefix', (token: string) => token.replace('ea_', 'eb_')],
    ['another tag', (token: string) => token.replace('TcssqCjt', 'tcssqCjt')],
    ['a tag that differs at its end', (token: string) => token.replace('TcssqCjt', 'TcssqCju')],
    ['a tag of zeros', (token: string) => token.replace('TcssqCjt', '00000000')],
  ])('%s under a new checksum', async (_, invent) => {
    const body = invent(golden[0].token).slice(0, -6);
    const form = readTokenForm(body + checksumOf(body));
    expect(form.form).toBe('ours');
    expect(form.form === 'ours' && (await hasValidTag(form, tagKey))).toBe(false);
  });
});

test('importTagKey() makes a key that cannot be read back', () => {
  expect(tagKey.extractable).toBe(false);
});

describe('importTagKey() refuses', () => {
  test.each([
    ['nothing', ''],
    ['63 digits', tagKeyHex.slice(1)],
    ['65 digits', `${tagKeyHex}0`],
    ['upper case', tagKeyHex.toUpperCase()],
    ['a letter that is no digit', tagKeyHex.replace('0', 'g')],
    ['a newline after it', `${tagKeyHex}\n`],
    ['a prefix', `0x${tagKeyHex.slice(2)}`],
  ])('%s, without quoting it', async (_, hex) => {
    const problem = await importTagKey(hex).then(
      () => null,
      (error: unknown) => String(error),
    );
    expect(problem).toBe('Error: Cannot use the token tag key: it must be 64 hexadecimal digits');
  });
});

describe('checksumOf()', () => {
  // https://reveng.sourceforge.io/crc-catalogue/17plus.htm#crc.cat.crc-32-iso-hdlc and zlib's.
  test.each([
    ['', 0x00000000],
    ['123456789', 0xcbf43926],
    ['a', 0xe8b7be43],
    ['abc', 0x352441c2],
    ['The quick brown fox jumps over the lazy dog', 0x414fa339],
  ])('of %j is its CRC32 in base62', (text, crc) => {
    expect(checksumOf(text)).toMatch(/^[0-9A-Za-z]{6}$/);
    expect(fromBase62(checksumOf(text))).toBe(crc);
  });
});

describe('hintOf()', () => {
  test.each([
    ['a CORS token of ours', golden[0].token, 'ea_pk_0123'],
    ['a backend token of ours', golden[1].token, 'ea_sk_0123'],
    ['a UUID', '6ba7b810-9dad-11d1-80b4-00c04fd430c8', '6ba7'],
    ['a token that only looks like ours', 'ea_pk_secret', 'ea_'],
    ['a token that is all secret', 'ea_sk_abcd', 'ea'],
    ['eight characters', 'abcdefgh', 'ab'],
    ['three characters', 'abc', ''],
    ['nothing', '', ''],
  ])('of %s tells little of it', (_, token, hint) => {
    expect(hintOf(token)).toBe(hint);
  });

  test('shows at most four characters, or a quarter, of what is secret', () => {
    const near = fc.stringMatching(/^[a-z]{1,3}_[sp]k_[0-9A-Za-z]{0,50}$/);
    fc.assert(
      fc.property(fc.oneof(fc.string(), near), (token) => {
        const hint = hintOf(token);
        expect(token.startsWith(hint)).toBe(true);
        const type = /^[a-z]{1,3}_[sp]k_(?=.{44}$)/.exec(hint.length > 4 ? token : '')?.[0] ?? '';
        expect(hint.length - type.length).toBeLessThanOrEqual(Math.min(4, token.length / 4));
      }),
    );
  });
});

describe('hideTokens()', () => {
  const [{ token }, { token: backendToken }] = golden;
  test.each([
    ['a token alone', token, 'ea_pk_0123…'],
    ['a backend token', backendToken, 'ea_sk_0123…'],
    ['a token in a path', `GET /x/${token}/y?z`, 'GET /x/ea_pk_0123…/y?z'],
    ['two tokens', `${token},${backendToken}`, 'ea_pk_0123…,ea_sk_0123…'],
    ['a token behind another word', `key_${token}`, 'key_ea_pk_0123…'],
    [
      'a token with a prefix of 16 characters',
      `${'a'.repeat(16)}_sk_abcd1`,
      `${'a'.repeat(16)}_sk_abcd…`,
    ],
    ['a token with a prefix of one letter', 'a_sk_abcd1', 'a_sk_abcd…'],
    ['a token with a digit in its prefix', 'a1b2_pk_abcd1', 'a1b2_pk_abcd…'],
    ['a client token with a prefix of one letter', 'a_ct_eyJhbG', 'a_ct_…'],
    ['a token of an operator', 'ea_op_abcd1', 'ea_op_abcd…'],
    ['a token of a portal link', 'ea_pl_abcd1', 'ea_pl_abcd…'],
    ['a token of a portal session', 'ea_ps_abcd1', 'ea_ps_abcd…'],
    ['a client token', `Bearer ea_ct_eyJhbGci.eyJpYXQi.c2ln-_, x`, 'Bearer ea_ct_…, x'],
    ['the beginning of a client token', 'ea_ct_eyJhbG', 'ea_ct_…'],
    ['another word with the letters of one', 'product_ct_scan_results', 'product_ct_scan_results'],
    ['half a token', 'ea_sk_0123456', 'ea_sk_0123…'],
    ['a token that is mistyped', `${token}x`, 'ea_pk_0123…'],
    ['a hint', 'ea_pk_0123', 'ea_pk_0123'],
    ['another word', 'risk_sky_view', 'risk_sky_view'],
    ['nothing', '', ''],
  ])('cuts down %s', (_, text, hidden) => {
    expect(hideTokens(text)).toBe(hidden);
    expect(hideTokens(hidden)).toBe(hidden);
  });
});

describe('randomBase62()', () => {
  test('draws every character equally often from bytes that are equally frequent', () => {
    const text = randomBase62(4 * 62, countingBytes());
    for (const character of alphabet) expect(text.split(character)).toHaveLength(4 + 1);
  });

  test('draws again instead of folding the bytes that are left over', () => {
    const bytes = [255, 248, 0, 254, 253, 61, 252, 251, 247, 250, 249, 62];
    expect(randomBase62(4, fillFrom(bytes))).toBe('0zz0');
  });

  test('asks for more randomness where the first was not enough', () => {
    let fills = 0;
    const text = randomBase62(3, (bytes) => {
      fills += 1;
      bytes.fill(fills < 3 ? 255 : 10);
    });
    expect(text).toBe('AAA');
    expect(fills).toBe(3);
  });

  test.each([0, 1, 30, 1_000])('has %i characters where so many are wanted', (length) => {
    expect(randomBase62(length, countingBytes())).toHaveLength(length);
  });
});

test.each([
  ['ea', true],
  ['a', true],
  ['acme2', true],
  ['a'.repeat(16), true],
  ['', false],
  ['a'.repeat(17), false],
  ['EA', false],
  ['2a', false],
  ['e_a', false],
  ['e-a', false],
  ['ea\n', false],
])('a token prefix may be %j: %s', (prefix, isAllowed) => {
  expect(tokenPrefixPattern.test(prefix)).toBe(isAllowed);
});

/** A source of randomness that yields 0, 1, 2 and so on, and starts again after 255. */
function countingBytes(): (bytes: Uint8Array<ArrayBuffer>) => void {
  let next = 0;
  return (bytes) => {
    for (const index of bytes.keys()) bytes[index] = next++ % 256;
  };
}

/** A source of randomness that yields these bytes, and then none that counts. */
function fillFrom(source: Iterable<number>): (bytes: Uint8Array<ArrayBuffer>) => void {
  const iterator = source[Symbol.iterator]();
  return (bytes) => {
    for (const index of bytes.keys()) bytes[index] = iterator.next().value ?? 255;
  };
}

function fromBase62(text: string): number {
  return [...text].reduce((value, character) => value * 62 + alphabet.indexOf(character), 0);
}
