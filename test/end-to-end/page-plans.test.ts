/**
 * Plans of keys on the page in a real Chromium: with the script and without it, through axe, and in every
 * window. What needs no browser is in test/manage/page/plans.test.ts.
 */

import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import { launchChromium, type TestBrowser } from '../support/node/chromium.ts';
import {
  closedAfterEach,
  type Dashboard,
  examine,
  openDashboard,
  sharedByTests,
  walks,
} from '../support/node/dashboard.ts';
import { type Edge, serveEdge } from '../support/node/serve-edge.ts';
import { startUpstream, type Upstream } from '../support/node/upstream-server.ts';

let browser: TestBrowser;
let upstream: Upstream;
let edge: Edge;
const dashboards = closedAfterEach();
const openList = sharedByTests(() => openDashboard(browser, edge));
const openListWithoutScript = sharedByTests(() =>
  openDashboard(browser, edge, { javaScriptEnabled: false }),
);

beforeAll(async () => {
  [browser, upstream] = await Promise.all([launchChromium(), startUpstream()]);
  edge = await serveEdge({
    upstreamUrl: upstream.url,
    limitersPerMinute: { LIMITER_PRO: 1000 },
    vars: {
      LIMITERS: JSON.stringify([{ name: 'pro', binding: 'LIMITER_PRO', limit: '1000/60' }]),
    },
  });
});
afterAll(() => Promise.all([browser.close(), edge.dispose(), upstream.dispose()]));

/** Takes out the complaint of Chromium about a form that was refused. */
function expectRefusal(dashboard: Dashboard): void {
  expect(dashboard.complaints.join('\n')).toMatch(/responded with a status of 422 /);
  dashboard.complaints.length = 0;
}

const readKey = async (name: string) => {
  const { json } = await edge.manage('GET', `/keys?${new URLSearchParams({ search: name })}`);
  return (json as { keys: Record<string, unknown>[] }).keys[0];
};

describe.each([true, false])('with the script: %s, the forms', (javaScriptEnabled) => {
  const name = javaScriptEnabled ? 'Planned with script' : 'Planned without script';
  const openShared = javaScriptEnabled ? openList : openListWithoutScript;

  test('create a key with a plan, show each problem at its field, and edit it', async () => {
    const dashboard = await openShared();
    const { page } = dashboard;
    await page.getByRole('link', { name: 'Create API key' }).click();
    const form = page.locator('#create-content form');
    await form.getByLabel('Name', { exact: true }).fill(name);
    await expect(form.getByLabel('Tags').isVisible()).resolves.toBe(false);
    await form.getByText('Limits, addresses and metadata').click();
    await form.getByLabel('Rate limit').selectOption('pro');
    await form.getByLabel('The limit counts').selectOption('Each client address');
    await form.getByLabel('Quota of requests').fill('none');
    await form.getByLabel('Addresses').fill('192.0.2.0/24\n10.0.0.0/33, 2001:db8::/32');
    await form.getByLabel('Member 1 of the metadata').fill('plan');
    await form.getByLabel('Text 1 of the metadata').fill('pro');
    await form.getByLabel('Member 2 of the metadata').fill('plan');
    await form.getByLabel('Text 2 of the metadata').fill('free');
    await form.getByLabel('Tags').fill('beta\nlate riser');
    await form.getByRole('button', { name: 'Create', exact: true }).click();

    await form.getByText('Line 2 "10.0.0.0/33": its prefix is longer').waitFor();
    expectRefusal(dashboard);
    await form.getByText('Another row has the name "plan" as well').waitFor();
    await form.getByText('a number of requests, such as 100000').waitFor();
    await expect(page.locator(':focus').getAttribute('id')).resolves.toBe('create-quota');
    await form.getByLabel('Quota of requests').fill('100 000');
    await form.getByLabel('Addresses').fill('192.0.2.0/24 2001:db8::/32');
    await form.getByLabel('Member 2 of the metadata').fill('team');
    await form.getByRole('button', { name: 'Create', exact: true }).click();
    await page.getByRole('heading', { name: 'API key created' }).waitFor();
    await expect(readKey(name)).resolves.toMatchObject({
      limit: 'pro',
      limitBy: 'address',
      quota: { requests: 100_000, period: 'month' },
      access: { addresses: ['192.0.2.0/24', '2001:db8::/32'] },
      meta: { plan: 'pro', team: 'free' },
      tags: ['beta', 'late riser'],
    });

    const { id } = (await readKey(name)) as { id: string };
    await dashboard.go(`/_edge/keys/${id}`);
    const settings = page.locator('#settings');
    await settings.getByText('Limits, addresses and metadata').click();
    // A row for each text, and two to spare. The script adds more.
    await settings.getByLabel('Member 3 of the metadata').fill('third');
    await settings.getByLabel('Text 3 of the metadata').fill('3');
    await settings.getByLabel('Member 4 of the metadata').fill('fourth');
    if (javaScriptEnabled) {
      await settings.getByRole('button', { name: 'Add a row' }).click();
      await page.keyboard.type('fifth');
      await settings.getByLabel('Text 5 of the metadata').fill('5');
    } else {
      await expect(settings.getByRole('button', { name: 'Add a row' }).count()).resolves.toBe(0);
    }
    await settings.getByLabel('Text 1 of the metadata').fill('');
    await settings.getByLabel('Member 1 of the metadata').fill('');
    await settings.getByRole('button', { name: 'Save changes' }).click();
    await page.getByText('The changes are saved.').waitFor();
    expect((await readKey(name))?.['meta']).toEqual({
      team: 'free',
      third: '3',
      fourth: '',
      ...(javaScriptEnabled ? { fifth: '5' } : {}),
    });
    await page.getByRole('link', { name: 'third=3' }).click();
    await page.getByRole('link', { name, exact: true }).waitFor();
    await page.getByRole('link', { name: 'Remove third=3' }).waitFor();
  });

  if (!javaScriptEnabled && !inject('isNightly')) return;
  // Without script they are those of test/manage/page/client-tokens.test.ts.
  test('say what client tokens may do', async () => {
    const key = await edge.createKey({ name: `Backend ${name}` });
    const dashboard = await openShared(`/_edge/keys/${key.id}`);
    const { page } = dashboard;
    const panel = page.locator('#client-tokens-panel');
    await panel.getByLabel('Origins of pages').fill('https://app.example.com');
    await panel.getByText('What client tokens may do at most').click();
    await panel.getByLabel('Rules of their own').check();
    await panel.getByLabel('Rules of client tokens').fill('GET /api/asset/:id');
    await panel.getByLabel('Longest lifetime').fill('7200');
    await panel.getByRole('button', { name: 'Allow client tokens' }).click();
    await panel.getByText('It is longer than an hour').waitFor();
    expectRefusal(dashboard);
    await expect(panel.getByLabel('Rules of client tokens').inputValue()).resolves.toBe(
      'GET /api/asset/:id',
    );
    await panel.getByLabel('Longest lifetime').fill('60');
    await panel.getByLabel('End connections at the expiry').uncheck();
    await panel.getByRole('button', { name: 'Allow client tokens' }).click();
    await page.getByText('The changes are saved.').waitFor();
    const { json } = await edge.manage('GET', `/keys/${key.id}`);
    expect(json).toMatchObject({
      access: {
        clientTokens: {
          rules: [{ methods: ['get'], resources: ['/api/asset/:id'] }],
          maxTtlSeconds: 60,
          originOptional: false,
          endConnectionsAtExpiry: false,
        },
      },
    });
  });
});

