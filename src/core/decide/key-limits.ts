/**
 * The rate limit that a key counts against, wherever it is used, and the name that a request is counted
 * under. Pure, no I/O.
 */

import type { Key, LimitBy } from '../key/key.ts';
import { clientNetwork, type Limit } from './rate-limit.ts';

/** The limits that a deployment has for keys. */
export interface KeyLimits {
  /** The limit of every key; `null`: keys without a named one are not limited. */
  readonly keys: Limit | null;
  /** Those that keys select, by name. */
  readonly named: ReadonlyMap<string, Limit>;
}

/** A limit, and the name that a request is counted under. */
export interface CountedLimit {
  readonly limit: Limit;
  readonly name: string;
}

/** The parts of a key that its limit depends on. */
type LimitedKey = Pick<Key, 'id' | 'owner' | 'limit' | 'client'>;

/** Reads the client's address, as the platform reports it. */
type AddressOf = () => string;

/**
 * Returns the limit of a key: the one that it selects, or that of every key; `null`: neither is there. A
 * limit that the configuration no longer has counts as not selected.
 */
export function limitOfKey(
  { keys, named }: KeyLimits,
  key: LimitedKey,
  addressOf: AddressOf,
): CountedLimit | null {
  const limit = key.limit === null ? undefined : named.get(key.limit.name);
  if (limit !== undefined && key.limit !== null) {
    return { limit, name: countedBy[key.limit.by](key, addressOf) };
  }
  return keys && { limit: keys, name: key.id };
}

/** The visitor of a client token, or else the client's network, in either case of this key. */
export function visitorOf(key: LimitedKey, addressOf: AddressOf): string {
  const subject = key.client?.subject ?? null;
  return subject === null ? networkOf(key, addressOf) : `${key.id} sub ${subject}`;
}

const countedBy = {
  key: ({ id }) => id,
  // A key without an owner shares its count with no other key.
  owner: ({ id, owner }) => (owner === null ? id : `owner ${owner}`),
  address: networkOf,
  client: visitorOf,
} as const satisfies Readonly<Record<LimitBy, (key: LimitedKey, addressOf: AddressOf) => string>>;

function networkOf({ id }: LimitedKey, addressOf: AddressOf): string {
  return `${id} address ${clientNetwork(addressOf())}`;
}
