/**
 * The format of our tokens: making one, and telling a real one from a mistyped or an invented one
 * without any look-up.
 *
 *     ea_pk_ 30 random characters · 8 characters of keyed tag · 6 characters of CRC32
 *
 * The random part holds 178 bits (log2 62^30). The tag is a truncated HMAC-SHA-256 over everything
 * before it, under a key that lives in D1: whoever cannot read D1 guesses it once in 10^14 attempts, so
 * invented tokens cost no look-up. It is not what authenticates: that is the hash of the
 * whole token in D1. The CRC32 covers everything before it and lets secret scanners, and people who
 * lost a character, know without a secret.
 *
 * No I/O and no clock; randomness is passed in. Uses Web Crypto, which is asynchronous.
 */

import { TOKEN_MAX_LENGTH } from '../limits.ts';

/** Whom a key is made for: `backend` (`sk`) for servers, `cors` (`pk`) for pages. Never changes. */
export type KeyKind = 'backend' | 'cors';

const RANDOM_LENGTH = 30;
const TAG_LENGTH = 8;
const CHECKSUM_LENGTH = 6;
const ALPHABET = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';
const BASE = 62;

const typeNames = { backend: 'sk', cors: 'pk' } as const;

const tokenPattern = new RegExp(
  `^([a-z][a-z0-9]{0,15}_(sk|pk)_[0-9A-Za-z]{${RANDOM_LENGTH}})([0-9A-Za-z]{${TAG_LENGTH}})([0-9A-Za-z]{${CHECKSUM_LENGTH}})$`,
);

/** What a prefix may be: lower-case letters and digits, so that a double click takes the whole token. */
export const tokenPrefixPattern = /^[a-z][a-z0-9]{0,15}$/;

/**
 * What can be said about a token from its characters alone:
 * - `ours`: our form and a right checksum; `signed` is what the tag is computed over;
 * - `mistyped`: our form, wrong checksum. It cannot exist;
 * - `foreign`: any other form. It can exist only if tokens were imported.
 */
export type TokenForm =
  | { readonly form: 'ours'; readonly kind: KeyKind; readonly signed: string; readonly tag: string }
  | { readonly form: 'mistyped' }
  | { readonly form: 'foreign' }
  | { readonly form: 'oversized' };

/** Sorts a token by its form. Never throws, never looks anything up. */
export function readTokenForm(token: string): TokenForm {
  if (token.length > TOKEN_MAX_LENGTH) return { form: 'oversized' };
  const match = tokenPattern.exec(token);
  if (!match) return { form: 'foreign' };
  // The pattern has four groups and none of them is optional.
  const [, signed, type, tag, checksum] = match as unknown as [
    string,
    string,
    string,
    string,
    string,
  ];
  if (checksumOf(signed + tag) !== checksum) return { form: 'mistyped' };
  return { form: 'ours', kind: type === 'sk' ? 'backend' : 'cors', signed, tag };
}

/** The HMAC key of the tags, as D1 holds it: 32 bytes in hexadecimal. Throws on anything else. */
export async function importTagKey(hex: string): Promise<CryptoKey> {
  if (!/^[0-9a-f]{64}$/.test(hex)) {
    throw new Error('Cannot use the token tag key: 64 hexadecimal digits are wanted');
  }
  const bytes = Uint8Array.from(hex.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));
  return crypto.subtle.importKey('raw', bytes, { name: 'HMAC', hash: 'SHA-256' }, false, ['sign']);
}

/** Whether the tag of a token of our form was made with this key. */
export async function hasValidTag(
  token: TokenForm & { form: 'ours' },
  tagKey: CryptoKey,
): Promise<boolean> {
  return isSameTag(await tagOf(token.signed, tagKey), token.tag);
}

/** A new token. `fillRandom` is `crypto.getRandomValues` or a test's stand-in for it. */
export async function makeToken(options: {
  readonly prefix: string;
  readonly kind: KeyKind;
  readonly tagKey: CryptoKey;
  readonly fillRandom: (bytes: Uint8Array<ArrayBuffer>) => void;
}): Promise<string> {
  const signed = `${options.prefix}_${typeNames[options.kind]}_${randomBase62(RANDOM_LENGTH, options.fillRandom)}`;
  const tagged = signed + (await tagOf(signed, options.tagKey));
  return tagged + checksumOf(tagged);
}

