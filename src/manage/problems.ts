/**
 * Every problem that management responds with: its code, its status, and its general meaning.
 *
 * `errors-page.ts` shows this table, and that of the gateway (`core/decide/rejection.ts`), to people.
 */

import { type RejectionCode, rejectionKinds } from '../core/decide/rejection.ts';
import { type Problem, sharedProblemKinds } from '../problem.ts';
import { rejectionHelp } from './rejection-help.ts';

/** The part that all problems of one code share. */
export interface ProblemKind {
  readonly status: number;
  readonly title: string;
  /** The meaning, as sentences. */
  readonly meaning: string;
  /** The remedy, as sentences. */
  readonly remedy: string;
}

/** The codes of management. Codes that the gateway has too mean the same here. */
export const problemKinds = {
  missing_credentials: {
    status: 401,
    title: 'Not signed in',
    meaning: 'The request to the management API has no Authorization header.',
    remedy: 'Send the admin token as "Authorization: Bearer <admin token>".',
  },
  malformed_credentials: {
    status: 401,
    title: 'Not signed in',
    meaning: 'The Authorization header is not exactly one Bearer token.',
    remedy: 'Send exactly one Authorization header of the form "Bearer <token>".',
  },
  invalid_credentials: {
    status: 401,
    title: 'Not signed in',
    meaning:
      'The request to the management API carries neither the admin token nor a valid sign-in token. An API key cannot manage keys.',
    remedy:
      'Check that you copied the whole admin token, or sign in again. A sign-in token expires, and must be from the issuer and for the audience that this deployment is configured with.',
  },
  account_unknown: {
    status: 403,
    title: 'Account not known',
    meaning: 'The sign-in token is valid, but does not name the owner whose keys it may manage.',
    remedy:
      'Configure the issuer to add the claim that MANAGE_JWT_OWNER_CLAIM names: a string of visible ASCII characters without spaces.',
  },
  insufficient_scope: {
    status: 403,
    title: 'Scope does not suffice',
    meaning: 'The operator is known, but the scopes of the token do not cover this endpoint.',
    remedy:
      'Use a token with one of the scopes in the WWW-Authenticate header. Operators: the scopes are set in ADMIN_TOKENS, or by the claim that MANAGE_JWT_OPERATOR_CLAIM names.',
  },
  cross_site_request: {
    status: 403,
    title: 'Sent by another site',
    meaning:
      'A page that is not of the edge sent this request on behalf of a person who is signed in through Cloudflare Access.',
    remedy:
      'Manage keys from your own tools with an Authorization header, or from the page of the edge itself.',
  },
  invalid_signature: {
    status: 403,
    title: 'Not signed by GitHub',
    meaning:
      'A report of leaked tokens has no valid signature of GitHub over this body, or the deployment does not know the key of the signature. Nothing was changed.',
    remedy:
      'Operators: set GITHUB_SECRET_SCANNING_KEYS to the keys that GitHub publishes now. The log has the reason.',
  },
  invalid_key: sharedKind('invalid_key'),
  cors_not_enabled: sharedKind('cors_not_enabled'),
  client_token_expired: sharedKind('client_token_expired'),
  invalid_origin: sharedKind('invalid_origin'),
  origin_not_allowed: sharedKind('origin_not_allowed'),
  origin_required: sharedKind('origin_required'),
  backend_key_required: {
    status: 403,
    title: 'For backend keys',
    meaning:
      'The request asks to revoke the key that it carries, which is a CORS key or a client token. Anyone can copy these from a page, so they revoke nothing.',
    remedy: 'Revoke the key on the page of the edge, or with its management API.',
  },
  address_not_allowed: sharedKind('address_not_allowed'),
  client_tokens_not_enabled: {
    status: 403,
    title: 'Client tokens not enabled',
    meaning:
      'The API key gives no client tokens: it has not opted in, it was imported, or it is for pages.',
    remedy:
      'Set "access.clientTokens" on a backend key. A key that was imported, or opted in after its last roll, has to be rolled first.',
  },
  not_found: {
    ...sharedProblemKinds.not_found,
    meaning:
      'The edge has nothing of this name, or it belongs to another owner. Revoked keys are not found, either.',
    remedy: 'Check the path and the id.',
  },
  method_not_allowed: {
    ...sharedProblemKinds.method_not_allowed,
    meaning: 'The path exists, but does not accept this method.',
    remedy: 'Use one of the methods in the Allow header of the response.',
  },
  target_too_long: {
    ...sharedProblemKinds.target_too_long,
    meaning:
      'The path is longer than the edge reads where it holds characters other than plain ones.',
    remedy: 'Send a shorter path.',
  },
  malformed_json: {
    status: 400,
    title: 'JSON not understood',
    meaning: 'The body is not JSON in UTF-8.',
    remedy: 'Send one JSON object. The detail says at which place parsing failed.',
  },
  malformed_header: {
    status: 400,
    title: 'Header not understood',
    meaning: 'A header that the request depends on cannot be parsed.',
    remedy: 'The detail names the header and its form.',
  },
  unsupported_media_type: {
    status: 415,
    title: 'Media type not supported',
    meaning: 'The body is not declared to be JSON.',
    remedy: 'Send the header "Content-Type: application/json".',
  },
  body_too_large: {
    status: 413,
    title: 'Body too large',
    meaning: 'The body is larger than this endpoint reads. Nothing was changed.',
    remedy: 'Send less, for example fewer keys in one import.',
  },
  invalid_fields: {
    status: 422,
    title: 'Fields not valid',
    meaning: 'Some fields or parameters cannot be accepted. Nothing was changed.',
    remedy: 'The member "problems" lists each of them with its path, value, reason and fix.',
  },
  idempotency_key_reused: {
    status: 422,
    title: 'Idempotency-Key used before',
    meaning: 'Another request of the last 24 hours had this Idempotency-Key.',
    remedy: 'Use a new random Idempotency-Key, such as a UUID, for each new request.',
  },
  token_not_replayable: {
    status: 409,
    title: 'Token shown before',
    meaning:
      'An earlier request with the same Idempotency-Key succeeded. Its response showed the token, which cannot be shown again.',
    remedy:
      'The member "keyId" names the key. Roll it to get a new token, or revoke it. Idempotency-Keys of at least 22 random characters allow the token to be repeated.',
  },
  duplicate_tokens: {
    status: 409,
    title: 'Tokens known already',
    meaning:
      'Some tokens of the import already belong to a key, or occur twice. Nothing was imported.',
    remedy: 'Remove the rows that the member "problems" lists, and send the others again.',
  },
  quota_of_owner: {
    status: 409,
    title: 'Too many keys',
    meaning: 'The account has as many live keys as this deployment allows. Nothing was changed.',
    remedy:
      'Revoke keys that are no longer used. Operators: KEYS_PER_OWNER sets how many there may be.',
  },
  rate_limited: sharedKind('rate_limited'),
  operator_only: {
    status: 403,
    title: 'For the operator',
    meaning: 'The operator of this deployment has not opened this endpoint to people who sign in.',
    remedy: 'Ask the operator. Operators: for imports, see PEOPLE_MAY_IMPORT.',
  },
  too_many_tokens: {
    status: 409,
    title: 'Too many tokens in their grace',
    meaning: 'The key was rolled several times, and many of its earlier tokens are still valid.',
    remedy: 'Roll with "graceSeconds": 0 to end them all, or wait until some have expired.',
  },
  precondition_failed: {
    status: 412,
    title: 'Changed in the meantime',
    meaning: 'The key has changed since the version that If-Match names. Your change was not made.',
    remedy: 'Read the key again, check your change, and send it with the new ETag.',
  },
  conflict: {
    status: 409,
    title: 'Changed at the same time',
    meaning: 'Other requests kept changing the key at the same time. Your change was not made.',
    remedy: 'Try again.',
  },
  leaks_left: {
    status: 503,
    title: 'More leaks than one report may end',
    meaning:
      'The report names more keys to revoke than one request may change. The first ones were revoked.',
    remedy: 'Send the same report again. The edge continues with the remaining keys.',
  },
  not_configured: {
    status: 503,
    title: 'Not configured yet',
    meaning:
      'A setting or binding that the edge cannot do without is absent, such as UPSTREAM_URL.',
    remedy: 'Set it in wrangler.toml, then run "npm run deploy". The detail names it.',
  },
  schema_missing: {
    ...sharedProblemKinds.schema_missing,
    meaning: 'The database has no tables: its migrations were not applied.',
    remedy: 'Run "npm run deploy", which applies them, or "npm run dev" on your own machine.',
  },
  unavailable: {
    status: 503,
    title: 'Temporarily unavailable',
    meaning: "The keys of the sign-in tokens' issuer cannot be fetched.",
    remedy: 'Try again shortly. Operators: check MANAGE_JWT_JWKS_URL.',
  },
} as const satisfies Record<string, ProblemKind>;

/** A code that the gateway has too, with the same explanation. */
function sharedKind(code: RejectionCode): ProblemKind {
  const { status, title } = rejectionKinds[code];
  return { status, title, ...rejectionHelp[code] };
}

/** The codes of management's problems. */
export type ProblemCode = keyof typeof problemKinds;

/** A problem of this code. `detail` is one sentence for the caller and never holds a secret. */
export function problem(
  code: ProblemCode,
  detail: string,
  more: Pick<Problem, 'errors' | 'extensions'> = {},
): Problem {
  const { status, title } = problemKinds[code];
  return { code, status, title, detail, ...more };
}
