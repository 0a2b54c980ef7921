/**
 * The usage of a key, and the origins from which it was refused, as the API shows them. The gateway counts
 * both, and the usage consumer merges them.
 */

import * as v from 'valibot';
import { USAGE_DAYS_DEFAULT, USAGE_DAYS_MAX } from '../core/limits.ts';
import { DAY_MS, dayOf } from '../usage/batch.ts';
import { toTime } from './documents.ts';
import { invalidFields } from './field-problems.ts';
import { findReadableKey, noSuchKey } from './key-changes.ts';
import { answer, type Call, type Operation, type OperationResult, refusal } from './operation.ts';
import { readQuery, wholeNumber } from './query.ts';
import { shownTimeSchema } from './shown-time.ts';

const usageQuerySchema = v.strictObject({
  days: wholeNumber({
    min: 1,
    max: USAGE_DAYS_MAX,
    fallback: USAGE_DAYS_DEFAULT,
    description: 'How many days, in UTC, up to and including today.',
  }),
});

const daySchema = v.pipe(
  v.string(),
  v.metadata({ jsonSchema: { type: 'string', format: 'date' } }),
  v.examples(['2030-01-31']),
);

const outcomeDescription =
  '"allowed", "denied:<code>" for a refusal, "upstream_error:<code>" where the API did not answer.';

const usageSchema = v.object({
  keyId: v.pipe(v.string(), v.description('The key.')),
  from: v.pipe(daySchema, v.description('The first day that was asked for.')),
  to: v.pipe(daySchema, v.description('Today.')),
  usage: v.pipe(
    v.array(
      v.object({
        day: v.pipe(daySchema, v.description('The day, in UTC.')),
        outcome: v.pipe(v.string(), v.description(outcomeDescription)),
        requests: v.pipe(v.number(), v.integer(), v.description('How many there were.')),
        clientRequests: v.pipe(
          v.number(),
          v.integer(),
          v.description('Those among them that were sent with a client token of the key.'),
        ),
      }),
    ),
    v.description('Requests by day and outcome, the oldest day first.'),
  ),
  totals: v.pipe(
    v.record(v.string(), v.pipe(v.number(), v.integer())),
    v.description('The sums by outcome.'),
  ),
  clientTotals: v.pipe(
    v.record(v.string(), v.pipe(v.number(), v.integer())),
    v.description('The sums of clientRequests by outcome, without those that are 0.'),
  ),
});

/** Usage of a key, as the API answers it. */
export type UsageDocument = v.InferOutput<typeof usageSchema>;

const refusedOriginsSchema = v.object({
  origins: v.pipe(
    v.array(
      v.object({
        origin: v.pipe(
          v.string(),
          v.description('The origin as the browser sent it.'),
          v.examples(['https://preview-7.example.com']),
        ),
        code: v.pipe(v.string(), v.description('Why: "origin_not_allowed" or "cors_not_enabled".')),
        lastAt: v.pipe(shownTimeSchema, v.description('The last refusal.')),
        count: v.pipe(v.number(), v.integer(), v.description('How many refusals there were.')),
      }),
    ),
    v.description('The origins, the latest refusal first.'),
  ),
});

/** Origins that a key refused, as the API answers them. */
export type RefusedOriginsDocument = v.InferOutput<typeof refusedOriginsSchema>;

/** The endpoints about what was counted. */
export const usageOperations: readonly Operation[] = [
  {
    method: 'GET',
    path: '/keys/{id}/usage',
    name: 'getUsage',
    summary: 'Read how often a key was used',
    description: 'Counted by day and outcome, a few seconds late.',
    query: usageQuerySchema,
    answer: {
      status: 200,
      description: 'Requests by day and outcome. Days without requests are not listed.',
      schema: usageSchema,
    },
    problems: ['not_found', 'invalid_fields'],
    handle: getUsage,
  },
  {
    method: 'GET',
    path: '/keys/{id}/refused-origins',
    name: 'listRefusedOrigins',
    summary: 'List the origins that a key rejected recently',
    description: 'The newest 20, a few seconds late.',
    answer: {
      status: 200,
      description: 'Origins, newest first.',
      schema: refusedOriginsSchema,
    },
    problems: ['not_found'],
    handle: listRefusedOrigins,
  },
];

async function getUsage(call: Call): Promise<OperationResult> {
  const { management, query, id } = call;
  const reading = readQuery(usageQuerySchema, query);
  if (!reading.ok) return refusal(invalidFields(reading));
  const key = await findReadableKey(call, id);
  if (key === null) return refusal(noSuchKey(id));
  const nowMs = management.now();
  const { days = USAGE_DAYS_DEFAULT } = reading.value;
  const from = dayOf(nowMs - (days - 1) * DAY_MS);
  const usage = await management.usage.usageOf(key.id, from);
  const totals: Record<string, number> = {};
  const clientTotals: Record<string, number> = {};
  for (const { outcome, requests, clientRequests } of usage) {
    totals[outcome] = (totals[outcome] ?? 0) + requests;
    if (clientRequests === 0) continue;
    clientTotals[outcome] = (clientTotals[outcome] ?? 0) + clientRequests;
  }
  return answer(200, { keyId: key.id, from, to: dayOf(nowMs), usage, totals, clientTotals });
}

async function listRefusedOrigins(call: Call): Promise<OperationResult> {
  const key = await findReadableKey(call, call.id);
  if (key === null) return refusal(noSuchKey(call.id));
  const origins = await call.management.usage.refusedOriginsOf(key.id);
  return answer(200, {
    origins: origins.map(({ origin, code, lastAtMs, count }) => ({
      origin,
      code,
      lastAt: toTime(lastAtMs),
      count,
    })),
  });
}
