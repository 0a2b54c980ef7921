/**
 * The guards of the page. A view needs a signed-in visitor; an action needs a form that we showed to
 * that visitor. Both need a visitor whom the API admits to what they are about.
 */

import type { Handler } from 'hono';
import { refuseCaller } from '../../admission.ts';
import { ACCESS_HEADER, authenticate, isSameSecret, type Manager } from '../../authenticate.ts';
import type { Management } from '../../operation.ts';
import type { People } from '../../people.ts';
import { readBytes } from '../../request-body.ts';
import type { Dashboard, PageContext } from '../dashboard.ts';
import { textOf } from '../parts/form-data.ts';
import { NoticePage } from '../parts/notice-page.tsx';
import { pageResponse } from '../parts/respond.ts';
import { customerHint } from '../portal/customer-hint.ts';
import { lookOf } from '../portal/look.ts';
import { PortalNotice, portalResponse } from '../portal/portal-page.tsx';
import { readPortalSession } from '../portal/session.ts';
import { FORM_TOKEN_FIELD, FORM_TOKEN_HEADER, isFromOwnPage, isWindowNavigation } from './csrf.ts';
import { resumedFrom } from './resume.ts';
import { allowImages } from './security-headers.ts';
import { createSessions, type Sessions } from './session.ts';
import { SignInPage } from './sign-in-page.tsx';
import { identify, type NoVisit, type Visit } from './visitor.ts';

/** Answers a visitor who is signed in. */
export type View = (visit: Visit, context: PageContext) => Promise<Response> | Response;
/** Does what a form of a signed-in visitor asks for. */
export type Action = (
  visit: Visit,
  form: FormData,
  context: PageContext,
) => Promise<Response> | Response;

/** A handler of the router. */
export type PageHandler = Handler<{ Bindings: Dashboard }>;

/** Far above a form with the most origins that a key may have. */
const FORM_MAX_BYTES = 256 * 1024;

/**
 * A handler that shows a view to visitors who are signed in, and may call this endpoint of the API.
 * `null`: it is for all of them.
 */
export function view(operation: string | null, show: View): PageHandler {
  return async (context) => {
    const request = context.req.raw;
    const isNavigation = isWindowNavigation(request);
    const sentToken = request.headers.get(FORM_TOKEN_HEADER);
    // Before anything else, as below: content of the API may be of the same origin as the page.
    if (!isNavigation && sentToken === null) return refuseForgery(context);
    const visit = await visitOf(context);
    if (typeof visit === 'string') return refuseView(context, visit);
    if (!isNavigation && !(await isSameSecret(sentToken ?? '', visit.visitor.formToken))) {
      return refuseForgery(context);
    }
    const answer = refuseVisit(visit, operation, context) ?? (await show(visit, context));
    return finish(answer, visit, context);
  };
}

/**
 * A handler that does what a form asks for, if we showed the form to the visitor who sends it, and they
 * may call this endpoint of the API. `null`: the form asks the API for nothing.
 */
export function action(operation: string | null, act: Action): PageHandler {
  return async (context) => {
    const request = context.req.raw;
    // First of all: a request from another site gets no further.
    if (!isFromOwnPage(request)) return refuseForgery(context);
    const visit = await visitOf(context);
    const form = await readForm(request);
    if (visit === 'portal_ended') return showPortalNotice(context, 'ended');
    if (typeof visit === 'string') return askToSignInAgain(context, form);
    if (form === null) {
      return pageResponse(
        <NoticePage title="Form not understood">
          The request is too large, or it is not a form.
        </NoticePage>,
        413,
      );
    }
    if (!(await isSameSecret(textOf(form, FORM_TOKEN_FIELD), visit.visitor.formToken))) {
      return refuseForgery(context);
    }
    const answer = refuseVisit(visit, operation, context) ?? (await act(visit, form, context));
    return finish(answer, visit, context);
  };
}

/** The form in a request's body; `null` if it is too large or not a form. */
export async function readForm(request: Request): Promise<FormData | null> {
  const bytes = await readBytes(request, FORM_MAX_BYTES);
  if (bytes === null) return null;
  const headers = { 'Content-Type': request.headers.get('content-type') ?? '' };
  return new Response(bytes, { headers }).formData().catch(() => null);
}

/** Answers a request that no page of ours made. */
export function refuseForgery(context: PageContext): Response {
  const { management, requestId } = context.env;
  management.log({
    event: 'page_forgery_refused',
    requestId,
    path: context.req.path.slice(0, 200),
    site: context.req.header('Sec-Fetch-Site')?.slice(0, 20),
  });
  return pageResponse(
    <NoticePage title="Not from this page">
      The request was refused, and nothing was changed: it did not come from a form that this page
      showed you, or the form is from an earlier session. Open the page again and repeat what you
      did.
    </NoticePage>,
    403,
  );
}

/**
 * Refuses a visitor whom the API would refuse, before anything is read or shown; `null`: it would not.
 * The API decides again about each call.
 */
