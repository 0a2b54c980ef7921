/**
 * Text that is searched for whatever its case. SQLite's `lower()` knows ASCII alone, so the other letters of
 * the searched text are replaced by their small form one by one. LIKE is out of the question: D1 takes
 * patterns of 50 bytes at most, and text is to be found as it is typed.
 */

import { type Sql, sql } from './windows.ts';

/** Most letters beyond ASCII whose case is ignored in one search: each is one more call in the statement. */
const LETTERS_MAX = 20;

/** Returns a condition: the column holds the text, whatever the case. */
export function containsInAnyCase(column: string, text: string): Sql {
  const needle = text.toLowerCase();
  const letters = lettersBeyondAscii(needle);
  const folded = letters.reduce((inner) => `replace(${inner}, ?, ?)`, `lower(${column})`);
  return sql(`instr(${folded}, ?) > 0`, ...letters.flat(), needle);
}

/** Returns a condition: the column, which is ASCII, begins with the text, whatever the case. */
export function startsInAnyCase(column: string, text: string): Sql {
  return sql(`lower(substr(${column}, 1, length(?))) = lower(?)`, text, text);
}

/** The letters of a text in lower case that have a capital form, as pairs of that form and themselves. */
function lettersBeyondAscii(text: string): readonly (readonly [capital: string, small: string])[] {
  const letters = new Set(Array.from(text).filter((letter) => letter > '\x7f'));
  return Array.from(letters, (small) => [small.toUpperCase(), small] as const)
    .filter(([capital, small]) => capital !== small && Array.from(capital).length === 1)
    .slice(0, LETTERS_MAX);
}
