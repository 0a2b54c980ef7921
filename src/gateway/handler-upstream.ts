/**
 * An upstream that is code rather than a URL: a handler of the same Worker, or a service binding.
 *
 * It takes the place of `fetch` below the gateway, so that everything which holds for a URL holds for
 * it: the request is the one that was authorised, it is abandoned in time, a redirect is returned (a
 * handler follows none), and bodies are streamed both ways.
 */

/** Answers the requests that were allowed. May throw, which is an unreachable upstream. */
export type Handler = (request: Request) => Response | Promise<Response>;

/**
 * Returns a `fetch` that calls `handler`. It rejects if the handler throws, returns something that is
 * no response, or does not answer before the signal aborts: the edge does not wait for a handler that
 * ignores the signal.
 *
 * `received` is the request as received, whose `cf` the handler sees.
 */
export function fetchFromHandler(handler: Handler, received: Request): typeof fetch {
  return async (input, init) => {
    // What the gateway says in `cf` is for Cloudflare's cache, which a handler is not behind.
    const { cf: _, ...rest } = init ?? {};
    const request = new Request(input, { ...rest, ...(received.cf ? { cf: received.cf } : {}) });
    const signal = init?.signal ?? request.signal;
    signal.throwIfAborted();
    const work = ask(handler, request);
    const response = await Promise.race([work, whenAborted(signal)]).catch((error: unknown) => {
      // If it answers after all, its body is released.
      work.then((late) => late.body?.cancel()).catch(() => undefined);
      throw error;
    });
    if (!(response instanceof Response)) {
      throw new TypeError('Cannot use what the upstream handler returned: it is not a Response');
    }
    return response;
  };
}

/** Turns what the handler throws into a rejection. */
async function ask(handler: Handler, request: Request): Promise<Response> {
  return handler(request);
}

function whenAborted(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason), { once: true });
  });
}
