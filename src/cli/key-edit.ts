/**
 * Edits of a key: the options of `keys edit`, and the fields that the API is sent for them.
 */

import type { AccessRule } from '../core/key/key.ts';
import { canonicalizeOriginPattern } from '../core/origins/pattern.ts';
import type { EditKeyRequest, Key } from '../management-client/schema.ts';
import { usageError } from './failures.ts';

/** The options of `keys edit`, as the parser gives them. */
export interface KeyEditOptions {
  name?: string;
  origin?: string[];
  addOrigin?: string[];
  removeOrigin?: string[];
  fullAccess?: boolean;
  /** A file; `false`: the key loses its rules. */
  rules?: string | false;
  allow?: AccessRule[];
  expiresAt?: string;
  expiresIn?: number;
  neverExpires?: boolean;
  disable?: boolean;
  enable?: boolean;
  suspend?: boolean;
  unsuspend?: boolean;
}

type Rules = NonNullable<NonNullable<EditKeyRequest['access']>['rules']>;

/**
 * Returns the body of a PATCH: the fields that options change, and nothing else. Throws a `CommandError`
 * for options that mean nothing for this key. `rules` are those of `--rules` or `--allow`.
 */
export function editFrom(
  current: Pick<Key, 'access'>,
  options: KeyEditOptions,
  rules: Rules | undefined,
): EditKeyRequest {
  const edit: EditKeyRequest = {};
  if (options.name !== undefined) edit.name = options.name;
  if (options.expiresAt !== undefined) edit.expiresAt = options.expiresAt;
  if (options.neverExpires) edit.expiresAt = null;
  if (options.disable) edit.enabled = false;
  if (options.enable) edit.enabled = true;
  if (options.suspend) edit.suspended = true;
  if (options.unsuspend) edit.suspended = false;
  const access = accessFrom(current.access, options, rules);
  if (access !== undefined) edit.access = access;
  return edit;
}

/** The whole access after the edit, with `null` for rules that go; `undefined`: it stays. */
function accessFrom(
  current: Key['access'],
  options: KeyEditOptions,
  rules: Rules | undefined,
): NonNullable<EditKeyRequest['access']> | undefined {
  const { origin, addOrigin, removeOrigin, fullAccess } = options;
  const changesOrigins = (origin ?? addOrigin ?? removeOrigin) !== undefined;
  const changesRules = options.rules === false || rules !== undefined;
  if (!changesOrigins && fullAccess === undefined && !changesRules) return undefined;
  const isBackend = current?.cors === undefined;
  if (isBackend && !changesOrigins && fullAccess !== undefined) {
    const message = fullAccess
      ? 'Cannot give a backend key full access: it calls everything anyway, unless it has rules, which --no-rules removes'
      : 'Cannot restrict a backend key by --no-full-access: it calls everything, unless --rules says what';
    throw usageError(message);
  }
  const access: NonNullable<EditKeyRequest['access']> = {};
  // A backend key is sent the origins that were asked for too: the API says best why it gets none.
  if (!isBackend || changesOrigins) {
    const cors = current?.cors ?? { allowedOrigins: [], fullAccess: false };
    access.cors = {
      allowedOrigins: [
        ...(origin ?? withoutOrigins(cors.allowedOrigins, removeOrigin ?? [])),
        ...(addOrigin ?? []),
      ],
      fullAccess: fullAccess ?? cors.fullAccess,
    };
  }
  // PATCH merges: what is absent would stay.
  if (options.rules === false) access.rules = null;
  else if ((rules ?? current?.rules) !== undefined) access.rules = rules ?? current?.rules ?? null;
  return access;
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
