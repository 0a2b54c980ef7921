/**
 * Sends an allowed request to the upstream, with the headers that identify its caller.
 */

import type { Decision } from '../core/decide/authorize.ts';
import { isOpen } from '../core/decide/pipeline.ts';
import { type ForwardResult, forward } from './forward.ts';
import type { Facts, Gateway } from './gateway.ts';
import { identityHeaders, type KeyHolder } from './identity.ts';

/** The target of an allowed request. */
export type AllowedRequest = Pick<
  Decision & { readonly allowed: true },
  'path' | 'query' | 'route'
>;

/** The result of sending a request. */
export interface Sent {
  readonly forwarded: ForwardResult;
  /** The names of the request headers that were not forwarded; `null`: none. */
  readonly dropped: readonly string[] | null;
  readonly sentAtMs: number;
}

/** Sends a request to the upstream. Throws if its assertion cannot be signed. */
export async function send(
  gateway: Gateway,
  facts: Facts,
  caller: KeyHolder,
  allowed: AllowedRequest,
): Promise<Sent> {
  const { config } = gateway;
  const url = config.upstreamUrl + allowed.path + allowed.query;
  const identity = identityHeaders(gateway, facts, caller);
  if (gateway.assertions !== null) {
    const { nowMs } = facts.scope;
    const { token: _, ...holder } = caller;
    const asserted = { ...holder, method: facts.method, url, nowMs };
    // A request whose assertion cannot be signed is not forwarded: this throws.
    identity['x-edge-assertion'] = await gateway.assertions.sign(asserted);
  }
  const sentAtMs = gateway.now();
  // Before anything that may fail because of the upstream: a failure here is ours.
  const { headers, dropped, isUpgrade } = gateway.filterHeaders(
    facts.request,
    { isOpen: isOpen(caller.key), forwardToken: config.forwardToken },
    identity,
  );
  const forwarded = await forward({
    request: facts.request,
    method: facts.method,
    url,
    headers,
    isUpgrade,
    timeoutMs: config.upstreamTimeoutMs,
    needsSignal: gateway.needsSignal,
    fetch: gateway.fetch,
  });
  return { forwarded, dropped, sentAtMs };
}
