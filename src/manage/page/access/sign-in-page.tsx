/**
 * The page that asks for the token of an operator.
 */

import type { Portal } from '../../portal/portal.ts';
import { BareLayout, Brand } from '../parts/layout.tsx';
import { customerHint } from '../portal/customer-hint.ts';
import { RESUME_FIELD, type Resumed, writeResumed } from './resume.ts';

/** Asks for the token. `to` is the destination afterwards: a path below `/_edge/`. */
export function SignInPage(props: {
  readonly to: string;
  /** The portal, where customers belong; `null`: there is no portal. */
  readonly portal: Portal | null;
  /** The reason why the visitor is here again. */
  readonly notice?: string | null;
  /** The reason why an attempt failed. */
  readonly failure?: string;
  /** A form that was sent after the session had ended; it is kept until the visitor is back. */
  readonly resumed?: Resumed | null;
}) {
  const { failure, notice = null, resumed = null } = props;
  const hint = customerHint(props.portal);
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
        {resumed !== null && (
          <input type="hidden" name={RESUME_FIELD} value={writeResumed(resumed)} />
        )}
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
            Your own operator token, or the value of <code>ADMIN_TOKEN</code>. An API key cannot
            sign in.
          </p>
        </div>
        <button type="submit" class="primary">
          Sign in
        </button>
        {hint !== null && <p class="help">{hint}</p>}
      </form>
    </BareLayout>
  );
}
