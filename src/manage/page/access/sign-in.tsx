/**
 * Signing in with the admin token.
 */

import { isSameSecret } from '../../authenticate.ts';
import type { PageContext } from '../dashboard.ts';
import { textOf } from '../parts/form-data.ts';
import { BareLayout, Brand } from '../parts/layout.tsx';
import { pageResponse } from '../parts/respond.ts';
import { isFromOwnPage } from './csrf.ts';
import { readForm, refuseForgery, withSetCookie } from './guards.tsx';
import { createSessions } from './session.ts';
import { addressOf, SIGN_IN_RETRY_SECONDS } from './sign-in-limit.ts';

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
  // Counted before the token is compared, so that a refusal reveals nothing about the token.
  if (!(await signInLimiter.limit({ key: address })).success) {
    log({ event: 'sign_in_limited', requestId, address });
    const failure = 'Too many attempts to sign in. Wait a minute and try again.';
    return pageResponse(<SignInPage to={safeDestination(null)} failure={failure} />, 429, {
      'Retry-After': String(SIGN_IN_RETRY_SECONDS),
    });
  }
  const form = await readForm(request);
  const token = form === null ? '' : textOf(form, 'token').trim();
  if (form === null || adminToken === null || !(await isSameSecret(token, adminToken))) {
    log({ event: 'sign_in_refused', requestId, address });
    return pageResponse(
      <SignInPage
        to={safeDestination(form && textOf(form, 'to'))}
        failure="This is not the admin token. Check that it was copied whole."
      />,
      403,
    );
  }
  log({ event: 'signed_in', requestId, address });
  const sessions = createSessions({ ...management, adminToken, url: context.req.url });
  return withSetCookie(
    context.redirect(safeDestination(textOf(form, 'to')), 303),
    await sessions.open(),
  );
}

/** Asks for the admin token. `to` is the destination afterwards: a path below `/_edge/`. */
function SignInPage(props: {
  readonly to: string;
  /** The reason why the visitor is here again. */
  readonly notice?: string | null;
  /** The reason why an attempt failed. */
  readonly failure?: string;
}) {
  const { failure, notice = null } = props;
  return (
    <BareLayout title="Sign in">
      <Brand />
      <form method="post" action="/_edge/sign-in" class="panel padded stack">
        <h1>Sign in</h1>
        {notice !== null && (
          <p class="notice warn" role="status">
            {notice}
          </p>
        )}
        {failure !== undefined && (
          <p class="notice bad" role="alert" id="sign-in-failure">
            {failure}
          </p>
        )}
        {/* Shown by the script, because the server cannot see how the browser treats the cookie. */}
        <p class="notice bad" role="alert" data-plain-http hidden>
          This page was opened over plain http, where browsers keep no session. Open it over https,
          or on this machine as localhost.
        </p>
        <p class="notice bad" role="alert" data-cookie-lost hidden>
          The token was right, but your browser did not send the cookie of the session back. Allow
          cookies for this host, or try a private window.
        </p>
        <input type="hidden" name="to" value={props.to} />
        {/* For password managers, which store the token under a name. */}
        <input type="text" name="username" value="operator" autocomplete="username" hidden />
        <div class="field">
          <label for="token">Admin token</label>
          <input
            id="token"
            type="password"
            name="token"
            required
            autofocus
            autocomplete="current-password"
            aria-invalid={failure === undefined ? undefined : 'true'}
            aria-describedby={failure === undefined ? 'token-help' : 'sign-in-failure token-help'}
          />
          <p class="help" id="token-help">
            The value of <code>ADMIN_TOKEN</code>. An API key cannot sign in.
          </p>
        </div>
        <button type="submit" class="primary">
          Sign in
        </button>
      </form>
    </BareLayout>
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
