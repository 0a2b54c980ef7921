/**
 * Who gets in: views are for those who are signed in, and actions only for forms that we showed them.
 */

import type { Context, Handler } from 'hono';
import { authenticate, isSameSecret } from '../../authenticate.ts';
import { readBytes } from '../../request-body.ts';
import type { Dashboard } from '../dashboard.ts';
import { textOf } from '../parts/form-data.ts';
import { toHtml } from '../parts/layout.tsx';
import { FORM_TOKEN_FIELD, FORM_TOKEN_HEADER, isFromOwnPage, isWindowNavigation } from './csrf.ts';
import { createSessions } from './session.ts';
import { NoticePage } from './sign-in.tsx';
import { ACCESS_HEADER, type IdentifyOptions, identify, type Visit } from './visitor.ts';

/** Answers somebody who is signed in. */
export type View = (visit: Visit, context: Context) => Promise<Response> | Response;
/** Does what a form of somebody who is signed in asks for. */
export type Action = (
  visit: Visit,
  form: FormData,
  context: Context,
) => Promise<Response> | Response;

/** Makes handlers that let only the right people in. */
export interface Guards {
  view(view: View): Handler;
  action(action: Action): Handler;
}

/** Far above a form with the most origins that a key may have. */
const FORM_MAX_BYTES = 256 * 1024;

/** The guards of a dashboard. */
export function createGuards(dashboard: Dashboard): Guards {
  const options = identifyOptions(dashboard);
  return {
    view: (view) => async (context) => {
      const request = context.req.raw;
      const isNavigation = isWindowNavigation(request);
      const sentToken = request.headers.get(FORM_TOKEN_HEADER);
      // Before anything else, as below: content of the API may be of the same origin as the page.
      if (!isNavigation && sentToken === null) return refuseForgery(context, dashboard);
      const visit = await identify(options, request);
      if (typeof visit === 'string') return refuseView(context, visit, options);
      if (!isNavigation && !(await isSameSecret(sentToken ?? '', visit.visitor.formToken))) {
        return refuseForgery(context, dashboard);
      }
      return withCookie(await view(visit, context), visit);
    },

    action: (action) => async (context) => {
      const request = context.req.raw;
      // Before anything else is looked at: what another site sends gets no further.
      if (!isFromOwnPage(request)) return refuseForgery(context, dashboard);
      const visit = await identify(options, request);
      if (typeof visit === 'string') return context.redirect('/_edge/sign-in?ended', 303);
      const form = await readForm(request);
      if (form === null) {
        return context.html(
          toHtml(<NoticePage title="Form not understood">It is too large, or no form.</NoticePage>),
          413,
        );
      }
      if (!(await isSameSecret(textOf(form, FORM_TOKEN_FIELD), visit.visitor.formToken))) {
        return refuseForgery(context, dashboard);
      }
      return withCookie(await action(visit, form, context), visit);
    },
  };
}

/** The form in a request's body; `null` when it is too large, or none. */
export async function readForm(request: Request): Promise<FormData | null> {
  const bytes = await readBytes(request, FORM_MAX_BYTES);
  if (bytes === null) return null;
  const headers = { 'Content-Type': request.headers.get('content-type') ?? '' };
  return new Response(bytes, { headers }).formData().catch(() => null);
}

/** Answers a request that no page of ours made. */
export function refuseForgery(context: Context, { management, requestId }: Dashboard): Response {
  management.log({
    event: 'page_forgery_refused',
    requestId,
    path: context.req.path.slice(0, 200),
    site: context.req.header('Sec-Fetch-Site')?.slice(0, 20),
  });
  return context.html(
    toHtml(
      <NoticePage title="Not from this page">
        The request was refused, and nothing was changed: it did not come from a form that this page
        showed you, or the form is from an earlier session. Open the page again and repeat what you
        did.
      </NoticePage>,
    ),
    403,
  ) as unknown as Response;
}

function identifyOptions(dashboard: Dashboard): IdentifyOptions {
  const { management, handleApi, endedSessions, url } = dashboard;
  const { adminToken, people } = management;
  return {
    adminToken,
    handleApi,
    endedSessions,
    sessions: adminToken === null ? null : createSessions({ ...management, adminToken, url }),
    async identifyPerson(assertion) {
      if (people === null) return null;
      // As the API itself will see it. The admin token has no place in this header.
      const headers = new Headers({ [ACCESS_HEADER]: assertion });
      const result = await authenticate(headers, { adminToken: null, people });
      if (!result.ok) return null;
      const { actor, owner } = result.caller;
      return { name: actor.replace(/^person:/, ''), owner };
    },
  };
}

function refuseView(
  context: Context,
  outcome: 'ended' | 'unknown',
  { sessions }: IdentifyOptions,
): Response {
  if (sessions === null) {
    return context.html(
      toHtml(
        <NoticePage title="Not signed in">
          This page is for people whom Cloudflare Access has signed in, to an account that may have
          keys. Your request came without that.
        </NoticePage>,
      ),
      403,
    );
  }
  // A strict cookie stays at home when a link of another site leads here. Once we have answered, the
  // next request is our own, and brings it.
  if (outcome === 'unknown' && context.req.header('Sec-Fetch-Site') === 'cross-site') {
    return context.html(
      toHtml(
        <NoticePage title="One moment" refreshTo={destinationOf(context)}>
          You are being taken to the page.
        </NoticePage>,
      ),
    );
  }
  const query = new URLSearchParams({ to: destinationOf(context) });
  if (outcome === 'ended') query.set('ended', '');
  return context.redirect(`/_edge/sign-in?${query}`, 303);
}

function destinationOf(context: Context): string {
  const { pathname, search } = new URL(context.req.url);
  return pathname + search;
}

function withCookie(response: Response, { cookie }: Visit): Response {
  if (cookie !== null && !response.headers.has('Set-Cookie')) {
    response.headers.append('Set-Cookie', cookie);
  }
  return response;
}
