/**
 * base64url without padding, read strictly: one text for one sequence of bytes. Pure, no I/O.
 *
 * https://www.rfc-editor.org/rfc/rfc4648#section-5
 */

/** Returns bytes as base64url without padding. */
export function toBase64Url(bytes: Uint8Array): string {
  return btoa(String.fromCharCode(...bytes))
    .replaceAll('+', '-')
    .replaceAll('/', '_')
    .replace(/=+$/, '');
}

/**
 * Reads base64url without padding. Returns `null` for any other character, for an impossible length,
 * and if the bits after the last byte are not zero: such a text would be a second spelling of the same
 * bytes. https://www.rfc-editor.org/rfc/rfc4648#section-3.5
 */
export function fromBase64Url(text: string): Uint8Array<ArrayBuffer> | null {
  if (!/^[A-Za-z0-9_-]*$/.test(text) || text.length % 4 === 1) return null;
  const binary = atob(text.replaceAll('-', '+').replaceAll('_', '/'));
  const bytes = Uint8Array.from(binary, (character) => character.charCodeAt(0));
  return toBase64Url(bytes) === text ? bytes : null;
}
