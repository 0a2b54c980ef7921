/**
 * The place where a token was found, as it may be kept: a Web address without the token. Pure, no I/O.
 */

import { hideTokens } from '../core/key/token.ts';

/** Longest address that is kept, in characters. */
export const LEAK_URL_MAX_LENGTH = 2_048;

const DECODINGS_MAX = 5;

/**
 * The canonical form of an http or https URL, with the token in it cut out. Returns `null` if it is not
 * one, is too long, holds credentials, or still holds the token, however often it is decoded. A URL is
 * kept and shown to people, and its author may have put the token there too. Never throws.
 */
export function readLeakUrl(text: string, token: string): string | null {
  const url = text.length <= LEAK_URL_MAX_LENGTH ? URL.parse(text) : null;
  if (url === null || (url.protocol !== 'https:' && url.protocol !== 'http:')) return null;
  if (url.username !== '' || url.password !== '') return null;
  const cut = token === '' ? url.href : url.href.replaceAll(token, '…');
  const shown = hideTokens(cut);
  if (shown.length > LEAK_URL_MAX_LENGTH || holdsToken(shown, token)) return null;
  return shown;
}

/** Returns whether the token, or any other of our form, can be read in a URL by decoding it. */
function holdsToken(url: string, token: string): boolean {
  let reading = url;
  for (let count = 0; count <= DECODINGS_MAX; count++) {
    // A host comes in lower case, and some servers fold the case of paths.
    const isThere = token !== '' && reading.toLowerCase().includes(token.toLowerCase());
    if (isThere || hideTokens(reading) !== reading) return true;
    const decoded = decode(reading);
    if (decoded === reading) return false;
    reading = decoded;
  }
  // No path is encoded this often by accident.
  return true;
}

/** Percent-decoded once, byte by byte: tokens are ASCII, and other bytes do not matter here. */
function decode(text: string): string {
  return text.replaceAll(/%([0-9A-Fa-f]{2})/g, (_, hex: string) =>
    String.fromCharCode(Number.parseInt(hex, 16)),
  );
}
