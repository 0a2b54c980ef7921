/**
 * What `keys edit` changes: its options, and what the API is sent of them.
 */

import { canonicalizeOriginPattern } from '../core/origins/pattern.ts';
import { CommandError, exitCodes } from './api-client.ts';

/** The options of `keys edit`, as the parser gives them. */
export interface KeyEditOptions {
  name?: string;
  origin?: string[];
  addOrigin?: string[];
  removeOrigin?: string[];
  fullAccess?: boolean;
  /** A file; `false`: the key shall have none of its own. */
  rules?: string | false;
  expiresAt?: string;
  neverExpires?: boolean;
  disable?: boolean;
  enable?: boolean;
  suspend?: boolean;
  unsuspend?: boolean;
}

/** What commands read of a key. */
export interface KeyDocument {
  name: string;
  expiresAt: string | null;
  access: {
    cors?: { allowedOrigins: string[]; fullAccess: boolean };
    rules?: unknown;
  } | null;
}

/**
 * What PATCH is sent: the fields that options change, and nothing else. Throws a `CommandError` for
 * options that mean nothing for this key. `rules` is what the file of `--rules` holds.
 */
export function editFrom(
  current: KeyDocument,
  options: KeyEditOptions,
  rules: unknown,
): Record<string, unknown> {
  const edit: Record<string, unknown> = {};
  if (options.name !== undefined) edit['name'] = options.name;
  if (options.expiresAt !== undefined) edit['expiresAt'] = options.expiresAt;
  if (options.neverExpires) edit['expiresAt'] = null;
  if (options.disable) edit['enabled'] = false;
  if (options.enable) edit['enabled'] = true;
  if (options.suspend) edit['suspended'] = true;
  if (options.unsuspend) edit['suspended'] = false;
  const access = accessFrom(current.access, options, rules);
  if (access !== undefined) edit['access'] = access;
  return edit;
}

/** The whole access after the edit, because PATCH replaces it as a whole; `undefined`: it stays. */
function accessFrom(
  current: KeyDocument['access'],
  options: KeyEditOptions,
  rules: unknown,
): Record<string, unknown> | undefined {
  const { origin, addOrigin, removeOrigin, fullAccess } = options;
  const changesOrigins = (origin ?? addOrigin ?? removeOrigin) !== undefined;
  if (!changesOrigins && fullAccess === undefined && options.rules === undefined) return undefined;
  const isBackend = current?.cors === undefined;
  if (isBackend && !changesOrigins && fullAccess !== undefined) {
    const message = fullAccess
      ? 'Cannot give a backend key full access: it calls everything anyway, unless it has rules, which --no-rules removes'
      : 'Cannot restrict a backend key by --no-full-access: it calls everything, unless --rules says what';
    throw new CommandError(message, exitCodes.usage);
  }
  const access: Record<string, unknown> = {};
  // A backend key is sent the origins that were asked for too: the API says best why it gets none.
  if (!isBackend || changesOrigins) {
    const cors = current?.cors ?? { allowedOrigins: [], fullAccess: false };
    access['cors'] = {
      allowedOrigins: [
        ...(origin ?? withoutOrigins(cors.allowedOrigins, removeOrigin ?? [])),
        ...(addOrigin ?? []),
      ],
      fullAccess: fullAccess ?? cors.fullAccess,
    };
  }
  const rulesAfter = options.rules === undefined ? current?.rules : rules;
  // PATCH merges: what is absent would stay.
  if (options.rules === false) access['rules'] = null;
  else if (rulesAfter !== undefined) access['rules'] = rulesAfter;
  return access;
}

/**
 * What is listed, without some. After a typing error, the origin that was meant would go on being
 * allowed, so removing what is not listed is a failure.
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
  throw new CommandError(
    `Cannot remove origin ${JSON.stringify(origin)}: the key does not list it. ${others}`,
    exitCodes.usage,
  );
}
