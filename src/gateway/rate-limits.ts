/**
 * The rate limits that a request counts against, and the names that it is counted under.
 */

import { clientNetwork, type Limit } from '../core/decide/rate-limit.ts';
import type { Key } from '../core/key/key.ts';
import type { Facts, Gateway } from './gateway.ts';

/** A limit, and the name that a request is counted under. */
export interface CountedLimit {
  readonly limit: Limit;
  readonly name: string;
}

/**
 * Returns the limit of a key: the one that it selects, or that of every key; `null`: neither is there. A
 * limit that the configuration no longer has counts as not selected.
 */
export function limitOfKey(
  { limits: { keys, named } }: Gateway,
  facts: Facts,
  key: Key,
): CountedLimit | null {
  const limit = key.limit === null ? undefined : named.get(key.limit.name);
  if (limit !== undefined && key.limit !== null) {
    return { limit, name: countedBy[key.limit.by](facts, key) };
  }
  return keys && { limit: keys, name: key.id };
}

/**
 * Returns the limits that a request counts against, in the order in which they are asked. `isCounted`: it
 * has counted for its key already.
 */
export function limitsOf(
  gateway: Gateway,
  facts: Facts,
  key: Key,
  isCounted: boolean,
): readonly CountedLimit[] {
  const { clients } = gateway.limits;
  const asked: CountedLimit[] = [];
  const ofKey = isCounted ? null : limitOfKey(gateway, facts, key);
  if (ofKey !== null) asked.push(ofKey);
  if (clients !== null && key.client !== null) {
    asked.push({ limit: clients, name: visitorOf(facts, key) });
  }
  return asked;
}

const countedBy = {
  key: (_, { id }) => id,
  // A key without an owner shares its count with no other key.
  owner: (_, { id, owner }) => (owner === null ? id : `owner ${owner}`),
  address: networkOf,
  client: visitorOf,
} as const satisfies Readonly<
  Record<NonNullable<Key['limit']>['by'], (facts: Facts, key: Key) => string>
>;

/** The visitor of a client token, or else the client's network, in either case of this key. */
function visitorOf(facts: Facts, key: Key): string {
  const subject = key.client?.subject ?? null;
  return subject === null ? networkOf(facts, key) : `${key.id} sub ${subject}`;
}

function networkOf({ request }: Facts, { id }: Key): string {
  return `${id} address ${clientNetwork(request.headers.get('cf-connecting-ip') ?? '')}`;
}
