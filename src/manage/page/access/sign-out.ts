/**
 * Signing out of a session.
 */

import { type Action, sessionsOf, withSetCookie } from './guards.tsx';
import { endOfSessionMs } from './session.ts';

/** Ends the session, for every copy of its cookie. */
export const signOut: Action = async ({ session }, _form, context) => {
  const { management, endedSessions, requestId } = context.env;
  if (session !== null) await endedSessions.end(session.id, endOfSessionMs(session));
  management.log({ event: 'signed_out', requestId });
  const sessions = sessionsOf(context);
  const response = context.redirect('/_edge/sign-in?signed-out', 303);
  return sessions === null ? response : withSetCookie(response, sessions.cleared);
};
