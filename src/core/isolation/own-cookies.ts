/**
 * The cookies that open the management page, and how they are kept from the API on the same host.
 *
 * The API must not read them (a copy is a session), set them (a person would work in a session that is
 * not theirs) or delete them. Pure, no I/O.
 *
 * Cookies: https://www.rfc-editor.org/rfc/rfc6265#section-5.2
 */

/**
 * The page's session on https. The prefix makes browsers refuse it from plain http, from a sibling
 * host and with another path. https://www.rfc-editor.org/rfc/rfc6265#section-4.1.2 and
 * https://datatracker.ietf.org/doc/html/draft-ietf-httpbis-rfc6265bis#section-4.1.3.2
 */
export const SESSION_COOKIE = '__Host-edge-session';
/** The same on http on this machine, where WebKit stores no `Secure` cookie. Accepted nowhere else. */
export const LOCAL_SESSION_COOKIE = 'edge-session-local';

/** The session of a customer whom a link of the operator led to the page, on https. */
export const PORTAL_COOKIE = '__Host-edge-portal';
/** The same on http on this machine. */
export const LOCAL_PORTAL_COOKIE = 'edge-portal-local';

const protectedCookies = [
  SESSION_COOKIE,
  LOCAL_SESSION_COOKIE,
  PORTAL_COOKIE,
  LOCAL_PORTAL_COOKIE,
  // Earlier versions signed in with it.
  '__Secure-edge-session',
  // Cloudflare Access's sessions: with its JWT, a person manages the keys of its owner.
  // https://developers.cloudflare.com/cloudflare-one/identity/authorization-cookie/
  'CF_Authorization',
  'CF_AppSession',
  'CF_Binding',
  'CF_Session',
].map((name) => name.toLowerCase());

/**
 * Returns a `Cookie` header without the cookies that open the page; `null` if nothing is left. A comma
 * separates cookies too, because it joins the lines of a client that sends several.
 */
export function withoutOwnCookies(cookieHeader: string): string | null {
  if (!mayHoldOwnCookie(cookieHeader)) return cookieHeader;
  const kept = cookieHeader.split(';').flatMap((part) => {
    const pieces = part.split(',');
    const others = pieces.filter((piece) => !isProtected(piece));
    if (others.length === pieces.length) return [part];
    return others.length === 0 ? [] : [others.join(',')];
  });
  return kept.join(';').trim() || null;
}

/** Returns whether a `Set-Cookie` value sets or deletes a cookie that opens the page. */
export function setsOwnCookie(setCookie: string): boolean {
  if (!mayHoldOwnCookie(setCookie)) return false;
  const end = setCookie.indexOf(';');
  return isProtected(end === -1 ? setCookie : setCookie.slice(0, end));
}

/**
 * Compares the name of a `name=value` without case, because some servers read names so. A cookie without
 * a name counts by its value: browsers send `=edge-session-local=x` back as `edge-session-local=x`.
 */
function isProtected(pair: string): boolean {
  const [name = ''] = pair.replace(/^[= \t]+/, '').split('=', 1);
  return protectedCookies.includes(name.trim().toLowerCase());
}

/** A quick no for nearly all cookies. */
function mayHoldOwnCookie(text: string): boolean {
  return /edge-(?:session|portal)|cf_[abs]/i.test(text);
}
