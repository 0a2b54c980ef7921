/**
 * The rights of a client token: what its parent may give at this time, cut by what the token asks for.
 *
 * A token that asks for more than its parent gives was not made by an honest holder of the key, or the
 * parent was narrowed since. Either way it is refused as a whole. Pure, no I/O, no clock.
 * Contract: docs/client-tokens.md
 */

import { ProblemList } from '../field-problem.ts';
import { checkRules } from '../key/access-rules.ts';
import {
  type AccessRule,
  type ClientTokenAccess,
  compileKey,
  compileOwnRoutes,
  compileRules,
  type Key,
  missingRuleSetOf,
  type StoredKey,
} from '../key/key.ts';
import {
  admitsOrigin,
  compileOrigins,
  type OriginSet,
  parseOrigin,
} from '../origins/web-origin.ts';
import type { RouteList, RouteTable } from '../routes/route-table.ts';
import type { RestrictedRoutes } from '../routes/rule-sets.ts';
import type { ClaimedRule, ClientClaims } from './claims.ts';

/** The opt-in of a key, ready to be compared with what its tokens ask for. */
export interface ClientBounds {
  readonly access: ClientTokenAccess;
  readonly origins: OriginSet;
  readonly routes: RouteTable;
  /** The rule set that the opt-in refers to and the deployment does not have; `null`: none is missing. */
  readonly missingRuleSet: string | null;
}

/** A parent, ready for any number of its tokens. */
export interface ClientParent extends ClientBounds {
  readonly key: StoredKey;
}

/** The key that a token acts as, or why it is refused, for the log. */
export type RightsResult =
  | { readonly ok: true; readonly key: Key }
  | { readonly ok: false; readonly cause: string };

/**
 * Compiles a parent. Returns `null` if the key does not give client tokens: only a backend key can,
 * because anyone who copies a CORS key could mint from it.
 */
export function compileParent(
  stored: StoredKey,
  restricted: RestrictedRoutes,
  restrictedTable: RouteTable,
): ClientParent | null {
  const access = stored.clientTokens;
  if (!access || stored.kind !== 'backend') return null;
  return { key: stored, ...compileBounds(access, restricted, restrictedTable) };
}

/** Compiles an opt-in. */
export function compileBounds(
  access: ClientTokenAccess,
  restricted: RestrictedRoutes,
  restrictedTable: RouteTable,
): ClientBounds {
  // Absent rules are the restricted table, never everything.
  const routes = access.rules ? compileOwnRoutes(access.rules, restricted) : restrictedTable;
  const missingRuleSet = missingRuleSetOf(access.rules, restricted);
  const origins = compileOrigins(access.allowedOrigins);
  return { access, origins, routes, missingRuleSet };
}

/** Returns the key that a token acts as, or the claim that asks for more than the parent gives. */
export function rightsOf(
  parent: ClientParent,
  claims: ClientClaims,
  restricted: RestrictedRoutes,
): RightsResult {
  const origins = claims.origins ? narrowOrigins(parent, claims.origins) : parent.origins;
  if (origins === null) return { ok: false, cause: 'client token: origins beyond the key' };
  const routes = claims.rules ? narrowRoutes(parent, claims.rules, restricted) : parent.routes;
  if (routes === null) return { ok: false, cause: 'client token: rules beyond the key' };
  const { access } = parent;
  const client = {
    subject: claims.sub ?? null,
    tokenId: claims.jti ?? null,
    meta: claims.meta ?? null,
    expiresAtMs: claims.exp * 1000,
    // Both tables hold: a token's own rules may name an id that the parent reserves.
    bounds: parent.routes,
    isOriginOptional: access.originOptional === true,
    endsConnections: access.endConnectionsAtExpiry !== false,
  };
  const { missingRuleSet } = parent;
  const key = compileKey(parent.key, restricted);
  return { ok: true, key: { ...key, access: 'client', origins, routes, missingRuleSet, client } };
}

/** `null` if one of them is no exact origin in canonical form, or the parent does not admit it. */
function narrowOrigins(parent: ClientParent, claimed: readonly string[]): OriginSet | null {
  const areWithin = claimed.every((value) => isOriginWithin(parent, value));
  return areWithin ? compileOrigins(claimed) : null;
}

/** Returns whether a text is one exact origin that the parent admits. */
export function isOriginWithin({ origins }: ClientBounds, value: string): boolean {
  const origin = parseOrigin(value);
  return origin !== null && !origin.isOpaque && admitsOrigin(origins, origin);
}

/** `null` if one of them is no rule, or reaches what the parent's routes do not. */
function narrowRoutes(
  parent: ClientParent,
  claimed: readonly ClaimedRule[],
  restricted: RouteList,
): RouteTable | null {
  const problems = new ProblemList();
  const rules = checkRules(claimed, 'rules', problems);
  if (!problems.isEmpty) return null;
  const areWithin = rules.every((rule) => isRuleWithin(parent, rule));
  return areWithin ? compileRules(rules, restricted) : null;
}

/** Returns whether a rule that was checked reaches no more than the parent's routes. */
export function isRuleWithin(
  { routes }: ClientBounds,
  { methods, resources }: AccessRule,
): boolean {
  const paths = resources.flatMap(pathsOf);
  return methods
    .flatMap(namedMethods)
    .every((method) => paths.every((path) => routes.match(method, path) !== null));
}

const everyMethod = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'];

function namedMethods(method: string): readonly string[] {
  return method === '*' ? everyMethod : [method.toUpperCase()];
}

// A plain id that no deployment reserves.
const SAMPLE = '0-Sample_0';

/**
 * Returns paths that a resource reaches, such that a table which has them all has the resource: a
 * sample in the place of each id, and in the place of `*` one segment and many.
 */
function pathsOf(resource: string): readonly string[] {
  const path = resource
    .split('/')
    .map((segment) => (segment.startsWith(':') ? SAMPLE : segment))
    .join('/');
  if (!path.endsWith('/*')) return [path];
  const stem = path.slice(0, -1);
  return [stem + SAMPLE, stem + Array.from({ length: 12 }, () => SAMPLE).join('/')];
}
