/**
 * Who may manage keys: the operator, by `ADMIN_TOKEN`; named operators, by a token of `ADMIN_TOKENS` or a
 * claim of their issuer, within their scopes; and people, by a token of their issuer, who are limited to
 * the keys of their own account.
 *
 * An API key never can. Nothing here looks at keys.
 */

import { readBearer } from '../core/decide/bearer.ts';
import { hashToken } from '../core/key/token.ts';
import type { OperatorScope } from '../core/operators/operator-scopes.ts';
import type { OperatorToken } from '../core/operators/operator-tokens.ts';
import { RETRY_AFTER_SECONDS } from '../keys/limits.ts';
import type { Problem } from '../problem.ts';
import type { People } from './people.ts';
import { problem } from './problems.ts';

/** A caller that may manage keys. */
export interface Manager {
  /**
   * As the audit calls them: `operator`, `operator:` and the name of their token, `operator:person:` and
   * the subject of their JWT, `person:` and that subject, or `portal:` and the owner whom a link of the
   * operator was made for.
   */
  readonly actor: string;
  /** The account to whose keys they are limited; `null`: the operator, who is not limited. */
  readonly owner: string | null;
  /** The scopes of a named operator; absent: not limited by scopes. */
  readonly scopes?: readonly OperatorScope[];
}

/** Who asks, or the refusal. `cause` is for the log. */
export type AuthenticationResult =
  | { readonly ok: true; readonly caller: Manager }
  | {
      readonly ok: false;
      readonly problem: Problem;
      readonly headers: Readonly<Record<string, string>>;
      readonly cause?: string;
    };

/** Who is let in. Without any of them, management answers 404. */
export interface Credentials {
  readonly adminToken: string | null;
  readonly adminTokens: readonly OperatorToken[];
  readonly people: People | null;
}

/** The operator, who sees and changes everything. */
export const operator: Manager = { actor: 'operator', owner: null };

/** Cloudflare Access puts its token here. https://developers.cloudflare.com/cloudflare-one/access-controls/applications/http-apps/authorization-cookie/validating-json/ */
export const ACCESS_HEADER = 'cf-access-jwt-assertion';

const encoder = new TextEncoder();

/**
 * Identifies the caller by `Authorization` or, if that is absent, by `Cf-Access-Jwt-Assertion`. An invalid
 * Authorization is refused, whatever else the request carries: a header that a proxy adds must not
 * override what the caller sends. Refuses with 401 and a challenge, with 403 a person without an account,
 * and with 503 while the issuer's keys cannot be read.
 */
export async function authenticate(
  headers: Headers,
  credentials: Credentials,
): Promise<AuthenticationResult> {
  const authorization = headers.get('authorization');
  const assertion = headers.get(ACCESS_HEADER);
  if (authorization === null && assertion !== null && credentials.people !== null) {
    return identify(assertion, credentials.people);
  }
  const bearer = readBearer(authorization);
  if (!bearer.ok) {
    const isMissing = bearer.rejection.code === 'missing_credentials';
    return refusal(
      isMissing ? 'missing_credentials' : 'malformed_credentials',
      isMissing
        ? 'Cannot manage keys: the request has no Authorization header. Send "Authorization: Bearer <admin token>"'
        : 'Cannot manage keys: the Authorization header is not exactly one "Bearer <token>"',
      isMissing ? 'Bearer' : 'Bearer error="invalid_request"',
    );
  }
  if (
    credentials.adminToken !== null &&
    (await isSameSecret(bearer.token, credentials.adminToken))
  ) {
    return { ok: true, caller: operator };
  }
  const named = await findOperator(bearer.token, credentials.adminTokens);
  if (named !== null) return { ok: true, caller: callerOf(named) };
  if (credentials.people !== null) return identify(bearer.token, credentials.people);
  return refuseToken('not the admin token');
}

/** A named operator as the caller of an endpoint. */
export function callerOf({ name, scopes }: OperatorToken): Manager {
  return { actor: `operator:${name}`, owner: null, scopes };
}

/**
 * Returns the operator whose token this is; `null`: no operator's. Every entry is compared, each in a time
 * that says nothing of how much of it agrees.
 */
export async function findOperator(
  token: string,
  operators: readonly OperatorToken[],
): Promise<OperatorToken | null> {
  if (operators.length === 0) return null;
  const hash = encoder.encode(await hashToken(token));
  let found: OperatorToken | null = null;
  for (const operator of operators) {
    if (crypto.subtle.timingSafeEqual(hash, encoder.encode(operator.sha256))) found = operator;
  }
  return found;
}

async function identify(token: string, people: People): Promise<AuthenticationResult> {
  const person = await people.identify(token);
  switch (person.outcome) {
    case 'known':
      return { ok: true, caller: { actor: `person:${person.subject}`, owner: person.owner } };
    case 'operator':
      return {
        ok: true,
        caller: {
          actor: `operator:person:${person.subject}`,
          owner: null,
          scopes: person.scopes,
        },
      };
    case 'invalid':
      return refuseToken(person.cause);
    case 'no_account':
      return {
        ok: false,
        problem: problem(
          'account_unknown',
          `Cannot manage keys: the claim ${JSON.stringify(people.ownerClaim)} of the token does not name an owner`,
        ),
        headers: {},
      };
    case 'unavailable':
      return {
        ok: false,
        problem: problem(
          'unavailable',
          'Cannot check the token at the moment: the keys of its issuer cannot be fetched. Try again shortly',
        ),
        headers: { 'Retry-After': String(RETRY_AFTER_SECONDS) },
        cause: person.cause,
      };
  }
}

function refuseToken(cause: string): AuthenticationResult {
  return refusal(
    'invalid_credentials',
    'Cannot manage keys: the token is neither the admin token nor a valid sign-in token. An API key cannot manage keys',
    'Bearer error="invalid_token"',
    cause,
  );
}

/** Returns whether two secrets are the same, in a time that does not depend on how much of them agrees. */
export async function isSameSecret(left: string, right: string): Promise<boolean> {
  const [leftHash, rightHash] = await Promise.all(
    [left, right].map((secret) => crypto.subtle.digest('SHA-256', encoder.encode(secret))),
  );
  // `Promise.all` over two promises gives two digests.
  return crypto.subtle.timingSafeEqual(leftHash!, rightHash!);
}

function refusal(
  code: 'missing_credentials' | 'malformed_credentials' | 'invalid_credentials',
  detail: string,
  challenge: string,
  cause?: string,
): AuthenticationResult {
  return {
    ok: false,
    problem: problem(code, detail),
    headers: { 'WWW-Authenticate': challenge },
    ...(cause === undefined ? {} : { cause }),
  };
}
