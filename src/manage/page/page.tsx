/**
 * The dashboard under `/_edge/`: shows what the management API answers, and sends it what people ask
 * for.
 *
 *     who is it? -> made by a page of ours? -> view or action
 *
 * This file is the list of its addresses. Each handler is in the file of its action, and `guards.tsx`
 * decides who gets in. The file is loaded with the first request for a page, so that the gateway does
 * not pay for it. The router is built then, once per isolate.
 */

import type { HonoBase } from 'hono/hono-base';
import { hasManagers } from '../../config/config.ts';
import { createRouter } from '../router.ts';
import { action, hasSignIn, type PageHandler, view } from './access/guards.tsx';
import { setSecurityHeaders } from './access/security-headers.ts';
import { showSignIn, signIn } from './access/sign-in.tsx';
import { signOut } from './access/sign-out.ts';
import { showAudit } from './audit.tsx';
import type { Dashboard, PageContext } from './dashboard.ts';
import { showEvents } from './events/events.tsx';
import { replayEvent } from './events/replay.tsx';
import { allowOrigin } from './keys/allow-origin.tsx';
import { checkOrigin } from './keys/check-origin.ts';
import { checkRulesText } from './keys/check-rules.ts';
import { setClientTokens, signOutEveryone } from './keys/client-tokens.tsx';
import { create, showCreateForm } from './keys/create.tsx';
import { edit } from './keys/edit.tsx';
import { showFirstRequest } from './keys/first-request.ts';
import { showList } from './keys/list.tsx';
import { mint } from './keys/mint.tsx';
import { remove } from './keys/remove.tsx';
import { roll } from './keys/roll.tsx';
import { onKey, showKey } from './keys/show.tsx';
import { disable, enable, suspend, unsuspend } from './keys/state.tsx';
import { showOverview } from './overview.tsx';
import { assetPaths, assetResponse } from './parts/assets.ts';
import { NoticePage } from './parts/notice-page.tsx';
import { pageResponse } from './parts/respond.ts';
import { showLink, useLink } from './portal/link.tsx';
import { servePortalStyle } from './portal/look.ts';
import { leavingPortal } from './portal/session.ts';

type Route = readonly [method: 'GET' | 'POST', path: string, handler: PageHandler];

/** Every page and action. The first that fits a request answers it. */
const routes: readonly Route[] = [
  ['GET', '/_edge/', view('listKeys', showList)],
  ['GET', '/_edge/overview', view('listKeys', showOverview)],
  ['GET', '/_edge/audit', view('listAudit', showAudit)],
  ['GET', '/_edge/events', view('listEvents', showEvents)],
  ['POST', '/_edge/events/:id/replay', action('replayEvent', replayEvent)],
  ['POST', '/_edge/sign-out', action(null, signOut)],
  ['POST', '/_edge/origins', action(null, checkOrigin)],
  ['POST', '/_edge/rules', action(null, checkRulesText)],
  ['GET', '/_edge/keys/new', view('createKey', showCreateForm)],
  ['POST', '/_edge/keys', action('createKey', create)],
  ['GET', '/_edge/keys/:id', view('getKey', showKey)],
  ['POST', '/_edge/keys/:id', action('editKey', onKey(edit))],
  ['GET', '/_edge/keys/:id/first-request', view('getUsage', showFirstRequest)],
  ['POST', '/_edge/keys/:id/enable', action('editKey', onKey(enable))],
  ['POST', '/_edge/keys/:id/disable', action('editKey', onKey(disable))],
  ['POST', '/_edge/keys/:id/suspend', action('editKey', onKey(suspend))],
  ['POST', '/_edge/keys/:id/unsuspend', action('editKey', onKey(unsuspend))],
  ['POST', '/_edge/keys/:id/allow-origin', action('editKey', onKey(allowOrigin))],
  ['POST', '/_edge/keys/:id/client-tokens', action('editKey', onKey(setClientTokens))],
  ['POST', '/_edge/keys/:id/mint', action('getKey', onKey(mint))],
  ['POST', '/_edge/keys/:id/sign-out-everyone', action('editKey', onKey(signOutEveryone))],
  ['POST', '/_edge/keys/:id/roll', action('rollKey', onKey(roll))],
  ['POST', '/_edge/keys/:id/delete', action('revokeKey', onKey(remove))],
];

/** The addresses for operators with a token. Without any, there is no sign-in. */
const signInRoutes: readonly Route[] = [
  ['GET', '/_edge/sign-in', showSignIn],
  ['POST', '/_edge/sign-in', leavingPortal(signIn)],
];

/** The addresses of links for customers. Without a portal, nothing is there. */
const portalRoutes: readonly Route[] = [
  ['GET', '/_edge/portal/:secret', showLink],
  ['POST', '/_edge/portal', useLink],
  ['GET', '/_edge/assets/:file{portal\\.[0-9a-f]{8}\\.css}', servePortalStyle],
];

const operatorPage = createPage([...signInRoutes, ...portalRoutes, ...routes]);
const peoplePage = createPage([...portalRoutes, ...routes]);

/**
 * Answers a request for a page; `null` if there is no page at that address, or management is off. A
 * failure is logged here and answered as a page, because people do not read JSON.
 */
export async function servePage(dashboard: Dashboard, request: Request): Promise<Response | null> {
  if (!hasManagers(dashboard.management)) return null;
  const page = hasSignIn(dashboard.management) ? operatorPage : peoplePage;
  const method = request.method === 'HEAD' ? 'GET' : request.method;
  const [found] = page.router.match(method, page.getPath(request));
  return found.length === 0 ? null : page.fetch(request, dashboard);
}

function createPage(ownRoutes: readonly Route[]): HonoBase<{ Bindings: Dashboard }> {
  const page = createRouter<{ Bindings: Dashboard }>();
  for (const [asset, path] of assetPaths) {
    page.get(path, (context) => assetResponse(asset, context.req.param('file') ?? ''));
  }
  for (const [method, path, handler] of ownRoutes) {
    page.on(
      method,
      path,
      async (context, next) => {
        await next();
        setSecurityHeaders(context.res.headers);
      },
      handler,
    );
  }
  page.onError(showFailure);
  return page;
}

function showFailure(error: Error, context: PageContext): Response {
  const { management, requestId } = context.env;
  management.log({ event: 'page_failed', requestId, error: error.stack ?? error.message });
  return pageResponse(
    <NoticePage title="Something went wrong">
      The page cannot be shown at the moment, and it is not known whether a change was made. Look at
      the key, and try again shortly. The log has the reason under request <code>{requestId}</code>.
    </NoticePage>,
    500,
  );
}
