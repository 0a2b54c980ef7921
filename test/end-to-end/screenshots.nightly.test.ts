/**
 * Every state of the page, in light and dark and at three widths: axe finds nothing serious in any of them,
 * the page fits the window, and a picture of it is in `test-output/screenshots`.
 *
 * A new state is one line of `states`. `npm run screenshots` runs this file alone.
 */

import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { hashToken } from '../../src/core/key/token.ts';
import { makeOperatorToken } from '../../src/core/operators/operator-tokens.ts';
import { projectRoot } from '../support/node/build-bundle.ts';
import { launchChromium, type TestBrowser } from '../support/node/chromium.ts';
import { axeFindings, type Dashboard, openDashboard, sizes } from '../support/node/dashboard.ts';
import { fillWorld } from '../support/node/fill-world.ts';
import { type CreatedKey, type Edge, serveEdge } from '../support/node/serve-edge.ts';
import { startUpstream, type Upstream } from '../support/node/upstream-server.ts';

/** The deployments that states are of. */
interface Worlds {
  /** Some weeks old, with everything in it. */
  readonly filled: Edge;
  /** Just deployed. */
  readonly empty: Edge;
  /** Without the address of an API. */
  readonly unconfigured: Edge;
  /** Without tables in its database. */
  readonly unmigrated: Edge;
  /** Without a way to sign in. */
  readonly unmanaged: Edge;
  /** With a setting that cannot be read. */
  readonly misconfigured: Edge;
  /** With a database that lost a table. */
  readonly broken: Edge;
}

/** A state of the page, and how to get there. `page` signs in first, unless the state says otherwise. */
interface State {
  readonly name: string;
  readonly world: keyof Worlds;
  /** The visitor who signs in; `null`: there is no sign-in. Default: the operator. */
  readonly as?: 'operator' | 'reader' | null;
  readonly show: (dashboard: Dashboard) => Promise<void>;
}

let worlds: Worlds;
let player: CreatedKey;
let readToken: string;

const to = (path: string) => (dashboard: Dashboard) => dashboard.go(path);
const toKey =
  (more = '') =>
  (dashboard: Dashboard) =>
    dashboard.go(`/_edge/keys/${player.id}${more}`);

/** All states, in the order in which they run: the lists before what adds to them. */
const states: readonly State[] = [
  { name: 'host', world: 'filled', as: null, show: to('/') },
  { name: 'sign-in', world: 'filled', as: null, show: to('/_edge/sign-in') },
  { name: 'sign-in-failed', world: 'filled', as: null, show: signInWrongly },
  { name: 'error-codes', world: 'filled', as: null, show: to('/_edge/errors') },
  { name: 'not-found-signed-out', world: 'filled', as: null, show: to('/_edge/nothing') },
  { name: 'list', world: 'filled', show: to('/_edge/') },
  { name: 'list-filtered', world: 'filled', show: to('/_edge/?state=live&access=restricted') },
  { name: 'list-no-result', world: 'filled', show: to('/_edge/?q=nothing-of-this-name') },
  { name: 'create', world: 'filled', show: to('/_edge/keys/new') },
  { name: 'create-problems', world: 'filled', show: createWithProblems },
  { name: 'key-created', world: 'filled', show: createKey },
  { name: 'key', world: 'filled', show: toKey() },
  { name: 'key-24h', world: 'filled', show: toKey('?period=24h') },
  { name: 'key-edit-problems', world: 'filled', show: editWithProblems },
  { name: 'key-explained', world: 'filled', show: toKey('?method=GET&path=/api/stream#explain') },
  { name: 'overview', world: 'filled', show: to('/_edge/overview') },
  { name: 'overview-24h', world: 'filled', show: to('/_edge/overview?period=24h') },
  { name: 'overview-owner', world: 'filled', show: to('/_edge/overview?owner=acct_1&period=30d') },
  { name: 'overview-value', world: 'filled', show: readChart },
  { name: 'events', world: 'filled', show: to('/_edge/events') },
  { name: 'audit', world: 'filled', show: to('/_edge/audit') },
  { name: 'audit-empty', world: 'filled', show: to(`/_edge/audit?keyId=key_${'0'.repeat(22)}`) },
  { name: 'not-found', world: 'filled', show: to(`/_edge/keys/key_${'0'.repeat(22)}`) },
  { name: 'forbidden', world: 'filled', as: 'reader', show: to('/_edge/keys/new') },
  { name: 'session-ended', world: 'filled', show: endSession },
  { name: 'session-ended-form', world: 'filled', show: sendAfterTheEnd },
  { name: 'list-empty', world: 'empty', show: to('/_edge/') },
  { name: 'overview-empty', world: 'empty', show: to('/_edge/overview') },
  { name: 'key-unused', world: 'empty', show: showUnusedKey },
  { name: 'setup-upstream', world: 'unconfigured', as: null, show: to('/') },
  { name: 'setup-schema', world: 'unmigrated', as: null, show: to('/_edge/') },
  { name: 'setup-sign-in', world: 'unmanaged', as: null, show: to('/_edge/') },
  { name: 'unavailable', world: 'misconfigured', as: null, show: to('/_edge/') },
  { name: 'failure', world: 'broken', show: to('/_edge/audit') },
];

