/** Small builders, so that a test shows only what matters to it. */

import { type ClientPart, compileKey, type Key, type StoredKey } from '../../src/core/key/key.ts';
import { parseOrigin, type WebOrigin } from '../../src/core/origins/web-origin.ts';
import { restrictedRoutes } from '../../src/core/routes/restricted-routes.ts';
import { compileRoutes } from '../../src/core/routes/route-table.ts';

/** A stored CORS key without full access, for `https://app.example`. */
export function aStoredKey(differences: Partial<StoredKey> = {}): StoredKey {
  return {
    id: 'key_1',
    owner: 'acct_1',
    kind: 'cors',
    allowedOrigins: ['https://app.example'],
    fullAccess: false,
    rules: null,
    enabled: true,
    expiresAtMs: null,
    ...differences,
  };
}

/** A stored backend key. */
export function aStoredBackendKey(differences: Partial<StoredKey> = {}): StoredKey {
  return aStoredKey({ kind: 'backend', allowedOrigins: null, ...differences });
}

/** A key as the gateway uses it. */
export function aKey(differences: Partial<StoredKey> = {}): Key {
  return compileKey(aStoredKey(differences), restrictedRoutes);
}

/** A backend key as the gateway uses it. */
export function aBackendKey(differences: Partial<StoredKey> = {}): Key {
  return compileKey(aStoredBackendKey(differences), restrictedRoutes);
}

/** A key as the gateway uses it for a visitor's client token, which reaches what the key does and has not ended. */
export function aClientKey(part: Partial<ClientPart> = {}, key: Key = aKey()): Key {
  const client: ClientPart = {
    subject: 'visitor',
    tokenId: null,
    meta: null,
    expiresAtMs: Number.POSITIVE_INFINITY,
    bounds: key.routes ?? compileRoutes(restrictedRoutes),
    isOriginOptional: false,
    endsConnections: true,
    ...part,
  };
  return { ...key, access: 'client', client };
}

/** The origin that a row of a table needs. A row that holds none is a mistake in the row. */
export function anOrigin(value: string): WebOrigin {
  const origin = parseOrigin(value);
  if (origin === null) throw new Error(`Cannot use ${JSON.stringify(value)} as an origin`);
  return origin;
}

/**
 * Returns whether work takes less than so many milliseconds in one of five attempts. Another process that takes
 * the core for a moment makes one attempt slow; a quadratic pattern makes all of them slow.
 */
export function takesLessThan(limitMs: number, work: () => void): boolean {
  return Array.from({ length: 5 }).some(() => {
    const startedAtMs = performance.now();
    work();
    return performance.now() - startedAtMs < limitMs;
  });
}
