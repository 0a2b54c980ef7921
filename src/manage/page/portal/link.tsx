/**
 * The link that the operator made for a customer: a page with a button, and what the button does.
 *
 * Reading the link changes nothing. Programs that look at links before people do (mail scanners, previews,
 * browsers that load ahead) send GET and HEAD, and some run scripts. So no script presses the button.
 */

import { type FoundLink, findLink, openLink, type Portal, wayBack } from '../../portal/portal.ts';
import { isSecret } from '../../portal/secrets.ts';
import { isFromOwnPage } from '../access/csrf.ts';
import { readForm, refuseForgery, withSetCookie } from '../access/guards.tsx';
import { addressOf, SIGN_IN_RETRY_SECONDS } from '../access/sign-in-limit.ts';
import type { PageContext } from '../dashboard.ts';
import { textOf } from '../parts/form-data.ts';
import { PortalNotice, PortalWelcome, portalResponse, type Refused } from './portal-page.tsx';
import { portalCookie, readPortalSession } from './session.ts';

/** The field of the form that holds the secret of the link. */
const LINK_FIELD = 'link';

/** A link for the handlers below, or the answer for a browser that shows none. */
type Admission =
  | {
      readonly ok: true;
      readonly portal: Portal;
      readonly secret: string;
      readonly link: FoundLink;
    }
  | { readonly ok: false; readonly response: Response };

/** Shows what the link opens, with the button that opens it. */
export async function showLink(context: PageContext): Promise<Response> {
  const admission = await admit(context, context.req.param('secret') ?? '');
  if (!admission.ok) return admission.response;
  const { portal, link, secret } = admission;
  if (link.state !== 'open') return refuse(context, portal, link.state, link);
  const { owner, returnUrl } = link.row;
  return portalResponse(
    portal,
    <PortalWelcome
      config={portal.config}
      owner={owner}
      returnUrl={wayBack(portal, returnUrl, context.req.url) ?? ''}
      field={{ name: LINK_FIELD, value: secret }}
    />,
  );
}

/** Uses the link, and opens the page for its owner. */
export async function useLink(context: PageContext): Promise<Response> {
  const { management, requestId } = context.env;
  const request = context.req.raw;
  if (management.portal === null) return context.notFound();
  // First of all: no other page uses a link, whatever it knows of it.
  if (!isFromOwnPage(request)) return refuseForgery(context);
  const form = await readForm(request);
  const admission = await admit(context, form === null ? '' : textOf(form, LINK_FIELD));
  if (!admission.ok) return admission.response;
  const { portal, link } = admission;
  const isOpen = link.state === 'open';
  const secret = isOpen ? await openLink(portal, link, management.fillRandom) : null;
  if (secret === null) {
    // A button that was pressed twice, or the browser's way back: this browser used the link itself.
    if (await isOwnSession(context, portal, link)) return context.redirect('/_edge/', 303);
    return refuse(context, portal, link.state === 'expired' ? 'expired' : 'used', link);
  }
  management.log({ event: 'portal_link_opened', requestId, owner: link.row.owner });
  return withSetCookie(context.redirect('/_edge/', 303), portalCookie(context.req.url, secret));
}

/** Returns whether the session that this link became is the one of this browser. */
async function isOwnSession(
  context: PageContext,
  portal: Portal,
  { row }: FoundLink,
): Promise<boolean> {
  const reading = await readPortalSession(context.env.management, context.req.raw);
  if (reading.state !== 'open') return false;
  // Read again: a request at the same time may have used the link since.
  const used = await portal.store.findLink([row.linkHash]);
  return used?.sessionHash === reading.session.hash;
}

/** Finds the link of a secret. An address that presents too many unknown ones has to wait. */
async function admit(context: PageContext, secret: string): Promise<Admission> {
  const { management } = context.env;
  const { portal, guesses } = management;
  const request = context.req.raw;
  if (portal === null) return { ok: false, response: await context.notFound() };
  if (guesses.isRefused(request)) return { ok: false, response: limited(context, portal) };
  const link = isSecret(secret)
    ? await findLink(portal, management, secret, management.now())
    : null;
  if (link !== null) return { ok: true, portal, secret, link };
  const mayTryAgain = await guesses.count(request);
  return {
    ok: false,
    response: mayTryAgain ? refuse(context, portal, 'unknown') : limited(context, portal),
  };
}

function refuse(
  context: PageContext,
  portal: Portal,
  refused: Refused,
  link: FoundLink | null = null,
): Response {
  const { management, requestId } = context.env;
  const address = addressOf(context.req.raw);
  management.log({ event: 'portal_link_refused', requestId, address, cause: refused });
  const returnUrl = link && wayBack(portal, link.row.returnUrl, context.req.url);
  return portalResponse(
    portal,
    <PortalNotice config={portal.config} notice={refused} returnUrl={returnUrl ?? ''} />,
    refused === 'unknown' ? 404 : 410,
  );
}

function limited(context: PageContext, portal: Portal): Response {
  const { management, requestId } = context.env;
  management.log({ event: 'sign_in_limited', requestId, address: addressOf(context.req.raw) });
  return portalResponse(
    portal,
    <PortalNotice config={portal.config} notice="limited" returnUrl="" />,
    429,
    { 'Retry-After': String(SIGN_IN_RETRY_SECONDS) },
  );
}
