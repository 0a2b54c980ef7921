/**
 * The form of `UPSTREAM_URL`, for the Worker that reads it and for `init`, which writes it. Pure, no I/O.
 */

import { parseWrittenUrl } from '../written-url.ts';

/** Why a text is not the URL of an API, and the remedy. */
export interface UpstreamUrlFault {
  readonly reason: string;
  readonly fix: string;
}

/** The remedy if nothing of the value can be used. */
export const UPSTREAM_URL_FIX =
  'Set the URL of the API behind the edge, for example "https://api.example.com"';

/** Returns the first fault of a URL; `null` if it is an http or https URL with at most a plain path. */
export function upstreamUrlFault(written: string): UpstreamUrlFault | null {
  const url = parseWrittenUrl(written);
  if (url === null) {
    return { reason: 'it is not an absolute http or https URL', fix: UPSTREAM_URL_FIX };
  }
  if (url.username !== '' || url.password !== '') {
    return {
      reason: 'it holds credentials',
      fix: 'Set them as the secret UPSTREAM_AUTHORIZATION instead',
    };
  }
  if (/[?#]/.test(written)) {
    return {
      reason: 'it holds a query or a fragment',
      fix: 'Remove everything from the first ? or #',
    };
  }
  if (!isPlainBasePath(written.replace(/^https?:\/\/[^/]*/i, ''))) {
    return {
      reason:
        'its path holds other characters than letters, digits and - . _ ~, or an empty or a dot segment',
      fix: 'Write a plain path such as "/v1"',
    };
  }
  return null;
}

function isPlainBasePath(path: string): boolean {
  return /^(?:\/[A-Za-z0-9\-._~]+)*\/?$/.test(path) && !/\/\.+(?:\/|$)/.test(path);
}
