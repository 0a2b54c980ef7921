/**
 * The filters of keys, as the list and bulk changes take them.
 */

import * as v from 'valibot';
import { ProblemList } from '../core/field-problem.ts';
import { isRecord } from '../core/json.ts';
import { isMetaName, TAG_MAX_LENGTH } from '../core/key/key-plan.ts';
import { canonicalizeOriginPattern } from '../core/origins/pattern.ts';
import { truncateWithEllipsis } from '../core/text.ts';
import { type KeyFilter, keyStates } from '../keys/admin/types.ts';
import { invalidFields } from './field-problems.ts';
import { ownerSchema, timeSchema, toMs } from './key-members.ts';
import {
  META_FILTERS_MAX,
  ORIGIN_FILTER_MAX_LENGTH,
  QUOTE_MAX_LENGTH,
  SEARCH_MAX_LENGTH,
} from './limits.ts';
import { type Context, type Refusal, refusal } from './operation.ts';
import { oneOf, ruleMessage, wanted } from './read-document.ts';

const originFix = 'Write an allowed origin, such as "https://app.example.com"';
const originSchema = v.pipe(
  v.string(),
  v.maxLength(
    ORIGIN_FILTER_MAX_LENGTH,
    ruleMessage(`it is longer than ${ORIGIN_FILTER_MAX_LENGTH} characters`, originFix),
  ),
  v.check(
    (origin) => canonicalizeOriginPattern(origin).ok,
    ruleMessage('it is not an origin that a key can allow', originFix),
  ),
  v.description(
    'Only keys that list this allowed origin, for themselves or for their client tokens. A wildcard is found as it is listed, and by no origin that it admits.',
  ),
  v.examples(['https://app.example.com']),
  wanted('an origin'),
);

/** The filters, each of which may be absent. */
export const keyFilterEntries = {
  owner: v.optional(v.pipe(ownerSchema, v.description('Only the keys of this owner.'))),
  state: v.optional(
    oneOf(
      keyStates,
      'Only keys in this state; absent: all but revoked ones. A key that is both disabled and expired is in both states. "live": it works.',
    ),
  ),
  kind: v.optional(oneOf(['backend', 'cors'], 'Only backend keys, or only CORS keys.')),
  access: v.optional(
    oneOf(
      ['backend', 'restricted', 'full', 'rules'],
      'Only keys with this access, as the upstream receives it in X-Edge-Access.',
    ),
  ),
  origin: v.optional(originSchema),
  usedBefore: v.optional(
    v.pipe(
      timeSchema,
      v.description(
        'Only keys that were last used before this time. Keys that were never used count from their creation.',
      ),
    ),
  ),
  expiresBefore: v.optional(
    v.pipe(timeSchema, v.description('Only keys that expire, or have expired, before this time.')),
  ),
  tag: v.optional(
    v.pipe(
      v.string(),
      v.nonEmpty(ruleMessage('it is empty', 'Remove it, or name a tag')),
      v.maxCodePoints(
        TAG_MAX_LENGTH,
        ruleMessage(`it is longer than ${TAG_MAX_LENGTH} characters`, 'No tag is longer'),
      ),
      v.description('Only keys with this tag.'),
      v.examples(['beta']),
    ),
  ),
  search: v.optional(
    v.pipe(
      v.string(),
      v.nonEmpty(ruleMessage('it is empty', 'Remove it, or search for some text')),
      v.maxCodePoints(
        SEARCH_MAX_LENGTH,
        ruleMessage(`it is longer than ${SEARCH_MAX_LENGTH} characters`, 'Search for less'),
      ),
      v.description(
        'Only keys with this text anywhere in the name, or at the beginning of the id, the hint, the owner, an allowed origin or its host, in upper or lower case.',
      ),
      wanted('some text'),
    ),
  ),
};

const filterSchema = v.strictObject(keyFilterEntries);

/**
 * The filter of a caller: what they ask for, of the keys that they may see. Refuses a person who asks for
 * another owner, since an empty list would say that the owner has no keys.
 */
export function filterOf(
  { caller }: Pick<Context, 'caller'>,
  asked: v.InferOutput<typeof filterSchema>,
  parent = '',
  meta: KeyFilter['meta'] = [],
): { readonly ok: true; readonly filter: KeyFilter } | Refusal {
  const { state, kind, access, usedBefore, expiresBefore, search } = asked;
  const other = otherOwner(caller.owner, asked.owner, `${parent}owner`);
  if (other) return other;
  const origin = asked.origin === undefined ? null : canonicalizeOriginPattern(asked.origin);
  return {
    ok: true,
    filter: {
      owner: caller.owner ?? asked.owner ?? null,
      state: state ?? null,
      kind: kind ?? null,
      access: access ?? null,
      origin: origin?.ok ? origin.pattern : null,
      usedBeforeMs: toMs(usedBefore),
      expiresBeforeMs: toMs(expiresBefore),
      search: search ?? null,
      meta,
      tag: asked.tag ?? null,
    },
  };
}

const META_PREFIX = 'meta.';

/** The filters by metadata among parameters, such as `meta.plan=pro`, and the other parameters. */
export function takeMeta<Value>(
  members: Iterable<readonly [name: string, value: Value]>,
  parent = '',
): {
  readonly meta: KeyFilter['meta'];
  readonly rest: readonly (readonly [name: string, value: Value])[];
  readonly problems: ProblemList;
} {
  const meta = new Map<string, string>();
  const rest: (readonly [string, Value])[] = [];
  const problems = new ProblemList();
  const refuse = (path: string, reason: string, fix: string) =>
    problems.add(() => ({
      path: `${parent}${truncateWithEllipsis(path, QUOTE_MAX_LENGTH)}`,
      value: null,
      reason,
      fix,
    }));
  for (const [path, text] of members) {
    if (!path.startsWith(META_PREFIX)) {
      rest.push([path, text]);
      continue;
    }
    const name = path.slice(META_PREFIX.length);
    if (!isMetaName(name)) refuse(path, 'no metadata can have this name', 'Write "meta.plan=pro"');
    else if (meta.has(name)) refuse(path, 'it is given more than once', 'Give it once');
    else if (meta.size === META_FILTERS_MAX) {
      refuse(path, `there are more than ${META_FILTERS_MAX} filters by metadata`, 'Use fewer');
    } else if (text === '') refuse(path, 'it is empty', 'Give it a value, or remove it');
    else if (typeof text !== 'string') {
      refuse(path, 'it is not a string', 'Send a string: put quotes around numbers');
    }
    meta.set(name, typeof text === 'string' ? text : '');
  }
  return { meta: [...meta], rest, problems };
}

/**
 * The members of a filter in a body by the names that they have in a query: `{"meta": {"plan": "pro"}}` is
 * `meta.plan`, which a filter may also hold under that name.
 */
export function* namedAsInQuery(filter: object): Generator<readonly [string, unknown]> {
  for (const [name, value] of Object.entries(filter)) {
    if (name !== 'meta' || !isRecord(value)) yield [name, value];
    else for (const [inner, text] of Object.entries(value)) yield [META_PREFIX + inner, text];
  }
}

/** The 422 for a person who names another owner than their account; `null` for everybody else. */
export function otherOwner(
  own: string | null,
  asked: string | undefined,
  path = 'owner',
): Refusal | null {
  if (own === null || asked === undefined || asked === own) return null;
  return refusal(
    invalidFields({
      problems: [
        {
          path,
          value: null,
          reason: 'it is not the account that you are signed in to, whose keys alone you see',
          fix: 'Remove it, or name your own account',
        },
      ],
      more: 0,
    }),
  );
}
