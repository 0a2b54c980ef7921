/**
 * The logo of a provider on the portal: an image at an https URL, or in a `data:` URL. Pure, no I/O.
 */

import type { UrlFault } from './return-url.ts';

/** A logo, and the source by which the page's policy permits it. */
export interface Logo {
  readonly url: string;
  /** A source expression of `img-src`. https://www.w3.org/TR/CSP3/#grammardef-source-list */
  readonly source: string;
}

/** Longest logo, in characters: Cloudflare's variables hold 5 kB. */
const LOGO_MAX_LENGTH = 5_000;

const FIX =
  'Set an https URL such as "https://cdn.example.com/logo.svg", or "data:image/png;base64,..."';
// As an image, SVG runs no scripts and loads nothing.
const dataPattern = /^data:image\/(?:png|jpeg|gif|webp|avif|svg\+xml);base64,[A-Za-z0-9+/]+={0,2}$/;
/** No character that ends a source expression or a policy, and none that the parser removes. */
const urlPattern =
  /^https:\/\/[A-Za-z0-9.\-:]+(?:\/[A-Za-z0-9\-._~%!$&*+=:@/]*)?(?:\?[A-Za-z0-9\-._~%!$&*+=:@/?]*)?$/;

/** Reads a logo. */
export function readLogo(text: string): { ok: true; logo: Logo } | { ok: false; fault: UrlFault } {
  if (text.length > LOGO_MAX_LENGTH) {
    const reason = `it is longer than ${LOGO_MAX_LENGTH} characters`;
    return { ok: false, fault: { reason, fix: 'Use a smaller image, or an https URL' } };
  }
  if (dataPattern.test(text)) return { ok: true, logo: { url: text, source: 'data:' } };
  const url = urlPattern.test(text) ? URL.parse(text) : null;
  if (url === null) {
    const reason = 'it is neither a plain https URL nor an image as base64 in a data: URL';
    return { ok: false, fault: { reason, fix: FIX } };
  }
  return { ok: true, logo: { url: url.href, source: url.origin + url.pathname } };
}
