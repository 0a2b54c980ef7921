/**
 * The form for a new key: its values, and the document that is sent to the API. Pure.
 *
 * The API checks the document. A value that does not fit is sent as it was typed, so that the API
 * explains the mistake. Only mistakes that no document can hold are checked here.
 */

import type { FieldProblem } from '../../../core/field-problem.ts';
import { DAY_MS } from '../../../usage/batch.ts';
import { textOf, wordsOf } from '../parts/form-data.ts';
import {
  type ClientTokenValues,
  emptyClientTokens,
  readClientTokens,
  toClientTokens,
} from './client-token-values.ts';
import { toTime } from './local-time.ts';
import {
  changedAddresses,
  changedPlan,
  emptyPlan,
  type PlanValues,
  readPlanValues,
} from './plan-values.ts';
import { type Reach, readReach } from './reach.ts';
import { readRulesText } from './rules-text.ts';

/** The fields of the form for a new key, as text and ticks. */
export interface CreateValues {
  readonly name: string;
  readonly owner: string;
  readonly cors: boolean;
  /** With commas, blanks or new lines between them. */
  readonly origins: string;
  readonly clientTokens: boolean;
  readonly client: ClientTokenValues;
  readonly reach: Reach;
  /** One on each line. */
  readonly rules: string;
  /** It counts if `reach` is `set`. */
  readonly ruleSet: string;
  /** One of `expiryChoices`. `at`: the time is in `expiresAt`. */
  readonly expires: string;
  /** A date and time without a zone, meant in UTC. */
  readonly expiresAt: string;
  readonly plan: PlanValues;
}

/** The values of the form when it is opened. */
export const emptyCreateValues: CreateValues = {
  name: '',
  owner: '',
  cors: false,
  origins: '',
  clientTokens: false,
  client: emptyClientTokens,
  reach: 'standard',
  rules: '',
  ruleSet: '',
  expires: 'never',
  expiresAt: '',
  plan: emptyPlan,
};

/** The choices of an expiry. A number is a number of days. */
export const expiryChoices = [
  ['never', 'Never'],
  ['7', 'In 7 days'],
  ['30', 'In 30 days'],
  ['90', 'In 90 days'],
  ['365', 'In a year'],
  ['at', 'At a specific time'],
] as const;

/** The part of client tokens that a form has filled in, by the choice of their endpoints. */
const listed: Readonly<Record<ClientTokenValues['reach'], string>> = {
  standard: 'origins of pages with client tokens are listed',
  set: 'a rule set of client tokens is chosen',
  rules: 'rules of client tokens are chosen',
};

/** Reads the form for a new key. */
export function readCreateValues(form: FormData): CreateValues {
  return {
    name: textOf(form, 'name'),
    owner: textOf(form, 'owner'),
    cors: form.has('cors'),
    origins: textOf(form, 'origins'),
    clientTokens: form.has('client_tokens'),
    client: readClientTokens(form),
    reach: readReach(form),
    rules: textOf(form, 'rules'),
    ruleSet: textOf(form, 'rule_set'),
    expires: textOf(form, 'expires'),
    expiresAt: textOf(form, 'expires_at'),
    plan: readPlanValues(form, emptyPlan),
  };
}

/**
 * Finds the mistakes that the document does not show. An expiry that is not among the choices would
 * become "never", and fields behind an unticked box would be dropped, both silently. `cors` is the path
 * of the box, and `access.clientTokens` that of the other.
 */
export function findMistakes(values: CreateValues): readonly FieldProblem[] {
  const problems: FieldProblem[] = [];
  const { cors, origins, expires, expiresAt } = values;
  const fullAccess = values.reach === 'full';
  const hasOrigins = wordsOf(origins).length > 0;
  if (!cors && (hasOrigins || fullAccess)) {
    problems.push({
      path: 'cors',
      value: null,
      reason: `${hasOrigins ? 'origins are listed' : 'full API access is chosen'}, but CORS access is not allowed`,
      fix: 'Tick "Allow CORS access", or remove what depends on it',
    });
  }
  const { client } = values;
  if (!values.clientTokens && (wordsOf(client.origins).length > 0 || client.reach !== 'standard')) {
    problems.push({
      path: 'access.clientTokens',
      value: null,
      reason: `${listed[client.reach]}, but client tokens are not allowed`,
      fix: 'Tick "Allow client tokens", or remove what depends on it',
    });
  }
  if (!isOffered(expires)) {
    problems.push({
      path: 'expiresAt',
      value: expires,
      reason: 'it is none of the choices', // cspell:disable-line
      fix: 'Choose one from the list',
    });
  }
  if (expires === 'at' && expiresAt === '') {
    problems.push({
      path: 'expiresAt',
      value: null,
      reason: 'a date and a time must be filled in',
      fix: 'Fill in both, or choose another expiry',
    });
  }
  return problems;
}

/** The body of the POST for a new key, without the fields that the unticked box hides. */
export function toNewKey(values: CreateValues, nowMs: number): Record<string, unknown> {
  const { owner } = values;
  return {
    name: values.name.trim(),
    ...(owner.trim() === '' ? {} : { owner: owner.trim() }),
    access: accessOf(values),
    expiresAt: expiryOf(values, nowMs),
    ...changedPlan(values.plan, emptyPlan),
  };
}

function accessOf(values: CreateValues): Record<string, unknown> | null {
  const { cors, origins, reach, rules, ruleSet, clientTokens, client, plan } = values;
  const addresses = changedAddresses(plan, emptyPlan);
  const own = {
    ...(reach === 'rules' ? { rules: readRulesText(rules) } : {}),
    ...(reach === 'set' ? { ruleSet } : {}),
    ...(clientTokens ? { clientTokens: toClientTokens(client) } : {}),
    ...(addresses === undefined ? {} : { addresses }),
  };
  if (!cors) return Object.keys(own).length > 0 ? own : null;
  return {
    cors: { allowedOrigins: wordsOf(origins), fullAccess: reach === 'full' },
    ...own,
  };
}

function expiryOf({ expires, expiresAt }: CreateValues, nowMs: number): string | null {
  if (expires === 'at') return toTime(expiresAt) ?? 'no time';
  if (!isOffered(expires)) return expires;
  const days = Number(expires);
  if (!(days > 0)) return null;
  // At the end of a day, so that the same form, sent twice, asks for the same time.
  return new Date((Math.floor(nowMs / DAY_MS) + 1 + days) * DAY_MS).toISOString();
}

/** Returns whether the form offers this expiry. A form without the field asks for no expiry. */
function isOffered(expires: string): boolean {
  return expires === '' || expiryChoices.some(([value]) => value === expires);
}
