/**
 * A typed client of the management API, for programs. It runs wherever there is `fetch`.
 *
 * The types are made from the API's own description (`schema.ts`); openapi-fetch sends by them, through
 * `transport.ts`, which waits, repeats and refuses what no edge has answered.
 */

import createFetchClient, { type Client, defaultPathSerializer } from 'openapi-fetch';
import type { paths } from './schema.ts';
import { createTransport, type TransportOptions } from './transport.ts';

/**
 * Sends requests to the endpoints below `/_edge/v1`: `GET`, `POST`, `PATCH` and `DELETE`, each with a
 * path, its parameters and body, and an `AbortSignal` as `signal`. They answer `data`, or `error` if the
 * edge refused (a problem whose `code` is one of those of the endpoint), and the `response`, whose ETag
 * is for `If-Match`. `dataOf` throws the problem instead. They reject with a `ConnectionError` if no
 * answer comes in time, and with an `UnexpectedAnswerError` if something other than an edge answers.
 *
 * Answers 429 and 503, and lost connections, are repeated within the timeout. That is safe: each POST
 * carries an `Idempotency-Key`, a new one unless the caller gives one.
 */
export type ManagementClient = Client<paths, 'application/json'>;

/** The address of the edge, and the credentials of the caller. */
export interface ManagementClientOptions extends TransportOptions {
  /** An absolute http or https URL, whose path is not used. */
  readonly url: string;
}

/** Makes a client. Throws a `TypeError` for a URL that is not an absolute http or https URL. */
export function createClient({ url, ...options }: ManagementClientOptions): ManagementClient {
  if (!URL.canParse(url) || !/^https?:$/.test(new URL(url).protocol)) {
    throw new TypeError(
      `Cannot use ${JSON.stringify(url)} as the URL of the edge: it is not an absolute http or https URL`,
    );
  }
  return createFetchClient<paths, 'application/json'>({
    baseUrl: new URL('/_edge/v1', url).href,
    // Followed, a redirect would carry the token to wherever it points. It is an error instead.
    redirect: 'manual',
    fetch: createTransport(options),
    pathSerializer,
  });
}

/** Refuses ids that would change the path: `..` would name another endpoint, and none the whole list. */
function pathSerializer(path: string, parameters: Record<string, unknown>): string {
  for (const [name, value] of Object.entries(parameters)) {
    if (!['', '.', '..'].includes(String(value))) continue;
    throw new TypeError(
      `Cannot send a request to ${path}: ${JSON.stringify(value)} is not an ${name}`,
    );
  }
  return defaultPathSerializer(path, parameters);
}
