/**
 * The portal in a real Chromium, against the production bundle: from a link on the provider's site to the
 * keys of one owner and back.
 */

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { launchChromium, type TestBrowser } from '../support/node/chromium.ts';
import {
  closedAfterEach,
  type Dashboard,
  type DashboardOptions,
  examine,
  hiddenPixels,
  openDashboard,
  sharedByTests,
  walks,
} from '../support/node/dashboard.ts';
import { type Pages, servePages } from '../support/node/pages.ts';
import { type Edge, serveEdge } from '../support/node/serve-edge.ts';
import { startUpstream, type Upstream } from '../support/node/upstream-server.ts';

// One pixel.
const logo =
  'data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8/5+hHgAHggJ/PchI7wAAAABJRU5ErkJggg==';

let browser: TestBrowser;
let pages: Pages;
let upstream: Upstream;
let edge: Edge;
let returnUrl: string;
const dashboards = closedAfterEach();
const openShared = sharedByTests(() => openDashboard(browser, edge), { isSignedIn: false });

beforeAll(async () => {
  [browser, pages, upstream] = await Promise.all([launchChromium(), servePages(), startUpstream()]);
  returnUrl = `${pages.origins.app}/account`;
  edge = await serveEdge({
    upstreamUrl: upstream.url,
    vars: {
      PORTAL_RETURN_URLS: returnUrl,
      PORTAL_NAME: 'Acme Video',
      PORTAL_LOGO: logo,
      PORTAL_ACCENT_COLOR: '#0a7f5a',
      PORTAL_BAR_COLOR: '#12372a',
    },
  });
  await edge.createKey({ name: 'Key of the customer', owner: 'acct_1' });
  await edge.createKey({ name: 'Key of another', owner: 'acct_2' });
});
afterAll(() => Promise.all([browser.close(), pages.dispose(), edge.dispose(), upstream.dispose()]));
async function open(options: DashboardOptions = {}): Promise<Dashboard> {
  const dashboard = await openDashboard(browser, edge, options);
  dashboards.push(dashboard);
  return dashboard;
}

async function makeLink(document: object = {}): Promise<string> {
  const body = { owner: 'acct_1', returnUrl, ...document };
  const { json } = await edge.manage('POST', '/portal-sessions', body);
  return String((json as { url: string }).url);
}

/** Follows a link on a page of the provider's site. */
async function follow({ page }: Dashboard, url: string): Promise<void> {
  await page.goto(returnUrl);
  await page.evaluate((href) => {
    const link = document.createElement('a');
    link.href = href;
    link.textContent = 'My API keys';
    document.body.append(link);
  }, url);
  await page.getByRole('link', { name: 'My API keys' }).click();
}

/** Chromium writes this for any answer of status 400 or above. */
function expectComplaint(dashboard: Dashboard, status: number): void {
  expect(dashboard.complaints.join()).toContain(`responded with a status of ${status} `);
  dashboard.complaints.length = 0;
}

