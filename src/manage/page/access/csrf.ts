/**
 * Requests that another site makes in the visitor's name (CSRF), told from the visitor's own.
 *
 * Three walls, each of which would do: the session's cookie is `SameSite=Strict`; the browser says who
 * made the request; and each form holds a token that another site cannot know.
 */

/** The name of the form field that holds the token. */
export const FORM_TOKEN_FIELD = 'form_token';

const encoder = new TextEncoder();

/**
 * Whether the browser says that a page of ours made this request. A request that says nothing is not
 * ours: every browser of the last years sends `Sec-Fetch-Site` to https and to this machine, and the
 * others send `Origin` with a POST. https://www.w3.org/TR/fetch-metadata/#sec-fetch-site-header
 */
export function isFromOwnPage(request: Request): boolean {
  const site = request.headers.get('sec-fetch-site');
  if (site !== null) return site === 'same-origin';
  return request.headers.get('origin') === new URL(request.url).origin;
}

/**
 * The token of the forms that are shown under these credentials: a secret that the visitor's browser
 * alone holds, such as the id in its session. The token does not give the secret away.
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
