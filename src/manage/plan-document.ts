/**
 * The members of a key that make up its plan, as JSON: their schemas, and their form in answers.
 * `core/key/key-plan.ts` has the rules of their contents.
 *
 * The upstream and the edge decide by them, so the operator alone writes them.
 */

import * as v from 'valibot';
import type { ProblemList } from '../core/field-problem.ts';
import { isRecord } from '../core/json.ts';
import type { LimitBy, Quota } from '../core/key/key.ts';
import {
  checkPlan,
  type KeyPlan,
  type PlanBounds,
  planMembers,
  type RequestedPlan,
  TAG_MAX_LENGTH,
} from '../core/key/key-plan.ts';
import { META_MAX_BYTES, TAGS_PER_KEY } from '../core/limits.ts';
import { periodAt } from '../core/quota.ts';
import type { ManagedKey } from '../keys/admin/types.ts';
import { applyMergePatch } from './merge-patch.ts';
import { itemsBoundedByRule, ruleMessage, wanted } from './read-document.ts';
import { shownTimeSchema } from './shown-time.ts';

const limitWays = ['key', 'owner', 'address', 'client'] as const satisfies readonly LimitBy[];
const periods = ['day', 'month'] as const;
const QUOTA_MAX = 1_000_000_000_000;

const requestsFix = `Use a whole number from 1 to ${QUOTA_MAX}`;
const quotaSchema = v.pipe(
  v.strictObject({
    requests: v.pipe(
      v.number(),
      v.integer(ruleMessage('it is not a whole number', requestsFix)),
      v.minValue(1, ruleMessage('it is less than one request', requestsFix)),
      v.maxValue(QUOTA_MAX, ruleMessage(`it is larger than ${QUOTA_MAX}`, requestsFix)),
      v.description('How many requests the key may send in a period. Costly routes count as more.'),
      v.examples([100_000]),
      wanted('a number of requests, such as 100000'),
    ),
    period: v.pipe(
      v.picklist(periods),
      v.description('A day or a month of UTC.'),
      wanted('"day" or "month"'),
    ),
  }),
  wanted('an object, such as {"requests": 100000, "period": "day"}, or null'),
);

/** The members as they come in. Their contents are checked by `checkPlan`. */
export const planEntries = {
  meta: v.pipe(
    v.nullish(
      v.pipe(
        v.custom<Readonly<Record<string, unknown>>>(isRecord),
        v.metadata({ jsonSchema: { type: 'object', additionalProperties: { type: 'string' } } }),
        v.examples([{ plan: 'pro' }]),
        wanted('an object of strings, such as {"plan": "pro"}, or null'),
      ),
    ),
    v.description(
      `Texts about the key for the upstream, which receives them as X-Edge-Meta and in the assertion: at most ${META_MAX_BYTES} bytes of JSON in ASCII. Set by the operator alone, like the members up to "quota".`,
    ),
  ),
  tags: v.pipe(
    v.nullish(
      v.pipe(
        v.array(
          v.pipe(
            v.string(),
            v.metadata({ jsonSchema: { minLength: 1, maxLength: TAG_MAX_LENGTH } }),
            wanted('a tag as a string'),
          ),
        ),
        itemsBoundedByRule(TAGS_PER_KEY, 0),
        v.examples([['beta']]),
        wanted('a list of tags, such as ["beta"], or null'),
      ),
    ),
    v.description(
      `Up to ${TAGS_PER_KEY} tags, which the upstream receives as X-Edge-Tags and in the assertion.`,
    ),
  ),
  limit: v.pipe(
    v.nullish(
      v.pipe(
        v.string(),
        // The names that LIMITERS can have. The rule compares with those that it has.
        v.metadata({ jsonSchema: { pattern: '^[a-z][a-z0-9_-]{0,31}$' } }),
        wanted('the name of a limit as a string, such as "pro"'),
      ),
    ),
    v.description('A limit of the setting LIMITERS, in place of KEY_LIMITER; null: none.'),
    v.examples(['pro']),
  ),
  limitBy: v.pipe(
    v.nullish(
      v.pipe(
        v.picklist(limitWays),
        wanted(`one of ${limitWays.map((way) => `"${way}"`).join(', ')}`),
      ),
    ),
    v.description(
      'The limit counts by this: the key (the default), its owner, the network of the client, or the visitor of a client token.',
    ),
  ),
  quota: v.pipe(
    v.nullish(quotaSchema),
    v.description('How much the key may be used in a day or a month of UTC; null: without end.'),
  ),
};

/** The members as answers show them. */
export const shownPlanEntries = {
  meta: v.pipe(
    v.optional(v.record(v.string(), v.string())),
    v.description('Texts about the key for the upstream. Absent without any.'),
  ),
  tags: v.pipe(
    v.optional(v.array(v.string())),
    v.description('Tags for the upstream. Absent without any.'),
  ),
  limit: v.pipe(
    v.optional(v.string()),
    v.description('The limit of the setting LIMITERS. Absent: KEY_LIMITER limits the key.'),
  ),
  limitBy: v.pipe(
    v.optional(v.picklist(limitWays)),
    v.description('The limit counts by this. Absent without a limit.'),
  ),
  quota: v.pipe(
    v.optional(
      v.object({
        requests: v.pipe(v.number(), v.description('Requests in a period.')),
        period: v.pipe(v.picklist(periods), v.description('A day or a month of UTC.')),
      }),
    ),
    v.description('How much the key may be used. Absent: without end.'),
  ),
};

