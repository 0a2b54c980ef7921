/**
 * The sign-in page, and the pages for when something is in the way.
 */

import type { Child } from 'hono/jsx';
import { BareLayout, Brand, Layout } from '../parts/layout.tsx';
import type { Visitor } from './visitor.ts';

/** Asks for the admin token. `to` is where to go afterwards: a path below `/_edge/`. */
export function SignInPage(props: {
  readonly to: string;
  /** What happened before. */
  readonly notice?: string | null;
  /** Why an attempt failed. */
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
        {/* Shown by the script: what the browser does with the session's cookie is not told to us. */}
        <p class="notice bad" role="alert" data-plain-http hidden>
          This page was opened over plain http, where browsers keep no session. Open it over https,
          or on this machine as localhost.
        </p>
        <p class="notice bad" role="alert" data-cookie-lost hidden>
          The token was right, but your browser did not send the cookie of the session back. Allow
          cookies for this host, or try a private window.
        </p>
        <input type="hidden" name="to" value={props.to} />
        {/* For password managers, which file the token under a name. */}
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

/** Tells what is in the way, and where to go from here. */
export function NoticePage(props: {
  readonly title: string;
  readonly children: Child;
  readonly back?: { readonly href: string; readonly label: string };
  /** Where the browser goes by itself. */
  readonly refreshTo?: string;
  /** Somebody who is signed in, and gets the frame of every other page. */
  readonly visitor?: Visitor;
}) {
  const { title, back = { href: '/_edge/', label: 'Go to the API keys' }, refreshTo } = props;
  const notice = (
    <div class="panel padded stack">
      <h1>{title}</h1>
      <p>{props.children}</p>
      <p>
        <a class="button" href={refreshTo ?? back.href}>
          {back.label}
        </a>
      </p>
    </div>
  );
  if (props.visitor !== undefined) {
    return (
      <Layout title={title} section={null} visitor={props.visitor}>
        {notice}
      </Layout>
    );
  }
  return (
    <BareLayout title={title} {...(refreshTo === undefined ? {} : { refreshTo })}>
      <Brand />
      {notice}
    </BareLayout>
  );
}

/**
 * Where to go after signing in. Only a path of the page itself is taken from the request, so that
 * nobody is led elsewhere by a link to the sign-in page.
 */
export function safeDestination(path: string | null): string {
  return path !== null &&
    /^\/_edge\/(?:[A-Za-z0-9_\-./?=&%+:~]*)$/.test(path) &&
    !path.includes('..')
    ? path
    : '/_edge/';
}
