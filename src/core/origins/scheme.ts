/**
 * Schemes of origins: those of web pages, those of browser extensions, and those that no origin has.
 * Pure data.
 */

/** Longest scheme of an origin, in characters. */
export const SCHEME_MAX_LENGTH = 64;

/** The schemes of web pages with their default ports. Every other scheme is that of an app. */
export const webDefaultPorts: ReadonlyMap<string, string> = new Map([
  ['http', '80'],
  ['https', '443'],
]);

/**
 * Schemes that no origin has. Their documents have an opaque origin or the origin of another page, and a
 * WebSocket handshake names the page's origin. `file` is one of them, but for the exact header value
 * `file://`, which is an opaque origin (`web-origin.ts`).
 */
export const refusedSchemes: ReadonlySet<string> = new Set([
  'about',
  'blob',
  'data',
  'file',
  'filesystem',
  'javascript',
  'view-source',
  'ws',
  'wss',
]);

/**
 * Tells whether a scheme in lower case is that of browser extensions, such as `chrome-extension`,
 * `moz-extension` and `safari-web-extension`. Their hosts are ids; Firefox draws a new one for each
 * installation.
 */
export function isExtensionScheme(scheme: string): boolean {
  return scheme.endsWith('-extension');
}
