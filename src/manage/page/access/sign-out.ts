/**
 * Signing out of a session.
 */

import { type Action, sessionsOf, showPortalNotice, withSetCookie } from './guards.tsx';
import { endOfSessionMs } from './session.ts';

/** Ends the session, for every copy of its cookie. */
export const signOut: Action = async ({ session, visitor }, _form, context) => {
  const { management, endedSessions, requestId } = context.env;
  if (visitor.portal !== undefined) {
    await management.portal?.store.end(visitor.portal.session.hash);
    management.log({ event: 'signed_out', requestId });
    return showPortalNotice(context, 'signed-out');
  }
  if (session !== null) await endedSessions.end(session.id, endOfSessionMs(session));
  management.log({ event: 'signed_out', requestId });
  const sessions = sessionsOf(context);
  const response = context.redirect('/_edge/sign-in?signed-out', 303);
  return sessions === null ? response : withSetCookie(response, sessions.cleared);
};
