/**
 * Forwards a GET or HEAD while its key is still being confirmed (`SPECULATIVE_READS`).
 *
 * If a key is known and only the lease is over, the request is forwarded at once and the change log is
 * read beside it. The response is let go only if the very copy of the key that was forwarded has been
 * confirmed. Otherwise it is discarded, so nothing that a revoked key asked for leaves the edge. The
 * upstream may still receive such a request, which carries `X-Edge-Unconfirmed: 1` and the claim
 * `unconfirmed` in its assertion.
 */

import { limitOfKey } from '../core/decide/key-limits.ts';
import { decideWithKey } from '../core/decide/pipeline.ts';
import type { Limit } from '../core/decide/rate-limit.ts';
import type { Key } from '../core/key/key.ts';
import type { FoundKey, KeyLookup } from '../keys/lookup/key-target.ts';
import { addressFor } from './client-address.ts';
import type { Facts, Gateway } from './gateway.ts';
import { addressOf } from './rate-limits.ts';
import { type AllowedRequest, type Sent, send } from './send.ts';

/** A request that was forwarded before its key was confirmed. */
export interface Ahead {
  readonly key: Key;
  readonly allowed: AllowedRequest;
  /** With the limit that was reached, if there is one: then nothing was forwarded. */
  readonly sent: Promise<Sent | LimitReached>;
}

/** A limit that has no room for a request. */
export interface LimitReached {
  readonly reached: Limit;
}

/** A look-up, and the request that was forwarded meanwhile; `null`: none was. */
export interface FoundAhead {
  readonly found: KeyLookup;
  readonly ahead: Ahead | null;
}

/** Finds a key. Forwards the request meanwhile, if that is allowed and configured. */
export async function findKey(gateway: Gateway, facts: Facts, token: string): Promise<FoundAhead> {
  const { directory } = gateway;
  if (!isSpeculative(gateway, facts)) {
    return { found: await directory.find(token, facts.origin, facts.scope), ahead: null };
  }
  let ahead: Ahead | null = null;
  const found = await directory.find(token, facts.origin, facts.scope, (unconfirmed) => {
    ahead = forwardAhead(gateway, facts, unconfirmed);
  });
  return { found, ahead };
}

/**
 * Returns whether what was forwarded may be delivered: the very copy of the key was confirmed, and D1
 * is not out of reach.
 */
export function isConfirmed(ahead: Ahead | null, found: FoundKey): ahead is Ahead {
  return ahead !== null && ahead.key === found.key && !found.isStale;
}

/** Drops the response to a request that was forwarded ahead, unread, whenever it arrives. */
export function discardAhead(ahead: Ahead | null, facts: Facts): void {
  if (ahead === null) return;
  facts.scope.runInBackground(
    ahead.sent
      .then((sent) => {
        if ('reached' in sent || !sent.forwarded.ok) return;
        return sent.forwarded.response.body?.cancel();
      })
      .catch(() => {}),
  );
}

/** A read without a body changes nothing at the upstream, and can be sent again. */
function isSpeculative({ config }: Gateway, { method, request }: Facts): boolean {
  if (!config.speculativeReads || (method !== 'GET' && method !== 'HEAD')) return false;
  return request.body === null && !request.headers.has('upgrade');
}

function forwardAhead(gateway: Gateway, facts: Facts, { key }: FoundKey): Ahead | null {
  const { request, method, target, origin, scope } = facts;
  const asked = { method, target, origin, address: addressFor(key, request) };
  const decision = decideWithKey(key, asked, gateway, scope.nowMs);
  if (!decision.allowed) return null;
  const sent = limitAndSend(gateway, facts, key, decision);
  // A failure is thrown where the response is awaited. That of a discarded response has no reader.
  sent.catch(() => {});
  return { key, allowed: decision, sent };
}

async function limitAndSend(
  gateway: Gateway,
  facts: Facts,
  key: Key,
  allowed: AllowedRequest,
): Promise<Sent | LimitReached> {
  const counted = limitOfKey(gateway.limits, key, addressOf(facts));
  if (counted !== null && !(await counted.limit.take(counted.name))) {
    return { reached: counted.limit };
  }
  return send(gateway, facts, { key, isStale: false, isUnconfirmed: true }, allowed);
}
