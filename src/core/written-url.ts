/**
 * URLs as people write them into settings and options. Pure, no I/O.
 */

/**
 * Reads an absolute http or https URL. Returns `null` for any other text. The platform's parser also accepts
 * blanks, backslashes and missing slashes, which are typing mistakes here.
 */
export function parseWrittenUrl(text: string): URL | null {
  return /^https?:\/\/[^\s\\/][^\s\\]*$/i.test(text) ? URL.parse(text) : null;
}

/** Returns a URL without its parts that may be secret: everything before an `@`, and the query. */
export function quotableUrl(text: string): string {
  return text.replace(/^(https?:\/\/)?.*@/is, '$1***@').replace(/([?#]).*$/s, '$1***');
}
