/**
 * A key: our record about a token, as it is stored and as the gateway uses it.
 *
 * Pure, no I/O, no clock.
 */

import { type AddressSet, compileBlocks } from '../addresses/address-blocks.ts';
import { asciiJson } from '../ascii-json.ts';
import { compileOrigins, type OriginSet } from '../origins/web-origin.ts';
import { readRuleId, readTemplateId, templateIdText } from '../routes/path-grammar.ts';
import type { RouteList, RouteRow, RouteTable } from '../routes/route-table.ts';
import { compileRoutes } from '../routes/route-table.ts';
import { hasRuleSet, type RestrictedRoutes, ruleSetTable } from '../routes/rule-sets.ts';
import type { KeyKind } from './token.ts';

/** One entry of a key's own route list, in Livepeer Studio's shape. */
export interface AccessRule {
  /** Lower case, or `*` for each of `ROUTE_METHODS`. */
  readonly methods: readonly string[];
  /**
   * Paths with `:name` for one id, `:name(.@)` for one that may hold these characters too, and `*` as a
   * last segment for whatever follows.
   */
  readonly resources: readonly string[];
  /**
   * The rule set that the key refers to. Such a rule is the only one, and has no methods and resources: a
   * version that knows no sets reads it as a rule that covers nothing, and so allows nothing.
   */
  readonly ruleSet?: string;
}

/** The rules, as they are stored, of a key that refers to a rule set. */
export function rulesOfSet(ruleSet: string): readonly AccessRule[] {
  return [{ methods: [], resources: [], ruleSet }];
}

/** The rule set that stored rules refer to; `null`: they are rules of their own, or absent. */
export function ruleSetOf(rules: readonly AccessRule[] | null | undefined): string | null {
  return rules?.find(({ ruleSet }) => ruleSet !== undefined)?.ruleSet ?? null;
}

/** A rule as people read it, such as `GET, PATCH /api/asset/:id`. */
export function ruleText({ methods, resources }: AccessRule): string {
  const names = methods.map((method) => method.toUpperCase());
  return `${names.join(', ')} ${resources.join(', ')}`;
}

/** The unit that a named limit counts requests by. `client` is the visitor of a client token. */
export type LimitBy = 'key' | 'owner' | 'address' | 'client';

/** The rate limit of a key: an entry of the setting `LIMITERS`. */
export interface KeyLimit {
  readonly name: string;
  readonly by: LimitBy;
}

/** How much a key may use in a period of UTC. */
export interface Quota {
  readonly requests: number;
  readonly period: 'day' | 'month';
}

/** The part of a key that decides about requests, as D1 and KV hold it. Validated when it was written. */
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
  /** The opt-in to client tokens; `null`, or absent in copies of older versions: none. */
  readonly clientTokens?: ClientTokenAccess | null;
  /** Client tokens issued before it are void; `null` or absent: none is. */
  readonly clientTokensValidFromMs?: number | null;
  /** Canonical blocks of the addresses that it may be used from; never empty. `null` or absent: any. */
  readonly addresses?: readonly string[] | null;
  /** Passed to the upstream, like `tags`; `null` or absent: none. */
  readonly meta?: Readonly<Record<string, string>> | null;
  /** Never empty. */
  readonly tags?: readonly string[] | null;
  /** `null` or absent: the deployment's limit of every key. */
  readonly limit?: KeyLimit | null;
  /** `null` or absent: none. */
  readonly quota?: Quota | null;
  /** The quota is used up until this time; `null` or absent: it is not. */
  readonly quotaRenewsAtMs?: number | null;
}

/** The limits of the client tokens of a backend key. */
export interface ClientTokenAccess {
  /** Canonical patterns; never empty. */
  readonly allowedOrigins: readonly string[];
  /** `null`: the deployment's restricted routes. */
  readonly rules: readonly AccessRule[] | null;
  readonly maxTtlSeconds: number;
  /** `true` if GET and HEAD need no Origin: the media elements of Safari send none. */
  readonly originOptional: boolean;
  /** `true` if an open WebSocket or event stream ends when its token does. */
  readonly endConnectionsAtExpiry: boolean;
}

