/**
 * The experience of pages and people in three engines: the cross-origin contract, and the life of a key on
 * the page. The differences that docs/clients.md lists are asserted here.
 */

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  type Engine,
  type EngineName,
  type EnginePage,
  engineNames,
  startEngine,
} from '../support/node/engines.ts';
import { type Pages, servePages } from '../support/node/pages.ts';
import { type CreatedKey, type Edge, serveEdge } from '../support/node/serve-edge.ts';
import { echo, reply } from '../support/node/upstream-answers.ts';
import { startUpstream, type Upstream } from '../support/node/upstream-server.ts';

let pages: Pages;
let upstream: Upstream;
let edge: Edge;
/** By the name that the table gives them. */
const keys: Record<string, CreatedKey> = {};

beforeAll(async () => {
  [pages, upstream] = await Promise.all([servePages(), startUpstream()]);
  edge = await serveEdge({ upstreamUrl: upstream.url });
  const { app, admin } = pages.origins;
  keys['restricted'] = await edge.createKey(aCorsKey([app]));
  keys['full'] = await edge.createKey(aCorsKey([app], { fullAccess: true }));
  keys['of another origin'] = await edge.createKey(aCorsKey([admin]));
  keys['backend'] = await edge.createKey({ name: 'backend' });
});
afterAll(() => Promise.all([pages.dispose(), edge.dispose(), upstream.dispose()]));

const aCorsKey = (allowedOrigins: string[], more: object = {}) => ({
  name: 'a key of a page',
  access: { cors: { allowedOrigins, ...more } },
});

/** One row: what a script of a page asks for, and what it sees. */
interface Row {
  readonly title: string;
  readonly key?: string;
  readonly path?: string;
  readonly init?: RequestInit;
  /** Default: `app`, which the restricted key lists. */
  readonly from?: 'app' | 'localhost';
  /** The status and code that the script can read; `blocked` if the browser keeps the answer. */
  readonly sees: readonly [status: number, code: string | null] | 'blocked';
}

const rows: readonly Row[] = [
  { title: 'no key', sees: [401, 'missing_credentials'] },
  { title: 'a backend key', key: 'backend', sees: [403, 'cors_not_enabled'] },
  { title: 'a key of another origin', key: 'of another origin', sees: [403, 'origin_not_allowed'] },
  {
    title: 'a route that the key may not call',
    key: 'restricted',
    path: '/api/webhook',
    sees: [403, 'route_not_allowed'],
  },
  { title: 'an origin that no key lists', key: 'restricted', from: 'localhost', sees: 'blocked' },
  {
    title: 'credentials: "include", because a grant never allows credentials',
    key: 'restricted',
    init: { credentials: 'include' },
    sees: 'blocked',
  },
  {
    title: 'a lower-case "patch", which fetch sends as it is',
    key: 'full',
    init: { method: 'patch', body: '{}' },
    sees: 'blocked',
  },
  { title: 'GET', key: 'restricted', sees: [200, null] },
  {
    title: 'POST with JSON, after a preflight',
    key: 'restricted',
    path: '/api/stream',
    init: { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: '{"name":"a"}' },
    sees: [200, null],
  },
  {
    title: 'PATCH in capitals',
    key: 'restricted',
    path: '/api/stream/abc',
    init: { method: 'PATCH', headers: { 'Content-Type': 'application/json' }, body: '{}' },
    sees: [200, null],
  },
  {
    title: "PUT and a header of one's own, with full access",
    key: 'full',
    path: '/anything',
    init: { method: 'PUT', headers: { 'X-Of-Mine': '1' }, body: 'text' },
    sees: [200, null],
  },
];

const patiently = { timeout: 20_000, interval: 200 };

/** The messages of an engine about a response that CORS keeps from the page. */
const failures: Record<EngineName, { ofFetch: string; inConsole: RegExp | null }> = {
  chromium: { ofFetch: 'Failed to fetch', inConsole: /has been blocked by CORS policy/ },
  firefox: {
    ofFetch: 'NetworkError when attempting to fetch resource.',
    inConsole: /^Cross-Origin Request Blocked: The Same Origin Policy disallows reading/,
  },
  // WebDriver does not report the console.
  webkit: { ofFetch: 'Load failed', inConsole: null },
};