describe('a link on another origin', () => {
  test('opens the page for its owner, and leads back', async () => {
    const url = await makeLink();
    // What looks at a link before the customer does.
    for (const method of ['HEAD', 'GET', 'GET']) {
      expect((await fetch(url, { method })).status).toBe(200);
    }
    const dashboard = await openShared();
    const { page } = dashboard;
    await follow(dashboard, url);
    await page.getByText('You are about to open the API keys of acct_1').waitFor();
    // It waits for the button, whatever scripts run.
    await page.waitForLoadState('networkidle');
    expect(page.url()).toBe(url);
    await page.getByRole('button', { name: 'Continue' }).click();
    await page.getByRole('link', { name: 'Key of the customer' }).waitFor();
    expect(new URL(page.url()).pathname).toBe('/_edge/');
    await expect(page.getByText('Key of another').count()).resolves.toBe(0);
    const width = page
      .locator('img.logo')
      .evaluate((image: HTMLImageElement) => image.naturalWidth);
    await expect(width).resolves.toBe(1);
    await expect(page.evaluate(() => document.referrer)).resolves.toBe('');

    // The session holds while the customer works, and when a link of the site leads here again.
    await page.getByRole('link', { name: 'Create API key' }).click();
    const dialog = page.getByRole('dialog', { name: 'Create API key' });
    await dialog.getByLabel('Name').fill('Made in the portal');
    await expect(dialog.getByLabel('Owner').count()).resolves.toBe(0);
    await dialog.getByRole('button', { name: 'Create', exact: true }).click();
    await page.getByRole('dialog', { name: 'API key created' }).waitFor();
    await follow(dashboard, `${edge.url}/_edge/`);
    await page.getByRole('link', { name: 'Made in the portal' }).waitFor();

    await page.getByRole('link', { name: `Back to ${new URL(returnUrl).host}` }).click();
    expect(page.url()).toBe(returnUrl);
    await expect(page.evaluate(() => document.referrer)).resolves.toBe('');
  });

  test('opens the page without JavaScript', async () => {
    const dashboard = await open({ javaScriptEnabled: false });
    await dashboard.go(new URL(await makeLink()).pathname);
    await dashboard.page.getByRole('button', { name: 'Continue' }).click();
    await dashboard.page.getByRole('link', { name: 'Key of the customer' }).waitFor();
  });

  test('opens nothing a second time, in this browser and in another, and leads back', async () => {
    const url = await makeLink();
    const [first, second] = [await openShared(), await open()];
    await follow(first, url);
    await first.page.getByRole('button', { name: 'Continue' }).click();
    await first.page.getByRole('heading', { level: 1, name: 'API keys' }).waitFor();
    for (const dashboard of [first, second]) {
      await follow(dashboard, url);
      await dashboard.page.getByRole('heading', { name: 'This link was used already' }).waitFor();
      expectComplaint(dashboard, 410);
      await dashboard.page.getByRole('link', { name: /^Back to / }).click();
      expect(dashboard.page.url()).toBe(returnUrl);
    }
  });

  test('opens the page after a double click on the button', async () => {
    const dashboard = await openShared();
    await follow(dashboard, await makeLink());
    await dashboard.page.getByRole('button', { name: 'Continue' }).dblclick();
    await dashboard.page.getByRole('link', { name: 'Key of the customer' }).waitFor();
  });

  test('is not used by a page of another site that knows it', async () => {
    const url = await makeLink();
    const dashboard = await openShared();
    const { page } = dashboard;
    await page.goto(returnUrl);
    await page.evaluate(
      ([action, link]) => {
        const form = document.createElement('form');
        form.method = 'post';
        form.action = action;
        const input = document.createElement('input');
        input.name = 'link';
        input.value = link;
        form.append(input);
        document.body.append(form);
        form.submit();
      },
      [`${edge.url}/_edge/portal`, url.split('/').at(-1) ?? ''] as const,
    );
    await page.getByRole('heading', { name: 'Not from this page' }).waitFor();
    expectComplaint(dashboard, 403);
    // Nor shown in a frame, where a customer could be made to press the button.
    await page.goto(returnUrl);
    await page.evaluate(async (src) => {
      const frame = document.createElement('iframe');
      frame.src = src;
      const isLoaded = new Promise((resolve) => frame.addEventListener('load', resolve));
      document.body.append(frame);
      await isLoaded;
    }, url);
    expect(dashboard.complaints.join()).toContain("frame-ancestors 'none'");
    dashboard.complaints.length = 0;
    await follow(dashboard, url);
    await page.getByRole('button', { name: 'Continue' }).waitFor();
  });
});

describe('every page of the portal', () => {
  test.each(['small', 'tablet'] as const)(
    'fits the window with an owner that is one long word: %s',
    async (size) => {
      const { page, go } = await open({ size });
      await go(new URL(await makeLink({ owner: `auth0|${'5f7c8ec7'.repeat(15)}` })).pathname);
      await page.getByRole('button', { name: 'Continue' }).click();
      await page.getByRole('heading', { level: 1, name: 'API keys' }).waitFor();
      expect(await hiddenPixels(page)).toBe(0);
    },
  );

  test.each(walks())('pleases axe and fits the window: $colorScheme, $size', async (walk) => {
    const dashboard = await open(walk);
    const { page } = dashboard;
    const see = (name: string) => examine(dashboard, walk, `portal-${name}`);
    const url = await makeLink();
    await dashboard.go(new URL(url).pathname);
    await see('link');
    await page.getByRole('button', { name: 'Continue' }).click();
    await page.getByRole('heading', { level: 1, name: 'API keys' }).waitFor();
    await see('list');
    await dashboard.go('/_edge/overview');
    await see('overview');
    await page.getByRole('button', { name: 'Sign out' }).click();
    await page.getByRole('heading', { name: 'You are signed out' }).waitFor();
    await see('signed-out');
    await dashboard.go('/_edge/');
    await page.getByRole('heading', { name: 'Your session has ended' }).waitFor();
    expectComplaint(dashboard, 403);
    await see('ended');
  });
});
