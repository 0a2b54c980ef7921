/**
 * The format of our tokens: making one, and telling a real one from a mistyped or an invented one
 * without any look-up.
 *
 *     ea_pk_ 30 random characters · 8 characters of keyed tag · 6 characters of CRC32
 *
 * The random part holds 178 bits (log2 62^30). The tag is a truncated HMAC-SHA-256 over everything
 * before it, under a key that lives in D1: a caller that cannot read D1 guesses it once in 10^14
 * attempts, so invented tokens cost no look-up. The tag does not authenticate: the hash of the whole
 * token in D1 does. The CRC32 covers everything before it and lets secret scanners, and people who
 * lost a character, know without a secret.
 *
 * There are two kinds of tag. The token of a backend key with client tokens is tagged over the name
 * that its client tokens carry (`kid`) in place of its random part. So the same eight characters prove
 * a client token, whose bearer does not know the random part. All other tokens have the first kind.
 *
 * No I/O and no clock; randomness is passed in. Uses Web Crypto, which is asynchronous.
 */

import { KID_NAME_LENGTH, kidNameOf, publicKeyOf } from '../client-token/derivation.ts';
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

/** The form of a prefix: lower-case letters and digits, so that a double click takes the whole token. */
export const tokenPrefixPattern = /^[a-z][a-z0-9]{0,15}$/;

/**
 * The facts about a token that its characters alone show:
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
    throw new Error('Cannot use the token tag key: it must be 64 hexadecimal digits');
  }
  const bytes = Uint8Array.from(hex.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));
  return crypto.subtle.importKey('raw', bytes, { name: 'HMAC', hash: 'SHA-256' }, false, ['sign']);
}

/** Returns whether the tag of a token of our form, of either kind, was made with this key. */
export async function hasValidTag(
  token: TokenForm & { form: 'ours' },
  tagKey: CryptoKey,
): Promise<boolean> {
  if (isSameTag(await tagOf(token.signed, tagKey), token.tag)) return true;
  if (token.kind !== 'backend') return false;
  return isSameTag(await tagOf(await namedPartOf(token.signed), tagKey), token.tag);
}

/**
 * Returns whether a `kid` names a token that this deployment can have made: its last eight characters
 * are the tag over the others, under the prefix that the client token has.
 */
export async function hasValidKidTag(
  { prefix, kid }: { readonly prefix: string; readonly kid: string },
  tagKey: CryptoKey,
): Promise<boolean> {
  const named = `${prefix}_${typeNames.backend}_${kid.slice(0, KID_NAME_LENGTH)}`;
  return isSameTag(await tagOf(named, tagKey), kid.slice(KID_NAME_LENGTH));
}

/**
 * Makes a token. `fillRandom` is `crypto.getRandomValues` or a test's stand-in for it. With
 * `mintsClientTokens`, the token is a backend key's and has the second kind of tag.
 */
export async function makeToken(options: {
  readonly prefix: string;
  readonly kind: KeyKind;
  readonly tagKey: CryptoKey;
  readonly fillRandom: (bytes: Uint8Array<ArrayBuffer>) => void;
  readonly mintsClientTokens?: boolean;
}): Promise<string> {
  const signed = `${options.prefix}_${typeNames[options.kind]}_${randomBase62(RANDOM_LENGTH, options.fillRandom)}`;
  const named = options.mintsClientTokens ? await namedPartOf(signed) : signed;
  const tagged = signed + (await tagOf(named, options.tagKey));
  return tagged + checksumOf(tagged);
}

/** The record of a token whose holder may mint client tokens. */
export interface MintingIdentity {
  /** Names the token in its client tokens. */
  readonly kid: string;
  /** Verifies them: an Ed25519 key as 43 characters of base64url. */
  readonly publicKey: string;
}

/**
 * Returns the `kid` and the public key of a backend token of our form with the second kind of tag;
 * `null` for every other token, because its client tokens could not be distinguished from invented ones.
 */
export async function mintingIdentityOf(
  token: string,
  tagKey: CryptoKey,
): Promise<MintingIdentity | null> {
  const backend = readBackendToken(token);
  if (backend === null) return null;
  const kid = await kidOf(backend.signed, tagKey);
  if (!isSameTag(kid.slice(KID_NAME_LENGTH), backend.tag)) return null;
  return { kid, publicKey: await publicKeyOf(backend.randomPart) };
}

/** A backend token of our form, ready to mint by itself. */
export interface MintingToken extends MintingIdentity {
  readonly prefix: string;
  readonly randomPart: string;
}

/**
 * Returns what the edge needs to mint for a backend token of our form, of either kind of tag: its `kid`
 * is tagged again. `null` for every other token.
 */
export async function mintingTokenOf(
  token: string,
  tagKey: CryptoKey,
): Promise<MintingToken | null> {
  const backend = readBackendToken(token);
  if (backend === null) return null;
  const { prefix, randomPart, signed } = backend;
  const kid = await kidOf(signed, tagKey);
  return { prefix, randomPart, kid, publicKey: await publicKeyOf(randomPart) };
}

/** The parts of a backend token of our form; `null` for every other token. */
function readBackendToken(token: string) {
  const form = readTokenForm(token);
  if (form.form !== 'ours' || form.kind !== 'backend') return null;
  const { signed, tag } = form;
  const prefix = signed.slice(0, signed.indexOf('_'));
  return { prefix, randomPart: signed.slice(-RANDOM_LENGTH), signed, tag };
}

/** The name of a token in its client tokens, and the tag over it. */
async function kidOf(signed: string, tagKey: CryptoKey): Promise<string> {
  const named = await namedPartOf(signed);
  return named.slice(-KID_NAME_LENGTH) + (await tagOf(named, tagKey));
}

/** The tagged part with the name of its client tokens in place of its random part. */
async function namedPartOf(signed: string): Promise<string> {
  return signed.slice(0, -RANDOM_LENGTH) + (await kidNameOf(signed.slice(-RANDOM_LENGTH)));
}

/** Returns the hash that is stored and looked up: SHA-256 of the token in lower-case hexadecimal. */
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
 * Returns a text in which every token of our form, an operator's and that of a portal link too, is cut down
 * to its hint, and every client token to its prefix. For messages that quote a request, because callers put tokens into paths and fields too.
 */
export function hideTokens(text: string): string {
  // Nearly all texts end here, which is many times quicker than the pattern.
  if (!/_(?:sk|pk|op|pl|ps)_|_ct_eyJ/.test(text)) return text;
  return text
    .replace(/([a-z][a-z0-9]{0,15}_(?:sk|pk|op|pl|ps)_[0-9A-Za-z]{4})[0-9A-Za-z]+/g, '$1…')
    .replace(/([a-z][a-z0-9]{0,15}_ct_)eyJ[0-9A-Za-z_-]*(?:\.[0-9A-Za-z_-]*)*/g, '$1…');
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
