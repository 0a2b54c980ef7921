/**
 * Keeps responses of the API from acting on the management page.
 *
 * Unless `MANAGE_HOST` is set, the page is on the same host as the API. To a browser both are one
 * origin, so a document of the API could read the page, send its forms and change its cookies.
 */

import { isActiveContent, SANDBOX_POLICY } from '../core/isolation/active-content.ts';
import { setsOwnCookie } from '../core/isolation/own-cookies.ts';

/**
 * Response headers that act on a whole host and not on their own response: one signs the operator out,
 * the other makes the browser report every address of the page to a server of the API's choice.
 * https://www.w3.org/TR/clear-site-data/ and https://www.w3.org/TR/network-error-logging/
 */
export const hostWideHeaders: ReadonlySet<string> = new Set(['clear-site-data', 'nel']);

/**
 * Takes the origin away from a response that a browser could execute as a document. The policy is
 * appended, so that the API's own policy holds as well: https://www.w3.org/TR/CSP3/#multiple-policies
 */
export function sandboxDocument(headers: Headers, contentType: string | null): void {
  if (isActiveContent(contentType)) headers.append('Content-Security-Policy', SANDBOX_POLICY);
}

/** Removes the `Set-Cookie` lines that use the name of one of our cookies, and keeps all others. */
export function dropOwnCookies(headers: Headers): void {
  const lines = headers.getSetCookie();
  headers.delete('Set-Cookie');
  for (const line of lines) if (!setsOwnCookie(line)) headers.append('Set-Cookie', line);
}
