/**
 * What `keys edit` changes: its options, and what the API is sent of them.
 */

import { canonicalizeOriginPattern } from '../core/origin-pattern.ts';
import { CommandError, exitCodes } from './api-client.ts';

/** The options of `keys edit`, as the parser gives them. */
export interface KeyEditOptions {
  name?: string;
  origin?: string[];
  addOrigin?: string[];
  removeOrigin?: string[];
  fullAccess?: boolean;
  expiresAt?: string;
  neverExpires?: boolean;
  disable?: boolean;
  enable?: boolean;
}

/** What of a key decides about an edit. */
export interface KeyDocument {
  name: string;
  access: {
    cors?: { allowedOrigins: string[]; fullAccess: boolean };
    rules?: unknown;
  } | null;
}

/**
 * What PATCH is sent: the fields that options change, and nothing else. Throws a `CommandError` for
 * options that mean nothing for this key.
 */
export function editFrom(current: KeyDocument, options: KeyEditOptions): Record<string, unknown> {
  const edit: Record<string, unknown> = {};
  if (options.name !== undefined) edit['name'] = options.name;
  if (options.expiresAt !== undefined) edit['expiresAt'] = options.expiresAt;
  if (options.neverExpires) edit['expiresAt'] = null;
  if (options.disable) edit['enabled'] = false;
  if (options.enable) edit['enabled'] = true;
  const changesOrigins = options.origin ?? options.addOrigin ?? options.removeOrigin;
  if (changesOrigins !== undefined || options.fullAccess !== undefined) {
    const cors = current.access?.cors ?? { allowedOrigins: [], fullAccess: false };
    edit['access'] = {
      ...current.access,
      cors: {
        allowedOrigins: [
          ...(options.origin ?? withoutOrigins(cors.allowedOrigins, options.removeOrigin ?? [])),
          ...(options.addOrigin ?? []),
        ],
        fullAccess: options.fullAccess ?? cors.fullAccess,
      },
    };
  }
  return edit;
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
