/**
 * Edits of a key: the options of `keys edit`, and the fields that the API is sent for them.
 */

import type { AccessRule } from '../core/key/key.ts';
import { canonicalizeOriginPattern } from '../core/origins/pattern.ts';
import type { EditKeyRequest, Key } from '../management-client/schema.ts';
import { type ClientTokenOptions, clientTokensFrom } from './client-token-options.ts';
import { usageError } from './failures.ts';
import { type PlanOptions, planFrom } from './plan-options.ts';

/** The options of `keys edit`, as the parser gives them. */
export interface KeyEditOptions extends PlanOptions, ClientTokenOptions {
  name?: string;
  origin?: string[];
  addOrigin?: string[];
  removeOrigin?: string[];
  fullAccess?: boolean;
  /** A file; `false`: the key loses its rules. */
  rules?: string | false;
  allow?: AccessRule[];
  /** A reference; `false`: the key refers to no set. */
  ruleSet?: string | false;
  address?: string[];
  anyAddress?: boolean;
  expiresAt?: string;
  expiresIn?: number;
  neverExpires?: boolean;
  disable?: boolean;
  enable?: boolean;
  suspend?: boolean;
  unsuspend?: boolean;
}

type Access = NonNullable<EditKeyRequest['access']>;
type Rules = NonNullable<Access['rules']>;
/** The member `cors` of an access, whole. */
interface Cors {
  readonly allowedOrigins: string[];
  readonly fullAccess: boolean;
}

const noOrigins: Cors = { allowedOrigins: [], fullAccess: false };

/**
 * Returns the body of a PATCH: the fields that options change, and nothing else. Throws a `CommandError`
 * for options that mean nothing for this key. `rules` are those of `--rules` or `--allow`.
 */
export function editFrom(
  current: Pick<Key, 'access'>,
  options: KeyEditOptions,
  rules: Rules | undefined,
): EditKeyRequest {
  const edit: EditKeyRequest = planFrom(options);
  if (options.name !== undefined) edit.name = options.name;
  if (options.expiresAt !== undefined) edit.expiresAt = options.expiresAt;
  if (options.neverExpires) edit.expiresAt = null;
  if (options.disable) edit.enabled = false;
  if (options.enable) edit.enabled = true;
  if (options.suspend) edit.suspended = true;
  if (options.unsuspend) edit.suspended = false;
  const access = accessFrom(current.access, options, rules);
  const addresses = options.anyAddress ? null : options.address;
  // PATCH merges, so the rest of the access stays.
  const clientTokens = clientTokensFrom(options, current.access?.clientTokens);
  const more = {
    ...ruleSetFrom(current.access, options, rules),
    ...(addresses === undefined ? {} : { addresses }),
    ...(clientTokens === undefined ? {} : { clientTokens }),
  };
  if (access !== undefined || Object.keys(more).length > 0) edit.access = { ...access, ...more };
  return edit;
}

/** The whole access after the edit, with `null` for rules that are removed; `undefined`: no change. */
function accessFrom(
  current: Key['access'],
  options: KeyEditOptions,
  rules: Rules | undefined,
): Access | undefined {
  const hasOrigins = changesOrigins(options);
  const hasRules = options.rules === false || rules !== undefined;
  if (!hasOrigins && !hasRules && options.fullAccess === undefined) return undefined;
  const isBackend = current?.cors === undefined;
  if (isBackend && !hasOrigins) refuseFullAccess(options.fullAccess);
  const access: Access = {};
  // Origins are also sent for a backend key: the API explains best why it gets none.
  if (!isBackend || hasOrigins) access.cors = corsFrom(current?.cors ?? noOrigins, options);
  // PATCH merges, so rules that remain are sent too.
  const remaining = options.rules === false ? null : (rules ?? current?.rules);
  if (remaining !== undefined) access.rules = remaining;
  return access;
}

/** The rule set after the edit. It and rules of its own take each other's place. */
function ruleSetFrom(
  current: Key['access'],
  { ruleSet }: KeyEditOptions,
  rules: Rules | undefined,
): Pick<Access, 'ruleSet' | 'rules'> {
  if (ruleSet) return { ruleSet, ...(current?.rules ? { rules: null } : {}) };
  const isReplaced = rules !== undefined && current?.ruleSet !== undefined;
  return ruleSet === false || isReplaced ? { ruleSet: null } : {};
}

function changesOrigins({ origin, addOrigin, removeOrigin }: KeyEditOptions): boolean {
  return (origin ?? addOrigin ?? removeOrigin) !== undefined;
}

/** Refuses `--full-access` and `--no-full-access`, which mean nothing for a backend key. */
function refuseFullAccess(fullAccess: boolean | undefined): void {
  if (fullAccess === undefined) return;
  const message = fullAccess
    ? 'Cannot give a backend key full access: it calls everything anyway, unless it has rules, which --no-rules removes'
    : 'Cannot restrict a backend key by --no-full-access: it calls everything, unless --rules says what';
  throw usageError(message);
}

/** The origins and the level of access after the edit. */
function corsFrom(
  current: Cors,
  { origin, addOrigin = [], removeOrigin = [], fullAccess = current.fullAccess }: KeyEditOptions,
): Cors {
  const kept = origin ?? withoutOrigins(current.allowedOrigins, removeOrigin);
  return { allowedOrigins: [...kept, ...addOrigin], fullAccess };
}

/**
 * Removes origins from a list. Removing one that is not listed is a failure: after a typing error, the
 * origin that was meant would stay allowed.
 */
function withoutOrigins(listed: readonly string[], removed: readonly string[]): readonly string[] {
  const patterns = new Set(removed.map((origin) => listedAs(origin, listed)));
  return listed.filter((pattern) => !patterns.has(pattern));
}

/** The form in which a key lists an origin, however it was typed. */
function listedAs(origin: string, listed: readonly string[]): string {
  const reading = canonicalizeOriginPattern(origin);
  // As it was typed as well: a stored pattern may be one that could not be stored today, because the
  // public suffix list has changed.
  const found = listed.find(
    (pattern) => pattern === origin || (reading.ok && pattern === reading.pattern),
  );
  if (found !== undefined) return found;
  const others = listed.length === 0 ? 'It lists none' : `It lists ${listed.join(', ')}`;
  throw usageError(
    `Cannot remove origin ${JSON.stringify(origin)}: the key does not list it. ${others}`,
  );
}
