/**
 * The information about a rate limit that callers receive. Pure, no I/O.
 *
 * RateLimit header fields, draft-ietf-httpapi-ratelimit-headers-10:
 * https://datatracker.ietf.org/doc/html/draft-ietf-httpapi-ratelimit-headers-10
 */

import { parseAddress } from '../addresses/address.ts';

/** A limit: so many requests in so many seconds. */
export interface RateLimitPolicy {
  /** The name in the headers: `failures`, `key`. */
  readonly name: string;
  readonly requests: number;
  readonly seconds: number;
}

/** A rate limit and its counter. */
export interface Limit {
  readonly policy: RateLimitPolicy;
  /** Counts one more. Returns whether the limit has room for it. Never rejects. */
  take(name: string): Promise<boolean>;
}

/** A rate limit that remembers for a short time which names it has refused. */
export interface FailureLimit extends Limit {
  /** Returns whether it refused this name recently. Counts nothing. */
  hasRefused(name: string): boolean;
}

/** The periods that Cloudflare's rate limits can have, in seconds. */
const PERIODS: readonly number[] = [10, 60];

/** Reads `<requests>/<seconds>`, for example `100/60`; `null` when it is anything else. */
export function readRateLimit(name: string, text: string): RateLimitPolicy | null {
  const [, requests, seconds] = /^([1-9]\d{0,6})\/(\d{2})$/.exec(text) ?? [];
  const period = Number(seconds);
  return PERIODS.includes(period) ? { name, requests: Number(requests), seconds: period } : null;
}

/**
 * Returns the headers of a 429. The limiter reports neither the requests that are left nor the end of the
 * window. At a 429 no request is left, and the whole period is the safe answer.
 */
export function rateLimitHeaders(policy: RateLimitPolicy): Readonly<Record<string, string>> {
  return {
    'Retry-After': String(policy.seconds),
    RateLimit: `"${policy.name}";r=0;t=${policy.seconds}`,
    'RateLimit-Policy': `"${policy.name}";q=${policy.requests};w=${policy.seconds}`,
  };
}

/**
 * Returns the name that one client is counted under: its IPv4 address, or the /64 network of its IPv6
 * address, because a client has as many addresses as it likes in there. `null` if it is not an address.
 */
export function clientNetwork(address: string): string | null {
  const read = parseAddress(address);
  if (read === null) return null;
  if (read.words.length === 1) return read.text;
  const groups = read.words.slice(0, 2).flatMap((word) => [word >>> 16, word & 0xffff]);
  return `${groups.map((group) => group.toString(16)).join(':')}::/64`;
}
