/**
 * Every problem that management answers: its code, its status, and what to say about it in general.
 *
 * `errors-page.ts` shows this table, and that of the gateway (`core/decide/rejection.ts`), to people.
 */

import { type RejectionCode, rejectionKinds } from '../core/decide/rejection.ts';
import { type Problem, sharedProblemKinds } from '../problem.ts';
import { rejectionHelp } from './rejection-help.ts';

/** What is the same about every problem of one code. */
export interface ProblemKind {
  readonly status: number;
  readonly title: string;
  /** What it means, as sentences. */
  readonly meaning: string;
  /** What to do about it, as sentences. */
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
      'Check that the admin token was copied whole, or sign in again: sign-in tokens expire, and must come from the issuer, and be for the audience, that this deployment is configured for.',
  },
  account_unknown: {
    status: 403,
    title: 'Account not known',
    meaning: 'The sign-in token is valid, but it does not say whose keys its bearer may manage.',
    remedy:
      'Let the issuer add the claim that MANAGE_JWT_OWNER_CLAIM names: a string of visible ASCII characters without blanks.',
  },
  cross_site_request: {
    status: 403,
    title: 'Sent by another site',
    meaning:
      'A page that is not ours made this request in the name of somebody who is signed in through Cloudflare Access.',
    remedy:
      'Manage keys from your own tools with an Authorization header, or from the page of the edge itself.',
  },
  rate_limited: {
    status: 429,
    title: 'Too many requests',
    meaning: 'There were too many requests in a short time, or too many wrong tokens.',
    remedy: 'Wait as many seconds as the Retry-After header says, and send fewer.',
  },
  invalid_signature: {
    status: 403,
    title: 'Not signed by GitHub',
    meaning:
      'A report of leaked tokens carries no signature of GitHub over exactly this body, or one of a key that this deployment does not know. Nothing was done.',
    remedy:
      'Operators: set GITHUB_SECRET_SCANNING_KEYS to the keys that GitHub publishes today. The log says what was wrong.',
  },
  invalid_key: sharedKind('invalid_key'),
  cors_not_enabled: sharedKind('cors_not_enabled'),
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
      'There is nothing of this name at the edge, or it is not yours. Revoked keys are gone as well.',
    remedy: 'Check the path and the id.',
  },
  method_not_allowed: {
    ...sharedProblemKinds.method_not_allowed,
    meaning: 'The path exists, but it does not take this method.',
    remedy: 'Use one of the methods that the Allow header of the answer lists.',
  },
  malformed_json: {
    status: 400,
    title: 'JSON not understood',
    meaning: 'The body is not JSON in UTF-8.',
    remedy: 'Send one JSON object. The detail says where reading it stopped.',
  },
  malformed_header: {
    status: 400,
    title: 'Header not understood',
    meaning: 'A header that decides about the request cannot be read.',
    remedy: 'The detail names the header and what it should hold.',
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
    remedy:
      'The member "problems" lists every one of them with its path, the value, the reason and a fix.',
  },
  idempotency_key_reused: {
    status: 422,
    title: 'Idempotency-Key used before',
    meaning: 'The Idempotency-Key belongs to another request of the last 24 hours.',
    remedy: 'Use a new random Idempotency-Key, such as a UUID, for each new request.',
  },
  token_not_replayable: {
    status: 409,
    title: 'Token shown before',
    meaning:
      'This request was carried out before, under the same Idempotency-Key. Its token was shown then and can not be shown again.',
    remedy:
      'The member "keyId" names the key. Roll it to get a new token, or revoke it. Idempotency-Keys of at least 22 random characters allow the token to be repeated.',
  },
  duplicate_tokens: {
    status: 409,
    title: 'Tokens known already',
    meaning:
      'Some tokens of the import belong to a key already, or occur twice. Nothing was imported.',
    remedy: 'Remove the rows that the member "problems" lists, and send the others again.',
  },
  too_many_tokens: {
    status: 409,
    title: 'Too many tokens in their grace',
    meaning: 'The key was rolled so often that many of its older tokens still work.',
    remedy: 'Roll with "graceSeconds": 0 to end them all, or wait until some have ended.',
  },
  precondition_failed: {
    status: 412,
    title: 'Changed in the meantime',
    meaning:
      'If-Match names a version of the key that is not its version any more: somebody else changed it. Nothing was changed.',
    remedy: 'Read the key again, decide anew, and send the ETag that came with it.',
  },
  conflict: {
    status: 409,
    title: 'Changed at the same time',
    meaning:
      'Others changed the key again and again while this change was tried. Nothing was changed.',
    remedy: 'Try again.',
  },
  leaks_left: {
    status: 503,
    title: 'More leaks than one report may end',
    meaning:
      'The report names more keys to revoke than one request may change. Those that come first were revoked.',
    remedy: 'Send the same report again: what was dealt with is not repeated.',
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

/** A code that the gateway has too, with what it says there. */
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
