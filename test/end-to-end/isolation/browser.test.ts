/**
 * Content of the API against the management page, in a real Chromium: signed in as the operator, by the
 * page's own cookie, and as a person whom Cloudflare Access has signed in, by its cookie.
 *
 * A document of each kind tries all that `attack.ts` has, and at night so does one of each type. A proxy that
 * takes defences away one after the other shows what each is worth alone, and that the attack works without them.
 */

import type { IncomingHttpHeaders } from 'node:http';
import { exportJWK, generateKeyPair, SignJWT } from 'jose';
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import { SANDBOX_POLICY } from '../../../src/core/isolation/active-content.ts';
import { launchChromium, type TestBrowser } from '../../support/node/chromium.ts';
import { type Dashboard, openDashboard } from '../../support/node/dashboard.ts';
import {
  cookieIn,
  type FrontProxy,
  type ProxyOptions,
  startProxy,
} from '../../support/node/proxy.ts';
import { type CreatedKey, type Edge, serveEdges } from '../../support/node/serve-edge.ts';
import { startUpstream, type Upstream } from '../../support/node/upstream-server.ts';
import {
  attackScript,
  documents,
  type HostileDocument,
  type Knowledge,
  type Loot,
} from './attack.ts';

const publicRoutes = JSON.stringify({ routes: [{ methods: ['GET'], path: '/public/{file}' }] });
const ISSUER = 'https://team.cloudflareaccess.example';
const OWNER = 'acct_ann';

let browser: TestBrowser;
let upstream: Upstream;
let edge: Edge;
/** A deployment whose page has a host of its own. */
let apart: Edge;
let keyPair: Awaited<ReturnType<typeof generateKeyPair>>;
/** Documents of the API that a browser stores, and asks about each time. */
const storedDocuments: Readonly<Record<string, { contentType: string; body: string | Buffer }>> = {
  '/public/page': { contentType: 'text/html', body: '<!doctype html><title>a</title>' },
  '/public/image': {
    contentType: 'image/png',
    body: Buffer.from(
      'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==',
      'base64',
    ),
  },
  '/public/data': { contentType: 'application/json', body: '{}' },
  '/public/paper': { contentType: 'application/pdf', body: '%PDF-1.4' },
};
const OWN_POLICY = "img-src 'self'";
/** The targets that were answered 304. */
const revalidated: string[] = [];
/** The answer of the API below `/public/`. */
let hostile: { contentType: string | null; body: string };

beforeAll(async () => {
  keyPair = await generateKeyPair('ES256', { extractable: true });
  const keys = [{ ...(await exportJWK(keyPair.publicKey)), kid: 'one', alg: 'ES256' }];
  upstream = await startUpstream((request, response) => {
    if (request.target === '/certs') {
      response.setHeader('Content-Type', 'application/json');
      response.end(JSON.stringify({ keys }));
      return;
    }
    if (request.target === '/public/worker') {
      response.setHeader('Content-Type', 'text/javascript');
      response.setHeader('Service-Worker-Allowed', '/');
      response.end('addEventListener("fetch", () => {})');
      return;
    }
    const stored = storedDocuments[request.target];
    if (stored !== undefined) {
      response.setHeader('ETag', '"1"');
      response.setHeader('Cache-Control', 'no-cache');
      response.setHeader('Content-Security-Policy', OWN_POLICY);
      const isKnown = request.header('if-none-match') === '"1"';
      if (isKnown) revalidated.push(request.target);
      else response.setHeader('Content-Type', stored.contentType);
      response.writeHead(isKnown ? 304 : 200).end(isKnown ? undefined : stored.body);
      return;
    }
    if (hostile.contentType !== null) response.setHeader('Content-Type', hostile.contentType);
    // Not `response.setHeader`: Node would add none by itself either.
    response.end(hostile.body);
  });
  [browser, { edge, apart }] = await Promise.all([
    launchChromium(),
    serveEdges({
      edge: {
        upstreamUrl: upstream.url,
        vars: {
          PUBLIC_ROUTES: publicRoutes,
          MANAGE_JWT_ISSUER: ISSUER,
          MANAGE_JWT_AUDIENCE: 'edge',
          MANAGE_JWT_JWKS_URL: `${upstream.url}/certs`,
          MANAGE_JWT_OWNER_CLAIM: 'account',
        },
      },
      apart: {
        upstreamUrl: upstream.url,
        vars: { PUBLIC_ROUTES: publicRoutes, MANAGE_HOST: 'manage.localhost' },
      },
    }),
  ]);
});
afterAll(() => Promise.all([browser.close(), edge.dispose(), upstream.dispose()]));

