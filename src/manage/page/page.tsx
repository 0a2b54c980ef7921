/**
 * The dashboard under `/_edge/`: shows what the management API answers, and sends it what people ask
 * for.
 *
 *     who is it? -> made by a page of ours? -> view or action
 *
 * This file holds the routes of the list and the audit; those of one key are in `key-routes.tsx`, and
 * `guards.tsx` lets people in. It is loaded with the first request for a page, so that the gateway
 * does not pay for it.
 */

import type { HonoBase } from 'hono/hono-base';
import { canonicalizeOriginPattern } from '../../core/origins/pattern.ts';
import { originWarnings } from '../../core/origins/warnings.ts';
import { DAY_MS, dayOf } from '../../usage/batch.ts';
import type { KeyDocument } from '../documents.ts';
import { createRouter } from '../router.ts';
import { createGuards } from './access/guards.tsx';
import { setSecurityHeaders } from './access/security-headers.ts';
import { NoticePage } from './access/sign-in.tsx';
import { mountSignIn } from './access/sign-in-routes.tsx';
import type { AuditDocument } from './api-client.ts';
import { AuditPage } from './audit.tsx';
import type { Dashboard } from './dashboard.ts';
import { mountKeyRoutes, newFormState } from './keys/key-routes.tsx';
import { LIST_CHART_DAYS, ListPage } from './keys/list.tsx';
import { ASSETS_PATH, assetResponse } from './parts/assets.ts';
import { linesOf, textOf } from './parts/form-data.ts';
import { toHtml } from './parts/layout.tsx';

const KEYS_PER_PAGE = 25;
const AUDIT_LINES_PER_PAGE = 50;

/**
 * Answers a request for a page; `null` where there is none of that address, or management is off. What fails inside is
 * logged here and answered as a page, because the person in front of it cannot read JSON.
 */
export async function servePage(dashboard: Dashboard, request: Request): Promise<Response | null> {
  const { adminToken, people } = dashboard.management;
  if (adminToken === null && people === null) return null;
  const response = await createPage(dashboard).fetch(request);
  return response.status === 404 && response.headers.has(NO_PAGE_HEADER) ? null : response;
}

/** Tells "there is no such page" from "there is no such key"; never sent. */
const NO_PAGE_HEADER = 'X-No-Page';

function createPage(dashboard: Dashboard): HonoBase {
  const { management } = dashboard;
  const guards = createGuards(dashboard);
  const page = createRouter();

  page.get(ASSETS_PATH, (context) => {
    return assetResponse(context.req.param('file')) ?? context.notFound();
  });

  page.use(async (context, next) => {
    await next();
    setSecurityHeaders(context.res.headers);
  });

  mountSignIn(page, guards, dashboard);
  mountKeyRoutes(page, guards, dashboard);

  page.get(
    '/_edge/',
    guards.view(async ({ visitor, api }, context) => {
      const query = new URL(context.req.url).searchParams;
      const search = query.get('q')?.trim() || null;
      const cursor = query.get('cursor') || null;
      const list = await api<{ keys: readonly KeyDocument[]; nextCursor: string | null }>({
        path: '/keys',
        query: { search, cursor, limit: String(KEYS_PER_PAGE) },
      });
      const nowMs = management.now();
      // What the API would not list is an empty page with its reason.
      const { keys, nextCursor } = list.ok ? list.document : { keys: [], nextCursor: null };
      const usage = await dashboard.usageOfKeys(
        keys.map(({ id }) => id),
        dayOf(nowMs - (LIST_CHART_DAYS - 1) * DAY_MS),
      );
      return context.html(
        toHtml(
          <ListPage
            visitor={visitor}
            query={{ search, cursor }}
            keys={keys}
            usage={usage}
            nextCursor={nextCursor}
            notice={
              query.has('deleted')
                ? 'The key was deleted. It stops working everywhere within seconds.'
                : null
            }
            failure={list.ok ? null : list.problem.detail}
            form={newFormState()}
            restrictedRoutes={management.restrictedRoutes}
            nowMs={nowMs}
          />,
        ),
        list.ok ? 200 : 422,
      );
    }),
  );

  page.get(
    '/_edge/audit',
    guards.view(async ({ visitor, api }, context) => {
      const query = new URL(context.req.url).searchParams;
      const keyId = query.get('keyId') || null;
      const audit = await api<{ entries: readonly AuditDocument[]; nextCursor: string | null }>({
        path: '/audit',
        query: { keyId, cursor: query.get('cursor'), limit: String(AUDIT_LINES_PER_PAGE) },
      });
      const entries = audit.ok ? audit.document.entries : [];
      return context.html(
        toHtml(
          <AuditPage
            visitor={visitor}
            entries={entries}
            livingKeys={
              await management.store.keys.livingAmong([
                ...new Set(entries.map((entry) => entry.keyId)),
              ])
            }
            nextCursor={audit.ok ? audit.document.nextCursor : null}
            keyId={keyId}
            failure={audit.ok ? null : audit.problem.detail}
            nowMs={management.now()}
          />,
        ),
        audit.ok ? 200 : 422,
      );
    }),
  );

  // Asked by the script for each origin that is typed, so that nobody has to send a form to learn
  // that it is none.
  page.post(
    '/_edge/origins',
    guards.action((_visit, form, context) => {
      const typed = textOf(form, 'origin');
      const result = typed === '' ? null : canonicalizeOriginPattern(typed);
      const patterns = linesOf(textOf(form, 'others')).flatMap((origin) => {
        const other = canonicalizeOriginPattern(origin);
        return other.ok ? [other.pattern] : [];
      });
      const pattern = result?.ok ? result.pattern : null;
      const all = pattern === null ? patterns : [...new Set([...patterns, pattern])];
      return context.json({
        pattern,
        problem: result === null || result.ok ? null : result.problem,
        warnings: originWarnings(all),
      });
    }),
  );

  page.notFound((context) => context.body(null, 404, { [NO_PAGE_HEADER]: '1' }));

  page.onError((error, context) => {
    management.log({
      event: 'page_failed',
      requestId: dashboard.requestId,
      error: error.stack ?? error.message,
    });
    return context.html(
      toHtml(
        <NoticePage title="Something went wrong">
          The page cannot be shown at the moment, and it is not known whether a change was made.
          Look at the key, and try again shortly. The log has the reason under request{' '}
          <code>{dashboard.requestId}</code>.
        </NoticePage>,
      ),
      500,
    );
  });
  return page;
}
