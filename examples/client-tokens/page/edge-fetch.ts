/** Calls the edge with a client token. The only part of the page that knows of tokens. */

type Fetch = (input: RequestInfo | URL, init?: RequestInit) => Promise<Response>;

/**
 * Returns a `fetch` that sends a client token. It keeps the token in memory, and fetches another one when
 * the edge says `client_token_expired`. The request is then sent once more.
 *
 * Rejects like `fetch`, and if `fetchToken` rejects. The next call then asks for a token again.
 */
export function createEdgeFetch(fetchToken: () => Promise<string>, send: Fetch = fetch): Fetch {
  let current: Promise<string> | null = null;

  function renew(): Promise<string> {
    const token = fetchToken();
    current = token;
    token.catch(() => {
      if (current === token) current = null;
    });
    return token;
  }

  async function sendWith(token: Promise<string>, request: Request): Promise<Response> {
    request.headers.set('Authorization', `Bearer ${await token}`);
    return send(request);
  }

  return async (input, init) => {
    const request = new Request(input, init);
    const token = current ?? renew();
    const response = await sendWith(token, request.clone());
    if (response.headers.get('X-Edge-Reason') !== 'client_token_expired') return response;
    await response.body?.cancel();
    // Of several requests that find the token expired, the first one renews it.
    const next = current === token || current === null ? renew() : current;
    return sendWith(next, request);
  };
}
