/**
 * The rate limits that a request to the upstream counts against.
 */

import { type CountedLimit, limitOfKey, visitorOf } from '../core/decide/key-limits.ts';
import type { Key } from '../core/key/key.ts';
import type { Facts, Gateway } from './gateway.ts';

/** Reads the client's address, as Cloudflare reports it. */
export function addressOf({ request }: Facts): () => string {
  return () => request.headers.get('cf-connecting-ip') ?? '';
}

/**
 * Returns the limits that a request counts against, in the order in which they are asked. `isCounted`: it
 * has counted for its key already.
 */
export function limitsOf(
  { limits }: Gateway,
  facts: Facts,
  key: Key,
  isCounted: boolean,
): readonly CountedLimit[] {
  const asked: CountedLimit[] = [];
  const ofKey = isCounted ? null : limitOfKey(limits, key, addressOf(facts));
  if (ofKey !== null) asked.push(ofKey);
  if (limits.clients !== null && key.client !== null) {
    asked.push({ limit: limits.clients, name: visitorOf(key, addressOf(facts)) });
  }
  return asked;
}
