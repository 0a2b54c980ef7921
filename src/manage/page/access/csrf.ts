/**
 * Tells requests that another site makes in the visitor's name (CSRF) from the visitor's own.
 *
 * Three walls, each of which would do: the session's cookie is `SameSite=Strict`; the browser says who
 * made the request; and each form holds a token that another site cannot know.
 */

/** The name of the form field that holds the token. */
export const FORM_TOKEN_FIELD = 'form_token';
/** The header that holds the token, for scripts of our pages that ask for a view with `fetch`. */
export const FORM_TOKEN_HEADER = 'X-Edge-Form-Token';

const encoder = new TextEncoder();

/**
 * Returns whether the browser says that a page of ours made this request. A request that says nothing
 * is not ours: every recent browser sends `Sec-Fetch-Site` to https and to this machine, and older ones
 * send `Origin` with a POST. https://www.w3.org/TR/fetch-metadata/#sec-fetch-site-header
 */
export function isFromOwnPage({ headers, url }: Request): boolean {
  // Our pages send forms by navigation and by `fetch`, never from a frame or an embedded object.
  const destination = headers.get('sec-fetch-dest') ?? 'document';
  if (destination !== 'document' && destination !== 'empty') return false;
  const site = headers.get('sec-fetch-site');
  if (site !== null) return site === 'same-origin';
  return headers.get('origin') === new URL(url).origin;
}

/**
 * Returns whether a request for a view is one that a window of the browser navigates by. A script, a
 * frame or an embedded object asks for a view only to read it. A request that says nothing (a browser
 * of plain http in a local network, a tool) counts as a navigation.
 * https://www.w3.org/TR/fetch-metadata/#sec-fetch-mode-header
 */
export function isWindowNavigation({ headers }: Request): boolean {
  const mode = headers.get('sec-fetch-mode') ?? 'navigate';
  const destination = headers.get('sec-fetch-dest') ?? 'document';
  return mode === 'navigate' && destination === 'document';
}

/**
 * Derives the token of a visitor's forms from a secret that only the visitor's browser holds, such as
 * the id in its session. The token does not reveal the secret.
 */
export async function formTokenFor(secret: string): Promise<string> {
  const key = await crypto.subtle.importKey(
    'raw',
    encoder.encode(secret),
    { name: 'HMAC', hash: 'SHA-256' },
    false,
    ['sign'],
  );
  const tag = await crypto.subtle.sign('HMAC', key, encoder.encode('form'));
  return Array.from(new Uint8Array(tag).subarray(0, 16), (byte) =>
    byte.toString(16).padStart(2, '0'),
  ).join('');
}
