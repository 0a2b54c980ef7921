/**
 * The scopes of a named operator, and the table of the endpoints that each scope opens.
 *
 * Denied by default: an endpoint without a row, and every endpoint added later, is for `everything`
 * alone. The OpenAPI document and the tests are derived from this table. Pure, no I/O.
 */

/**
 * - `read`: reads everything, and changes nothing.
 * - `keys`: creates, reads, edits, rolls, imports and revokes keys, and reads their usage.
 * - `everything`: all of the management API.
 */
export const operatorScopes = ['read', 'keys', 'everything'] as const;

/** One of these scopes. */
export type OperatorScope = (typeof operatorScopes)[number];

/** The callers of an endpoint beside operators with `everything`. `owner`: people, for their own keys. */
export type AdmittedCaller = 'read' | 'keys' | 'owner';

/** The callers of each endpoint, by its operationId. */
export const admittedCallers: Readonly<Record<string, readonly AdmittedCaller[]>> = {
  createKey: ['keys', 'owner'],
  listKeys: ['read', 'keys', 'owner'],
  getKey: ['read', 'keys', 'owner'],
  editKey: ['keys', 'owner'],
  revokeKey: ['keys', 'owner'],
  rollKey: ['keys', 'owner'],
  changeKeys: ['keys', 'owner'],
  // People need PEOPLE_MAY_IMPORT as well.
  importKeys: ['keys', 'owner'],
  getUsage: ['read', 'keys', 'owner'],
  // Without an owner or a key, of every owner's keys.
  getUsageOverview: ['read', 'keys', 'owner'],
  listRefusedOrigins: ['read', 'keys', 'owner'],
  listAudit: ['read', 'owner'],
  // The page for one owner, with the rights of that owner.
  createPortalSession: ['keys'],
  // Of every owner's keys.
  listEvents: ['read'],
  replayEvent: [],
  // /_edge/metrics, which is outside of the API. Counts of every owner's keys.
  readMetrics: ['read'],
  // A POST, because it carries a request to explain. It changes nothing.
  explainRequest: ['read', 'keys', 'owner'],
};

/** Returns the scopes that may call an endpoint, the narrowest first. */
export function scopesFor(operation: string): readonly OperatorScope[] {
  const admitted = callersOf(operation);
  return operatorScopes.filter((scope) => scope === 'everything' || admitted.includes(scope));
}

/** Returns whether people may call an endpoint, for the keys of their own account. */
export function isForOwners(operation: string): boolean {
  return callersOf(operation).includes('owner');
}

/** Returns whether an operator with these scopes may call an endpoint. */
export function mayCall(scopes: readonly OperatorScope[], operation: string): boolean {
  const enough = scopesFor(operation);
  return scopes.some((scope) => enough.includes(scope));
}

/** Returns whether a text names a scope. */
export function isOperatorScope(text: unknown): text is OperatorScope {
  return (operatorScopes as readonly unknown[]).includes(text);
}

function callersOf(operation: string): readonly AdmittedCaller[] {
  return Object.hasOwn(admittedCallers, operation) ? (admittedCallers[operation] ?? []) : [];
}
