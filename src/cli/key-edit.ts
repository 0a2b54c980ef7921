/**
 * What `keys edit` changes: its options, and what the API is sent of them.
 */

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

/** What PATCH is sent: the fields that options change, and nothing else. */
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
    const removed = new Set(options.removeOrigin ?? []);
    edit['access'] = {
      ...current.access,
      cors: {
        allowedOrigins: [
          ...(options.origin ?? cors.allowedOrigins).filter((origin) => !removed.has(origin)),
          ...(options.addOrigin ?? []),
        ],
        fullAccess: options.fullAccess ?? cors.fullAccess,
      },
    };
  }
  return edit;
}
