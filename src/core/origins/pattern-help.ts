/**
 * Words for refused origin patterns: the reason, what was probably meant, and the advice if that would
 * not be accepted either. Pure, no I/O.
 */

import { truncate } from '../text.ts';

/** Why a value is refused, before its message is put together. */
export interface Refusal {
  readonly reason: string;
  /** The value that was probably meant. Proposed as the fix only if it would be accepted. */
  readonly guess?: string;
  /** The fix where there is no guess, or none that would be accepted. */
  readonly advice: string;
}

const QUOTE_MAX_LENGTH = 100;

/** Advice for each kind of refusal that has no better guess. */
export const advice = {
  wholeOrigin: 'Write the whole origin, such as "https://app.example.com"',
  host: 'Write a host name, such as "https://app.example.com"',
  port: 'Write the port as a number from 1 to 65535, such as "http://localhost:3000"',
  entries: 'Write each origin as an entry of its own, such as "https://app.example.com"',
  wildcard:
    'Write a wildcard as the whole leftmost label, such as "https://*.example.com", or next to a hyphen, such as "https://my-app-*.vercel.app"',
  opaque: 'Write "*" if opaque origins must work; it admits every other origin as well',
} as const;

/** Quotes what may be hostile: shortened, with everything escaped that does not show. */
export function quote(text: string): string {
  const beginning = truncate(text, QUOTE_MAX_LENGTH);
  const shown = beginning === text ? text : `${beginning}...`;
  return JSON.stringify(shown).replace(/(?! )[\p{C}\p{Z}]/gu, escapeCharacter);
}

function escapeCharacter(character: string): string {
  const codeUnits = Array.from({ length: character.length }, (_, i) => character.charCodeAt(i));
  return codeUnits.map((unit) => `\\u${unit.toString(16).padStart(4, '0')}`).join('');
}
