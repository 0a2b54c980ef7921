/**
 * `/_edge/metrics`: the state of the deployment in numbers, for operators with the scope `read`.
 *
 * It is outside of the API, because scrapers expect a text of its own format. It holds counts alone: no
 * token, and no name, id or owner of a key.
 */

import { hasManagers } from '../config/config.ts';
import { type MetricFamily, OPEN_METRICS_TYPE, writeOpenMetrics } from '../core/open-metrics.ts';
import { methodNotAllowedResponse } from '../problem.ts';
import { outcomeByCode } from '../usage/batch.ts';
import { judge, refuseCaller, respondWithProblem } from './admission.ts';
import type { Management, RequestParts } from './operation.ts';

/** The row of the metrics in the table of endpoints. */
const METRICS_OPERATION = { name: 'readMetrics' } as const;

/** Answers a request for the metrics; `null` if there is no management. */
export async function serveMetrics(
  management: Management,
  request: Request,
  { requestId }: RequestParts,
): Promise<Response | null> {
  if (!hasManagers(management)) return null;
  const { method } = request;
  if (method !== 'GET' && method !== 'HEAD') {
    return methodNotAllowedResponse(request, requestId, ['GET', 'HEAD']);
  }
  const result = await judge(management, request);
  const refused = result.ok ? refuseCaller(result.caller, METRICS_OPERATION) : result;
  if (refused !== null) {
    const { code } = refused.problem;
    const cause = result.ok ? `${result.caller.actor}: ${METRICS_OPERATION.name}` : result.cause;
    management.log({ event: 'management_refused', requestId, code, cause });
    return respondWithProblem(request, requestId, refused.problem, refused.headers);
  }
  return new Response(writeOpenMetrics(await readFamilies(management)), {
    headers: { 'Content-Type': OPEN_METRICS_TYPE, 'Cache-Control': 'no-store' },
  });
}

async function readFamilies(management: Management): Promise<readonly MetricFamily[]> {
  const nowMs = management.now();
  const [totals, keys, events] = await Promise.all([
    management.usage.totals(),
    management.store.counts.count(nowMs),
    management.events.undelivered(),
  ]);
  const changedAtMs = keys.newestChangeAtMs;
  return [
    {
      name: 'edge_authorizer_requests',
      type: 'counter',
      help: 'Requests at the gateway by outcome, and by code if they were refused.',
      samples: requestSamples(totals),
    },
    {
      name: 'edge_authorizer_keys',
      type: 'gauge',
      help: 'API keys by state, of each at most 10000.',
      samples: samplesBy('state', keys.byState),
    },
    {
      name: 'edge_authorizer_keys_capped',
      type: 'gauge',
      help: '1 if there are more keys than edge_authorizer_keys counts, 0 if it is exact.',
      samples: [{ value: Number(!keys.isExact) }],
    },
    {
      name: 'edge_authorizer_newest_change_age_seconds',
      type: 'gauge',
      unit: 'seconds',
      help: 'Time since the newest line of the change log. Absent before the first change.',
      // Clocks differ, and none of ours is right.
      samples: changedAtMs === null ? [] : [{ value: Math.max(0, nowMs - changedAtMs) / 1000 }],
    },
    {
      name: 'edge_authorizer_kv_copies_due',
      type: 'gauge',
      help: 'Copies of keys that are not yet written to KV, at most 10000.',
      samples: [{ value: keys.dueCopies }],
    },
    {
      name: 'edge_authorizer_events_undelivered',
      type: 'gauge',
      help: 'Events that wait for their delivery, and those that were given up, of each at most 10000.',
      samples: samplesBy('state', events),
    },
  ];
}

/** Each known outcome from the start, so that the first request of one is seen to raise its counter. */
function requestSamples(totals: ReadonlyMap<string, number>): MetricFamily['samples'] {
  const known = ['allowed', 'preflight_granted', ...Object.values(outcomeByCode)];
  // A code of another version may be among the totals.
  return [...new Set([...known, ...totals.keys()])].map((text) => {
    const [outcome = '', code] = text.split(':');
    return {
      labels: code === undefined ? { outcome } : { outcome, code },
      value: totals.get(text) ?? 0,
    };
  });
}

function samplesBy(
  label: string,
  values: Readonly<Record<string, number>>,
): MetricFamily['samples'] {
  return Object.entries(values).map(([name, value]) => ({ labels: { [label]: name }, value }));
}
