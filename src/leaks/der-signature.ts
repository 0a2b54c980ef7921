/**
 * Reads ECDSA signatures over P-256 as OpenSSL and GitHub write them, into the form that Web Crypto
 * takes. Pure, no I/O.
 *
 * They write `SEQUENCE { r INTEGER, s INTEGER }` (RFC 3279, section 2.2.3) in DER; Web Crypto wants r
 * and s as 32 bytes each. Exactly one encoding of a signature is accepted, as DER has it: no signer makes
 * the others that a lenient parser would accept.
 */

/** Length of r and of s, and of the largest signature: both with a zero byte in front. */
const NUMBER_BYTES = 32;
const SIGNATURE_MAX_BYTES = 2 + 2 * (2 + 1 + NUMBER_BYTES);

const SEQUENCE = 0x30;
const INTEGER = 0x02;

/**
 * The 64 bytes of r and s; `null` when the text is not the base64 of a DER signature. Says nothing of
 * whether the signature is good. Never throws.
 *
 * DER: https://www.itu.int/rec/T-REC-X.690, sections 8.3 and 10.1;
 * ECDSA-Sig-Value: https://www.rfc-editor.org/rfc/rfc3279#section-2.2.3
 */
export function readDerSignature(base64: string): Uint8Array<ArrayBuffer> | null {
  const bytes = readBase64(base64, SIGNATURE_MAX_BYTES);
  if (bytes === null || bytes[0] !== SEQUENCE || bytes[1] !== bytes.length - 2) return null;
  const r = readInteger(bytes, 2);
  const s = r && readInteger(bytes, r.end);
  if (r === null || s === null || s.end !== bytes.length) return null;
  const raw = new Uint8Array(2 * NUMBER_BYTES);
  raw.set(r.magnitude, NUMBER_BYTES - r.magnitude.length);
  raw.set(s.magnitude, 2 * NUMBER_BYTES - s.magnitude.length);
  return raw;
}

/**
 * Decodes a base64 text with its padding. Returns `null` if it is not the one text for these bytes, or
 * if they are more than `maxBytes`.
 */
export function readBase64(text: string, maxBytes: number): Uint8Array<ArrayBuffer> | null {
  if (text.length > 4 * Math.ceil(maxBytes / 3)) return null;
  if (text.length % 4 !== 0 || !/^[A-Za-z0-9+/]+={0,2}$/.test(text)) return null;
  const decoded = atob(text);
  // The last character may carry bits that belong to no byte: then it is another text's spelling.
  if (decoded.length > maxBytes || btoa(decoded) !== text) return null;
  return Uint8Array.from(decoded, (character) => character.charCodeAt(0));
}

interface Integer {
  /** Without the zero byte that keeps it positive. */
  readonly magnitude: Uint8Array;
  /** The index of the next element. */
  readonly end: number;
}

/** The positive INTEGER at a place; `null` unless it has its shortest form. */
function readInteger(bytes: Uint8Array, start: number): Integer | null {
  const length = bytes[start + 1] ?? 0;
  const end = start + 2 + length;
  // A length of 128 and more is the long form, which a number of 33 bytes must not use.
  if (bytes[start] !== INTEGER || length === 0 || length > NUMBER_BYTES + 1) return null;
  if (end > bytes.length) return null;
  const [first = 0, second = 0] = bytes.subarray(start + 2, end);
  const isNegative = first >= 0x80;
  const isPadded = first === 0 && second < 0x80;
  // Zero is among the padded: neither r nor s may be that.
  if (isNegative || isPadded) return null;
  const magnitude = bytes.subarray(start + 2 + (first === 0 ? 1 : 0), end);
  return magnitude.length > NUMBER_BYTES ? null : { magnitude, end };
}
