/**
 * Checks the plan of a key before it is written: its metadata and tags, its named limit, its quota.
 *
 * The structure is checked by the schemas of the API, and the contents here. All problems are found at once.
 * Pure, no I/O.
 */

import { asciiJson } from '../ascii-json.ts';
import type { FieldProblem, ProblemList } from '../field-problem.ts';
import { META_MAX_BYTES, TAGS_PER_KEY } from '../limits.ts';
import { lengthOf, truncateWithEllipsis } from '../text.ts';
import type { KeyLimit, LimitBy, Quota } from './key.ts';
import { nameFault } from './key-name.ts';

/** A plan as it is asked for: each member has the right structure, or is left out. */
export interface RequestedPlan {
  readonly meta?: Readonly<Record<string, unknown>> | null | undefined;
  readonly tags?: readonly string[] | null | undefined;
  readonly limit?: string | null | undefined;
  readonly limitBy?: LimitBy | null | undefined;
  readonly quota?: Quota | null | undefined;
}

/** A plan as it is stored. */
export interface KeyPlan {
  /** `null`: no metadata. */
  readonly meta: Readonly<Record<string, string>> | null;
  /** Each once. `null`: no tags. */
  readonly tags: readonly string[] | null;
  /** `null`: the limit of every key. */
  readonly limit: KeyLimit | null;
  /** `null`: no quota. */
  readonly quota: Quota | null;
}

/** The parts of a deployment that a plan depends on. */
export interface PlanBounds {
  /** The names in the setting `LIMITERS`. */
  readonly limitNames: readonly string[];
  /** The setting `USAGE_RETENTION_DAYS`. */
  readonly usageRetentionDays: number;
}

/** The members that make up a plan. The operator alone writes them. */
export const planMembers = ['meta', 'tags', 'limit', 'limitBy', 'quota'] as const;

/** The most characters of a tag. */
export const TAG_MAX_LENGTH = 64;
const QUOTE_MAX_LENGTH = 200;
const DAYS_OF_MONTH = 31;
const metaNamePattern = /^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$/;

/** Checks a plan and brings it into its stored form. Good only if nothing was added to `problems`. */
export function checkPlan(
  requested: RequestedPlan,
  bounds: PlanBounds,
  problems: ProblemList,
): KeyPlan {
  return {
    meta: checkMeta(requested.meta ?? {}, problems),
    tags: checkTags(requested.tags ?? [], problems),
    limit: checkLimit(requested, bounds, problems),
    quota: checkQuota(requested.quota ?? null, bounds, problems),
  };
}

/** Returns whether a text can name a member of the metadata. */
export function isMetaName(text: string): boolean {
  return metaNamePattern.test(text);
}

/** The problem of a member of metadata that is no text: that of a key, or of a client token. */
export function notAText(path: string, value: unknown): FieldProblem {
  return {
    path,
    value: typeof value === 'object' ? null : value,
    reason: 'it is not a string',
    fix: 'Send a string: metadata is flat. Put quotes around numbers',
  };
}

function checkMeta(
  meta: Readonly<Record<string, unknown>>,
  problems: ProblemList,
): KeyPlan['meta'] {
  const entries = Object.entries(meta);
  if (entries.length === 0) return null;
  // Before its members: the work, and the answer, are bounded by what is read.
  if (isTooLarge(meta, 'meta', problems)) return null;
  const texts: [string, string][] = [];
  for (const [name, value] of entries) {
    const path = `meta.${truncateWithEllipsis(name, QUOTE_MAX_LENGTH)}`;
    if (!isMetaName(name)) {
      problems.add(() => ({
        path,
        value: null,
        reason: 'its name is not 1 to 64 letters, digits and - . _ after a letter or a digit',
        fix: 'Rename it, for example to "plan"',
      }));
    }
    if (typeof value === 'string') texts.push([name, value]);
    else problems.add(() => notAText(path, value));
  }
  return Object.fromEntries(texts);
}

function checkTags(tags: readonly string[], problems: ProblemList): KeyPlan['tags'] {
  if (tags.length === 0) return null;
  if (tags.length > TAGS_PER_KEY) {
    problems.add(() => ({
      path: 'tags',
      value: `${tags.length} tags`,
      reason: `a key may have at most ${TAGS_PER_KEY} tags`,
      fix: 'Use fewer tags',
    }));
    return null;
  }
  if (isTooLarge(tags, 'tags', problems)) return null;
  tags.forEach((tag, index) => {
    const isLong = lengthOf(tag) > TAG_MAX_LENGTH;
    const fault = isLong ? `it is longer than ${TAG_MAX_LENGTH} characters` : nameFault(tag);
    if (fault === null) return;
    problems.add(() => ({
      path: `tags[${index}]`,
      value: truncateWithEllipsis(tag, QUOTE_MAX_LENGTH),
      reason: fault,
      fix: `Use 1 to ${TAG_MAX_LENGTH} visible characters`,
    }));
  });
  return [...new Set(tags)];
}

function isTooLarge(value: object, path: 'meta' | 'tags', problems: ProblemList): boolean {
  const bytes = asciiJson(value).length;
  if (bytes <= META_MAX_BYTES) return false;
  problems.add(() => ({
    path,
    value: `${bytes} bytes`,
    reason: `its JSON is longer than ${META_MAX_BYTES} bytes, with six for each character outside of ASCII`,
    fix: 'Store less, or an id under which your API finds the rest',
  }));
  return true;
}

function checkLimit(
  { limit = null, limitBy = null }: RequestedPlan,
  { limitNames }: PlanBounds,
  problems: ProblemList,
): KeyLimit | null {
  if (limit === null) {
    if (limitBy !== null) problems.add(limitByAlone);
    return null;
  }
  if (!limitNames.includes(limit)) {
    const names = limitNames.map((name) => JSON.stringify(name)).join(', ');
    problems.add(() => ({
      path: 'limit',
      value: truncateWithEllipsis(limit, QUOTE_MAX_LENGTH),
      reason: 'the setting LIMITERS has no limit of this name',
      fix: names === '' ? 'Remove it, or add the limit to LIMITERS' : `Use one of ${names}`,
    }));
  }
  return { name: limit, by: limitBy ?? 'key' };
}

const limitByAlone = (): FieldProblem => ({
  path: 'limitBy',
  value: null,
  reason: 'there is no limit that could count by it',
  fix: 'Name a limit as well, or remove it',
});

function checkQuota(
  quota: Quota | null,
  { usageRetentionDays }: PlanBounds,
  problems: ProblemList,
): Quota | null {
  if (quota?.period === 'month' && usageRetentionDays < DAYS_OF_MONTH) {
    problems.add(() => ({
      path: 'quota.period',
      value: 'month',
      reason: `usage is kept for ${usageRetentionDays} days, and a month has up to ${DAYS_OF_MONTH}`,
      fix: `Use "day", or set USAGE_RETENTION_DAYS to ${DAYS_OF_MONTH} or more`,
    }));
  }
  return quota;
}
