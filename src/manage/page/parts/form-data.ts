/**
 * Fields of a form as text.
 */

/** A field of a form; empty when it is missing, or a file. */
export function textOf(form: FormData, name: string): string {
  const value = form.get(name);
  // Browsers send lines with CRLF: https://html.spec.whatwg.org/#constructing-the-form-data-set
  return typeof value === 'string' ? value.replaceAll('\r\n', '\n') : '';
}

/** The lines of a text that are not blank. */
export function linesOf(text: string): readonly string[] {
  return text
    .split(/\r?\n/)
    .map((line) => line.trim())
    .filter((line) => line !== '');
}

/** The words of a text, as people paste them: with commas, semicolons, blanks or new lines between them. */
export function wordsOf(text: string): readonly string[] {
  return text.split(/[\s,;]+/).filter((word) => word !== '');
}

/**
 * The line, counted from 1, that a part of a text is on. `partsOf` is `linesOf` or `wordsOf`, and `index` the
 * place of the part among all of them.
 */
export function lineNumberOf(
  text: string,
  index: number,
  partsOf: (text: string) => readonly string[],
): number {
  const lines = text.split(/\r?\n/);
  let parts = 0;
  const found = lines.findIndex((line) => {
    parts += partsOf(line).length;
    return parts > index;
  });
  return found < 0 ? lines.length : found + 1;
}
