/**
 * Signing in with the admin token, or with the token of a named operator.
 */

import type { OperatorToken } from '../../../core/operators/operator-tokens.ts';
import { callerOf, findOperator, isSameSecret, operator } from '../../authenticate.ts';
import type { Management } from '../../operation.ts';
import type { PageContext } from '../dashboard.ts';
import { textOf } from '../parts/form-data.ts';
import { pageResponse } from '../parts/respond.ts';
import { formTokenFor, isFromOwnPage } from './csrf.ts';
import { readForm, refuseForgery, sessionsOf, withSetCookie } from './guards.tsx';
import { RESUME_FIELD, type Resumed, readResumed } from './resume.ts';
import { ResumePage } from './resume-page.tsx';
import type { Sessions } from './session.ts';
import { addressOf, SIGN_IN_RETRY_SECONDS } from './sign-in-limit.ts';
import { SignInPage } from './sign-in-page.tsx';

/** Shows the form. */
export function showSignIn(context: PageContext): Response {
  const query = new URL(context.req.url).searchParams;
  return pageResponse(
    <SignInPage
      to={safeDestination(query.get('to'))}
      portal={context.env.management.portal}
      notice={
        query.has('ended')
          ? 'Your session has ended. Sign in again; what you sent last was not carried out.'
          : query.has('signed-out')
            ? 'You are signed out.'
            : null
      }
    />,
  );
}

/** Opens a session for an operator. */
export async function signIn(context: PageContext): Promise<Response> {
  const { management, signInLimiter, requestId } = context.env;
  const { log, portal } = management;
  const sessions = sessionsOf(context);
  const request = context.req.raw;
  if (!isFromOwnPage(request)) return refuseForgery(context);
  const address = addressOf(request);
  const form = await readForm(request);
  const resumed = form && readResumed(textOf(form, RESUME_FIELD));
  // Counted before the token is compared, so that a refusal reveals nothing about the token.
  if (!(await signInLimiter.limit({ key: address })).success) {
    log({ event: 'sign_in_limited', requestId, address });
    const failure = 'Too many attempts to sign in. Wait a minute and try again.';
    return pageResponse(
      <SignInPage to={safeDestination(null)} portal={portal} failure={failure} resumed={resumed} />,
      429,
      { 'Retry-After': String(SIGN_IN_RETRY_SECONDS) },
    );
  }
  const token = form === null ? '' : textOf(form, 'token').trim();
  const signedIn = await findHolder(token, management);
  if (form === null || sessions === null || signedIn === 'unknown') {
    log({ event: 'sign_in_refused', requestId, address });
    return pageResponse(
      <SignInPage
        to={safeDestination(form && textOf(form, 'to'))}
        portal={portal}
        failure="This is not an admin token. Check that it was copied whole."
        resumed={resumed}
      />,
      403,
    );
  }
  const { actor } = signedIn === null ? operator : callerOf(signedIn);
  log({ event: 'signed_in', requestId, address, actor });
  const cookie = await sessions.open(signedIn);
  if (resumed !== null) return resumeIn(sessions, cookie, resumed);
  return withSetCookie(context.redirect(safeDestination(textOf(form, 'to')), 303), cookie);
}

/** The named operator whose token this is; `null`: the holder of `ADMIN_TOKEN`. */
async function findHolder(
  token: string,
  { adminToken, adminTokens }: Management,
): Promise<OperatorToken | null | 'unknown'> {
  if (adminToken !== null && (await isSameSecret(token, adminToken))) return null;
  return (await findOperator(token, adminTokens)) ?? 'unknown';
}

/** Shows what was sent after the last session had ended, so that the visitor can send it again. */
async function resumeIn(sessions: Sessions, cookie: string, resumed: Resumed): Promise<Response> {
  const { open } = await sessions.read(cookie);
  const formToken = await formTokenFor(open[0]?.id ?? '');
  return withSetCookie(
    pageResponse(<ResumePage resumed={resumed} formToken={formToken} />),
    cookie,
  );
}

/**
 * Returns the destination after signing in. The request can name only a path of the page itself, so
 * that a link to the sign-in page cannot lead to another site.
 */
function safeDestination(path: string | null): string {
  return path !== null &&
    /^\/_edge\/(?:[A-Za-z0-9_\-./?=&%+:~]*)$/.test(path) &&
    !path.includes('..')
    ? path
    : '/_edge/';
}
