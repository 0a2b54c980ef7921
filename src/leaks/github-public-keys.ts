/**
 * Reads the public keys that sign reports of leaked tokens, as the operator sets them. Pure, no I/O.
 *
 * Two forms: what GitHub publishes at https://api.github.com/meta/public_keys/secret_scanning, kept as
 * it is, or an object of PEM texts by identifier. There may be several keys, so that GitHub can
 * change to a new one.
 */

import { isRecord, parseJson } from '../core/json.ts';
import { readBase64 } from './der-signature.ts';

/** A public key, ready to be imported as SPKI for ECDSA over P-256. */
export interface ScanningKey {
  /** The value of `Github-Public-Key-Identifier` for this key. */
  readonly id: string;
  readonly spki: Uint8Array<ArrayBuffer>;
}

/** The keys, or what is wrong with them: the first that is no good, or all of it. */
export type ScanningKeysResult =
  | { readonly ok: true; readonly keys: readonly ScanningKey[] }
  | { readonly ok: false; readonly reason: string };

const KEYS_MAX = 20;
const idPattern = /^[\x21-\x7e]{1,128}$/;
const pemPattern =
  /^\s*-----BEGIN PUBLIC KEY-----\s+([A-Za-z0-9+/=\s]+?)\s+-----END PUBLIC KEY-----\s*$/;

/**
 * The bytes before the point in the SPKI of a P-256 key with an uncompressed point: the lengths,
 * id-ecPublicKey, prime256v1, and the 4 of an uncompressed point.
 * https://www.rfc-editor.org/rfc/rfc5480#section-2
 */
const spkiStart = [
  0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a,
  0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00, 0x04,
];
const COORDINATE_BYTES = 32;

/** P-256, y^2 = x^3 - 3x + b modulo p. https://csrc.nist.gov/pubs/sp/800/186/final, section 3.2.1.3 */
const fieldPrime = 0xffffffff00000001000000000000000000000000ffffffffffffffffffffffffn;
const curveB = 0x5ac635d8aa3a93e7b3ebbd55769886bc651d06b0cc53b0f63bce3c3e27d2604bn;

/** Reads keys from the value of a setting: a text of JSON, or what it stands for. Never throws. */
export function readScanningKeys(value: unknown): ScanningKeysResult {
  const document = typeof value === 'string' ? parseJson(value) : value;
  if (!isRecord(document)) return refuse('it is not a JSON object');
  const pems = 'public_keys' in document ? publishedPems(document) : Object.entries(document);
  if (pems === null) {
    return refuse('"public_keys" is not a list of objects with a "key_identifier" and a "key"');
  }
  if (pems.length === 0) return refuse('it holds no key');
  if (pems.length > KEYS_MAX) return refuse(`it holds more than ${KEYS_MAX} keys`);

  const keys: ScanningKey[] = [];
  for (const [id, pem] of pems) {
    const spki = typeof pem === 'string' ? readPem(pem) : null;
    if (!idPattern.test(id))
      return refuse('an identifier is not 1 to 128 visible ASCII characters');
    if (spki === null) return refuse(`key "${id}" is not the PEM of a P-256 public key`);
    if (keys.some((known) => known.id === id)) return refuse(`key "${id}" is there twice`);
    keys.push({ id, spki });
  }
  return { ok: true, keys };
}

/** The keys of GitHub's document. Those that are not current any more have signed what is on its way. */
function publishedPems(document: Record<string, unknown>): (readonly [string, unknown])[] | null {
  const published = document['public_keys'];
  if (!Array.isArray(published)) return null;
  const pems: (readonly [string, unknown])[] = [];
  for (const entry of published as readonly unknown[]) {
    const id = isRecord(entry) ? entry['key_identifier'] : null;
    if (!isRecord(entry) || typeof id !== 'string') return null;
    pems.push([id, entry['key']]);
  }
  return pems;
}

/** The SPKI in a PEM text; `null` when it is not that of a point on P-256. */
function readPem(pem: string): Uint8Array<ArrayBuffer> | null {
  const base64 = pemPattern.exec(pem)?.[1]?.replaceAll(/\s/g, '') ?? '';
  const spki = readBase64(base64, spkiStart.length + 2 * COORDINATE_BYTES);
  if (spki?.length !== spkiStart.length + 2 * COORDINATE_BYTES) return null;
  if (!spkiStart.every((byte, index) => spki[index] === byte)) return null;
  return isOnCurve(spki.subarray(spkiStart.length)) ? spki : null;
}

/** Checked here, so that a deployment with a key that no runtime takes is refused where it is made. */
function isOnCurve(point: Uint8Array): boolean {
  const x = toNumber(point.subarray(0, COORDINATE_BYTES));
  const y = toNumber(point.subarray(COORDINATE_BYTES));
  if (x >= fieldPrime || y >= fieldPrime) return false;
  return (y * y - (x * x * x - 3n * x + curveB)) % fieldPrime === 0n;
}

function toNumber(bytes: Uint8Array): bigint {
  let value = 0n;
  for (const byte of bytes) value = (value << 8n) | BigInt(byte);
  return value;
}

function refuse(reason: string): ScanningKeysResult {
  return { ok: false, reason };
}
