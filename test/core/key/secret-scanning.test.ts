/// <reference types="vite/types/importMeta.d.ts" />
import { describe, expect, test } from 'vitest';
import {
  hasValidTag,
  importTagKey,
  makeToken,
  readTokenForm,
} from '../../../src/core/key/token.ts';

const [page = ''] = Object.values(
  import.meta.glob<string>('../../../docs/secret-scanning.md', {
    query: '?raw',
    import: 'default',
    eager: true,
  }),
);

/** The documented blocks of code in a language. */
const blocks = (language: string) =>
  [...page.matchAll(new RegExp(`^\`\`\`${language}\n(.*?)\n\`\`\`$`, 'gms'))].map(
    ([, code = '']) => code,
  );

const [ofOurs = '', ofAny = ''] = blocks('regex');
const [script = ''] = blocks('js');
const hasValidChecksum: (token: string) => boolean = new Function(
  `${script}; return hasValidChecksum`,
)();
const samples = [...page.matchAll(/^\| `(\w+)` \| (yes|no) \| (right|wrong|) ?\|$/gm)].map(
  ([, token = '', matches = '', checksum = '']) => ({ token, matches, checksum }),
);

const [{ token: backend = '' } = {}, { token: cors = '' } = {}] = samples;

/** The matches of an expression in a text. */
const find = (expression: string, text: string) =>
  [...text.matchAll(new RegExp(expression, 'g'))].map(([found]) => found);

const isDocumentedToken = (token: string) =>
  find(ofAny, token).includes(token) && hasValidChecksum(token);

describe('docs/secret-scanning.md', () => {
  test('holds two expressions, a check, and samples of every kind', () => {
    expect(ofOurs).not.toBe('');
    expect(ofAny).not.toBe('');
    expect(samples.map(({ matches, checksum }) => `${matches} ${checksum}`)).toEqual([
      ...['yes right', 'yes right', 'yes wrong', 'no ', 'no '],
    ]);
  });

  test.each([
    ['nothing', ''],
    ['a UUID', '6ba7b810-9dad-11d1-80b4-00c04fd430c8'],
    ['a key id', 'key_0A1b2C3d4E5f6G7h8I9j0K'],
    ['a type in upper case', backend.replace('_sk_', '_SK_')],
    ['another type', backend.replace('_sk_', '_rk_')],
    ['a hyphen for an underscore', backend.replace('ea_', 'ea-')],
    ['a prefix in upper case', backend.replace('ea_', 'EA_')],
    ['another prefix', backend.replace('ea_', 'eb_')],
    ['a longer prefix', `s${backend}`],
    ['a character too few', backend.slice(0, -1)],
    ['a character too many', `${backend}0`],
    ['an underscore too many', `${backend}_`],
    ['a hyphen in it', backend.replace('not', 'n-t')],
    ['a line break in it', backend.replace('not', 'no\n')],
  ])('has its expression leave %s alone', (_, text) => {
    expect(find(ofOurs, text)).toEqual([]);
  });

  test('has its expression find tokens wherever they stand', () => {
    const text = `key="${backend}" ${cors}\n${cors},?t=${backend}&x=1 .${cors}. ${backend}`;
    const found = [backend, cors, cors, backend, cors, backend];
    expect(find(ofOurs, text)).toEqual(found);
    expect(find(ofAny, text)).toEqual(found);
  });

  test.each(samples)(
    'says the truth of its sample $token',
    async ({ token, matches, checksum }) => {
      expect(find(ofOurs, token)).toEqual(matches === 'yes' ? [token] : []);
      if (matches === 'no') return expect(readTokenForm(token).form).toBe('foreign');
      expect(hasValidChecksum(token)).toBe(checksum === 'right');
      expect(readTokenForm(token).form).toBe(checksum === 'right' ? 'ours' : 'mistyped');
    },
  );

  test('has samples that no deployment accepts', async () => {
    for (const token of [backend, cors]) {
      const form = readTokenForm(token);
      for (let made = 0; made < 20; made++) {
        const tagKey = await anyTagKey();
        expect(form.form === 'ours' && (await hasValidTag(form, tagKey))).toBe(false);
      }
    }
  });

  test('describes every token that is made, of either kind and with any prefix', async () => {
    const tagKey = await anyTagKey();
    const fillRandom = (bytes: Uint8Array<ArrayBuffer>) => crypto.getRandomValues(bytes);
    for (const prefix of ['ea', 'a', 'acme2', 'a'.repeat(16)]) {
      for (const kind of ['backend', 'cors'] as const) {
        for (let made = 0; made < 50; made++) {
          const token = await makeToken({ prefix, kind, tagKey, fillRandom });
          expect(isDocumentedToken(token), token).toBe(true);
          expect(find(ofOurs, token)).toEqual(prefix === 'ea' ? [token] : []);
          const last = token.endsWith('0') ? '1' : '0';
          expect(isDocumentedToken(token.slice(0, -1) + last)).toBe(false);
        }
      }
    }
  });
});

function anyTagKey(): Promise<CryptoKey> {
  const bytes = crypto.getRandomValues(new Uint8Array(32));
  return importTagKey(Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join(''));
}
