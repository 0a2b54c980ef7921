/** Named operators and events on the page, in a real Chromium: with and without script, through axe. */

import { afterAll, beforeAll, expect, test } from 'vitest';
import { hashToken } from '../../src/core/key/token.ts';
import { makeOperatorToken } from '../../src/core/operators/operator-tokens.ts';
import { launchChromium, type TestBrowser } from '../support/node/chromium.ts';
import {
  closedAfterEach,
  examine,
  hiddenPixels,
  openDashboard,
  sharedByTests,
  walks,
} from '../support/node/dashboard.ts';
import { type CreatedKey, type Edge, serveEdge } from '../support/node/serve-edge.ts';

const newToken = () => makeOperatorToken((bytes) => void crypto.getRandomValues(bytes));
const tokens = { read: newToken(), keys: newToken(), everything: newToken() };
const names = { read: 'grafana', keys: 'ci', everything: 'alice@example.com' } as const;

let browser: TestBrowser;
let edge: Edge;
let key: CreatedKey;
const dashboards = closedAfterEach();
/** As the operator who may do everything. */
const openWithoutScript = sharedByTests(() =>
  openDashboard(browser, { ...edge, adminToken: tokens.everything }, { javaScriptEnabled: false }),
);

beforeAll(async () => {
  const entries = Object.entries(tokens).map(async ([scope, token]) => ({
    name: names[scope as keyof typeof names],
    sha256: await hashToken(token),
    scopes: [scope],
  }));
  [browser, edge] = await Promise.all([
    launchChromium(),
    serveEdge({
      upstreamUrl: 'http://127.0.0.1:9',
      vars: {
        ADMIN_TOKENS: JSON.stringify(await Promise.all(entries)),
        // Nothing listens there.
        EVENTS_URL: 'http://127.0.0.1:9/hook',
        EVENTS_SECRET: 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw',
        EVENTS_TO_LOOPBACK: 'true',
      },
    }),
  ]);
  key = await edge.createKey({
    name: 'Web player of the Stockholm studio',
    access: {
      cors: { allowedOrigins: ['https://app.example.com', 'https://staging.example.com'] },
    },
  });
  await edge.createKey({ name: 'Nightly export' });
  await edge.manage('PATCH', `/keys/${key.id}`, { name: 'Web player' });
  await edge.manage('PATCH', `/keys/${key.id}`, { name: 'Web player of the studio' });
  // What a day without a receiver leaves behind.
  const db = await edge.db();
  await db
    .prepare(
      `UPDATE events SET state = 'failed', attempts = 12, failure = 'the receiver answered 503',
                         due_at_ms = NULL, due_since_ms = NULL, ended_at_ms = at_ms
        WHERE key_id = ?1 AND number = 1`,
    )
    .bind(key.id)
    .run();
});
afterAll(() => Promise.all([browser.close(), edge.dispose()]));

test('a named operator signs in without script, changes a key, and the audit names them', async () => {
  const { page } = await openWithoutScript();
  await page.getByText('alice@example.com (everything)').waitFor();
  await page.goto(`${edge.url}/_edge/keys/${key.id}`);
  await page.getByRole('button', { name: 'Disable' }).click();
  await page.getByText('The key is disabled.').waitFor();
  await page.getByRole('button', { name: 'Enable' }).click();
  await page.getByText('The key is enabled.').waitFor();
  await page.getByRole('link', { name: 'Audit', exact: true }).last().click();
  await page.getByText('operator:alice@example.com').first().waitFor();
});

test('a name that is one long word widens no table', async () => {
  const long = await edge.createKey({ name: 'W'.repeat(200) });
  await edge.manage('PATCH', `/keys/${long.id}`, { name: 'M'.repeat(200) });
  const { page } = await openWithoutScript('/_edge/audit');
  for (const path of ['/_edge/audit', `/_edge/events?state=all&keyId=${long.id}`]) {
    await page.goto(edge.url + path);
    await page.getByText('MMM').first().waitFor();
    expect.soft(await hiddenPixels(page), path).toBe(0);
  }
});

test('an event that was given up is sent again without script, from the page of its key', async () => {
  const { page } = await openWithoutScript(`/_edge/keys/${key.id}`);
  await page.getByRole('main').getByRole('link', { name: 'Events' }).click();
  await page.getByText('The receiver answered 503. 12 attempts.').waitFor();
  await page.getByLabel('State').selectOption('Given up');
  await page.getByRole('button', { name: 'Show', exact: true }).click();
  await page.getByRole('button', { name: /^Send again/ }).click();
  await page.getByText('The event waits to be sent again.').waitFor();
  await page.getByText('No event was given up.').waitFor();
  const db = await edge.db();
  await db
    .prepare(
      `UPDATE events SET state = 'failed', attempts = 12, failure = 'the receiver answered 503',
                         due_at_ms = NULL, due_since_ms = NULL, ended_at_ms = at_ms
        WHERE key_id = ?1 AND number = 1`,
    )
    .bind(key.id)
    .run();
});

test.each(walks())(
  'events and what an operator sees please axe and fit: $colorScheme, $size',
  async (walk) => {
    const dashboard = await openDashboard(browser, edge, walk);
    dashboards.push(dashboard);
    for (const [scope, views] of [
      [
        'everything',
        { events: '/_edge/events', 'events-of-key': `/_edge/events?state=all&keyId=${key.id}` },
      ],
      [
        'read',
        {
          'key-read': `/_edge/keys/${key.id}`,
          'list-read': '/_edge/',
          'events-read': '/_edge/events',
        },
      ],
      ['keys', { refused: '/_edge/audit' }],
    ] as const) {
      await dashboard.context.clearCookies();
      await dashboard.signIn(tokens[scope]);
      for (const [name, path] of Object.entries(views)) {
        await dashboard.go(path);
        await examine(dashboard, walk, name);
      }
      // Chromium reports the refusal that is shown.
      if (scope === 'keys') dashboard.complaints.length = 0;
    }
  },
);
