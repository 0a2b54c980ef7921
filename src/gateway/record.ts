/**
 * One structured log line and one data point for each request that is refused or fails, and for a
 * sample of those that are allowed. No token and no header of the client's that was not parsed.
 */

import type { Log, LogEvent } from '../log/events.ts';
import type { RequestRecord } from './gateway.ts';

/** The destinations of outcomes, and how many of them are logged. */
export interface RecorderOptions {
  readonly log: Log;
  /** Counts outcomes for dashboards, where it is bound. */
  readonly analytics: Pick<AnalyticsEngineDataset, 'writeDataPoint'> | null;
  /** How many of a hundred allowed requests are logged. */
  readonly logAllowedPercent: number;
  readonly now: () => number;
  /** From 0 up to 1. */
  readonly random: () => number;
}

/** Returns a recorder. A hot allowed request that is not sampled costs it two comparisons. */
export function createRecorder(options: RecorderOptions): (record: RequestRecord) => void {
  const { analytics } = options;
  return (record) => {
    const isLogged = needsLogLine(record, options);
    if (!isLogged && analytics === null) return;
    const durationMs = options.now() - record.facts.scope.nowMs;
    const country = countryOf(record.facts.request);
    analytics?.writeDataPoint(toDataPoint(record, durationMs, country));
    if (isLogged) options.log(toLogLine(record, durationMs, country));
  };
}

/** Refusals and uses of what may be out of date are always logged, the rest by chance. */
function needsLogLine(record: RequestRecord, { logAllowedPercent, random }: RecorderOptions) {
  if (record.code !== 'allowed' || record.isStale === true) return true;
  return logAllowedPercent > 0 && random() * 100 < logAllowedPercent;
}

/** The columns are described in docs/observability.md. */
function toDataPoint(
  { facts, key, code, route }: RequestRecord,
  durationMs: number,
  country: string,
): AnalyticsEngineDataPoint {
  return {
    indexes: [key?.id ?? ''],
    blobs: [code, key?.access ?? '', route ?? '', country, facts.scope.keyTiming?.source ?? ''],
    doubles: [1, durationMs, facts.scope.keyTiming?.durationMs ?? 0],
  };
}

/** Members that are `undefined` are not in the line. */
function toLogLine(record: RequestRecord, durationMs: number, country: string): LogEvent {
  const { facts, code, key } = record;
  return {
    event: code === 'allowed' ? 'allowed' : 'refused',
    code,
    cause: record.cause,
    requestId: facts.requestId,
    method: facts.method,
    route: record.route ?? undefined,
    keyId: key?.id,
    owner: key?.owner,
    origin: facts.origin?.value,
    country: country || undefined,
    durationMs,
    keySource: facts.scope.keyTiming?.source,
    keyDurationMs: facts.scope.keyTiming?.durationMs,
    isStale: record.isStale || undefined,
    isProbableLeak: isProbableLeak(record) || undefined,
    isClientToken: key?.client ? true : undefined,
    clientTokenId: key?.client?.tokenId ?? undefined,
  };
}

/**
 * A backend secret that arrives from a page is in that page's source. A client library that sends the
 * edge's own host as `Origin` is no page.
 */
function isProbableLeak({ code, facts }: RequestRecord): boolean {
  if (code !== 'cors_not_enabled') return false;
  const host = (text: string) => text.toLowerCase().replace(/^[a-z]+:\/\/|:(?:80|443)$/g, '');
  return facts.origin === null || host(facts.origin.value) !== host(facts.target.authority);
}

/** Two letters, as Cloudflare tells them; empty elsewhere. */
function countryOf(request: Request): string {
  const country = request.cf?.['country'];
  return typeof country === 'string' && /^[A-Z0-9]{2}$/.test(country) ? country : '';
}
