/**
 * Schemes of origins: which have default ports, and which no origin has. Pure data.
 */

/** Longest scheme of an origin, in characters. */
export const SCHEME_MAX_LENGTH = 64;

/** The schemes of web pages with their default ports. Every other scheme is that of an app. */
export const webDefaultPorts: ReadonlyMap<string, string> = new Map([
  ['http', '80'],
  ['https', '443'],
]);

/**
 * Schemes that no origin has: their documents have an opaque origin or that of another page, and a
 * WebSocket handshake names the page's origin. Neither sent by a browser nor stored.
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
