/**
 * Signing in with the admin token, and out again.
 */

import type { Context } from 'hono';
import type { HonoBase } from 'hono/hono-base';
import { isSameSecret } from '../../authenticate.ts';
import type { Dashboard } from '../dashboard.ts';
import { textOf } from '../parts/form-data.ts';
import { toHtml } from '../parts/layout.tsx';
import { isFromOwnPage } from './csrf.ts';
import { type Guards, readForm, refuseForgery } from './guards.tsx';
import { createSessions, endOfSessionMs } from './session.ts';
import { SignInPage, safeDestination } from './sign-in.tsx';
import { addressOf, SIGN_IN_RETRY_SECONDS } from './sign-in-limit.ts';

/** Adds the routes. Without an admin token there is nothing to sign in with, so none. */
export function mountSignIn(page: HonoBase, guards: Guards, dashboard: Dashboard): void {
  const { management, signInLimiter, endedSessions } = dashboard;
  const { adminToken, log } = management;
  const sessions =
    adminToken === null ? null : createSessions({ ...management, adminToken, url: dashboard.url });

  page.post(
    '/_edge/sign-out',
    guards.action(async ({ session }, _form, context) => {
      if (session !== null) await endedSessions.end(session.id, endOfSessionMs(session));
      log({ event: 'signed_out', requestId: dashboard.requestId });
      const response = context.redirect('/_edge/sign-in?signed-out', 303);
      return sessions === null ? response : withSetCookie(response, sessions.cleared);
    }),
  );
  if (adminToken === null || sessions === null) return;

  page.get('/_edge/sign-in', (context) => {
    const query = new URL(context.req.url).searchParams;
    return context.html(
      toHtml(
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
      ),
    );
  });

  page.post('/_edge/sign-in', async (context) => {
    const request = context.req.raw;
    if (!isFromOwnPage(request)) return refuseForgery(context, dashboard);
    const address = addressOf(request);
    // Counted before the token is looked at, so that a refused guess says nothing about it.
    if (!(await signInLimiter.limit({ key: address })).success) {
      log({ event: 'sign_in_limited', requestId: dashboard.requestId, address });
      context.header('Retry-After', String(SIGN_IN_RETRY_SECONDS));
      return refuse(context, 429, 'Too many attempts to sign in. Wait a minute and try again.');
    }
    const form = await readForm(request);
    const token = form === null ? '' : textOf(form, 'token').trim();
    if (form === null || !(await isSameSecret(token, adminToken))) {
      log({ event: 'sign_in_refused', requestId: dashboard.requestId, address });
      return refuse(
        context,
        403,
        'This is not the admin token. Check that it was copied whole.',
        form === null ? null : textOf(form, 'to'),
      );
    }
    log({ event: 'signed_in', requestId: dashboard.requestId, address });
    return withSetCookie(
      context.redirect(safeDestination(textOf(form, 'to')), 303),
      await sessions.open(),
    );
  });
}

function refuse(
  context: Context,
  status: 403 | 429,
  failure: string,
  to: string | null = null,
): Response {
  return context.html(
    toHtml(<SignInPage to={safeDestination(to)} failure={failure} />),
    status,
  ) as unknown as Response;
}

function withSetCookie(response: Response, cookie: string): Response {
  response.headers.append('Set-Cookie', cookie);
  return response;
}
