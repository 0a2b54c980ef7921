/**
 * A key: our record about a token, as it is stored and as the gateway uses it.
 *
 * Pure, no I/O, no clock.
 */

import type { RouteList, RouteRow, RouteTable } from './route-table.ts';
import { compileRoutes } from './route-table.ts';
import type { KeyKind } from './token.ts';
import { compileOrigins, type OriginSet } from './web-origin.ts';

/** One entry of a key's own route list, in Livepeer Studio's shape. */
export interface AccessRule {
  /** Lower case, or `*` for any. */
  readonly methods: readonly string[];
  /** Paths with `:name` for one id, and `*` as a last segment for whatever follows. */
  readonly resources: readonly string[];
}

/** What of a key decides about requests, as D1 and KV hold it. Validated when it was written. */
export interface StoredKey {
  readonly id: string;
  readonly owner: string | null;
  readonly kind: KeyKind;
  /** Canonical patterns; never empty. `null` on a backend key. */
  readonly allowedOrigins: readonly string[] | null;
  readonly fullAccess: boolean;
  readonly rules: readonly AccessRule[] | null;
  readonly enabled: boolean;
  /** When the key, or this token of it, stops, whichever is sooner; `null`: never. */
  readonly expiresAtMs: number | null;
}

/** How far a key reaches, as the upstream is told in `X-Edge-Access`. */
export type AccessLevel = 'backend' | 'restricted' | 'full' | 'rules';

/** A key ready to be asked about a request. */
export interface Key {
  readonly id: string;
  readonly owner: string | null;
  readonly kind: KeyKind;
  readonly access: AccessLevel;
  /** `null` on a backend key. */
  readonly origins: OriginSet | null;
  /** The key's own routes; `null` where the access level decides. */
  readonly routes: RouteTable | null;
  readonly enabled: boolean;
  readonly expiresAtMs: number | null;
}

/**
 * Compiles a stored key. `restricted` is the deployment's restricted list: its reserved words also
 * guard a key's own rules, where they have an id in the same place.
 */
export function compileKey(stored: StoredKey, restricted: RouteList): Key {
  return {
    id: stored.id,
    owner: stored.owner,
    kind: stored.kind,
    access: accessLevelOf(stored),
    origins: stored.allowedOrigins && compileOrigins(stored.allowedOrigins),
    routes: stored.rules && compileRules(stored.rules, restricted),
    enabled: stored.enabled,
    expiresAtMs: stored.expiresAtMs,
  };
}

/** A CORS key is restricted unless it has full access or rules of its own. */
export function accessLevelOf(key: Pick<StoredKey, 'kind' | 'fullAccess' | 'rules'>): AccessLevel {
  if (key.rules) return 'rules';
  if (key.kind === 'backend') return 'backend';
  return key.fullAccess ? 'full' : 'restricted';
}

/** Whether a key that was found may be used at all, by its own state. */
export function isLive(key: Pick<Key, 'enabled' | 'expiresAtMs'>, nowMs: number): boolean {
  return key.enabled && (key.expiresAtMs === null || nowMs < key.expiresAtMs);
}

/**
 * Turns a key's own rules into a route table.
 *
 * An id in a place where the restricted list has one too takes over its reserved words: whoever
 * writes `PATCH /api/stream/:id` means a stream, not `/api/stream/deactivate-many`. A rule that names
 * such a word as a literal still reaches it.
 */
export function compileRules(rules: readonly AccessRule[], restricted: RouteList): RouteTable {
  const kinds = idKindsByPlace(restricted);
  const routes: RouteRow[] = rules.flatMap((rule) =>
    rule.resources.map((resource) => ({
      methods: rule.methods,
      path: templateOf(resource, kinds),
    })),
  );
  return compileRoutes({ routes, reservedWords: restricted.reservedWords });
}

/** Id kinds by what stands before them: `/api/stream` → `stream`. */
function idKindsByPlace(list: RouteList): ReadonlyMap<string, string> {
  const kinds = new Map<string, string>();
  for (const { path } of list.routes) {
    const match = /^([^{]*)\/\{([^}]*)\}/.exec(path);
    if (match?.[1] !== undefined && match[2] !== undefined) kinds.set(match[1], match[2]);
  }
  return kinds;
}

function templateOf(resource: string, kinds: ReadonlyMap<string, string>): string {
  let place = '';
  for (const segment of resource.slice(1).split('/')) {
    // A kind without reserved words serves for ids anywhere else.
    place += segment.startsWith(':') ? `/{${kinds.get(place) ?? 'id'}}` : `/${segment}`;
  }
  return place;
}
