/**
 * The session of a customer in the cookies of a browser. D1 holds the session; the cookie is its secret.
 */

import { isLocalHttp } from '../../../core/isolation/local-http.ts';
import { LOCAL_PORTAL_COOKIE, PORTAL_COOKIE } from '../../../core/isolation/own-cookies.ts';
import type { Management } from '../../operation.ts';
import { findSession, type PortalReading, wayBack } from '../../portal/portal.ts';
import { isSecret } from '../../portal/secrets.ts';
import { cookiesOf, localAttributes, secureAttributes } from '../access/session.ts';
import type { PageContext } from '../dashboard.ts';

/** Finds the session that a request's cookies hold. Without a portal, it finds no session. */
export async function readPortalSession(
  management: Management,
  request: Request,
): Promise<PortalReading> {
  const { portal } = management;
  if (portal === null) return { state: 'none' };
  const { name } = cookieFor(request.url);
  const secrets = [...cookiesOf(request.headers.get('cookie'), name)].filter(isSecret);
  const reading = await findSession(portal, management, secrets, management.now());
  if (reading.state === 'none') return reading;
  // The list of URLs may have changed since the link was made.
  return reading.state === 'open'
    ? { ...reading, session: { ...reading.session, returnUrl: back(reading.session.returnUrl) } }
    : { ...reading, returnUrl: back(reading.returnUrl) };

  function back(returnUrl: string): string {
    return (portal && wayBack(portal, returnUrl, request.url)) ?? '';
  }
}

/** The `Set-Cookie` value that opens a session. */
export function portalCookie(url: string, secret: string): string {
  const { name, attributes } = cookieFor(url);
  return `${name}=${secret}; ${attributes}`;
}

/** The handler, which also removes the cookie of a link where it opens another session. */
export function leavingPortal(
  signIn: (context: PageContext) => Promise<Response>,
): (context: PageContext) => Promise<Response> {
  return async (context) => {
    const response = await signIn(context);
    const { name, attributes } = cookieFor(context.req.url);
    const hasCookie = cookiesOf(context.req.header('Cookie') ?? null, name).size > 0;
    if (hasCookie && response.headers.has('Set-Cookie')) {
      response.headers.append('Set-Cookie', `${name}=; Max-Age=0; ${attributes}`);
    }
    return response;
  };
}

/**
 * The cookie has no Max-Age: a session that has ended is then told from a visitor who never had one, and
 * the page leads back to the provider instead of to the operator's form.
 */
function cookieFor(url: string): { readonly name: string; readonly attributes: string } {
  return isLocalHttp(url)
    ? { name: LOCAL_PORTAL_COOKIE, attributes: localAttributes }
    : { name: PORTAL_COOKIE, attributes: secureAttributes };
}
