/** `ky` through an edge. */

import ky, { HTTPError, type KyInstance } from 'ky';
import { type Refusal, readRefusal } from './refusal.ts';

/** ky waits as long as `Retry-After` says, without a bound of its own: hence `maxRetryAfter`. */
export function kyAt(edge: string, key: string): KyInstance {
  return ky.create({
    baseUrl: edge,
    headers: { Authorization: `Bearer ${key}` },
    retry: { limit: 2, maxRetryAfter: 60_000 },
  });
}

/** The rejection in the response; `null` if the page could not read it, or after another failure. */
export function refusalOf(error: unknown): Refusal | null {
  if (!(error instanceof HTTPError)) return null;
  const { status, headers } = error.response;
  // ky has read the body already, and parsed it.
  return readRefusal(status, (name) => headers.get(name), error.data);
}
