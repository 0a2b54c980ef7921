/**
 * Plain http on this machine, as `npm run dev` serves it. Pure, no I/O.
 */

/** Returns whether a URL is on this machine over plain http, with no network in between. */
export function isLocalHttp(url: string): boolean {
  const { protocol, hostname } = new URL(url);
  return protocol === 'http:' && localHostPattern.test(hostname.replace(/\.$/, ''));
}

/** The parser has written IP addresses in their one form. https://www.rfc-editor.org/rfc/rfc6761#section-6.3 */
const localHostPattern = /^(?:(?:.+\.)?localhost|127\.\d+\.\d+\.\d+|\[::1\])$/;