/** How people are signed in. */
const signIns = {
  'the session of the page': async (dashboard: Dashboard) => dashboard.signIn(),
  "Cloudflare Access's cookie": async ({ context, page }: Dashboard, url: string) => {
    const value = await new SignJWT({ sub: 'ann@example.com', account: OWNER })
      .setProtectedHeader({ alg: 'ES256', kid: 'one' })
      .setIssuer(ISSUER)
      .setAudience('edge')
      .setExpirationTime('1h')
      .sign(keyPair.privateKey);
    // As Access sets it by default: every site's requests carry it.
    const cookie = { name: 'CF_Authorization', value, domain: '127.0.0.1', path: '/' };
    await context.addCookies([{ ...cookie, httpOnly: true, secure: true, sameSite: 'None' }]);
    await page.goto(`${url}/_edge/`);
    await page.getByText('ann@example.com').waitFor();
  },
} as const;
type SignIn = keyof typeof signIns;
const everySignIn = Object.keys(signIns) as SignIn[];

/** Puts a proxy before the edge, with what Cloudflare Access does: its cookie becomes a header. */
function startAccess(options: ProxyOptions): Promise<FrontProxy> {
  return startProxy(edge.port, {
    ...options,
    request(headers, path) {
      const session = path.startsWith('/_edge') ? cookieIn(headers, 'CF_Authorization') : null;
      if (session !== null) headers['cf-access-jwt-assertion'] = session;
      options.request?.(headers, path);
    },
  });
}

/** A person who is signed in, and content of the API on the same host. */
type Stage = {
  url: string;
  dashboard: Dashboard;
  /** The page that hostile documents are opened in. */
  other: Page;
  /** The defences that the proxy takes away. */
  weakness: ProxyOptions;
};

const stages: Partial<Record<SignIn, Stage>> = {};
const proxies: FrontProxy[] = [];
afterAll(() => Promise.all(proxies.map((proxy) => proxy.dispose())));

/** Opens the stage that the tests with this sign-in share. A context for each would cost half a second. */
async function openStage(signIn: SignIn): Promise<Stage> {
  const opened = stages[signIn];
  // A browser that crashed took the pages with it.
  if (opened !== undefined && !opened.other.isClosed()) return opened;
  const stage: Pick<Stage, 'weakness'> = { weakness: {} };
  const proxy = await startAccess({
    request: (headers, path) => stage.weakness.request?.(headers, path),
    response: (headers, path) => stage.weakness.response?.(headers, path),
  });
  proxies.push(proxy);
  const { url } = proxy;
  const dashboard = await openDashboard(browser, { ...edge, url });
  await signIns[signIn](dashboard, url);
  const other = await dashboard.context.newPage();
  const complete = Object.assign(stage, { url, dashboard, other });
  stages[signIn] = complete;
  return complete;
}

type Scene = {
  /** The key that the attack is after. */
  key: CreatedKey;
  /** Opens the hostile document, and returns what it got; `null` if its script did not run. */
  attackFrom(sent: HostileDocument, options?: { isQuick: boolean }): Promise<Loot | null>;
};

