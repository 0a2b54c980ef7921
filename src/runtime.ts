/**
 * The services of the platform that several parts share: time limits, the log, rate limiters.
 */

import type { FailureLimit, Limit, RateLimitPolicy } from './core/decide/rate-limit.ts';
import { createRecentNames } from './core/recent-names.ts';
import {
  LIMITER_TIMEOUT_MS,
  REFUSED_ADDRESS_SECONDS,
  REFUSED_ADDRESSES_IN_MEMORY,
} from './gateway/limits.ts';
import type { LogEvent } from './log/events.ts';
import { toLogLines } from './log/log-line.ts';

/** Returns the result of `work`. Rejects if it takes longer. */
export async function withTimeout<Result>(
  work: Promise<Result>,
  timeoutMs: number,
): Promise<Result> {
  let timer: ReturnType<typeof setTimeout> | null = null;
  try {
    return await Promise.race([
      work,
      new Promise<never>((_, reject) => {
        timer = setTimeout(() => reject(new Error(`no answer within ${timeoutMs} ms`)), timeoutMs);
      }),
    ]);
  } finally {
    clearTimeout(timer);
  }
}

/** Writes an event as one JSON line, or a few. */
export function log(event: LogEvent): void {
  for (const text of toLogLines(event)) console.log(text);
}

/**
 * Returns a limit of the gateway; `null` without a binding. It lets requests through if the limiter fails:
 * it protects capacity, and is not what keeps callers out.
 */
export function limitOf(
  limiter: RateLimit | undefined,
  policy: RateLimitPolicy | null,
): Limit | null {
  if (limiter === undefined || policy === null) return null;
  return {
    policy,
    async take(name) {
      try {
        return (await withTimeout(limiter.limit({ key: name }), LIMITER_TIMEOUT_MS)).success;
      } catch (error) {
        log({ event: 'limiter_failed', error: String(error) });
        return true;
      }
    },
  };
}

/** Returns the limit with a memory of the names that it refused in the last seconds. */
export function rememberRefusals(limit: Limit | null, now: () => number): FailureLimit | null {
  if (limit === null) return null;
  const refused = createRecentNames(REFUSED_ADDRESSES_IN_MEMORY, REFUSED_ADDRESS_SECONDS * 1000);
  return {
    policy: limit.policy,
    async take(name) {
      const isWithinLimit = await limit.take(name);
      if (!isWithinLimit) refused.add(name, now());
      return isWithinLimit;
    },
    hasRefused: (name) => refused.has(name, now()),
  };
}