function refuseVisit(
  { visitor, caller }: Visit,
  operation: string | null,
  context: PageContext,
): Response | null {
  const refused = operation === null ? null : refuseCaller(caller, { name: operation });
  if (refused === null) return null;
  const { management, requestId } = context.env;
  const { code, detail } = refused.problem;
  const cause = `${caller.actor}: ${operation}`;
  management.log({ event: 'management_refused', requestId, code, cause });
  return pageResponse(
    <NoticePage title="Not within your scope" visitor={visitor}>
      {context.req.method === 'POST' && 'Nothing was changed. '}
      {detail}.
    </NoticePage>,
    403,
  );
}

/** Returns whether operators sign in with a token, and so whether there is a form for that. */
export function hasSignIn({ adminToken, adminTokens }: Management): boolean {
  return adminToken !== null || adminTokens.length > 0;
}

/** The operators' sessions, as the browser of this request keeps them; `null`: none signs in. */
export function sessionsOf(context: PageContext): Sessions | null {
  const { management, sessionSecret } = context.env;
  const { adminToken, adminTokens } = management;
  if (!hasSignIn(management)) return null;
  const operators = { adminToken, adminTokens, sessionSecret };
  return createSessions({ ...management, operators, url: context.req.url });
}

/** The response, which sets this cookie as well. */
export function withSetCookie(response: Response, cookie: string): Response {
  response.headers.append('Set-Cookie', cookie);
  return response;
}

/** Asks to sign in, and keeps what was sent, which another session cannot carry out. */
function askToSignInAgain(context: PageContext, form: FormData | null): Response {
  const resumed = form && resumedFrom(context.req.path, form);
  if (resumed === null || !hasSignIn(context.env.management)) {
    return context.redirect('/_edge/sign-in?ended', 303);
  }
  return pageResponse(
    <SignInPage
      to="/_edge/"
      portal={context.env.management.portal}
      notice="Your session has ended. Nothing was carried out yet: sign in again, and then send what you typed, which is kept."
      resumed={resumed}
    />,
    403,
  );
}

function visitOf(context: PageContext): Promise<Visit | NoVisit> {
  const { management, handleApi, endedSessions } = context.env;
  const { people, sendsEvents, portal } = management;
  return identify(
    {
      sendsEvents,
      handleApi,
      endedSessions,
      readPortalSession: () => readPortalSession(management, context.req.raw),
      look: portal && lookOf(portal.config),
      sessions: sessionsOf(context),
      identifyPerson: async (assertion) => people && identifyPerson(people, assertion),
    },
    context.req.raw,
  );
}

/** The person of a JWT. Tokens of operators have no place in this header. */
async function identifyPerson(people: People, assertion: string): Promise<Manager | null> {
  const headers = new Headers({ [ACCESS_HEADER]: assertion });
  const result = await authenticate(headers, { adminToken: null, adminTokens: [], people });
  return result.ok ? result.caller : null;
}

async function refuseView(context: PageContext, outcome: NoVisit): Promise<Response> {
  const { management } = context.env;
  if (outcome === 'portal_ended') return showPortalNotice(context, 'ended');
  // The browser does not send a strict cookie when a link of another site leads here. The next request
  // comes from our own page, and has the cookie.
  const hasSessions = hasSignIn(management) || management.portal !== null;
  const isFromElsewhere = context.req.header('Sec-Fetch-Site') === 'cross-site';
  if (hasSessions && outcome === 'unknown' && isFromElsewhere) {
    return pageResponse(
      <NoticePage title="One moment" refreshTo={destinationOf(context)}>
        The page opens in a moment.
      </NoticePage>,
    );
  }
  if (!hasSignIn(management)) {
    return pageResponse(
      <NoticePage title="Not signed in">
        This page is for people whom Cloudflare Access has signed in, to an account that may have
        keys. Your request came without that. {customerHint(management.portal)}
      </NoticePage>,
      403,
    );
  }
  const query = new URLSearchParams({ to: destinationOf(context) });
  if (outcome === 'ended') query.set('ended', '');
  return context.redirect(`/_edge/sign-in?${query}`, 303);
}

function destinationOf(context: PageContext): string {
  const { pathname, search } = new URL(context.req.url);
  return pathname + search;
}

/** Says to a customer why the page is closed, and leads back to the provider. */
export async function showPortalNotice(
  context: PageContext,
  notice: 'ended' | 'signed-out',
): Promise<Response> {
  const { management } = context.env;
  const reading = await readPortalSession(management, context.req.raw);
  if (management.portal === null || reading.state !== 'ended') {
    return context.redirect('/_edge/', 303);
  }
  return portalResponse(
    management.portal,
    <PortalNotice
      config={management.portal.config}
      notice={notice}
      returnUrl={reading.returnUrl}
    />,
    notice === 'ended' ? 403 : 200,
  );
}

/** Adds what belongs to the visitor: the cookie, and the source of the provider's logo. */
function finish(response: Response, { cookie, visitor }: Visit, { env }: PageContext): Response {
  const { portal } = env.management;
  const source = visitor.portal && portal?.config.logo?.source;
  if (source !== undefined) allowImages(response.headers, source);
  return cookie === null || response.headers.has('Set-Cookie')
    ? response
    : withSetCookie(response, cookie);
}
