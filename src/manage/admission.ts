/**
 * The admission to management: who asks, and whether the table of endpoints opens an endpoint to them.
 *
 * A request that another site makes in a visitor's name is refused, and so is a client that guesses.
 */

import { hasManagers } from '../config/config.ts';
import { isForOwners, mayCall, scopesFor } from '../core/operators/operator-scopes.ts';
import { type Problem, problemResponse } from '../problem.ts';
import {
  ACCESS_HEADER,
  type AuthenticationResult,
  authenticate,
  type Manager,
} from './authenticate.ts';
import { isGuess } from './guess-limit.ts';
import { type Management, type Operation, type Refusal, refusal } from './operation.ts';
import { SIGN_IN_RETRY_SECONDS } from './page/access/sign-in-limit.ts';
import { problem } from './problems.ts';

/** Returns the caller, or the refusal. A client that guesses at the admin token has to wait. */
export async function judge(
  management: Management,
  request: Request,
): Promise<AuthenticationResult> {
  if (isOfAnotherSite(request)) return crossSiteRefusal;
  const { people, guesses } = management;
  const isCounted =
    hasManagers({ ...management, people: null }) && isGuess(request, people !== null);
  // Before the token is compared, so that the refusal says nothing about it.
  if (isCounted && guesses.isRefused(request)) return tooManyGuesses;
  const result = await authenticate(request.headers, management);
  const isWrong = !result.ok && result.problem.code === 'invalid_credentials';
  if (isCounted && isWrong && !(await guesses.count(request))) return tooManyGuesses;
  return result;
}

/**
 * Returns whether a page makes this request in the visitor's name (CSRF). Cloudflare Access vouches for
 * the holder of its cookie, which browsers attach to requests of any page; an Authorization header they
 * never attach by themselves. Tools say nothing about a site.
 * https://www.w3.org/TR/fetch-metadata/#sec-fetch-site-header
 */
function isOfAnotherSite({ method, headers, url }: Request): boolean {
  if (headers.has('authorization')) return false;
  // No page of ours calls the API from the browser, but content of the API may be of the same origin.
  const mode = headers.get('sec-fetch-mode') ?? 'navigate';
  if (mode !== 'navigate' && headers.has(ACCESS_HEADER)) return true;
  if (method === 'GET' || method === 'HEAD') return false;
  const site = headers.get('sec-fetch-site');
  if (site !== null) return site !== 'same-origin' && site !== 'none';
  const origin = headers.get('origin');
  return origin !== null && origin !== new URL(url).origin;
}

const crossSiteRefusal: AuthenticationResult = {
  ok: false,
  problem: problem(
    'cross_site_request',
    'Cannot manage keys: a page that is not ours made this request. Use your own tools, or the page of the edge',
  ),
  headers: {},
};

/**
 * Refuses a caller whom the table of endpoints does not admit; `null`: it does. Holders and GitHub have
 * doors of their own, and are no managers of keys.
 * https://www.rfc-editor.org/rfc/rfc6750#section-3.1
 */
export function refuseCaller(
  { owner, scopes }: Manager,
  { door, name }: Pick<Operation, 'door' | 'name'>,
): Refusal | null {
  if (door !== undefined) return null;
  if (owner !== null) {
    if (isForOwners(name)) return null;
    return refusal(
      problem('operator_only', 'Cannot do this as a person who signs in: it is for the operator'),
    );
  }
  if (scopes === undefined || mayCall(scopes, name)) return null;
  const enough = scopesFor(name);
  return refusal(
    problem(
      'insufficient_scope',
      `Cannot do this with the scope ${scopes.map((scope) => `"${scope}"`).join(', ')}: it needs ${enough.map((scope) => `"${scope}"`).join(' or ')}`,
    ),
    { 'WWW-Authenticate': `Bearer error="insufficient_scope", scope="${enough.join(' ')}"` },
  );
}

const tooManyGuesses: AuthenticationResult = {
  ok: false,
  problem: problem(
    'rate_limited',
    'Cannot check another admin token from this address: too many were wrong. Wait, then send the right one',
  ),
  headers: { 'Retry-After': String(SIGN_IN_RETRY_SECONDS) },
};

/** A refusal as a response. */
export function respondWithProblem(
  request: Request,
  requestId: string,
  refused: Problem,
  headers: Readonly<Record<string, string>> = {},
): Response {
  const response = problemResponse(refused, { requestId, accept: request.headers.get('accept') });
  for (const [name, value] of Object.entries(headers)) response.headers.set(name, value);
  return response;
}
