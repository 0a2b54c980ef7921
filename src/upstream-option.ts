/**
 * The library's option `upstream`: a URL, a service binding or a handler in place of `UPSTREAM_URL`.
 */

import type { ConfigProblem } from './config/config.ts';
import type { Env } from './config/env.ts';
import type { Gateway } from './gateway/gateway.ts';
import { fetchFromHandler, type Handler } from './gateway/handler-upstream.ts';

/**
 * Answers the requests that were allowed:
 * - a URL, in place of `UPSTREAM_URL`;
 * - a service binding, such as `env.API` of `cloudflare:workers`;
 * - a handler, such as the `fetch` of a Hono app. One that throws is an unreachable upstream.
 *
 * The last two receive requests under `UPSTREAM_URL` if it is set, as the base of their URL and as the
 * audience of assertions, and otherwise under `https://upstream.invalid`.
 */
export type Upstream<Bindings = Env> =
  | string
  | Fetcher
  | ((request: Request, bindings: Bindings, ctx: UpstreamContext) => Response | Promise<Response>);

/**
 * The part of the execution context that a handler may use. `passThroughOnException` does nothing: if the
 * Worker runs in front of an origin server, it would forward requests that were not authorised.
 */
export type UpstreamContext = Pick<
  ExecutionContext,
  'waitUntil' | 'passThroughOnException' | 'props'
>;

/** Never in use (RFC 2606), in case a request is sent there after all. */
const HANDLER_URL = 'https://upstream.invalid';

/** Returns the environment with the URL that belongs to the upstream. */
export function withUpstreamUrl(env: Env, upstream: Upstream<never> | undefined): Env {
  if (upstream === undefined) return env;
  if (typeof upstream === 'string') return { ...env, UPSTREAM_URL: upstream };
  return { ...env, UPSTREAM_URL: env.UPSTREAM_URL || HANDLER_URL };
}

/** Returns what is wrong with the option. A URL is checked with the other settings instead. */
export function upstreamProblems(options: { readonly upstream?: unknown }): ConfigProblem[] {
  if (!('upstream' in options)) return [];
  const { upstream } = options;
  if (typeof upstream === 'string' || typeof upstream === 'function' || isFetcher(upstream)) {
    return [];
  }
  // Also `undefined`, which is a service that is not bound: no other upstream may take its place.
  const reason = 'it is neither a URL, a service binding nor a handler';
  const fix = 'Bind the service in [[services]], or remove the option for UPSTREAM_URL';
  return [{ name: 'upstream', value: null, reason, fix }];
}

function isFetcher(upstream: unknown): upstream is Fetcher {
  return (
    typeof upstream === 'object' &&
    upstream !== null &&
    typeof (upstream as { fetch?: unknown }).fetch === 'function'
  );
}

/** Returns how the upstream is called for this request; `null` when it is a URL. */
export function upstreamFor<Bindings>(
  upstream: Upstream<Bindings> | undefined,
  received: Request,
  bindings: Bindings,
  ctx: Pick<ExecutionContext, 'waitUntil'> & Partial<Pick<ExecutionContext, 'props'>>,
): Pick<Gateway, 'fetch' | 'needsSignal'> | null {
  if (upstream === undefined || typeof upstream === 'string') return null;
  const context: UpstreamContext = {
    waitUntil: (work) => ctx.waitUntil(work),
    passThroughOnException: () => undefined,
    props: ctx.props,
  };
  const handler: Handler =
    typeof upstream === 'function'
      ? (request) => upstream(request, bindings, context)
      : (request) => upstream.fetch(request);
  return { fetch: fetchFromHandler(handler, received), needsSignal: true };
}