/** What is stored and looked up: SHA-256 of the token in lower-case hexadecimal. */
export async function hashToken(token: string): Promise<string> {
  const digest = await crypto.subtle.digest('SHA-256', encoder.encode(token));
  return toHex(new Uint8Array(digest));
}

/**
 * The beginning of a token, enough for its owner to recognise it and useless to anybody else: the
 * prefix, the type and four characters of ours, and at most a quarter of any other, up to four.
 */
export function hintOf(token: string): string {
  const signed = tokenPattern.exec(token)?.[1];
  if (signed !== undefined) return signed.slice(0, 4 - RANDOM_LENGTH);
  return token.slice(0, Math.min(4, Math.floor(token.length / 4)));
}

/**
 * A text in which every token of our form is cut down to its hint. For messages that quote what was
 * sent to us, since callers put tokens into paths and fields too.
 */
export function hideTokens(text: string): string {
  // Nearly all texts end here, which is many times quicker than the pattern.
  if (!text.includes('_sk_') && !text.includes('_pk_')) return text;
  return text.replace(/([a-z][a-z0-9]{0,15}_(?:sk|pk)_[0-9A-Za-z]{4})[0-9A-Za-z]+/g, '$1…');
}

/**
 * A string of uniformly distributed base62 characters. Bytes of 248 and above are drawn again:
 * taking them modulo 62 would favour the first eight characters.
 */
export function randomBase62(
  length: number,
  fillRandom: (bytes: Uint8Array<ArrayBuffer>) => void,
): string {
  let text = '';
  const bytes = new Uint8Array(2 * length);
  while (text.length < length) {
    fillRandom(bytes);
    for (const byte of bytes) {
      if (byte < 4 * BASE && text.length < length) text += ALPHABET.charAt(byte % BASE);
    }
  }
  return text;
}

/** CRC32 (IEEE 802.3, as in zip and PNG) of ASCII text, as six base62 characters. */
export function checksumOf(text: string): string {
  let crc = 0xffffffff;
  for (let index = 0; index < text.length; index++) {
    // The table has 256 entries and the index is one byte.
    crc = (crc >>> 8) ^ crcTable[(crc ^ text.charCodeAt(index)) & 0xff]!;
  }
  return toBase62((crc ^ 0xffffffff) >>> 0, CHECKSUM_LENGTH);
}

const encoder = new TextEncoder();

const crcTable = Uint32Array.from({ length: 256 }, (_, byte) => {
  let crc = byte;
  for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0xedb88320 : crc >>> 1;
  return crc;
});

async function tagOf(signed: string, tagKey: CryptoKey): Promise<string> {
  const mac = new DataView(await crypto.subtle.sign('HMAC', tagKey, encoder.encode(signed)));
  // 48 bits: a double holds them exactly, and eight characters tell nearly all of them apart
  // (2^48 is 1.3 * 62^8), so that no tag is more than twice as likely as another.
  return toBase62(mac.getUint32(0) * 2 ** 16 + mac.getUint16(4), TAG_LENGTH);
}

/** Compares two tags in a time that says nothing of how much of them agrees. */
function isSameTag(left: string, right: string): boolean {
  let difference = left.length ^ right.length;
  for (let index = 0; index < left.length; index++) {
    difference |= left.charCodeAt(index) ^ right.charCodeAt(index);
  }
  return difference === 0;
}

function toBase62(value: number, length: number): string {
  let text = '';
  for (let rest = value; text.length < length; rest = Math.floor(rest / BASE)) {
    text = ALPHABET.charAt(rest % BASE) + text;
  }
  return text;
}

function toHex(bytes: Uint8Array): string {
  let hex = '';
  for (const byte of bytes) hex += byte.toString(16).padStart(2, '0');
  return hex;
}
