/**
 * The form for a key that exists: its values, and the patch that is sent to the API. Pure.
 *
 * The API checks the patch. A value that does not fit is sent as it was typed, so that the API explains
 * the mistake.
 */

import type { AccessRule } from '../../../core/key/key.ts';
import type { KeyDocument } from '../../documents.ts';
import { textOf, wordsOf } from '../parts/form-data.ts';
import type { ClientTokensPatch } from './client-token-values.ts';
import type { Editable } from './editable.ts';
import { toLocalTime, toTime, withoutZeroSeconds } from './local-time.ts';
import {
  changedAddresses,
  changedPlan,
  mergePlanValues,
  type PlanPatch,
  type PlanValues,
  readPlanValues,
  toPlanValues,
} from './plan-values.ts';
import { type Reach, readReach } from './reach.ts';
import { readRulesText, toRulesText } from './rules-text.ts';

/** The fields of the form for a key that exists. */
export interface KeyValues {
  readonly name: string;
  /** With commas, blanks or new lines between them; `null` for a backend key. */
  readonly origins: string | null;
  readonly reach: Reach;
  /** One on each line. They count if `reach` is `rules`. */
  readonly rules: string;
  /** It counts if `reach` is `set`. */
  readonly ruleSet: string;
  /** Empty: never. */
  readonly expiresAt: string;
  readonly plan: PlanValues;
}

/** The changed members of an access. */
interface AccessPatch {
  readonly cors?: { readonly allowedOrigins: readonly string[]; readonly fullAccess: boolean };
  /** `null`: the key has no rules any longer. */
  readonly rules?: readonly AccessRule[] | null;
  /** `null`: the key refers to no rule set any longer. */
  readonly ruleSet?: string | null;
  /** `null`: the key gives no client tokens any longer. */
  readonly clientTokens?: ClientTokensPatch | null;
  /** `null`: the key may be used from any address. */
  readonly addresses?: readonly string[] | null;
}

/** The body of a PATCH, with the changed members alone. */
export interface KeyPatch extends PlanPatch {
  readonly name?: string;
  readonly access?: AccessPatch;
  readonly expiresAt?: string | null;
  readonly enabled?: boolean;
  readonly suspended?: boolean;
  readonly clientTokensValidFrom?: string;
}

/** Reads the form for a key that exists; `was` says whether the key has origins at all. */
export function readKeyValues(form: FormData, was: Editable): KeyValues {
  return {
    name: textOf(form, 'name'),
    origins: was.access?.cors == null ? null : textOf(form, 'origins'),
    // A form of an earlier version has no such choice, and changes nothing about it.
    reach: form.has('reach') ? readReach(form) : reachOf(was.access),
    // The script leaves the rules out unless they are chosen.
    rules: form.has('rules') ? textOf(form, 'rules') : toRulesText(was.access?.rules ?? []),
    ruleSet: form.has('rule_set') ? textOf(form, 'rule_set') : (was.access?.ruleSet ?? ''),
    expiresAt: withoutZeroSeconds(textOf(form, 'expires_at')),
    plan: readPlanValues(form, toPlanValues(was)),
  };
}

/** The values that the fields show for a key. */
export function toKeyValues(key: Editable): KeyValues {
  const { name, access, expiresAt } = key;
  return {
    name,
    origins: access?.cors?.allowedOrigins.join('\n') ?? null,
    reach: reachOf(access),
    rules: toRulesText(access?.rules ?? []),
    ruleSet: access?.ruleSet ?? '',
    expiresAt: toLocalTime(expiresAt),
    plan: toPlanValues(key),
  };
}

/** The changes of the form: the fields that differ from the values it was shown with. */
export function toPatch(values: KeyValues, was: Editable): KeyPatch {
  const shown = toKeyValues(was);
  const access = changedAccess(values, was);
  return {
    ...(values.name === shown.name ? {} : { name: values.name.trim() }),
    ...(access === null ? {} : { access }),
    ...(values.expiresAt === shown.expiresAt ? {} : { expiresAt: toTime(values.expiresAt) }),
    ...changedPlan(values.plan, shown.plan),
  };
}

/** The members of the access that the form changed; `null`: none. Absent members stay as they are. */
function changedAccess(values: KeyValues, was: Editable): AccessPatch | null {
  const shown = toKeyValues(was);
  const cors = was.access?.cors;
  const origins = wordsOf(values.origins ?? '');
  const hasNewOrigins = values.origins !== null && !isSameList(origins, cors?.allowedOrigins ?? []);
  const isOther = values.reach !== shown.reach;
  const addresses = changedAddresses(values.plan, shown.plan);
  const patch: AccessPatch = {
    ...(cors && (hasNewOrigins || isOther)
      ? { cors: { allowedOrigins: origins, fullAccess: values.reach === 'full' } }
      : {}),
    ...changedReach(values, shown),
    ...(addresses === undefined ? {} : { addresses }),
  };
  return Object.keys(patch).length === 0 ? null : patch;
}

/** The rules or the rule set that the form changed, and `null` for what another choice takes the place of. */
function changedReach(values: KeyValues, shown: KeyValues): Pick<AccessPatch, 'rules' | 'ruleSet'> {
  const { reach, rules, ruleSet } = values;
  const isOther = reach !== shown.reach;
  const left =
    isOther && shown.reach === 'rules'
      ? { rules: null }
      : isOther && shown.reach === 'set'
        ? { ruleSet: null }
        : {};
  if (reach === 'rules' && (isOther || rules.trim() !== shown.rules)) {
    return { ...left, rules: readRulesText(rules) };
  }
  return reach === 'set' && (isOther || ruleSet !== shown.ruleSet) ? { ...left, ruleSet } : left;
}

function reachOf(access: Editable['access']): Reach {
  if (access?.rules != null) return 'rules';
  if (access?.ruleSet != null) return 'set';
  return access?.cors?.fullAccess === true ? 'full' : 'standard';
}

/**
 * The fields after another person's change. Fields that the visitor changed stay as they were typed. The
 * others show the key as it is, so that saving again does not undo the other change.
 */
export function mergeValues(values: KeyValues, was: Editable, now: KeyDocument): KeyValues {
  const patch = toPatch(values, was);
  const current = toKeyValues(now);
  const { addresses: _, ...reach } = patch.access ?? {};
  const hasOtherReach = Object.keys(reach).length > 0;
  return {
    name: patch.name === undefined ? current.name : values.name,
    origins: hasOtherReach ? values.origins : current.origins,
    reach: hasOtherReach ? values.reach : current.reach,
    rules: hasOtherReach ? values.rules : current.rules,
    ruleSet: hasOtherReach ? values.ruleSet : current.ruleSet,
    expiresAt: patch.expiresAt === undefined ? current.expiresAt : values.expiresAt,
    plan: mergePlanValues(values.plan, toPlanValues(was), current.plan),
  };
}

function isSameList(left: readonly string[], right: readonly string[]): boolean {
  return left.length === right.length && left.every((value, index) => value === right[index]);
}
