/**
 * Punycode: telling the encoding of an international name from text that only looks like one.
 *
 * Every browser refuses a host such as `xn--`, but not every runtime's URL parser does for an ASCII host.
 * For a host outside ASCII all of them do the whole work, so that the name is decoded here and the
 * platform encodes it again. Pure, no I/O.
 *
 * Decoding: https://www.rfc-editor.org/rfc/rfc3492#section-6.2
 * Why an invalid label fails: https://url.spec.whatwg.org/#concept-domain-to-ascii
 */

/** How the Punycode of a label starts. */
export const PUNYCODE_PREFIX = 'xn--';

// The parameters of RFC 3492 section 5.
const BASE = 36;
const T_MIN = 1;
const T_MAX = 26;
const SKEW = 38;
const DAMP = 700;
const FIRST_BIAS = 72;
const FIRST_CODE_POINT = 0x80;
const LAST_CODE_POINT = 0x10ffff;

/** Tells whether every label of a host in lower case that starts with `xn--` encodes a valid name. */
export function hasValidPunycode(host: string): boolean {
  const labels = host.split('.');
  if (!labels.some((label) => label.startsWith(PUNYCODE_PREFIX))) return true;
  const names = labels.map(toUnicode);
  return (
    names.every((name) => name !== null) &&
    URL.parse(`https://${names.join('.')}/`)?.hostname === host
  );
}

/** Returns the name that a label stands for; `null` if it starts with `xn--` and encodes none. */
function toUnicode(label: string): string | null {
  if (!label.startsWith(PUNYCODE_PREFIX)) return label;
  const name = decode(label.slice(PUNYCODE_PREFIX.length));
  // A name in plain ASCII has no encoding.
  return name === null || /^[\0-\x7f]*$/.test(name) ? null : name;
}

/** Decodes by the procedure of RFC 3492 section 6.2. Returns `null` for what nothing encodes to. */
function decode(text: string): string | null {
  const lastHyphen = text.lastIndexOf('-');
  const codePoints = [...text.slice(0, Math.max(0, lastHyphen))].map((c) => c.codePointAt(0) ?? 0);
  let codePoint = FIRST_CODE_POINT;
  let position = 0;
  let bias = FIRST_BIAS;
  for (let at = lastHyphen + 1; at < text.length; ) {
    const start = position;
    let weight = 1;
    for (let threshold = BASE - bias, digit = BASE; ; threshold += BASE) {
      digit = digitOf(text[at++]);
      if (digit === BASE) return null;
      position += digit * weight;
      const t = Math.min(T_MAX, Math.max(T_MIN, threshold));
      if (digit < t) break;
      weight *= BASE - t;
    }
    const length = codePoints.length + 1;
    bias = adapt(position - start, length, start === 0);
    codePoint += Math.floor(position / length);
    if (codePoint > LAST_CODE_POINT) return null;
    position %= length;
    codePoints.splice(position++, 0, codePoint);
  }
  return String.fromCodePoint(...codePoints);
}

/** The value of a digit; `BASE` for any other character, and for none. */
function digitOf(character = ''): number {
  const index = 'abcdefghijklmnopqrstuvwxyz0123456789'.indexOf(character);
  return character === '' || index === -1 ? BASE : index;
}

/** https://www.rfc-editor.org/rfc/rfc3492#section-6.1 */
function adapt(difference: number, length: number, isFirst: boolean): number {
  let delta = Math.floor(difference / (isFirst ? DAMP : 2));
  delta += Math.floor(delta / length);
  let k = 0;
  for (; delta > ((BASE - T_MIN) * T_MAX) / 2; k += BASE)
    delta = Math.floor(delta / (BASE - T_MIN));
  return k + Math.floor(((BASE - T_MIN + 1) * delta) / (delta + SKEW));
}
