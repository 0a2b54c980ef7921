/**
 * One structured log line and one data point for each request that is refused or fails, and for a
 * sample of those that are allowed. No token and no header of the client's that was not parsed.
 */

import type { Outcome } from './gateway.ts';

/** Where outcomes go. */
export interface RecorderOptions {
  readonly log: (line: Readonly<Record<string, unknown>>) => void;
  /** Counts outcomes for dashboards, where it is bound. */
  readonly analytics: Pick<AnalyticsEngineDataset, 'writeDataPoint'> | null;
  /** How many of a hundred allowed requests are logged. */
  readonly logAllowedPercent: number;
  readonly now: () => number;
  /** From 0 up to 1. */
  readonly random: () => number;
}

/** A recorder. A hot allowed request that is not sampled costs it two comparisons. */
export function createRecorder(options: RecorderOptions): (outcome: Outcome) => void {
  const { analytics, logAllowedPercent } = options;
  return (outcome) => {
    const { facts, code, key } = outcome;
    const isLogged =
      code !== 'allowed' ||
      outcome.isStale === true ||
      (logAllowedPercent > 0 && options.random() * 100 < logAllowedPercent);
    if (!isLogged && analytics === null) return;

    const durationMs = options.now() - facts.lookup.nowMs;
    const country = countryOf(facts.request);
    analytics?.writeDataPoint({
      indexes: [key?.id ?? ''],
      blobs: [code, key?.access ?? '', outcome.route ?? '', country],
      doubles: [1, durationMs],
    });
    if (!isLogged) return;
    options.log({
      event: code === 'allowed' ? 'allowed' : 'refused',
      code,
      cause: outcome.cause,
      requestId: facts.requestId,
      method: facts.request.method,
      route: outcome.route ?? undefined,
      keyId: key?.id,
      owner: key?.owner,
      origin: facts.origin?.value,
      country: country || undefined,
      durationMs,
      isStale: outcome.isStale || undefined,
      // A backend secret that arrives from a page stands in that page's source.
      isProbableLeak: code === 'cors_not_enabled' || undefined,
    });
  };
}

/** Two letters, as Cloudflare tells them; empty elsewhere. */
function countryOf(request: Request): string {
  const country = request.cf?.['country'];
  return typeof country === 'string' && /^[A-Z0-9]{2}$/.test(country) ? country : '';
}