const widths = ['phone', 'tablet', 'wide'] as const;
const looks = (['light', 'dark'] as const).flatMap((colorScheme) =>
  widths.map((size) => ({ colorScheme, size })),
);

let browser: TestBrowser;
let upstream: Upstream;
let dashboard: Dashboard | null = null;

beforeAll(async () => {
  readToken = makeOperatorToken((bytes) => crypto.getRandomValues(bytes));
  const reader = { name: 'reader', sha256: await hashToken(readToken), scopes: ['read'] };
  [browser, upstream] = await Promise.all([launchChromium(), startUpstream()]);
  const upstreamUrl = upstream.url;
  const [filled, empty, unconfigured, unmigrated, unmanaged, misconfigured, broken] =
    await Promise.all([
      serveEdge({ upstreamUrl, vars: { ADMIN_TOKENS: JSON.stringify([reader]) } }),
      serveEdge({ upstreamUrl }),
      serveEdge({}),
      serveEdge({ upstreamUrl }),
      serveEdge({ upstreamUrl, adminToken: null }),
      serveEdge({ upstreamUrl, vars: { KEEP_WARM_SECONDS: 'often' } }),
      serveEdge({ upstreamUrl }),
    ]);
  worlds = { filled, empty, unconfigured, unmigrated, unmanaged, misconfigured, broken };
  player = await fillWorld(filled);
  await addIdleKeys(filled);
  await dropTables(unmigrated);
  const db = await broken.db();
  await db.exec('DROP TABLE audit');
  console.log(`Screenshots: ${join(projectRoot, 'test-output/screenshots')}`);
}, 300_000);
afterAll(async () => {
  await Promise.all(Object.values(worlds).map((world: Edge) => world.dispose()));
  await Promise.all([browser.close(), upstream.dispose()]);
});
afterEach(async () => {
  await dashboard?.close();
  dashboard = null;
});

test.each(states)('the state $name', async ({ name, world, as = 'operator', show }) => {
  dashboard = await openDashboard(browser, worlds[world], { withAxe: true });
  const { page } = dashboard;
  page.setDefaultTimeout(20_000);
  if (as === 'operator') await dashboard.signIn();
  if (as === 'reader') await dashboard.signIn(readToken);
  await show(dashboard);
  for (const { colorScheme, size } of looks) {
    await page.emulateMedia({ colorScheme });
    await page.setViewportSize(sizes[size]);
    await dashboard.screenshot(`${name}-${colorScheme}-${size}`);
    expect.soft(await axeFindings(page), `${colorScheme} ${size}`).toEqual([]);
    const isTooWide = await page.evaluate(
      () => document.documentElement.scrollWidth > document.documentElement.clientWidth,
    );
    expect.soft(isTooWide, `${size}: scrolls sideways`).toBe(false);
  }
  // Each has a title, a heading, and the name of the product.
  expect(await page.title()).not.toBe('');
  expect(await page.getByRole('heading', { level: 1 }).count()).toBe(1);
  expect(await page.getByText('edge-authorizer').count()).toBeGreaterThan(0);
});

