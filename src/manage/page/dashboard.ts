/**
 * The parts of the page.
 */

import type { Context } from 'hono';
import type { DailyUsage } from '../../usage/d1.ts';
import type { Manager } from '../authenticate.ts';
import type { Management } from '../operation.ts';
import type { EndedSessions } from './access/ended-sessions.ts';
import type { SignInLimiter } from './access/sign-in-limit.ts';

/** The parts of the page beside management itself, one set per isolate. */
export interface DashboardParts {
  readonly endedSessions: EndedSessions;
  /** The secret that sessions of named operators depend on. Rejects if D1 cannot be reached. */
  readonly sessionSecret: () => Promise<string>;
  readonly signInLimiter: SignInLimiter;
  /** `API_URL`; `null` if it is not set. */
  readonly apiUrl: string | null;
  /** `true` if the page has a host of its own, which forwards nothing. */
  readonly hasOwnHost: boolean;
  /** The usage of several keys since a day, YYYY-MM-DD, by key, for the list. */
  readonly usageOfKeys: (
    keyIds: readonly string[],
    sinceDay: string,
  ) => Promise<ReadonlyMap<string, readonly DailyUsage[]>>;
}

/** The parts of the page, with those of one request. */
export interface Dashboard extends DashboardParts {
  readonly management: Management;
  /** Handles a request to the management API in this isolate, in a visitor's name. */
  readonly handleApi: (request: Request, visitor: Manager) => Promise<Response>;
  readonly requestId: string;
}

/** One request for a page, as its handlers see it. `env` is the dashboard. */
export type PageContext = Context<{ Bindings: Dashboard }>;
