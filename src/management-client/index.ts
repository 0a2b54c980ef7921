/**
 * The package's entry `edge-authorizer/client`: everything that programs import. Files of this
 * repository import from where things are.
 */

export { createClient, type ManagementClient, type ManagementClientOptions } from './client.ts';
export { ConnectionError, dataOf, ProblemError, UnexpectedAnswerError } from './errors.ts';
export { type CallOptions, eachAuditEntry, eachKey, type Query } from './pages.ts';
export type * from './schema.ts';
export type { Token } from './transport.ts';