/** The rest of a quota, as answers about one key show it. */
export const quotaUseSchema = v.pipe(
  v.optional(
    v.object({
      used: v.pipe(
        v.number(),
        v.integer(),
        v.description('The use in this period, a few seconds late.'),
      ),
      left: v.pipe(v.number(), v.integer(), v.description('The rest of it, at least 0.')),
      renewsAt: v.pipe(shownTimeSchema, v.description('When the next period begins.')),
    }),
  ),
  v.description('The rest of the quota. Absent in lists, and on keys without a quota.'),
);

/** See `quotaUseSchema`. */
export type QuotaUse = NonNullable<v.InferOutput<typeof quotaUseSchema>>;

/** Returns the rest of a quota. */
export function toQuotaUse(quota: Quota, used: number, nowMs: number): QuotaUse {
  const { endMs } = periodAt(quota.period, nowMs);
  const left = Math.max(0, quota.requests - used);
  return { used, left, renewsAt: new Date(endMs).toISOString() };
}

/** The plan of a key as answers show it. */
export type PlanDocument = v.InferOutput<ReturnType<typeof shownPlanSchema>>;
const shownPlanSchema = () => v.object(shownPlanEntries);

/** Returns the plan of a key as answers show it. */
export function toPlanDocument({ meta, tags, limit, quota }: ManagedKey): PlanDocument {
  return {
    ...(meta && { meta: { ...meta } }),
    ...(tags && { tags: [...tags] }),
    ...(limit && { limit: limit.name, limitBy: limit.by }),
    ...(quota && { quota: { ...quota } }),
  };
}

/**
 * Reads the plan of a document. `written` is the document as the caller sent it, if it was merged since.
 * Adds every problem to `problems`.
 */
export function readPlan(
  document: unknown,
  bounds: PlanBounds & { readonly owner: string | null },
  problems: ProblemList,
  written: unknown = document,
): KeyPlan {
  if (bounds.owner === null) return checkPlan(findPlan(document), bounds, problems);
  refusePlan(written, problems);
  return checkPlan({}, bounds, problems);
}

/** Returns the members of a plan that a patch names. */
export function changedPlan(
  patch: unknown,
  { meta, tags, limit, quota }: KeyPlan,
): Partial<KeyPlan> {
  const names = (name: string) => isRecord(patch) && patch[name] !== undefined;
  return {
    ...(names('meta') && { meta }),
    ...(names('tags') && { tags }),
    ...(names('limit') && { limit }),
    ...(names('quota') && { quota }),
  };
}

/**
 * Returns the parts of a document's plan that can be checked. A part with a wrong structure, which
 * `readDocument` reports, is left out.
 */
function findPlan(document: unknown): RequestedPlan {
  if (!isRecord(document)) return {};
  const { meta, tags, limit, limitBy, quota } = document;
  return {
    meta: isRecord(meta) ? meta : null,
    tags: Array.isArray(tags) ? tags.map((tag) => (typeof tag === 'string' ? tag : 'tag')) : null,
    limit: typeof limit === 'string' ? limit : null,
    // Beside a limit of a wrong type, it is not said to be alone.
    limitBy: limit != null && typeof limit !== 'string' ? null : findWay(limitBy),
    quota: v.is(quotaSchema, quota) ? quota : null,
  };
}

function findWay(limitBy: unknown): LimitBy | null {
  return limitWays.find((way) => way === limitBy) ?? null;
}

/**
 * Returns a patch in which the members of the plan are what those of the key become by it, so that they are
 * checked as a whole. https://www.rfc-editor.org/rfc/rfc7396
 */
export function mergePlan(document: unknown, key: ManagedKey): unknown {
  if (!isRecord(document)) return document;
  const before = toPlanDocument(key);
  const merged: Record<string, unknown> = { ...document };
  for (const name of ['meta', 'quota'] as const) {
    if (isRecord(document[name])) merged[name] = applyMergePatch(before[name], document[name]);
  }
  const { limit, limitBy } = document;
  // What one of the two says alone holds together with what the key has of the other.
  if (limitBy !== undefined && limit === undefined) merged['limit'] = before.limit ?? null;
  if (limit != null && limitBy === undefined) merged['limitBy'] = before.limitBy ?? null;
  return merged;
}

/** Adds a problem for each member of a plan that a caller other than the operator writes. */
function refusePlan(document: unknown, problems: ProblemList): void {
  if (!isRecord(document)) return;
  for (const path of planMembers) {
    if (document[path] === undefined) continue;
    problems.add(() => ({
      path,
      value: null,
      reason: 'the operator alone sets it: the API behind the edge relies on it',
      fix: 'Remove it, or ask the operator',
    }));
  }
}