describe.each(engineNames)('%s', (name) => {
  let engine: Engine | null;
  beforeAll(async () => {
    engine = await startEngine(name);
    console.log(`${name}: ${engine?.version ?? 'not found, so nothing is tried with it'}`);
  }, 120_000);
  afterAll(() => engine?.close());

  /** Runs a test if the machine has the engine; Chromium is always there. */
  const onPage = async (run: (page: EnginePage) => Promise<void>): Promise<void> => {
    if (engine === null) return expect(name).not.toBe('chromium');
    const page = await engine.openPage();
    try {
      await run(page);
    } finally {
      await page.close();
    }
  };

  test('a page on an allowed origin sees what the contract says', { timeout: 120_000 }, () =>
    onPage(async (page) => {
      upstream.answer = echo;
      for (const { title, key, path = '/api/asset/abc', init = {}, from = 'app', sees } of rows) {
        await page.goto(`${pages.origins[from]}/`);
        const headers = {
          ...(init.headers as Record<string, string> | undefined),
          ...(key === undefined ? {} : { Authorization: `Bearer ${keys[key]?.token}` }),
        };
        const messagesBefore = page.consoleErrors.length;
        const seen = await page.evaluate(fetchInPage, [edge.url + path, { ...init, headers }]);
        const isBlocked = sees === 'blocked';
        const wanted = isBlocked ? `blocked: ${failures[name].ofFetch}` : sees;
        expect.soft([title, seen]).toEqual([title, wanted]);
        const message = failures[name].inConsole;
        if (!isBlocked || message === null) continue;
        await expect
          .poll(() => page.consoleErrors.slice(messagesBefore).join('\n'))
          .toMatch(message);
      }
    }),
  );

  test('an EventSource, which can send no key, receives nothing', { timeout: 60_000 }, () =>
    onPage(async (page) => {
      upstream.answer = reply({
        headers: [['Content-Type', 'text/event-stream']],
        body: 'data: 1\n\n',
      });
      await page.goto(`${pages.origins.app}/`);
      const before = upstream.requests.length;
      const seen = await page.evaluate(
        (url) =>
          new Promise<string>((resolve) => {
            const source = new EventSource(url);
            source.onmessage = () => resolve('message');
            source.onerror = () => {
              const { readyState } = source;
              source.close();
              resolve(readyState === EventSource.CLOSED ? 'closed for good' : 'tries again');
            };
          }),
        `${edge.url}/api/asset/abc`,
      );
      expect([seen, upstream.requests.length]).toEqual(['closed for good', before]);
    }),
  );

  test('a key lives on the page from the form to its deletion', { timeout: 120_000 }, () =>
    onPage(async (page) => {
      upstream.answer = echo;
      const title = `Made in ${name}`;
      await page.goto(`${edge.url}/_edge/`);
      await page.fill('#token', edge.adminToken);
      await page.click('button[type=submit]');
      await expect.poll(() => textOf(page), patiently).toContain('Create API key');

      await page.goto(`${edge.url}/_edge/keys/new`);
      await page.fill('input[name=name]', title);
      await page.click('input[name=cors]');
      await page.fill('#create-origins-new', pages.origins.app);
      await page.click('form[action="/_edge/keys"] button[type=submit]');
      await expect.poll(() => textOf(page), patiently).toContain('API key created');
      const token = await page.evaluate(
        () => document.querySelector('#token-value')?.textContent?.trim() ?? '',
        null,
      );
      expect(token).toMatch(/^ea_pk_/);

      const call = async () => {
        await page.goto(`${pages.origins.app}/`);
        const headers = { Authorization: `Bearer ${token}` };
        return page.evaluate(fetchInPage, [`${edge.url}/api/asset/abc`, { headers }]);
      };
      expect(await call()).toEqual([200, null]);

      // The session is still there after a visit to another site.
      await page.goto(`${edge.url}/_edge/`);
      await page.evaluate((text) => {
        const links = [...document.querySelectorAll<HTMLAnchorElement>('a')];
        links.find(({ textContent }) => textContent?.includes(text))?.click();
      }, title);
      await expect.poll(() => page.url(), patiently).toMatch(/\/_edge\/keys\/key_/);
      await page.fill('#confirmation', title);
      await page.click('#delete button[type=submit]');
      await expect.poll(() => textOf(page), patiently).not.toContain('Delete the key');
      await expect.poll(call, patiently).toEqual([401, 'invalid_key']);
    }),
  );
});

/** Returns the view that a script has of a `fetch`. It runs in the page. */
async function fetchInPage([url, init]: [string, RequestInit]) {
  try {
    const response = await fetch(url, init);
    return [response.status, response.headers.get('X-Edge-Reason')] as const;
  } catch (error) {
    return `blocked: ${(error as Error).message}` as const;
  }
}

const textOf = (page: EnginePage): Promise<string> =>
  page.evaluate(() => document.body.innerText, null);
