/**
 * A typed client of the management API, for programs. It runs wherever there is `fetch`.
 *
 * The types are made from the API's own description (`schema.ts`); openapi-fetch sends by them.
 */

import createFetchClient, { type Client } from 'openapi-fetch';
import type { paths } from './schema.ts';

/**
 * Sends requests to the endpoints below `/_edge/v1`: `GET`, `POST`, `PATCH` and `DELETE`, each with a
 * path, and its parameters and body. They answer `data`, or `error` when the edge refused (a problem
 * whose `code` is one of those of the endpoint), and the `response`, whose ETag is for `If-Match`. They
 * reject when the edge cannot be reached. What stands between may answer an `error` of its own, as text.
 */
export type ManagementClient = Client<paths, 'application/json'>;

/** Where the edge is, and who asks. */
export interface ManagementClientOptions {
  /** An absolute URL, whose path is not used. */
  readonly url: string;
  /** The admin token, or the JWT of a person. */
  readonly token: string;
  /** Default: the global one. */
  readonly fetch?: (request: Request) => Promise<Response>;
}

/** Makes a client. Throws when the URL is none. */
export function createClient({ url, token, fetch }: ManagementClientOptions): ManagementClient {
  return createFetchClient<paths, 'application/json'>({
    baseUrl: new URL('/_edge/v1', url).href,
    headers: { Authorization: `Bearer ${token}` },
    // Followed, a redirect would carry the token to wherever it points. It is an error instead.
    redirect: 'manual',
    ...(fetch ? { fetch } : {}),
  });
}
