/**
 * Signing in with the admin token.
 */

import { isSameSecret } from '../../authenticate.ts';
import type { PageContext } from '../dashboard.ts';
import { textOf } from '../parts/form-data.ts';
import { pageResponse } from '../parts/respond.ts';
import { formTokenFor, isFromOwnPage } from './csrf.ts';
import { readForm, refuseForgery, withSetCookie } from './guards.tsx';
import { RESUME_FIELD, type Resumed, readResumed } from './resume.ts';
import { ResumePage } from './resume-page.tsx';
import { createSessions, type Sessions } from './session.ts';
import { addressOf, SIGN_IN_RETRY_SECONDS } from './sign-in-limit.ts';
import { SignInPage } from './sign-in-page.tsx';

/** Shows the form. */
export function showSignIn(context: PageContext): Response {
  const query = new URL(context.req.url).searchParams;
  return pageResponse(
    <SignInPage
      to={safeDestination(query.get('to'))}
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

/** Opens a session for the operator. */
export async function signIn(context: PageContext): Promise<Response> {
  const { management, signInLimiter, requestId } = context.env;
  const { adminToken, log } = management;
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
      <SignInPage to={safeDestination(null)} failure={failure} resumed={resumed} />,
      429,
      { 'Retry-After': String(SIGN_IN_RETRY_SECONDS) },
    );
  }
  const token = form === null ? '' : textOf(form, 'token').trim();
  if (form === null || adminToken === null || !(await isSameSecret(token, adminToken))) {
    log({ event: 'sign_in_refused', requestId, address });
    return pageResponse(
      <SignInPage
        to={safeDestination(form && textOf(form, 'to'))}
        failure="This is not the admin token. Check that it was copied whole."
        resumed={resumed}
      />,
      403,
    );
  }
  log({ event: 'signed_in', requestId, address });
  const sessions = createSessions({ ...management, adminToken, url: context.req.url });
  const cookie = await sessions.open();
  if (resumed !== null) return resumeIn(sessions, cookie, resumed);
  return withSetCookie(context.redirect(safeDestination(textOf(form, 'to')), 303), cookie);
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
