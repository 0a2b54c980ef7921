/**
 * What callers are told about a rate limit. Pure, no I/O.
 *
 * RateLimit header fields, draft-ietf-httpapi-ratelimit-headers-10:
 * https://datatracker.ietf.org/doc/html/draft-ietf-httpapi-ratelimit-headers-10
 */

/** A limit: so many requests in so many seconds. */
export interface RateLimitPolicy {
  /** What it is called in the headers: `failures`, `key`. */
  readonly name: string;
  readonly requests: number;
  readonly seconds: number;
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
 * The headers of a 429. How many requests are left is known only once there are none, and the end of
 * the window is not told by the limiter: the whole period is the safe answer.
 */
export function rateLimitHeaders(policy: RateLimitPolicy): Readonly<Record<string, string>> {
  return {
    'Retry-After': String(policy.seconds),
    RateLimit: `"${policy.name}";r=0;t=${policy.seconds}`,
    'RateLimit-Policy': `"${policy.name}";q=${policy.requests};w=${policy.seconds}`,
  };
}
