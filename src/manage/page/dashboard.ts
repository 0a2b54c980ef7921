/**
 * What the page is made of.
 */

import type { Context } from 'hono';
import type { DailyUsage } from '../../usage/d1.ts';
import type { Management } from '../operation.ts';
import type { EndedSessions } from './access/ended-sessions.ts';
import type { SignInLimiter } from './access/sign-in-limit.ts';

/** The parts of the page beside management itself. One isolate has one. */
export interface DashboardParts {
  readonly endedSessions: EndedSessions;
  readonly signInLimiter: SignInLimiter;
  /** Usage of several keys from a day on, YYYY-MM-DD, by key, for the list. */
  readonly usageOfKeys: (
    keyIds: readonly string[],
    sinceDay: string,
  ) => Promise<ReadonlyMap<string, readonly DailyUsage[]>>;
}

/** What the page is made of, with the parts of one request. */
export interface Dashboard extends DashboardParts {
  readonly management: Management;
  /** Handles a request to the management API, in this isolate. */
  readonly handleApi: (request: Request) => Promise<Response>;
  readonly requestId: string;
}

/** One request for a page, as its handlers see it. `env` is the dashboard. */
export type PageContext = Context<{ Bindings: Dashboard }>;