/** The texts about a key that the upstream receives. */
export interface KeyDetails {
  readonly meta: Readonly<Record<string, string>> | null;
  readonly tags: readonly string[] | null;
  /** Both as headers hold them: JSON in ASCII; `null`: there is no such header. */
  readonly metaText: string | null;
  readonly tagsText: string | null;
}

/** The access of a key, as the upstream receives it in `X-Edge-Access`. */
export type AccessLevel = 'backend' | 'restricted' | 'full' | 'rules' | 'client';

/** A key ready to be asked about a request. */
export interface Key {
  readonly id: string;
  readonly owner: string | null;
  readonly kind: KeyKind;
  readonly access: AccessLevel;
  /** `null` on a backend key. */
  readonly origins: OriginSet | null;
  /** The key's own routes, or those of its rule set; `null` where the access level decides. */
  readonly routes: RouteTable | null;
  /** The rule set that the key refers to and the deployment does not have; `null`: nothing is missing. */
  readonly missingRuleSet: string | null;
  readonly enabled: boolean;
  readonly expiresAtMs: number | null;
  /** The addresses that it may be used from, by its client tokens too; `null`: any. */
  readonly addresses: AddressSet | null;
  /** `null`: it has neither metadata nor tags. */
  readonly details: KeyDetails | null;
  /** `null`: the deployment's limit of every key. */
  readonly limit: KeyLimit | null;
  /** `true` if the requests of the key count towards a quota. */
  readonly hasQuota: boolean;
  /** The quota is used up until this time, by the clock at each request; `null`: it is not. */
  readonly quotaRenewsAtMs: number | null;
  /** The part of one visitor's client token; `null`: the caller sent the key's own token. */
  readonly client: ClientPart | null;
}

/** The members that a client token adds to the key that it acts for. */
export interface ClientPart {
  /** The visitor; `null`: the token names none. */
  readonly subject: string | null;
  readonly tokenId: string | null;
  readonly meta: Readonly<Record<string, string>> | null;
  /** When the token ends by itself. */
  readonly expiresAtMs: number;
  /** Routes that hold beside `routes`: those of the parent. */
  readonly bounds: RouteTable;
  readonly isOriginOptional: boolean;
  readonly endsConnections: boolean;
}

/**
 * Compiles a stored key. `restricted` is the deployment's restricted list, with its rule sets. Its reserved
 * words also guard a key's own rules, where they have an id in the same place.
 */
export function compileKey(stored: StoredKey, restricted: RestrictedRoutes): Key {
  return {
    id: stored.id,
    owner: stored.owner,
    kind: stored.kind,
    access: accessLevelOf(stored),
    // By kind: a CORS key that somehow has no list admits no origin, and a backend key never one.
    origins: stored.kind === 'cors' ? compileOrigins(stored.allowedOrigins ?? []) : null,
    routes: stored.rules && compileOwnRoutes(stored.rules, restricted),
    missingRuleSet: missingRuleSetOf(stored.rules, restricted),
    enabled: stored.enabled,
    expiresAtMs: stored.expiresAtMs,
    addresses: stored.addresses ? compileBlocks(stored.addresses) : null,
    details: compileDetails(stored),
    limit: stored.limit ?? null,
    hasQuota: stored.quota != null,
    quotaRenewsAtMs: stored.quotaRenewsAtMs ?? null,
    client: null,
  };
}

function compileDetails({ meta = null, tags = null }: StoredKey): KeyDetails | null {
  if (meta === null && tags === null) return null;
  return { meta, tags, metaText: meta && asciiJson(meta), tagsText: tags && asciiJson(tags) };
}

/** Compiles stored rules: the set that they refer to, or the rules themselves. */
export function compileOwnRoutes(
  rules: readonly AccessRule[],
  restricted: RestrictedRoutes,
): RouteTable {
  const reference = ruleSetOf(rules);
  return reference === null ? compileRules(rules, restricted) : ruleSetTable(restricted, reference);
}