/** Sets up a key, and the knowledge of an attacker who is after it. */
async function setScene(signIn: SignIn, weakness: ProxyOptions = {}): Promise<Scene> {
  const stage = await openStage(signIn);
  const { dashboard, other, url } = stage;
  stage.weakness = weakness;
  const key = await edge.createKey({ name: 'Target', owner: OWNER });
  // The worst case: the attacker has learnt a form with its token.
  await dashboard.go(`/_edge/keys/${key.id}`);
  const action = `/_edge/keys/${key.id}/disable`;
  const fields = await dashboard.page.evaluate((formAction) => {
    const form = document.querySelector<HTMLFormElement>(`form[action="${formAction}"]`);
    const entries = [...new FormData(form ?? undefined)];
    return Object.fromEntries(entries.map(([name, value]) => [name, String(value)]));
  }, action);
  expect(fields['form_token']).toMatch(/^[0-9a-f]{32}$/);
  return {
    key,
    async attackFrom({ contentType, wrap, runs }, { isQuick } = { isQuick: false }) {
      const knowledge: Knowledge = { base: '', action, fields, isQuick };
      hostile = { contentType, body: wrap(attackScript(knowledge)) };
      const page = runs ? other : await dashboard.context.newPage();
      // What the browser does not show, it downloads.
      await page.goto(`${url}/public/x`).catch((error: Error) => {
        if (runs || !error.message.includes('Download'))
          throw new Error(`${contentType}: ${error.message}`);
      });
      const loot = page.locator('[data-loot]');
      if (!runs) {
        await page.waitForTimeout(500);
        expect(await loot.count(), `Chromium runs ${contentType}`).toBe(0);
        await page.close();
        return null;
      }
      await loot.waitFor({ state: 'attached', timeout: 40_000 });
      const found: Loot = JSON.parse((await loot.getAttribute('data-loot')) ?? '');
      const kept = [dashboard.page, other];
      const opened = dashboard.context.pages().filter((one) => !kept.includes(one));
      await Promise.all(opened.map((one) => one.close()));
      return found;
    },
  };
}

/** Checks that the key is unchanged, and that no other key was made. */
async function expectUntouched({ key }: Scene): Promise<void> {
  const { json } = await edge.manage('GET', `/keys/${key.id}`);
  expect(json).toMatchObject({ name: 'Target', enabled: true });
  const { json: found } = await edge.manage('GET', '/keys?search=stolen');
  expect(found).toMatchObject({ keys: [] });
}

function takenIn(loot: Loot | null): string[] {
  return Object.entries(loot?.attempts ?? {})
    .filter(([, outcome]) => outcome === 'TAKEN')
    .map(([name]) => name);
}

/** By day, one of each kind for the page's own session. What differs with another cookie, a page alone can use. */
function documentsFor(signIn: SignIn): readonly HostileDocument[] {
  if (inject('isNightly')) return documents;
  if (signIn !== 'the session of the page') return documents.slice(0, 1);
  return documents.filter(({ isByDay }) => isByDay === true);
}

describe.each(everySignIn)("content of the API, with %s in the visitor's browser,", (signIn) => {
  test('gets nothing and changes nothing, of whatever type it is', async () => {
    const scene = await setScene(signIn);
    const kinds = new Set<HostileDocument['wrap']>();
    for (const hostileDocument of documentsFor(signIn)) {
      const isQuick = !inject('isNightly') && kinds.has(hostileDocument.wrap);
      kinds.add(hostileDocument.wrap);
      const loot = await scene.attackFrom(hostileDocument, { isQuick });
      const type = String(hostileDocument.contentType);
      if (hostileDocument.runs) expect(loot?.origin, type).toBe('null');
      expect(takenIn(loot), type).toEqual([]);
      await expectUntouched(scene);
    }
  });

  test('gets nothing of the page without the sandbox either, though it has the same origin', async () => {
    const scene = await setScene(signIn, { response: dropSandbox });
    const loot = await scene.attackFrom(documents[0]!);
    expect(loot?.origin).toMatch(/^http:/);
    // What is its own it has, and nothing that is ours.
    expect(takenIn(loot)).toEqual(['storage']);
    // The form token, which it could not have read, is what keeps a script of the same origin out.
    const made = await edge.manage('GET', '/keys?search=stolen');
    expect(made.json).toMatchObject({ keys: [] });
  });

  test('would get all of it without our defences: control case', async () => {
    const scene = await setScene(signIn, {
      request: dropFetchMetadata,
      response(headers, path) {
        dropSandbox(headers, path);
        delete headers['content-security-policy'];
        delete headers['cross-origin-opener-policy'];
      },
    });
    const loot = await scene.attackFrom(documents[0]!);
    const ofAccess =
      signIn === 'the session of the page' ? [] : ['call of the API', 'change by the API'];
    expect(takenIn(loot)).toEqual(
      expect.arrayContaining(['fetch of a view', 'frame', 'window', ...ofAccess]),
    );
    const { json } = await edge.manage('GET', `/keys/${scene.key.id}`);
    expect(json).toMatchObject({ enabled: false });
    const made = (await edge.manage('GET', '/keys?search=stolen')).json as {
      keys: { id: string }[];
    };
    for (const { id } of made.keys) await edge.manage('DELETE', `/keys/${id}`);
  });
});

