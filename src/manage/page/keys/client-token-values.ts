/**
 * The client tokens of a key in a form: the pages that hold them, and what they may do at most. Pure.
 *
 * The API checks all of it. A value that does not fit is sent as it was typed.
 */

import { CLIENT_TTL_DEFAULT_SECONDS } from '../../../core/client-token/claims.ts';
import type { AccessRule } from '../../../core/key/key.ts';
import type { AccessDocument } from '../../access-document.ts';
import { textOf, wordsOf } from '../parts/form-data.ts';
import { type Reach, readReach } from './reach.ts';
import { readRulesText, toRulesText } from './rules-text.ts';

/** The fields about client tokens. */
export interface ClientTokenValues {
  /** With commas, blanks or new lines between them. */
  readonly origins: string;
  /** The choice of endpoints. `standard`: the restricted ones. */
  readonly reach: Exclude<Reach, 'full'>;
  /** It counts if `reach` is `set`. */
  readonly ruleSet: string;
  /** One on each line. They count if `reach` is `rules`. */
  readonly rules: string;
  /** In seconds. Empty: the default. */
  readonly maxTtl: string;
  readonly originOptional: boolean;
  readonly endConnectionsAtExpiry: boolean;
}

/** The opt-in as it is sent to the API. */
export interface ClientTokensPatch {
  readonly allowedOrigins: readonly string[];
  readonly rules?: readonly AccessRule[] | null;
  readonly ruleSet?: string | null;
  readonly maxTtlSeconds?: number | string;
  readonly originOptional?: boolean;
  readonly endConnectionsAtExpiry?: boolean;
}

/** The values of a key that gives no client tokens yet. */
export const emptyClientTokens: ClientTokenValues = {
  origins: '',
  reach: 'standard',
  ruleSet: '',
  rules: '',
  maxTtl: String(CLIENT_TTL_DEFAULT_SECONDS),
  originOptional: false,
  endConnectionsAtExpiry: true,
};

/**
 * Reads the fields. A form of an earlier version has the origins alone, and changes nothing else, or has no rule
 * sets, and leaves that of the key.
 */
export function readClientTokens(
  form: FormData,
  shown: ClientTokenValues = emptyClientTokens,
): ClientTokenValues {
  const origins = textOf(form, 'client_origins');
  if (!form.has('client_reach')) return { ...shown, origins };
  return {
    origins,
    reach: readClientReach(form, shown),
    ruleSet: form.has('client_rule_set') ? textOf(form, 'client_rule_set') : shown.ruleSet,
    // The script leaves the rules out unless they are chosen.
    rules: form.has('client_rules') ? textOf(form, 'client_rules') : shown.rules,
    maxTtl: textOf(form, 'client_ttl').trim(),
    originOptional: form.has('client_origin_optional'),
    endConnectionsAtExpiry: form.has('client_end_connections'),
  };
}

function readClientReach(form: FormData, shown: ClientTokenValues): ClientTokenValues['reach'] {
  if (textOf(form, 'client_reach') === 'restricted') return 'standard';
  const reach = readReach(form, 'client_reach');
  // Client tokens have no such choice.
  if (reach === 'full') return 'rules';
  // Earlier forms sent `standard` for a rule set as well.
  return reach === 'standard' && shown.ruleSet !== '' ? 'set' : reach;
}

/** Returns the values that the fields show for a key. */
export function toClientTokenValues(access: AccessDocument): ClientTokenValues {
  const tokens = access?.clientTokens;
  if (tokens === undefined) return emptyClientTokens;
  return {
    origins: tokens.allowedOrigins.join('\n'),
    reach: tokens.rules !== null ? 'rules' : tokens.ruleSet == null ? 'standard' : 'set',
    ruleSet: tokens.ruleSet ?? '',
    rules: toRulesText(tokens.rules ?? []),
    maxTtl: String(tokens.maxTtlSeconds),
    originOptional: tokens.originOptional,
    endConnectionsAtExpiry: tokens.endConnectionsAtExpiry,
  };
}

/** Returns the opt-in as it is sent to the API. */
export function toClientTokens(values: ClientTokenValues): ClientTokensPatch {
  const { origins, reach, rules, ruleSet, maxTtl, originOptional, endConnectionsAtExpiry } = values;
  return {
    allowedOrigins: wordsOf(origins),
    rules: reach === 'rules' ? readRulesText(rules) : null,
    ruleSet: reach === 'set' ? ruleSet : null,
    maxTtlSeconds: ttlOf(maxTtl),
    originOptional,
    endConnectionsAtExpiry,
  };
}

function ttlOf(maxTtl: string): number | string {
  if (maxTtl === '') return CLIENT_TTL_DEFAULT_SECONDS;
  return /^-?\d{1,9}(?:\.\d{1,9})?$/.test(maxTtl) ? Number(maxTtl) : maxTtl;
}
