/**
 * The visitor of the page: the operator, by a session, or a person who signed in at Cloudflare Access.
 *
 * The page has no rights of its own. A visit carries an API client that asks in the visitor's name,
 * with the same credentials that a program would send.
 */

import { ACCESS_HEADER } from '../../authenticate.ts';
import { type ApiClient, createApiClient } from '../api-client.ts';
import { formTokenFor } from './csrf.ts';
import type { EndedSessions } from './ended-sessions.ts';
import type { Session, Sessions } from './session.ts';

/** A person who is signed in. */
export interface Visitor {
  /** The name that the page shows for them. */
  readonly name: string;
  /** The owner whose keys they are limited to; `null`: they see all keys. */
  readonly owner: string | null;
  /** The token of their forms. */
  readonly formToken: string;
  /** The address at which they sign out; `null`: the page's own form. */
  readonly signsOutAt: string | null;
}

/** One request of a visitor. */
export interface Visit {
  readonly visitor: Visitor;
  readonly api: ApiClient;
  /** `null`: a person who signed in at Cloudflare Access. */
  readonly session: Session | null;
  /** A `Set-Cookie` value that continues the session; `null`: the cookie is recent enough. */
  readonly cookie: string | null;
}

/** A person, as their JWT describes them to the API. */
export interface Person {
  readonly name: string;
  /** `null`: every owner's keys. */
  readonly owner: string | null;
}

/** The parts that identify a visitor. */
export interface IdentifyOptions {
  /** `null`: there is no sign-in with it. */
  readonly adminToken: string | null;
  readonly sessions: Sessions | null;
  readonly endedSessions: EndedSessions;
  /** Handles a request to the management API. */
  readonly handleApi: (request: Request) => Promise<Response>;
  /** The person that a JWT of Cloudflare Access names; `null`: it is not valid. */
  readonly identifyPerson: (assertion: string) => Promise<Person | null>;
}

/**
 * Tells who made a request. `ended`: a visitor whose session is over; `unknown`: anybody. A session
 * takes precedence over Cloudflare Access: a person who signs in as the operator acts as the operator.
 */
export async function identify(
  options: IdentifyOptions,
  request: Request,
): Promise<Visit | 'ended' | 'unknown'> {
  const reading = await options.sessions?.read(request.headers.get('cookie'));
  const sessions = reading?.open ?? [];
  for (const session of sessions) {
    if (await options.endedSessions.isEnded(session.id)) continue;
    return visitOfOperator(options, request, session);
  }
  const assertion = request.headers.get(ACCESS_HEADER);
  const person = assertion === null ? null : await options.identifyPerson(assertion);
  if (assertion !== null && person !== null) {
    return visitOfPerson(options, request, assertion, person);
  }
  return sessions.length > 0 || reading?.hasEnded === true ? 'ended' : 'unknown';
}

async function visitOfOperator(
  options: IdentifyOptions,
  request: Request,
  session: Session,
): Promise<Visit> {
  return {
    visitor: {
      name: 'Operator',
      owner: null,
      formToken: await formTokenFor(session.id),
      signsOutAt: null,
    },
    api: createApiClient({
      handle: options.handleApi,
      origin: new URL(request.url).origin,
      headers: { Authorization: `Bearer ${options.adminToken}` },
    }),
    session,
    cookie: (await options.sessions?.continue(session)) ?? null,
  };
}

async function visitOfPerson(
  options: IdentifyOptions,
  request: Request,
  assertion: string,
  person: Person,
): Promise<Visit> {
  return {
    visitor: {
      ...person,
      formToken: await formTokenFor(assertion),
      // https://developers.cloudflare.com/cloudflare-one/identity/users/session-management/
      signsOutAt: '/cdn-cgi/access/logout',
    },
    api: createApiClient({
      handle: options.handleApi,
      origin: new URL(request.url).origin,
      headers: { [ACCESS_HEADER]: assertion },
    }),
    session: null,
    cookie: null,
  };
}
