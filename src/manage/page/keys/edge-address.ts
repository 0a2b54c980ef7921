/**
 * The address that the code on the page sends its requests to.
 */

import type { PageContext } from '../dashboard.ts';

/** See the file's head. */
export interface EdgeAddress {
  /** An origin, without a slash at the end. */
  readonly url: string;
  /** `true` if the address is not known, and the reader writes their own. */
  readonly isExample: boolean;
}

/** `API_URL`, or the page's own origin if its host serves the API too. */
export function edgeAddressOf({ env, req }: PageContext): EdgeAddress {
  const { apiUrl, hasOwnHost } = env;
  if (apiUrl !== null) return { url: new URL(apiUrl).origin, isExample: false };
  if (hasOwnHost) return { url: 'https://api.example.com', isExample: true };
  return { url: new URL(req.url).origin, isExample: false };
}
