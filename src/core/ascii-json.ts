/** Writes JSON for headers. Pure, no I/O. */

/**
 * Returns JSON in visible ASCII and blanks, as a header can hold it. Other characters are escaped, so that
 * it is the same JSON. https://www.rfc-editor.org/rfc/rfc9110#section-5.5
 */
export function asciiJson(value: object): string {
  return JSON.stringify(value).replace(
    /[\u007f-\uffff]/g,
    (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}
