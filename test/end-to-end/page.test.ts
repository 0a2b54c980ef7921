/**
 * The dashboard in a real Chromium, against the production bundle on bare workerd: the life of a key
 * from the dialog to its deletion, signing in and out, what other sites can send, every view through
 * axe, the keyboard alone, and no script at all.
 *
 * What needs no browser (headers, forged requests one by one, clocks) is in test/manage/page.
 */

import type { Locator, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import { LOCAL_SESSION_COOKIE } from '../../src/core/isolation/own-cookies.ts';
import { createSessions } from '../../src/manage/page/access/session.ts';
import { launchChromium, type TestBrowser } from '../support/node/chromium.ts';
import {
  closedAfterEach,
  type Dashboard,
  type DashboardOptions,
  examine,
  openDashboard,
  sharedByTests,
  walks,
} from '../support/node/dashboard.ts';
import { fillWorld } from '../support/node/fill-world.ts';
import { fetchFromPage, openPage, type Pages, servePages } from '../support/node/pages.ts';
import { startProxy } from '../support/node/proxy.ts';
import { type CreatedKey, type Edge, serveEdges } from '../support/node/serve-edge.ts';
import { startUpstream, type Upstream } from '../support/node/upstream-server.ts';
import { timeLeftInMinute } from '../support/time-left.ts';

let browser: TestBrowser;
let pages: Pages;
let upstream: Upstream;
let edge: Edge;
/** A second deployment, which gets something of everything. */
let world: Edge;
const dashboards = closedAfterEach();
const openList = sharedByTests(() => openDashboard(browser, edge));
const openListWithoutScript = sharedByTests(() =>
  openDashboard(browser, edge, { javaScriptEnabled: false }),
);
const openSignedOut = sharedByTests(() => openDashboard(browser, edge), { isSignedIn: false });

beforeAll(async () => {
  [browser, pages, upstream] = await Promise.all([launchChromium(), servePages(), startUpstream()]);
  ({ edge, world } = await serveEdges({
    edge: { upstreamUrl: upstream.url, vars: { USAGE_FLUSH_SECONDS: '1' } },
    world: { upstreamUrl: upstream.url },
  }));
});
afterAll(() => Promise.all([browser.close(), pages.dispose(), edge.dispose(), upstream.dispose()]));

async function open(options: DashboardOptions = {}): Promise<Dashboard> {
  const dashboard = await openDashboard(browser, edge, options);
  dashboards.push(dashboard);
  return dashboard;
}

/** Takes out the complaints that a test means to cause, and shows that they were made. */
function expectComplaints(dashboard: Dashboard, pattern: RegExp): void {
  expect(dashboard.complaints.join('\n')).toMatch(pattern);
  dashboard.complaints.length = 0;
}

/** The text that Chromium writes to the console for any answer of status 400 or above. */
const failedToLoad = (status: number) => new RegExp(`responded with a status of ${status} `);

/** A call with this token, as a backend makes it or as a browser on an origin would. */
async function call(
  token: string,
  origin?: string,
): Promise<{ status: number; code: string | null }> {
  const response = await fetch(`${edge.url}/api/asset/abc`, {
    headers: {
      Authorization: `Bearer ${token}`,
      ...(origin === undefined ? {} : { Origin: origin }),
    },
  });
  return { status: response.status, code: response.headers.get('X-Edge-Reason') };
}

const dialogOf = (page: Page): Locator => page.getByRole('dialog', { name: 'Create API key' });
const tokenOf = async (page: Page): Promise<string> =>
  (await page.locator('#token-value').innerText()).trim();

describe('the life of a key', () => {
  test('runs from the dialog to its deletion, as a cross-origin page experiences it', async () => {
    const dashboard = await openList();
    const { page } = dashboard;
    const app = await openPage(browser, `${pages.origins.app}/`);
    const fromApp = async (token: string) => {
      const headers = { Authorization: `Bearer ${token}` };
      const result = await fetchFromPage(app, `${edge.url}/api/asset/abc`, { headers });
      return result.error === null ? result.status : 'refused by the browser';
    };
    await expect(page.getByRole('heading', { name: 'No API keys yet' }).isVisible()).resolves.toBe(
      true,
    );

    // Made in the dialog, with an origin that is checked as it is added.
    await page.getByRole('link', { name: 'Create API key' }).click();
    const dialog = dialogOf(page);
    await dialog.getByLabel('Name').fill('Web player');
    const origin = dialog.getByRole('textbox', { name: 'Allowed origins' });
    await expect(origin.count()).resolves.toBe(0);
    await dialog.getByLabel('Allow CORS access').check();
    await origin.fill('app.localhost');
    await dialog.getByRole('button', { name: 'Add origin' }).click();
    await dialog.getByText('Cannot allow origin "app.localhost"').waitFor();
    await origin.fill(`${pages.origins.app.toUpperCase()}/`);
    await origin.press('Enter');
    await dialog.getByRole('button', { name: `Remove ${pages.origins.app}` }).waitFor();
    await dashboard.screenshot('create-dialog');
    await dialog.getByRole('button', { name: 'Create', exact: true }).click();

    const created = page.getByRole('dialog', { name: 'API key created' });
    await created.waitFor();
    const token = await tokenOf(page);
    expect(token).toMatch(/^ea_pk_/);
    // The examples are tabs, which the arrow keys choose.
    await created.getByText('write an id of yours in place of example-id').waitFor();
    const fetchText = await created.locator('#fetch-value').innerText();
    await created.getByRole('tab', { name: 'fetch' }).press('ArrowRight');
    await expect(created.locator('#fetch-value').isVisible()).resolves.toBe(false);
    const curlText = await created.getByRole('tabpanel', { name: 'curl' }).innerText();
    expect(curlText).toContain(`-H 'Authorization: Bearer ${token}'`);
    expect(curlText).toContain(`-H 'Origin: ${pages.origins.app}'`);
    await created.getByRole('tab', { name: 'curl' }).press('End');
    await created.getByText(`serverURL: '${edge.url}/api'`).waitFor();
    await created.getByText('Waiting for the first request').waitFor();
    await created.getByRole('button', { name: 'Copy the token' }).click();
    await created.getByText('Copied to the clipboard.').waitFor();
    await expect(page.evaluate(() => navigator.clipboard.readText())).resolves.toBe(token);
    await dashboard.screenshot('token');
    // The text for a page works as printed, on the origin that it names.
    expect(fetchText).toContain(`// In a page on ${pages.origins.app}`);
    await app.page.evaluate(async (text) => {
      const script = document.createElement('script');
      script.type = 'module';
      script.textContent = `${text}\n;document.title = String(response.status);`;
      document.head.append(script);
    }, fetchText);
    await app.page.waitForFunction(() => document.title === '200');
    await created.getByText('The first request has arrived.').waitFor();
    // A token is shown once, so that Escape does not take it away.
    await page.keyboard.press('Escape');
    await page.keyboard.press('Escape');
    await expect(created.isVisible()).resolves.toBe(true);
    await created.getByRole('link', { name: 'Done' }).click();
    const row = page.getByRole('row', { name: /Web player/ });
    await expect(row.innerText()).resolves.toMatch(/Restricted[\s\S]*Live/);
    await expect(page.content()).resolves.not.toContain(token);

    // Used by a page on its origin.
    await expect(fromApp(token)).resolves.toBe(200);

    // Its origin is replaced by another one: refused.
    await row.getByRole('link', { name: 'Web player' }).click();
    await page.getByRole('button', { name: `Remove ${pages.origins.app}` }).click();
    await page.getByRole('textbox', { name: 'Allowed origins' }).fill('https://other.example');
    await page.getByRole('button', { name: 'Save changes' }).click();
    await page.getByText('The changes are saved.').waitFor();
    await expect(fromApp(token)).resolves.toBe('refused by the browser');
    await expect(call(token, pages.origins.app)).resolves.toEqual({
      status: 403,
      code: 'origin_not_allowed',
    });

    // It shows up among the refused origins, and is allowed with one click.
    const { pathname } = new URL(page.url());
    const refusedOrigins = () =>
      edge.manage('GET', `${pathname.replace('/_edge', '')}/refused-origins`);
    await expect
      .poll(refusedOrigins, { timeout: 20_000, interval: 250 })
      .toMatchObject({ json: { origins: [{ origin: pages.origins.app }] } });
    await page.reload();
    await page.getByRole('button', { name: `Allow this origin ${pages.origins.app}` }).click();
    await page.getByText('The origin is allowed.').waitFor();
    await expect(page.getByText('Allowed now').isVisible()).resolves.toBe(true);
    await expect(fromApp(token)).resolves.toBe(200);

    // Disabled and enabled again.
    await page.getByRole('button', { name: 'Disable' }).click();
    await page.getByText('The key is disabled.').waitFor();
    await expect(call(token)).resolves.toEqual({ status: 401, code: 'invalid_key' });
    await page.getByRole('button', { name: 'Enable' }).click();
    await page.getByText('The key is enabled.').waitFor();
    await expect(call(token)).resolves.toMatchObject({ status: 200 });

    // Rolled without grace: the new token works, the old one does not.
    await page.getByLabel('Present token').selectOption('Stop the present token at once');
    await page.getByRole('button', { name: 'Roll the token' }).click();
    await page.getByRole('heading', { name: 'Token rolled' }).waitFor();
    const rolled = await tokenOf(page);
    expect(rolled).not.toBe(token);
    await expect(fromApp(rolled)).resolves.toBe(200);
    await expect(fromApp(token)).resolves.toBe(401);

    // Deleted by typing its name, and then refused.
    await page.getByRole('link', { name: 'Open the key' }).click();
    await page.getByLabel('Type Web player to confirm').fill('Web');
    await page.getByRole('button', { name: 'Delete this key' }).click();
    await page.getByText('The key was not deleted').waitFor();
    expectComplaints(dashboard, failedToLoad(422));
    await expect(page.locator(':focus').getAttribute('id')).resolves.toBe('confirmation');
    await dashboard.screenshot('delete-refused');
    await expect(call(rolled)).resolves.toMatchObject({ status: 200 });
    await page.getByLabel('Type Web player to confirm').fill('Web player');
    await page.getByRole('button', { name: 'Delete this key' }).click();
    await page.getByText('The key was deleted.').waitFor();
    await expect(fromApp(rolled)).resolves.toBe('refused by the browser');
    await expect(call(rolled)).resolves.toEqual({ status: 401, code: 'invalid_key' });

    // All of it is in the audit, newest first.
    await page.getByRole('link', { name: 'Audit' }).click();
    await expect(page.locator('tbody th').allInnerTexts()).resolves.toEqual([
      'Deleted',
      'Rolled',
      'Edited',
      'Edited',
      'Edited',
      'Edited',
      'Created',
    ]);
    await expect(page.locator('main').innerText()).resolves.toContain('https://other.example');
    await dashboard.screenshot('audit');
    await app.close();
  });
});

describe('signing in', () => {
  test('refuses another token, and stops guessing after ten attempts a minute', async () => {
    await timeLeftInMinute();
    const dashboard = await open();
    const { page } = dashboard;
    await dashboard.go('/_edge/keys/new');
    const attempt = async (token: string) => {
      await page.getByLabel('Admin token').fill(token);
      await page.getByRole('button', { name: 'Sign in' }).click();
    };
    await attempt('guess number 1 of a token of some length');
    await page.getByText('This is not an admin token.').waitFor();
    // The same form, without showing each answer.
    const answers = await page.evaluate(async () => {
      const form = document.querySelector<HTMLFormElement>('form[action="/_edge/sign-in"]');
      const texts: string[] = [];
      for (let count = 2; count <= 10; count += 1) {
        const fields = [...new FormData(form ?? undefined)];
        const body = new URLSearchParams(fields.map(([name, value]) => [name, String(value)]));
        body.set('token', `guess number ${count} of a token of some length`);
        const response = await fetch('/_edge/sign-in', { method: 'POST', body });
        texts.push(await response.text());
      }
      return texts;
    });
    expect(answers).toHaveLength(9);
    for (const answer of answers) expect(answer).toContain('This is not an admin token.');
    expectComplaints(dashboard, failedToLoad(403));
    await expect(dashboard.context.cookies()).resolves.toEqual([]);
    // The right one does not get through either, so that the refusal says nothing about it.
    await attempt(edge.adminToken);
    await page.getByText('Too many attempts to sign in.').waitFor();
    expectComplaints(dashboard, failedToLoad(429));

    // A person at another address signs in, and reaches the page that they asked for.
    const other = await open();
    await other.go('/_edge/keys/new');
    await other.page.getByLabel('Admin token').fill(edge.adminToken);
    await other.page.getByRole('button', { name: 'Sign in' }).click();
    await other.page.getByRole('heading', { name: 'Create API key' }).waitFor();
  });

  test('keeps the session in a cookie that no script can read and no other site sends', async () => {
    const { context, page } = await openList();
    const cookies = await context.cookies();
    expect(cookies).toHaveLength(1);
    expect(cookies[0]).toMatchObject({
      name: 'edge-session-local',
      path: '/_edge/',
      httpOnly: true,
      // Over http on this machine; WebKit would store no Secure cookie.
      secure: false,
      sameSite: 'Strict',
      expires: -1,
    });
    await expect(page.evaluate(() => document.cookie)).resolves.toBe('');
  });

  test('ends with signing out, for copies of the cookie as well', async () => {
    const dashboard = await openSignedOut();
    const { page, context } = dashboard;
    await dashboard.signIn();
    const copies = await context.cookies();
    await page.getByRole('button', { name: 'Sign out' }).click();
    await page.getByText('You are signed out.').waitFor();
    await expect(context.cookies()).resolves.toEqual([]);
    await context.addCookies(copies);
    await page.goto(`${edge.url}/_edge/audit`);
    await page.getByText('Your session has ended.').waitFor();
    await expect(page.getByLabel('Admin token').isVisible()).resolves.toBe(true);
  });

  const sessions = [
    ['half an hour after it was last used', 31 * 60 * 1000, 0],
    ['twelve hours after signing in, however much it is used', 0, 12 * 60 * 60 * 1000 + 1000],
  ] as const;
  test.each(sessions)('ends %s', async (_when, idleMs, ageMs) => {
    const dashboard = await openSignedOut();
    await addSession(dashboard, { idleMs, ageMs });
    await dashboard.go('/_edge/audit');
    await dashboard.page.getByText('Your session has ended.').waitFor();
    // And one that is a little younger does not.
    await addSession(dashboard, {
      idleMs: Math.max(0, idleMs - 2 * 60 * 1000),
      ageMs: Math.max(0, ageMs - 2 * 60 * 1000),
    });
    await dashboard.go('/_edge/audit');
    await dashboard.page.getByRole('heading', { name: 'Audit' }).waitFor();
  });

  test('comes back to a form that was open when the session ended', async () => {
    const dashboard = await openList();
    const { page, context } = dashboard;
    await page.getByRole('link', { name: 'Create API key' }).click();
    await dialogOf(page).getByLabel('Name').fill('Too late');
    await context.clearCookies();
    await dialogOf(page).getByRole('button', { name: 'Create', exact: true }).click();
    await page.getByText('Nothing was carried out yet').waitFor();
    await expect(edge.manage('GET', '/keys?search=Too+late')).resolves.toMatchObject({
      json: { keys: [] },
    });
    expectComplaints(dashboard, failedToLoad(403));
    await page.getByLabel('Admin token').fill(edge.adminToken);
    await page.getByRole('button', { name: 'Sign in' }).click();
    await page.getByText('What you typed is still here: Too late.').waitFor();
    await page.getByRole('button', { name: 'Create the key' }).click();
    await page.getByRole('heading', { name: 'API key created' }).waitFor();
  });

  test('says that the browser did not send the cookie back, and only then', async () => {
    // Stands for a browser that stores no cookie of this host.
    const proxy = await startProxy(edge.port, {
      response: (headers) => delete headers['set-cookie'],
    });
    const dashboard = await openDashboard(browser, { ...edge, url: proxy.url });
    dashboards.push(dashboard);
    const { page } = dashboard;
    const lost = page.getByText('your browser did not send the cookie of the session back');
    await dashboard.go('/_edge/audit');
    await expect(lost.isVisible()).resolves.toBe(false);
    await page.getByLabel('Admin token').fill(edge.adminToken);
    await page.getByRole('button', { name: 'Sign in' }).click();
    await lost.waitFor();
    await expect(page.getByText('over plain http').isVisible()).resolves.toBe(false);
    await page.reload();
    await expect(lost.isVisible()).resolves.toBe(false);
    await proxy.dispose();
  });

  test('is not asked for again when a link of another site leads here', async () => {
    const { page } = await openList();
    await page.goto(`${pages.origins.app}/`);
    await page.evaluate((url) => {
      const link = document.createElement('a');
      link.href = url;
      link.textContent = 'the dashboard';
      document.body.append(link);
    }, `${edge.url}/_edge/audit`);
    await page.getByRole('link', { name: 'the dashboard' }).click();
    await page.getByRole('heading', { name: 'Audit' }).waitFor();
  });
});

describe('another site', () => {
  test('cannot have anything done with the session of a visitor', async () => {
    const key = await edge.createKey({ name: 'Target of another site' });
    const dashboard = await openList(`/_edge/keys/${key.id}`);
    const { page } = dashboard;
    // The worst case: the other site knows the form, its token and the ETag.
    const fields = await page.evaluate(() => {
      const form = document.querySelector<HTMLFormElement>('form[action$="/disable"]');
      return [...new FormData(form ?? undefined)].map(([name, value]) => [name, String(value)]);
    });
    expect(fields.map(([name]) => name)).toEqual(['form_token', 'etag', 'was']);
    const action = `${edge.url}/_edge/keys/${key.id}/disable`;

    await page.goto(`${pages.origins.app}/`);
    await page.evaluate(
      ([action, fields]) => {
        const form = document.createElement('form');
        form.method = 'post';
        form.action = action;
        for (const [name = '', value = ''] of fields) {
          const input = document.createElement('input');
          input.type = 'hidden';
          input.name = name;
          input.value = value;
          form.append(input);
        }
        document.body.append(form);
        form.submit();
      },
      [action, fields] as const,
    );
    await page.getByRole('heading', { name: 'Not from this page' }).waitFor();
    expectComplaints(dashboard, failedToLoad(403));

    await page.goto(`${pages.origins.app}/`);
    await page.evaluate(
      async ([action, fields]) => {
        const body = new URLSearchParams(fields.map(([name = '', value = '']) => [name, value]));
        // Sent, and then kept from the page: whether it was refused has to be looked up.
        const init = { method: 'POST', body, mode: 'no-cors', credentials: 'include' } as const;
        await fetch(action, init).catch(() => {});
      },
      [action, fields] as const,
    );
    expectComplaints(dashboard, /ERR_BLOCKED_BY_RESPONSE\.NotSameOrigin/);
    await expect(edge.manage('GET', `/keys/${key.id}`)).resolves.toMatchObject({
      json: { enabled: true },
    });
  });

  test('cannot show the page in a frame', async () => {
    const dashboard = await openList();
    await dashboard.page.goto(`${pages.origins.app}/`);
    await dashboard.page.evaluate(async (url) => {
      const frame = document.createElement('iframe');
      frame.src = url;
      const isLoaded = new Promise((resolve) => frame.addEventListener('load', resolve));
      document.body.append(frame);
      await isLoaded;
    }, `${edge.url}/_edge/`);
    expectComplaints(dashboard, /frame-ancestors 'none'/);
  });
});

describe('the keyboard alone', () => {
  test('creates a key with an origin, and copies its token', async () => {
    const { page } = await openList();
    const { keyboard } = page;
    const focusedName = () =>
      page.evaluate(() => {
        const element = document.activeElement as HTMLInputElement;
        return element.labels?.[0]?.innerText ?? element.innerText;
      });
    /** Presses Tab until the control of this name has the focus. */
    const tabTo = async (name: string) => {
      for (let count = 0; count < 40; count += 1) {
        if ((await focusedName()).startsWith(name)) return;
        await keyboard.press('Tab');
      }
      throw new Error(`Cannot reach "${name}" with the Tab key`);
    };

    await keyboard.press('Tab');
    await expect(focusedName()).resolves.toBe('Skip to the content');
    await tabTo('Create API key');
    await keyboard.press('Enter');
    // The dialog opens with the focus in its first field.
    await expect(focusedName()).resolves.toBe('Name');
    await keyboard.type('Made by keyboard');
    await tabTo('Allow CORS access');
    await keyboard.press('Space');
    await tabTo('Allowed origins');
    await keyboard.type('https://keyboard.example');
    await keyboard.press('Enter');
    await page.getByRole('button', { name: 'Remove https://keyboard.example' }).waitFor();
    // Enter adds an origin and does not send the form; the focus stays for the next one.
    await expect(focusedName()).resolves.toBe('Allowed origins');
    await keyboard.type('https://second.example');
    await keyboard.press('Enter');
    await page.getByRole('button', { name: 'Remove https://second.example' }).waitFor();
    await tabTo('Remove');
    await keyboard.press('Enter');
    await page
      .getByRole('button', { name: 'Remove https://keyboard.example' })
      .waitFor({ state: 'detached' });
    // The focus moves to the next one, rather than to the top of the page.
    await expect(focusedName()).resolves.toBe('Remove');
    await tabTo('Create');
    await keyboard.press('Enter');
    await page.getByRole('dialog', { name: 'API key created' }).waitFor();
    await expect(focusedName()).resolves.toBe('API key created');
    const token = await tokenOf(page);
    await tabTo('Copy');
    await keyboard.press('Enter');
    await page.getByText('Copied to the clipboard.').waitFor();
    await expect(page.evaluate(() => navigator.clipboard.readText())).resolves.toBe(token);
    await tabTo('Done');
    await keyboard.press('Enter');
    const row = page.getByRole('row', { name: /Made by keyboard/ });
    await expect(row.innerText()).resolves.toContain('https://second.example');
    await expect(row.innerText()).resolves.not.toContain('https://keyboard.example');
  });

  test('adds pasted origins, and keeps invalid ones in the field', async () => {
    const { page } = await openList();
    await page.getByRole('link', { name: 'Create API key' }).click();
    const dialog = dialogOf(page);
    await dialog.getByLabel('Allow CORS access').check();
    const origins = dialog.getByRole('textbox', { name: 'Allowed origins' });
    await page.evaluate(() =>
      navigator.clipboard.writeText('https://a.example, https://b.example\nb.example'),
    );
    await origins.focus();
    await page.keyboard.press('Control+V');
    await dialog.getByText('Cannot allow origin "b.example"').waitFor();
    await expect(origins.inputValue()).resolves.toBe('b.example');
    for (const origin of ['https://a.example', 'https://b.example']) {
      await dialog.getByRole('button', { name: `Remove ${origin}` }).waitFor();
    }
  });

  test('writes rules with boxes for methods, and tries a request on them', async () => {
    const { page } = await openList();
    await page.getByRole('link', { name: 'Create API key' }).click();
    const dialog = dialogOf(page);
    await dialog.getByLabel('Name').fill('Ruled on the page');
    await dialog.getByLabel('Rules of its own').check();
    await dialog.getByRole('group', { name: 'Methods of rule 1' }).getByLabel('PATCH').check();
    const paths = dialog.getByRole('textbox', { name: 'Paths of rule 1' });
    await paths.fill('api/asset/:id');
    await dialog.getByText('Rule 1: It is not a path of plain segments').waitFor();
    await paths.fill('/api/asset/:id');
    await dialog.getByLabel('Try a request').fill('/api/asset/abc');
    await dialog.getByText('Rule 1 covers GET /api/asset/abc.').waitFor();
    await dialog.getByLabel('Method to try').selectOption('DELETE');
    await dialog.getByText('No rule covers DELETE /api/asset/abc').waitFor();
    await dialog.getByRole('button', { name: 'Add a rule' }).click();
    await dialog.getByRole('textbox', { name: 'Paths of rule 2' }).fill('/files/*');
    await dialog.getByRole('button', { name: 'Create', exact: true }).click();
    await page.getByRole('dialog', { name: 'API key created' }).waitFor();
    await expect(edge.manage('GET', '/keys?search=Ruled+on')).resolves.toMatchObject({
      json: {
        keys: [
          {
            access: {
              rules: [
                { methods: ['get', 'patch'], resources: ['/api/asset/:id'] },
                { methods: ['get'], resources: ['/files/*'] },
              ],
            },
          },
        ],
      },
    });
  });

  test('makes a key for backends when CORS access is unticked again', async () => {
    const { page } = await openList();
    await page.getByRole('link', { name: 'Create API key' }).click();
    const dialog = dialogOf(page);
    await dialog.getByLabel('Name').fill('On second thoughts');
    const box = dialog.getByLabel('Allow CORS access');
    await box.check();
    await dialog.getByRole('textbox', { name: 'Allowed origins' }).fill('https://a.example');
    await dialog.getByRole('button', { name: 'Add origin' }).click();
    await dialog.getByRole('button', { name: 'Remove https://a.example' }).waitFor();
    await dialog.getByLabel('Full API access').check();
    await box.uncheck();
    await dialog.getByRole('button', { name: 'Create', exact: true }).click();
    await page.getByRole('dialog', { name: 'API key created' }).waitFor();
    await expect(tokenOf(page)).resolves.toMatch(/^ea_sk_/);
  });

  test('leaves the dialog with Escape, and comes back to what opened it', async () => {
    const { page } = await openList();
    const opener = page.getByRole('link', { name: 'Create API key' });
    await opener.focus();
    await page.keyboard.press('Enter');
    await dialogOf(page).waitFor();
    await page.keyboard.press('Escape');
    await dialogOf(page).waitFor({ state: 'hidden' });
    await expect(opener.evaluate((link) => link === document.activeElement)).resolves.toBe(true);
  });
});

describe('without JavaScript', () => {
  test('a key is made, edited, rolled and deleted', async () => {
    const dashboard = await openListWithoutScript();
    const { page } = dashboard;
    await page.getByRole('link', { name: 'Create API key' }).click();
    await page.getByRole('heading', { level: 1, name: 'Create API key' }).waitFor();
    await page.getByLabel('Name').fill('Plain');
    // The box reveals the origins by style alone.
    await expect(page.getByLabel('Allowed origins').isVisible()).resolves.toBe(false);
    await page.getByLabel('Allow CORS access').check();
    await page.getByLabel('Allowed origins').fill('https://plain.example\nplain.example');
    await page.getByLabel('Expires').selectOption('In 30 days');
    await page.getByRole('button', { name: 'Create', exact: true }).click();
    // Refused with the reason at the field, and with all that was typed.
    await page.getByText('Cannot allow origin "plain.example"').waitFor();
    expectComplaints(dashboard, failedToLoad(422));
    await expect(page.getByLabel('Name').inputValue()).resolves.toBe('Plain');
    await expect(page.getByLabel('Allow CORS access').isChecked()).resolves.toBe(true);
    await expect(page.getByLabel('Expires').inputValue()).resolves.toBe('30');
    const origins = page.getByLabel('Allowed origins');
    await expect(origins.getAttribute('aria-invalid')).resolves.toBe('true');
    await expect(page.locator(':focus').getAttribute('id')).resolves.toBe('create-origins');
    await dashboard.screenshot('without-javascript');
    await origins.fill('https://plain.example');
    await page.getByRole('button', { name: 'Create', exact: true }).click();
    await page.getByRole('heading', { name: 'API key created' }).waitFor();
    const token = await tokenOf(page);
    await expect(call(token, 'https://plain.example')).resolves.toMatchObject({ status: 200 });

    await page.getByRole('link', { name: 'Open the key' }).click();
    await page.getByLabel('Name').fill('Plainer');
    await page.getByLabel('Allowed origins').fill('https://plainer.example');
    await page.getByRole('button', { name: 'Save changes' }).click();
    await page.getByText('The changes are saved.').waitFor();
    await expect(call(token, 'https://plain.example')).resolves.toMatchObject({ status: 403 });
    await page.getByRole('button', { name: 'Roll the token' }).click();
    await page.getByRole('heading', { name: 'Token rolled' }).waitFor();
    await expect(call(await tokenOf(page))).resolves.toMatchObject({ status: 200 });
    await page.getByRole('link', { name: 'Open the key' }).click();
    await page.getByLabel('Type Plainer to confirm').fill('Plainer');
    await page.getByRole('button', { name: 'Delete this key' }).click();
    await page.getByText('The key was deleted.').waitFor();
    await expect(call(token)).resolves.toMatchObject({ status: 401 });
  });
});

describe('a client token', () => {
  const clientTokens = { allowedOrigins: ['https://app.example'], maxTtlSeconds: 600 };

  // Without script the form is that of test/manage/page/mint.test.ts.
  const withScript = inject('isNightly') ? [true, false] : [true];
  test.each(withScript)('is minted by hand, with JavaScript: %s', async (javaScriptEnabled) => {
    const key = await edge.createKey({ name: 'Web backend', access: { clientTokens } });
    const openShared = javaScriptEnabled ? openList : openListWithoutScript;
    const dashboard = await openShared(`/_edge/keys/${key.id}`);
    const { page } = dashboard;
    const submit = page.getByRole('button', { name: 'Mint a client token' });
    await page.getByLabel('Lifetime in seconds').fill('601');
    await page.getByLabel('Visitor id').fill('two words');
    await submit.click();
    // Every problem at once, and the first field that has one has the focus.
    await page.getByText('No token was minted.').waitFor();
    expectComplaints(dashboard, failedToLoad(422));
    for (const name of ['Token of this key', 'Lifetime in seconds', 'Visitor id']) {
      await expect(page.getByLabel(name).getAttribute('aria-invalid')).resolves.toBe('true');
    }
    await expect(page.locator(':focus').getAttribute('id')).resolves.toBe('mint-api-key');

    await page.getByLabel('Token of this key').fill(key.token);
    await page.getByLabel('Lifetime in seconds').fill('60');
    await page.getByLabel('Visitor id').fill('visitor-1');
    await page.getByText('Narrow it further').click();
    await page.getByLabel('Origins of this token').fill('https://app.example');
    await page
      .getByRole('textbox', { name: javaScriptEnabled ? 'Paths of rule 1' : 'Rules' })
      .fill(javaScriptEnabled ? '/api/asset/abc' : 'GET /api/asset/abc');
    await submit.click();
    await page.getByRole('heading', { name: 'Client token minted' }).waitFor();
    const token = await tokenOf(page);
    expect(token).toMatch(/^ea_ct_/);
    await expect(call(token, 'https://app.example')).resolves.toMatchObject({ status: 200 });
    await expect(call(token, 'https://b.example')).resolves.toMatchObject({ status: 403 });
    if (javaScriptEnabled) {
      await page.getByRole('button', { name: 'Copy the client token' }).click();
      await page.getByText('Copied to the clipboard.').waitFor();
      await expect(page.evaluate(() => navigator.clipboard.readText())).resolves.toBe(token);
    }
    await page.getByRole('link', { name: 'Done' }).click();
    await page.getByRole('heading', { level: 1, name: 'Web backend' }).waitFor();
    await expect(page.content()).resolves.not.toContain(token);
  });
});

describe('a form', () => {
  test('sent twice makes one key, and shows the same token', async () => {
    const { page } = await openList('/_edge/keys/new');
    await page.getByLabel('Name').fill('Sent twice');
    await page.getByRole('button', { name: 'Create', exact: true }).click();
    await page.getByRole('heading', { name: 'API key created' }).waitFor();
    const token = await tokenOf(page);
    await page.reload();
    await page.getByRole('heading', { name: 'API key created' }).waitFor();
    await expect(tokenOf(page)).resolves.toBe(token);
    await page.goto(`${edge.url}/_edge/?q=sent+twice`);
    await expect(page.locator('tbody tr').count()).resolves.toBe(1);
  });

  test('that is sent after another operator has changed the key says what is different', async () => {
    const key = await edge.createKey({
      name: 'Shared',
      access: { cors: { allowedOrigins: ['https://one.example'] } },
    });
    const dashboard = await openList(`/_edge/keys/${key.id}`);
    const { page } = dashboard;
    await page.getByLabel('Name').fill('Renamed here');
    await edge.manage('PATCH', `/keys/${key.id}`, {
      access: { cors: { allowedOrigins: ['https://one.example', 'https://two.example'] } },
    });
    await page.getByRole('button', { name: 'Save changes' }).click();
    await page.getByText('somebody else has changed this key').waitFor(); // cspell:disable-line
    expectComplaints(dashboard, failedToLoad(412));
    await expect(page.getByRole('row', { name: /Allowed origins/ }).innerText()).resolves.toMatch(
      /https:\/\/one\.example\s+https:\/\/one\.example, https:\/\/two\.example/,
    );
    await dashboard.screenshot('changed-in-the-meantime');
    // Saved again, it changes what was changed here and keeps what was changed there.
    await expect(page.getByLabel('Name').inputValue()).resolves.toBe('Renamed here');
    await page.getByRole('button', { name: 'Save changes' }).click();
    await page.getByText('The changes are saved.').waitFor();
    await expect(edge.manage('GET', `/keys/${key.id}`)).resolves.toMatchObject({
      json: {
        name: 'Renamed here',
        access: { cors: { allowedOrigins: ['https://one.example', 'https://two.example'] } },
      },
    });
  });

  test('keeps the dialog open with the reason at the field, and what was typed', async () => {
    const dashboard = await openList();
    const { page } = dashboard;
    await page.getByRole('link', { name: 'Create API key' }).click();
    const dialog = dialogOf(page);
    await dialog.getByLabel('Name').fill('Without origins');
    await dialog.getByLabel('Allow CORS access').check();
    await dialog.getByRole('button', { name: 'Create', exact: true }).click();
    await dialog.getByText('needs at least one origin').waitFor();
    expectComplaints(dashboard, failedToLoad(422));
    const origins = dialog.getByRole('textbox', { name: 'Allowed origins' });
    await expect(origins.getAttribute('aria-invalid')).resolves.toBe('true');
    await expect(origins.evaluate((field) => field === document.activeElement)).resolves.toBe(true);
    // An origin that was typed and not added counts as well.
    await origins.fill('https://typed.example');
    await dialog.getByRole('button', { name: 'Create', exact: true }).click();
    await page.getByRole('dialog', { name: 'API key created' }).waitFor();
    await expect(edge.manage('GET', '/keys?search=Without+origins')).resolves.toMatchObject({
      json: { keys: [{ access: { cors: { allowedOrigins: ['https://typed.example'] } } }] },
    });
  });
});

describe('the list', () => {
  test('is searched by name and read page by page', async () => {
    for (let count = 1; count <= 27; count += 1) {
      await edge.createKey({ name: `Paged ${String(count).padStart(2, '0')}` });
    }
    const { page } = await openList();
    await page.getByLabel('Search keys by name').fill('paged');
    await page.getByRole('button', { name: 'Search' }).click();
    await page.waitForURL(/q=paged/);
    const names = () => page.locator('.key-name').allInnerTexts();
    const first = await names();
    expect(first).toHaveLength(25);
    expect(first[0]).toBe('Paged 27');
    await page.getByRole('link', { name: 'Next page' }).click();
    await page.waitForURL(/cursor=/);
    await expect(names()).resolves.toEqual(['Paged 02', 'Paged 01']);
    await expect(page.getByRole('link', { name: 'Next page' }).count()).resolves.toBe(0);
  });
});

describe('the layout of the list', () => {
  test('has one line for each key, and a menu that Escape closes', async () => {
    const key = await edge.createKey({
      name: 'A name that is much longer than the room that a row of the list has for a name '.repeat(
        2,
      ),
      owner: 'acct_'.padEnd(100, 'x'),
      access: { cors: { allowedOrigins: ['https://first.example', 'https://second.example'] } },
    });
    const { page } = await openList();
    for (const width of [768, 1280]) {
      await page.setViewportSize({ width, height: 800 });
      const heights = await page
        .locator('table.keys tbody tr')
        .evaluateAll((rows) => rows.map((row) => Math.round(row.getBoundingClientRect().height)));
      expect(Math.max(...heights), `at ${width} px`).toBeLessThanOrEqual(45);
    }
    const row = page.getByRole('row').filter({ has: page.locator(`a[href$="${key.id}"]`) });
    const menu = row.locator('summary');
    await menu.click();
    await row.getByRole('link', { name: 'Roll the token' }).waitFor();
    await page.keyboard.press('Escape');
    await row.getByRole('link', { name: 'Roll the token' }).waitFor({ state: 'hidden' });
    await expect(menu.evaluate((summary) => summary === document.activeElement)).resolves.toBe(
      true,
    );
    await menu.click();
    await row.getByRole('link', { name: 'Delete' }).click();
    await page.waitForURL(/#delete$/);
  });
});

/** Puts a session into the browser that was opened and last used so long ago. */
async function addSession(
  { context }: Dashboard,
  { idleMs, ageMs }: { idleMs: number; ageMs: number },
): Promise<void> {
  let nowMs = Date.now() - idleMs - ageMs;
  const sessions = createSessions({
    operators: {
      adminToken: edge.adminToken,
      adminTokens: [],
      sessionSecret: () => Promise.reject(new Error('no named operator signs in')),
    },
    url: edge.url,
    now: () => nowMs,
    fillRandom: (bytes) => crypto.getRandomValues(bytes),
  });
  let cookie = await sessions.open(null);
  // As a person who returns every twenty minutes.
  while (nowMs < Date.now() - idleMs - 20 * 60 * 1000) {
    nowMs += 20 * 60 * 1000;
    const { open } = await sessions.read(cookie);
    if (open[0] === undefined) break;
    cookie = (await sessions.continue(open[0])) ?? cookie;
  }
  const [, value = ''] = /=([^;]*)/.exec(cookie) ?? [];
  const domain = new URL(edge.url).hostname;
  await context.addCookies([
    {
      name: LOCAL_SESSION_COOKIE,
      value,
      domain,
      path: '/_edge/',
      sameSite: 'Strict',
      httpOnly: true,
    },
  ]);
}

/** Looks at the views of the second deployment. */
describe('every view', () => {
  let player: CreatedKey;
  let webBackend: CreatedKey;
  beforeAll(async () => {
    player = await fillWorld(world);
    const clientTokens = { allowedOrigins: ['https://app.example.com'] };
    webBackend = await world.createKey({ name: 'Web backend', access: { clientTokens } });
  });

  test.each(walks())('pleases axe and fits the window: $colorScheme, $size', async (walk) => {
    const dashboard = await openDashboard(browser, world, walk);
    dashboards.push(dashboard);
    const { page } = dashboard;
    const see = (name: string) => examine(dashboard, walk, name);

    await dashboard.go('/_edge/');
    await see('sign-in');
    await page.getByLabel('Admin token').fill('not the admin token');
    await page.getByRole('button', { name: 'Sign in' }).click();
    await page.getByText('This is not an admin token.').waitFor();
    await see('sign-in-refused');
    expectComplaints(dashboard, failedToLoad(403));

    await dashboard.signIn(world.adminToken);
    await see('list');
    await dashboard.go('/_edge/?q=nothing+has+this+name');
    await page.getByText('No key was found for “nothing has this name”.').waitFor();
    await see('list-without-matches');

    await page.getByRole('link', { name: 'Show all' }).click();
    await page.getByRole('link', { name: 'Create API key' }).click();
    const dialog = dialogOf(page);
    await dialog.getByLabel('Name').fill('Everything at once');
    await dialog.getByLabel('Allow CORS access').check();
    await dialog.getByLabel('Full API access').check();
    for (const origin of ['https://app.example.com', 'http://localhost:3000', '*', 'nonsense']) {
      await dialog.getByRole('textbox', { name: 'Allowed origins' }).fill(origin);
      await dialog.getByRole('button', { name: 'Add origin' }).click();
      await (origin === 'nonsense'
        ? dialog.getByText('Cannot allow origin "nonsense"')
        : dialog.getByRole('button', { name: `Remove ${origin}`, exact: true })
      ).waitFor();
    }
    await dialog.getByText('Origin "*" admits every website').waitFor();
    await dialog.getByText('is on the machine of whoever opens it').waitFor(); // cspell:disable-line
    await dialog.getByText('Which endpoints?').click();
    await dialog.getByText('GET, PATCH /api/stream/{id}').waitFor();
    await see('create');
    await dialog.getByLabel('Rules of its own').check();
    await dialog.getByRole('textbox', { name: 'Paths of rule 1' }).fill('/api/asset/:id /api/x');
    await dialog.getByLabel('Try a request').fill('/api/asset/abc');
    await dialog.getByText('Rule 1 covers GET /api/asset/abc.').waitFor();
    await see('create-rules');

    await dashboard.go('/_edge/keys/new');
    await see('create-page');
    await dashboard.go(`/_edge/keys/${player.id}`);
    await page.getByText('Figures by day and outcome').click();
    await page.locator('#settings').getByText('Which endpoints?').click();
    const chart = page.getByRole('img', { name: /requests in the last 30 days/ });
    await chart.press('ArrowLeft');
    await page
      .locator('[data-readout]')
      .getByText(/^\d{4}-\d\d-\d\d: allowed/)
      .waitFor();
    await see('key');
    const question = new URLSearchParams({
      method: 'GET',
      path: '/api/stream',
      origin: 'https://app.example.com',
    });
    await dashboard.go(`/_edge/keys/${player.id}?${question}`);
    await page.getByText('This request is refused.').waitFor();
    for (const summary of await page.locator('#explain summary').all()) await summary.click();
    await see('key-explained');
    await page.getByLabel('Path', { exact: true }).fill('api/stream');
    await page.getByRole('button', { name: 'Explain' }).click();
    await page.getByText('It does not begin with a slash.').waitFor();
    await page.getByLabel('Type Web player to confirm').fill('Web');
    await page.getByRole('button', { name: 'Delete this key' }).click();
    await page.getByText('The key was not deleted').waitFor();
    await see('key-not-deleted');
    expectComplaints(dashboard, failedToLoad(422));

    await dashboard.go('/_edge/');
    await page.getByLabel('State').selectOption('Revoked');
    await page.getByRole('button', { name: 'Search' }).click();
    await page.getByRole('cell', { name: /^Revoked .*(now|ago)$/ }).waitFor();
    await page.getByLabel('Actions for Trial').click();
    expect(await page.getByRole('list').getByRole('link').allTextContents()).toEqual([
      'Open',
      'Audit',
    ]);
    await see('list-revoked');
    await page.getByRole('link', { name: 'Open' }).click();
    await page.getByText('This key was revoked').waitFor();
    expect(await page.locator('main form').count()).toBe(0);
    await see('key-revoked');
    await dashboard.go(`/_edge/keys/${webBackend.id}`);
    await page.getByText('Narrow it further').click();
    await page.getByRole('textbox', { name: 'Paths of rule 1' }).fill('/api/webhook');
    await page.getByLabel('Texts for your API').fill('plan');
    await page.getByLabel('Visitor id').fill('two words');
    await page.getByRole('button', { name: 'Mint a client token' }).click();
    await page.getByText('No token was minted.').waitFor();
    await expect(page.locator(':focus').getAttribute('id')).resolves.toBe('mint-api-key');
    await see('key-not-minted');
    expectComplaints(dashboard, failedToLoad(422));
    await dashboard.go(`/_edge/keys/${webBackend.id}`);
    await page.getByLabel('Token of this key').fill(webBackend.token);
    await page.getByRole('button', { name: 'Mint a client token' }).click();
    await page.getByRole('heading', { name: 'Client token minted' }).waitFor();
    await see('minted');

    await dashboard.go('/_edge/overview');
    await see('overview');
    await dashboard.go('/_edge/audit');
    await see('audit');
    await dashboard.go('/_edge/keys/key_0000000000000000000000');
    await page.getByRole('heading', { name: 'Not found' }).waitFor();
    await see('no-such-key');
    expectComplaints(dashboard, failedToLoad(404));
  });
});