test('rules of client tokens that the box hides are withdrawn with it', async () => {
  const { page } = await openList();
  await page.getByRole('link', { name: 'Create API key' }).click();
  const dialog = page.getByRole('dialog', { name: 'Create API key' });
  await dialog.getByLabel('Name', { exact: true }).fill('On second thoughts');
  const box = dialog.getByLabel('Allow client tokens');
  await box.check();
  await dialog.getByText('What client tokens may do at most').click();
  await dialog.getByLabel('Rules of their own').check();
  await dialog.getByLabel('Rules of client tokens').fill('GET /a');
  await box.uncheck();
  await dialog.getByRole('button', { name: 'Create', exact: true }).click();
  await page.getByRole('dialog', { name: 'API key created' }).waitFor();
  expect(await readKey('On second thoughts')).toMatchObject({ access: null });
});

describe('every part of a plan', () => {
  test.each(walks())('pleases axe and fits the window: $colorScheme, $size', async (walk) => {
    const key = await edge.createKey({
      name: 'Web backend',
      owner: 'acct_1',
      limit: 'pro',
      limitBy: 'owner',
      quota: { requests: 100_000, period: 'day' },
      meta: { plan: 'pro', team: `player-${'x'.repeat(60)}` },
      tags: ['beta', 'late riser'],
      access: {
        addresses: ['203.0.113.0/24', '2001:db8:0:ffff::/64', '192.0.2.1', '198.51.100.0/24'],
        clientTokens: { allowedOrigins: ['https://app.example.com'], maxTtlSeconds: 120 },
      },
    });
    const dashboard = await openDashboard(browser, edge, walk);
    dashboards.push(dashboard);
    await dashboard.signIn();
    const { page } = dashboard;
    const see = (name: string) => examine(dashboard, walk, name);
    await dashboard.go('/_edge/keys/new');
    await see('plan-create-folded');
    await page.getByLabel('Name', { exact: true }).fill('Too much');
    await page.getByText('Limits, addresses and metadata').click();
    await page.getByLabel('Addresses').fill('office\n203.0.113.0/24');
    await page.getByLabel('Quota of requests').fill('0');
    await page.getByLabel('Member 1 of the metadata').fill('a b');
    await page.getByLabel('Allow client tokens').check();
    await page.getByText('What client tokens may do at most').click();
    await page.getByLabel('Longest lifetime').fill('0');
    await page.getByRole('button', { name: 'Create', exact: true }).click();
    await page.getByText('Line 1 "office"').waitFor();
    expectRefusal(dashboard);
    await see('plan-create-refused');
    await dashboard.go(`/_edge/keys/${key.id}?method=GET&path=/api/x&address=192.0.2.9`);
    await page.getByText('This request is refused.').waitFor();
    await page.getByText('Limits, addresses and metadata').click();
    await page.getByText('4 blocks').click();
    await see('plan-key');
    await dashboard.go('/_edge/?tag=beta&meta.plan=pro');
    await see('plan-list');
    await dashboard.go(`/_edge/?tag=${'t'.repeat(64)}&meta.plan=${'v'.repeat(200)}`);
    await see('plan-list-long');
    const removal = await page.getByRole('link', { name: /^Remove plan/ }).boundingBox();
    expect(removal?.height).toBeLessThan(30);
  });
});
