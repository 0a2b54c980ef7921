/**
 * Keeps responses of the API from acting on the management page.
 *
 * Unless `MANAGE_HOST` is set, the page is on the same host as the API. To a browser both are one
 * origin, so a document of the API could read the page, send its forms and change its cookies.
 */

import { BoundedMap } from '../core/bounded-map.ts';
import { fateOfPolicy, type PolicyFate, SANDBOX_POLICY } from '../core/isolation/active-content.ts';
import { setsOwnCookie } from '../core/isolation/own-cookies.ts';
import { CONTENT_TYPES_IN_MEMORY, CONTENT_TYPES_IN_MEMORY_BYTES } from './limits.ts';

const POLICY_HEADER = 'Content-Security-Policy';

/** Response headers that act on a whole host and not on their own response. */
export const hostWideHeaders: ReadonlySet<string> = new Set([
  // Signs the operator out: https://www.w3.org/TR/clear-site-data/
  'clear-site-data',
  // The browser reports addresses of the page to a server of the API's choice:
  // https://www.w3.org/TR/network-error-logging/ and https://www.w3.org/TR/2018/WD-reporting-1-20180925/
  'nel',
  'report-to',
  // The browser binds cookies of the host to a key, and holds back requests until the API has renewed
  // them: https://w3c.github.io/webappsec-dbsc/
  'secure-session-registration',
  'secure-session-challenge',
  'sec-session-registration',
  'sec-session-challenge',
]);

/**
 * Takes the origin away from a response that a browser could execute as a document. The policy is
 * appended, so that the API's own policy holds as well: https://www.w3.org/TR/CSP3/#multiple-policies
 */
export function sandboxDocument(
  headers: Headers,
  { status, contentType }: { readonly status: number; readonly contentType: string | null },
): void {
  const fate = policyFateOf(status, contentType);
  if (fate === 'sandboxed') headers.append(POLICY_HEADER, SANDBOX_POLICY);
  else if (fate === 'removed') headers.delete(POLICY_HEADER);
}

// An API sends few types.
const fates = new BoundedMap<PolicyFate>(CONTENT_TYPES_IN_MEMORY, CONTENT_TYPES_IN_MEMORY_BYTES);

function policyFateOf(status: number, contentType: string | null): PolicyFate {
  // A type decides alone, but for a 304.
  if (status === 304 || contentType === null) return fateOfPolicy(status, contentType);
  const known = fates.get(contentType);
  if (known !== undefined) return known;
  const fate = fateOfPolicy(status, contentType);
  fates.set(contentType, fate, contentType.length);
  return fate;
}

/** Removes the `Set-Cookie` lines that use the name of one of our cookies, and keeps all others. */
export function dropOwnCookies(headers: Headers): void {
  const lines = headers.getSetCookie();
  headers.delete('Set-Cookie');
  for (const line of lines) if (!setsOwnCookie(line)) headers.append('Set-Cookie', line);
}
