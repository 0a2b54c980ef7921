/**
 * The headers of every page: they say what it may load, and forbid to frame or to store it.
 *
 * HSTS is the operator's: it concerns the whole host, not this path.
 */

/** Nothing from elsewhere, nothing inline: https://www.w3.org/TR/CSP3/ */
const contentSecurityPolicy = [
  "default-src 'none'",
  "style-src 'self'",
  "script-src 'self'",
  "img-src 'self'",
  "connect-src 'self'",
  "form-action 'self'",
  "frame-ancestors 'none'",
  "base-uri 'none'",
].join('; ');

const POLICY = 'Content-Security-Policy';

const securityHeaders = {
  [POLICY]: contentSecurityPolicy,
  'X-Content-Type-Options': 'nosniff',
  'Referrer-Policy': 'no-referrer',
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Resource-Policy': 'same-origin',
  'X-Robots-Tag': 'noindex',
  'Cache-Control': 'no-store',
} as const;

/**
 * Sets the headers that every response of the page carries, redirects and refusals included. A policy that
 * `allowImages` has set stays.
 */
export function setSecurityHeaders(headers: Headers): void {
  const policy = headers.get(POLICY);
  for (const [name, value] of Object.entries(securityHeaders)) headers.set(name, value);
  if (policy !== null) headers.set(POLICY, policy);
}

/** Sets the same policy with one more source of images, which has to be a source expression. */
export function allowImages(headers: Headers, source: string): void {
  // By a function: in a text, "$&" would stand for what was found.
  const widen = (own: string) => `${own} ${source}`;
  headers.set(POLICY, contentSecurityPolicy.replace("img-src 'self'", widen));
}
