/**
 * Lengths of texts in code points, as JSON Schema counts them, and cutting between them: half of a
 * surrogate pair is no character, and cannot be sent as UTF-8. Pure, no I/O.
 *
 * https://json-schema.org/draft/2020-12/json-schema-validation#section-6.3.1
 */

/** How many code points a text has. An unpaired half of a surrogate pair counts as one. */
export function lengthOf(text: string): number {
  let length = 0;
  for (let index = 0; index < text.length; length++) {
    index += (text.codePointAt(index) ?? 0) > 0xffff ? 2 : 1;
  }
  return length;
}

/** The beginning of a text, of so many code points at most. */
export function truncate(text: string, most: number): string {
  if (text.length <= most) return text;
  // No character takes more than two code units, so a pair that this cuts is one too many.
  return [...text.slice(0, 2 * most + 1)].slice(0, most).join('');
}

/** The same with an ellipsis where something is left out, to quote what may be of any length. */
export function truncateWithEllipsis(text: string, most: number): string {
  const beginning = truncate(text, most);
  return beginning.length < text.length ? `${beginning}…` : text;
}

const htmlEntities: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

/** The text for use within HTML, in an element or a quoted attribute. */
export function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (character) => htmlEntities[character] ?? '');
}