async function signInWrongly({ page, go }: Dashboard): Promise<void> {
  await go('/_edge/sign-in');
  await page.getByLabel('Admin token').fill('not-the-admin-token-of-this-deployment');
  await page.getByRole('button', { name: 'Sign in' }).click();
  await page.getByRole('alert').waitFor();
}

async function createWithProblems({ page, go }: Dashboard): Promise<void> {
  await go('/_edge/keys/new');
  await page.getByLabel('Name').fill(' ');
  await page.getByRole('button', { name: 'Create', exact: true }).click();
  await page.waitForLoadState();
}

async function createKey({ page, go }: Dashboard): Promise<void> {
  await go('/_edge/keys/new');
  await page.getByLabel('Name').fill('Shop window');
  await page.getByRole('button', { name: 'Create', exact: true }).click();
  await page.getByText('Waiting for the first request').waitFor();
}

async function editWithProblems(dashboard: Dashboard): Promise<void> {
  await toKey()(dashboard);
  const { page } = dashboard;
  await page.locator('#settings').getByLabel('Name').fill('x'.repeat(300));
  await page.getByRole('button', { name: 'Save changes' }).click();
  await page.waitForLoadState();
}

async function readChart({ page, go }: Dashboard): Promise<void> {
  await go('/_edge/overview?period=30d');
  await page.getByText('Figures by day and outcome').click();
  await page.getByRole('img', { name: /requests in the last 30 days/ }).press('ArrowLeft');
  await page
    .locator('[data-readout]')
    .getByText(/allowed/)
    .waitFor();
}

/** Signs out elsewhere, and comes back with the cookie from before. */
async function endSession({ context, page, go }: Dashboard): Promise<void> {
  const cookies = await context.cookies();
  await page.getByRole('button', { name: 'Sign out' }).click();
  await page.getByLabel('Admin token').waitFor();
  await context.addCookies(cookies);
  await go('/_edge/');
}

async function sendAfterTheEnd(dashboard: Dashboard): Promise<void> {
  const { context, page, go } = dashboard;
  const other = await context.newPage();
  await go('/_edge/keys/new');
  await page.getByLabel('Name').fill('Typed before the session ended');
  await other.goto(page.url());
  await other.getByRole('button', { name: 'Sign out' }).click();
  await other.getByLabel('Admin token').waitFor();
  await other.close();
  await page.getByRole('button', { name: 'Create', exact: true }).click();
  await page.getByLabel('Admin token').waitFor();
}

async function showUnusedKey(dashboard: Dashboard): Promise<void> {
  const { keys } = (await worlds.empty.manage('GET', '/keys')).json as { keys: CreatedKey[] };
  const key = keys[0] ?? (await worlds.empty.createKey({ name: 'First key' }));
  await dashboard.go(`/_edge/keys/${key.id}`);
}

/** Keys for the overview: one that ends soon, and two that are not used. */
async function addIdleKeys(world: Edge): Promise<void> {
  const dayMs = 24 * 60 * 60 * 1000;
  const expiresAt = new Date(Date.now() + 12 * dayMs).toISOString();
  await world.createKey({ name: 'Trade fair', owner: 'acct_2', expiresAt });
  for (const [name, usedDaysAgo] of [
    ['Import of 2025', 80],
    ['Never rolled out', null],
  ] as const) {
    const { id } = await world.createKey({ name, owner: 'acct_1' });
    const db = await world.db();
    await db
      .prepare('UPDATE keys SET created_at_ms = ?, last_used_at_ms = ? WHERE id = ?')
      .bind(
        Date.now() - 100 * dayMs,
        usedDaysAgo === null ? null : Date.now() - usedDaysAgo * dayMs,
        id,
      )
      .run();
  }
}

async function dropTables(edge: Edge): Promise<void> {
  const db = await edge.db();
  const { results } = await db
    .prepare(
      "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE '\\_cf%' ESCAPE '\\' AND name NOT LIKE 'sqlite%'",
    )
    .all<{ name: string }>();
  await db.batch([
    db.prepare('PRAGMA defer_foreign_keys = true'),
    ...results.map(({ name }) => db.prepare(`DROP TABLE "${name}"`)),
  ]);
}