/** The set that stored rules refer to, if the deployment does not have it; otherwise `null`. */
export function missingRuleSetOf(
  rules: readonly AccessRule[] | null,
  restricted: RestrictedRoutes,
): string | null {
  const reference = ruleSetOf(rules);
  return reference === null || hasRuleSet(restricted, reference) ? null : reference;
}

/** A CORS key is restricted, if only by a rule set, unless it has full access or rules of its own. */
export function accessLevelOf(key: Pick<StoredKey, 'kind' | 'fullAccess' | 'rules'>): AccessLevel {
  if (key.rules && (key.kind === 'backend' || ruleSetOf(key.rules) === null)) return 'rules';
  if (key.kind === 'backend') return 'backend';
  return key.fullAccess ? 'full' : 'restricted';
}

/** Returns whether a key that was found may be used at all, by its own state. */
export function isLive(key: Pick<Key, 'enabled' | 'expiresAtMs'>, nowMs: number): boolean {
  return key.enabled && (key.expiresAtMs === null || nowMs < key.expiresAtMs);
}

/**
 * Turns a key's own rules into a route table.
 *
 * An id in a place where the restricted list has one too takes over its reserved words: a person who
 * writes `PATCH /api/stream/:id` means a stream, not `/api/stream/deactivate-many`, and so does
 * a person who writes `/API/stream/:id` or `/api/:kind/:id`. A rule that names such a word as a literal,
 * or ends in `*`, still reaches it.
 */
export function compileRules(rules: readonly AccessRule[], restricted: RouteList): RouteTable {
  const guarded = guardedPlaces(restricted);
  const reservedWords: Record<string, readonly string[]> = {};
  const templateOf = (resource: string) => {
    const template: string[] = [];
    for (const segment of resource.slice(1).split('/')) {
      const id = readRuleId(segment);
      if (id === null) {
        template.push(segment);
        continue;
      }
      const kinds = new Set(
        guarded.filter(({ place }) => canMeet(place, template)).map(({ kind }) => kind),
      );
      // No configured kind has a colon, so that no words guard an id elsewhere.
      const kind = [...kinds].join(',') || ':id';
      reservedWords[kind] ??= [...kinds].flatMap((kind) => restricted.reservedWords[kind] ?? []);
      template.push(templateIdText({ ...id, kind }));
    }
    return `/${template.join('/')}`;
  };
  const routes: RouteRow[] = rules.flatMap(({ methods, resources }) =>
    resources.map((resource) => ({ methods, path: templateOf(resource) })),
  );
  return compileRoutes({ routes, reservedWords });
}

/** An id that has reserved words, and the segments of the template before it. */
interface GuardedPlace {
  readonly place: readonly string[];
  readonly kind: string;
}

// A deployment has one restricted list, and compiles rules with it for each key.
const placesByList = new WeakMap<RouteList, readonly GuardedPlace[]>();

function guardedPlaces(list: RouteList): readonly GuardedPlace[] {
  const known = placesByList.get(list);
  if (known !== undefined) return known;
  const places = findGuardedPlaces(list);
  placesByList.set(list, places);
  return places;
}

function findGuardedPlaces({ routes, reservedWords }: RouteList): readonly GuardedPlace[] {
  return routes.flatMap(({ path }) => {
    const segments = path.slice(1).split('/');
    return segments.flatMap((segment, index) => {
      const id = readTemplateId(segment);
      if (id === null || !Object.hasOwn(reservedWords, id.kind)) return [];
      return [{ place: segments.slice(0, index), kind: id.kind }];
    });
  });
}

/** Returns whether one path can fit both templates, for an upstream that ignores case as Express does. */
function canMeet(left: readonly string[], right: readonly string[]): boolean {
  return (
    left.length === right.length &&
    left.every((segment, index) => {
      const other = right[index] ?? '';
      return isId(segment) || isId(other) || segment.toLowerCase() === other.toLowerCase();
    })
  );
}

function isId(segment: string): boolean {
  return segment.startsWith('{');
}