describe('a stored document of the API that is revalidated', () => {
  const policyOf = (page: Page, target: string) =>
    page.evaluate(
      async (path) =>
        // What the cache has, without asking again.
        (await fetch(path, { cache: 'force-cache' })).headers.get('content-security-policy'),
      target,
    );

  test('keeps its sandbox as a page, and gets none as an image, JSON or PDF', async () => {
    const context = await browser.newContext();
    const page = await context.newPage();
    for (const [target, origin] of [
      ['/public/page', 'null'],
      ['/public/image', edge.url],
      ['/public/data', edge.url],
    ] as const) {
      for (const isStored of [false, true, true]) {
        revalidated.length = 0;
        await page.goto(edge.url + target);
        expect(revalidated, target).toEqual(isStored ? [target] : []);
        expect(await page.evaluate(() => self.origin), target).toBe(origin);
      }
      await page.goto('about:blank');
    }
    // The headless browser downloads a PDF in place of showing it, so its stored fields are asked for.
    await page.goto(`${edge.url}/public/data`);
    const target = '/public/paper';
    for (const isStored of [false, true]) {
      revalidated.length = 0;
      await page.evaluate(async (path) => (await fetch(path)).text(), target);
      expect(revalidated).toEqual(isStored ? [target] : []);
      expect(await policyOf(page, target)).toBe(OWN_POLICY);
    }
    await context.close();
  });

  test('keeps both policies of the first answer', async () => {
    const context = await browser.newContext();
    const page = await context.newPage();
    await page.goto(`${edge.url}/public/data`);
    const target = '/public/page';
    for (const isStored of [false, true]) {
      revalidated.length = 0;
      await page.evaluate(async (path) => (await fetch(path)).text(), target);
      expect(revalidated).toEqual(isStored ? [target] : []);
      expect(await policyOf(page, target)).toBe(`${OWN_POLICY}, ${SANDBOX_POLICY}`);
    }
    await context.close();
  });
});

describe('content of the API, with the page on a host of its own,', () => {
  test('keeps its origin, storage and service workers, and gets nothing of the page', async () => {
    // Ports do not keep cookies apart, so the port is the same one, and the hosts are two.
    const proxy = await startProxy(apart.port, {
      request(headers) {
        headers.host = headers.host?.replace(/:\d+$/, '');
      },
    });
    const port = new URL(proxy.url).port;
    const base = `http://manage.localhost:${port}`;
    const dashboard = await openDashboard(browser, { ...apart, url: base });
    await dashboard.signIn();
    const knowledge: Knowledge = {
      base,
      action: '/_edge/keys',
      fields: { name: 'stolen' },
      isQuick: false,
    };
    hostile = { contentType: 'text/html', body: documents[0]!.wrap(attackScript(knowledge)) };

    const page = await dashboard.context.newPage();
    await page.goto(`http://api.localhost:${port}/public/x`);
    const loot = page.locator('[data-loot]');
    await loot.waitFor({ state: 'attached', timeout: 40_000 });
    const { origin, attempts }: Loot = JSON.parse((await loot.getAttribute('data-loot')) ?? '');
    expect(origin).toBe(`http://api.localhost:${port}`);
    expect(takenIn({ origin, attempts })).toEqual(['storage', 'service worker']);
    const db = await apart.db();
    expect(await db.prepare('SELECT count(*) AS keys FROM keys').first()).toEqual({ keys: 0 });
    // The page is not there, and the API is not on the page's host.
    const statusOf = async (url: string) => (await page.goto(url))?.status();
    expect(await statusOf(`http://api.localhost:${port}/_edge/`)).toBe(404);
    expect(await statusOf(`${base}/public/x`)).toBe(404);
    await dashboard.close();
    await proxy.dispose();
  });
});

function dropSandbox(headers: IncomingHttpHeaders, path: string): void {
  if (!path.startsWith('/_edge')) delete headers['content-security-policy'];
}

function dropFetchMetadata(headers: IncomingHttpHeaders, path: string): void {
  // Signing in has no part in it.
  if (path === '/_edge/sign-in') return;
  for (const name of ['sec-fetch-site', 'sec-fetch-mode', 'sec-fetch-dest', 'service-worker']) {
    delete headers[name];
  }
}
