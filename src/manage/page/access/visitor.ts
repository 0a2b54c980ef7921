/**
 * The visitor of the page: an operator, by a session, or a person who signed in at Cloudflare Access.
 *
 * The page has no rights of its own. A visit carries an API client that asks in the visitor's name, and
 * the API decides as it does for a program with the same credentials.
 */

import type { OperatorScope } from '../../../core/operators/operator-scopes.ts';
import { refuseCaller } from '../../admission.ts';
import { ACCESS_HEADER, callerOf, type Manager, operator } from '../../authenticate.ts';
import type { PortalReading, PortalSession } from '../../portal/portal.ts';
import { type ApiClient, createApiClient } from '../api-client.ts';
import type { Dashboard } from '../dashboard.ts';
import type { PortalLook } from '../portal/look.ts';
import { formTokenFor } from './csrf.ts';
import type { EndedSessions } from './ended-sessions.ts';
import type { Session, Sessions } from './session.ts';

/** A person who is signed in. */
export interface Visitor {
  /** The name that the page shows for them. */
  readonly name: string;
  /** The owner whose keys they are limited to; `null`: they see all keys. */
  readonly owner: string | null;
  /** The scopes of a named operator; empty: not limited by scopes. */
  readonly scopes: readonly OperatorScope[];
  /** Returns whether the API admits them to an endpoint. The page shows no way to any other. */
  readonly may: (operation: string) => boolean;
  /** `true`: there are events, and they may see them. */
  readonly seesEvents: boolean;
  /** The token of their forms. */
  readonly formToken: string;
  /** The address at which they sign out; `null`: the page's own form. */
  readonly signsOutAt: string | null;
  /** The portal that they came through; absent: they did not. */
  readonly portal?: {
    readonly look: PortalLook;
    readonly session: PortalSession;
  };
}

/** One request of a visitor. */
export interface Visit {
  readonly visitor: Visitor;
  /** The visitor, as the audit calls them. */
  readonly caller: Manager;
  readonly api: ApiClient;
  /** `null`: a person who signed in at Cloudflare Access. */
  readonly session: Session | null;
  /** A `Set-Cookie` value that continues the session; `null`: the cookie is recent enough. */
  readonly cookie: string | null;
}

/** The parts that identify a visitor. */
export interface IdentifyOptions {
  /** `null`: no operator signs in with a token. */
  readonly sessions: Sessions | null;
  readonly endedSessions: EndedSessions;
  /** `true`: the edge sends events. */
  readonly sendsEvents: boolean;
  /** Handles a request to the management API in a visitor's name. */
  readonly handleApi: Dashboard['handleApi'];
  /** The session of a customer whom a link led here. */
  readonly readPortalSession: () => Promise<PortalReading>;
  /** The look of the portal; `null`: there is no portal. */
  readonly look: PortalLook | null;
  /** The person that a JWT of Cloudflare Access names; `null`: it is not valid. */
  readonly identifyPerson: (assertion: string) => Promise<Manager | null>;
}

/** The reasons why a request is not a visit. */
export type NoVisit = 'ended' | 'portal_ended' | 'unknown';

/**
 * Tells who made a request. `ended`: a visitor whose session is over; `portal_ended`: a customer whose
 * session is over; `unknown`: anybody. The session of a link takes precedence, as it was opened last. A
 * session takes precedence over Cloudflare Access: a person who signs in as an operator acts as that operator.
 */
export async function identify(
  options: IdentifyOptions,
  request: Request,
): Promise<Visit | NoVisit> {
  const portal = await options.readPortalSession();
  if (portal.state === 'open' && options.look !== null) {
    const { owner, secret } = portal.session;
    const caller: Manager = { actor: `portal:${owner}`, owner };
    const visit = await visitOf(options, request, { caller, secret, signsOutAt: null });
    const visitor = { ...visit.visitor, portal: { look: options.look, session: portal.session } };
    return { ...visit, visitor, session: null, cookie: null };
  }
  const reading = await options.sessions?.read(request.headers.get('cookie'));
  const sessions = reading?.open ?? [];
  for (const session of sessions) {
    if (await options.endedSessions.isEnded(session.id)) continue;
    const caller = session.operator === null ? operator : callerOf(session.operator);
    return {
      ...(await visitOf(options, request, { caller, secret: session.id, signsOutAt: null })),
      session,
      cookie: (await options.sessions?.continue(session)) ?? null,
    };
  }
  const assertion = request.headers.get(ACCESS_HEADER);
  const person = assertion === null ? null : await options.identifyPerson(assertion);
  if (assertion !== null && person !== null) {
    // https://developers.cloudflare.com/cloudflare-one/identity/users/session-management/
    const signsOutAt = '/cdn-cgi/access/logout';
    const visit = { caller: person, secret: assertion, signsOutAt };
    return { ...(await visitOf(options, request, visit)), session: null, cookie: null };
  }
  // An operator who tried a link gets the form to sign in, a customer the way back.
  if (sessions.length > 0 || reading?.hasEnded === true) return 'ended';
  return portal.state === 'ended' ? 'portal_ended' : 'unknown';
}

async function visitOf(
  { handleApi, sendsEvents }: IdentifyOptions,
  request: Request,
  {
    caller,
    secret,
    signsOutAt,
  }: {
    readonly caller: Manager;
    /** Known to this visitor's browser alone. */
    readonly secret: string;
    readonly signsOutAt: string | null;
  },
): Promise<Pick<Visit, 'visitor' | 'caller' | 'api'>> {
  const may = (name: string) => refuseCaller(caller, { name }) === null;
  return {
    visitor: {
      name: nameOf(caller),
      owner: caller.owner,
      scopes: caller.scopes ?? [],
      may,
      seesEvents: sendsEvents && may('listEvents'),
      formToken: await formTokenFor(secret),
      signsOutAt,
    },
    caller,
    api: createApiClient({
      handle: handleApi,
      origin: new URL(request.url).origin,
      visitor: caller,
    }),
  };
}

/** The name without the words that tell the audit how they signed in. */
function nameOf({ actor }: Manager): string {
  return actor === operator.actor
    ? 'Operator'
    : actor.replace(/^(?:operator:)?(?:person:|portal:)?/, '');
}
