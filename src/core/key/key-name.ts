/**
 * Names of keys: what makes one unreadable, and what people see of one.
 *
 * People tell keys apart by their names, in lists, audits and terminals. A name that shows nothing, or
 * that turns the text beside it around or paints over it, passes for something else there. Pure, no I/O.
 *
 * What shows nothing: https://www.unicode.org/reports/tr44/#Default_Ignorable_Code_Point
 * What directs text: https://www.unicode.org/reports/tr9/#Directional_Formatting_Characters
 */

// The blank of Braille is a symbol by its properties, and has no dot.
const visiblePattern = /[^\p{White_Space}\p{DI}\u2800]/u;
const directingPattern = /[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/u;
const lineBreakPattern = /[\u2028\u2029]/u;

/** Marks above, below or around one character. No script stacks as many; more of them paint over other lines. */
const MARKS_MAX = 8;
const stackPattern = new RegExp(`[\\p{Mn}\\p{Me}]{${MARKS_MAX + 1}}`, 'u');

/**
 * Why a text cannot be a name, to follow "name: "; `null` when it can. Emoji that are put together by
 * joiners and variation selectors are in order. How long it is is not checked here. Never throws.
 */
export function nameFault(name: string): string | null {
  if (/^\p{White_Space}*$/u.test(name)) return 'it is empty';
  if (!visiblePattern.test(name)) {
    return `it has no visible character: ${codePointOf(name, /\P{White_Space}/u)} shows nothing`;
  }
  if (/[\p{Cc}\p{Cs}]/u.test(name)) return 'it holds a control character, or half of one';
  if (directingPattern.test(name)) {
    return `it holds ${codePointOf(name, directingPattern)}, which directs the text around it`;
  }
  if (lineBreakPattern.test(name)) {
    return `it holds ${codePointOf(name, lineBreakPattern)}, which breaks the line`;
  }
  // Invisible characters between marks do not end the stack.
  if (stackPattern.test(name.replace(/\p{DI}/gu, '')))
    return `it stacks more than ${MARKS_MAX} marks on one character`;
  return null;
}

/**
 * Returns a name as people see it, and therefore type it: without invisible characters, with each run of
 * white space as one blank, and without white space at the ends.
 */
export function shownName(name: string): string {
  return name
    .replace(/\p{DI}/gu, '')
    .replace(/\p{White_Space}+/gu, ' ')
    .trim();
}

/** The first character that fits, as Unicode writes it. */
function codePointOf(text: string, pattern: RegExp): string {
  const [character = ''] = pattern.exec(text) ?? [];
  const hex = character.codePointAt(0)?.toString(16).toUpperCase() ?? '';
  return `U+${hex.padStart(4, '0')}`;
}
