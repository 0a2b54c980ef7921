/**
 * The overview of usage, as the API shows it: of the deployment, of an owner, or of a key. The usage consumer
 * keeps it by day (`usage/days.ts`).
 */

import * as v from 'valibot';
import { dayOf } from '../usage/batch.ts';
import type { UsageScope } from '../usage/days.ts';
import { spanOf, summarize, type UsagePeriod, usagePeriods } from '../usage/period.ts';
import { toTime } from './documents.ts';
import { invalidFields } from './field-problems.ts';
import { findReadableKey, noSuchKey } from './key-changes.ts';
import { otherOwner } from './key-filter.ts';
import { ownerSchema } from './key-members.ts';
import { USAGE_NAMES_SHOWN } from './limits.ts';
import {
  answer,
  type Call,
  type Operation,
  type OperationResult,
  type Refusal,
  refusal,
} from './operation.ts';
import { keyIdSchema, readQuery } from './query.ts';
import { oneOf } from './read-document.ts';
import { shownTimeSchema } from './shown-time.ts';

/** The period of an overview that names none. */
export const USAGE_PERIOD_DEFAULT: UsagePeriod = '7d';

const overviewQuerySchema = v.strictObject({
  period: v.optional(
    oneOf(
      usagePeriods,
      `The hours or days up to and including the present one, in UTC. Without it: "${USAGE_PERIOD_DEFAULT}".`,
    ),
  ),
  owner: v.optional(
    v.pipe(
      ownerSchema,
      v.description('Only the keys of this owner. People see their own without it.'),
    ),
  ),
  keyId: v.optional(v.pipe(keyIdSchema, v.description('Only this key.'))),
});

const daySchema = v.pipe(
  v.string(),
  v.metadata({ jsonSchema: { type: 'string', format: 'date' } }),
  v.examples(['2030-01-31']),
);
const requestsSchema = v.pipe(v.number(), v.integer(), v.description('How many there were.'));

const outcomeDescription =
  '"allowed", "preflight_granted", "denied:<code>" for a refusal, "upstream_error:<code>" if the API did not answer.';

const overviewSchema = v.object({
  period: v.pipe(v.picklist(usagePeriods), v.description('The period that was asked for.')),
  unit: v.pipe(v.picklist(['hour', 'day']), v.description('The length of a point of "usage".')),
  from: v.pipe(shownTimeSchema, v.description('The start of the first hour or day.')),
  to: v.pipe(shownTimeSchema, v.description('The time of this answer.')),
  usage: v.pipe(
    v.array(
      v.object({
        start: v.pipe(shownTimeSchema, v.description('The start of the hour or day, in UTC.')),
        outcome: v.pipe(v.string(), v.description(outcomeDescription)),
        requests: requestsSchema,
      }),
    ),
    v.description('Requests by hour or day, and outcome, the earliest first.'),
  ),
  totals: v.pipe(
    v.record(v.string(), v.pipe(v.number(), v.integer())),
    v.description('The sums by outcome.'),
  ),
  namesFrom: v.pipe(
    daySchema,
    v.description('The first day of "endpoints" and "refusedOrigins", which are kept by day.'),
  ),
  endpoints: v.pipe(
    v.array(
      v.object({
        method: v.pipe(v.string(), v.examples(['GET']), v.description('The method.')),
        template: v.pipe(
          v.nullable(v.string()),
          v.examples(['/v1/items/{id}']),
          v.description(
            "The route: a row of the restricted or public routes, or of the key's rules; null: the request fits none.",
          ),
        ),
        requests: requestsSchema,
      }),
    ),
    v.description('Requests that were allowed by endpoint, the most frequent first, at most 20.'),
  ),
  otherEndpointRequests: v.pipe(
    v.number(),
    v.integer(),
    v.description('Requests of the endpoints that are not listed.'),
  ),
  refusedOrigins: v.pipe(
    v.array(
      v.object({
        origin: v.pipe(
          v.string(),
          v.description('The origin as the browser sent it.'),
          v.examples(['https://preview-7.example.com']),
        ),
        requests: requestsSchema,
      }),
    ),
    v.description('Origins that keys refused, the most frequent first, at most 20.'),
  ),
  otherRefusedOriginRequests: v.pipe(
    v.number(),
    v.integer(),
    v.description('Refusals of the origins that are not listed.'),
  ),
});

/** The overview, as the API answers it. */
export type UsageOverviewDocument = v.InferOutput<typeof overviewSchema>;

/** The endpoint about the usage of several keys. */
export const usageOverviewOperations: readonly Operation[] = [
  {
    method: 'GET',
    path: '/usage',
    name: 'getUsageOverview',
    summary: 'Read the usage of the deployment, of an owner or of a key',
    description:
      'Requests by hour or day and outcome, with the most frequent endpoints and refused origins. Counted a few seconds late. Requests without a known key are in the usage of the deployment alone. People see that of their own keys.',
    query: overviewQuerySchema,
    answer: { status: 200, description: 'The overview.', schema: overviewSchema },
    problems: ['not_found', 'invalid_fields'],
    handle: getUsageOverview,
  },
];

async function getUsageOverview(call: Call): Promise<OperationResult> {
  const { management, query } = call;
  const reading = readQuery(overviewQuerySchema, query);
  if (!reading.ok) return refusal(invalidFields(reading));
  const { period = USAGE_PERIOD_DEFAULT, owner, keyId } = reading.value;
  const scope = await scopeOf(call, owner, keyId);
  if ('problem' in scope) return scope;
  const nowMs = management.now();
  const span = spanOf(period, nowMs);
  const namesFrom = dayOf(span.startMs);
  const days = await management.usage.daysOf(scope, namesFrom);
  const { points, totals, endpoints, origins } = summarize(days, span, USAGE_NAMES_SHOWN);
  const document: UsageOverviewDocument = {
    period,
    unit: span.unit,
    from: toTime(span.startMs),
    to: toTime(nowMs),
    usage: points.map(({ startMs, outcome, requests }) => ({
      start: toTime(startMs),
      outcome,
      requests,
    })),
    totals,
    namesFrom,
    endpoints: endpoints.names.map(([name, requests]) => {
      const [method = '', template = null] = name.split(' ');
      return { method, template, requests };
    }),
    otherEndpointRequests: endpoints.others,
    refusedOrigins: origins.names.map(([origin, requests]) => ({ origin, requests })),
    otherRefusedOriginRequests: origins.others,
  };
  return answer(200, document);
}

/** Finds the scope that a caller asks for, if they may see it. */
async function scopeOf(
  call: Call,
  owner: string | undefined,
  keyId: string | undefined,
): Promise<UsageScope | Refusal> {
  const own = call.caller.owner;
  const other = otherOwner(own, owner);
  if (other) return other;
  const asked = own ?? owner ?? null;
  if (keyId === undefined) {
    return asked === null ? { kind: 'all' } : { kind: 'owner', owner: asked };
  }
  const key = await findReadableKey(call, keyId);
  if (key === null || (asked !== null && key.owner !== asked)) return refusal(noSuchKey(keyId));
  return { kind: 'key', keyId };
}
