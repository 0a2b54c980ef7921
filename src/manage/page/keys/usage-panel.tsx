/**
 * The usage of one key: requests over time, the reasons of refusals, and the endpoints that it calls.
 */

import { spanOf, type UsagePeriod } from '../../../usage/period.ts';
import type { UsageDocument } from '../../usage.ts';
import type { UsageOverviewDocument } from '../../usage-overview.ts';
import type { ApiClient } from '../api-client.ts';
import {
  dailySeries,
  periodInWords,
  periodSeries,
  RefusalsByCode,
  UsageChart,
} from '../parts/usage-chart.tsx';
import { EndpointTable, RefusedOriginTable } from '../parts/usage-names.tsx';
import { PeriodChoice, periodIn } from '../parts/usage-period.tsx';
import { countOf } from '../parts/words.tsx';

/** The usage of a key in a period. */
export interface KeyUsage {
  readonly period: UsagePeriod;
  /** By day, as far back as days are kept. */
  readonly days: UsageDocument['usage'];
  /** By hour, with endpoints; `null`: it cannot be read. */
  readonly overview: UsageOverviewDocument | null;
}

const PERIOD_DEFAULT = '30d';

/** Reads the usage of a key for the period that an address asks for. What cannot be read is left out. */
export async function loadUsage(
  api: ApiClient,
  keyId: string,
  parameters: URLSearchParams,
): Promise<KeyUsage> {
  const period = periodIn(parameters, PERIOD_DEFAULT);
  const { unit, length } = spanOf(period, 0);
  const [days, overview] = await Promise.all([
    api<UsageDocument>({
      path: `/keys/${keyId}/usage`,
      query: { days: unit === 'day' ? String(length) : '2' },
    }),
    api<UsageOverviewDocument>({ path: '/usage', query: { period, keyId } }),
  ]);
  return {
    period,
    days: days.ok ? days.document.usage : [],
    overview: overview.ok ? overview.document : null,
  };
}

/** Shows the usage of a key, with a choice of the period. */
export function UsagePanel(props: {
  readonly keyId: string;
  readonly usage: KeyUsage;
  readonly nowMs: number;
}) {
  const { period, days, overview } = props.usage;
  const { unit, length } = spanOf(period, 0);
  // Days are counted longer than hours are, also before the version that counts these.
  const isHourly = unit === 'hour' && overview !== null;
  const counted = isHourly ? overview.usage : days;
  return (
    <section class="panel padded stack" aria-labelledby="usage-heading" id="usage">
      <div class="ranges">
        <h2 id="usage-heading">Usage in {periodInWords[period]}</h2>
        <PeriodChoice path={`/_edge/keys/${props.keyId}`} period={period} />
      </div>
      <UsageChart
        series={
          isHourly
            ? periodSeries(overview)
            : dailySeries(days, unit === 'day' ? length : 2, props.nowMs)
        }
      />
      {!isHourly && <WithClientTokens usage={days} />}
      <div class="halves">
        {overview !== null && overview.endpoints.length > 0 && (
          <div>
            <EndpointTable overview={overview} />
          </div>
        )}
        {overview !== null && overview.refusedOrigins.length > 0 && (
          <div>
            <RefusedOriginTable overview={overview} />
          </div>
        )}
        <RefusalsByCode usage={counted} />
      </div>
    </section>
  );
}

/** The requests that were sent with client tokens. Nothing without any. */
function WithClientTokens({ usage }: { usage: UsageDocument['usage'] }) {
  const requests = usage.reduce((sum, { clientRequests }) => sum + clientRequests, 0);
  if (requests === 0) return null;
  return (
    <p class="quiet">{countOf(requests, 'request')} with client tokens, among all of these.</p>
  );
}
