/**
 * The view of a page, in a real Chromium: pages on several origins call the production bundle on bare
 * workerd, with keys that were made through the management API. Nothing but a browser enforces CORS,
 * so nothing but a browser can show that our headers let in the right pages and no others.
 */

import { setTimeout as wait } from 'node:timers/promises';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { launchChromium, type TestBrowser } from '../support/node/chromium.ts';
import { type ExampleUpstream, serveExampleUpstream } from '../support/node/example-upstream.ts';
import {
  fetchFromPage,
  type OpenPage,
  openPage,
  openSandboxedFrame,
  type PageFetchInit,
  type PageFetchResult,
  type Pages,
  servePages,
  sharedPages,
} from '../support/node/pages.ts';
import { type CreatedKey, type Edge, serveEdges } from '../support/node/serve-edge.ts';
import { echo, hang, redirect, reply, reset } from '../support/node/upstream-answers.ts';
import { startUpstream, type Upstream } from '../support/node/upstream-server.ts';

let browser: TestBrowser;
let pages: Pages;
let upstream: Upstream;
let example: ExampleUpstream;
/** One deployment before `upstream`, and one before `example`. */
let edge: Edge;
let edgeOfExample: Edge;
/** Has storage of its own, because its key for "*" registers every origin. */
let edgeWithAny: Edge;
const openShared = sharedPages();
/** Lists the origin `app`. */
let restricted: CreatedKey;
/** Lists the origin `app`, and may call everything. */
let full: CreatedKey;
/** Lists the origin `admin` alone, which is how that origin is registered. */
let ofAdmin: CreatedKey;
let backend: CreatedKey;

beforeAll(async () => {
  [browser, pages, upstream, example] = await Promise.all([
    launchChromium(),
    servePages(),
    startUpstream(),
    serveExampleUpstream(),
  ]);
  ({ edge, edgeOfExample, edgeWithAny } = await serveEdges({
    edge: { upstreamUrl: upstream.url, vars: { UPSTREAM_TIMEOUT_MS: '1000' } },
    edgeOfExample: { upstreamUrl: example.url },
    edgeWithAny: { upstreamUrl: upstream.url },
  }));
  const { app, admin } = pages.origins;
  restricted = await edge.createKey(aCorsKey([app]));
  full = await edge.createKey(aCorsKey([app], { fullAccess: true }));
  ofAdmin = await edge.createKey(aCorsKey([admin]));
  backend = await edge.createKey({ name: 'backend' });
});
afterAll(() =>
  Promise.all([
    browser.close(),
    pages.dispose(),
    edge.dispose(),
    upstream.dispose(),
    example.dispose(),
  ]),
);

beforeEach(() => {
  upstream.answer = echo;
  upstream.requests.length = 0;
});

/** The text that Chromium writes to the console for any answer of status 400 or above. */
const failedToLoad = (status: number) => new RegExp(`responded with a status of ${status} `);
const blockedByCors = /blocked by CORS policy/;
/** The text that Chromium adds if a request fails, because of CORS or any other reason. */
const netFailed = /net::ERR_FAILED/;

describe('the browser', () => {
  test('keeps an answer without CORS headers from a page of another origin: control case', async () => {
    upstream.answer = reply({ body: 'secret' });
    await onPage(pages.origins.app, [blockedByCors, netFailed], async (page) => {
      expectNetworkError(await fetchFromPage(page, `${upstream.url}/api/stream/1`));
    });
    expect(upstream.requests).toHaveLength(1);
  });

  test('stops a request with a key that gets no preflight: control case', async () => {
    upstream.answer = reply({ body: 'secret' });
    await onPage(pages.origins.app, [blockedByCors, netFailed], async (page) => {
      const init = withKey(restricted, { method: 'POST', body: '{}' });
      expectNetworkError(await fetchFromPage(page, `${upstream.url}/api/stream`, init));
    });
    expect(upstream.requests.map(({ method }) => method)).toEqual(['OPTIONS']);
  });
});

describe('a page with a restricted key of its origin', () => {
  test('creates a stream, reads it, renames it, lists its sessions, and is refused the rest', async () => {
    const key = await edgeOfExample.createKey(aCorsKey([pages.origins.app], { owner: 'acct_1' }));
    await onPage(pages.origins.app, [failedToLoad(403)], async (page) => {
      const call = (method: string, path: string, body?: unknown) =>
        fetchFromPage(page, edgeOfExample.url + path, withKey(key, inJson(method, body)));

      const created = readable(await call('POST', '/api/stream', { name: 'from a page' }));
      expect(created).toMatchObject({ status: 201, type: 'cors' });
      const stream = JSON.parse(created.body);
      expect(stream).toMatchObject({ name: 'from a page', userId: 'acct_1' });
      expect(created.headers['location']).toBe(`/api/stream/${stream.id}`);

      const read = readable(await call('GET', `/api/stream/${stream.id}`));
      expect(read.status).toBe(200);
      expect(JSON.parse(read.body)).toEqual(stream);

      const renamed = readable(
        await call('PATCH', `/api/stream/${stream.id}`, { name: 'renamed' }),
      );
      expect(renamed.status).toBe(204);
      const readAgain = readable(await call('GET', `/api/stream/${stream.id}`));
      expect(JSON.parse(readAgain.body)).toMatchObject({ name: 'renamed' });

      const sessions = readable(await call('GET', `/api/stream/${stream.id}/sessions`));
      expect(JSON.parse(sessions.body)).toMatchObject([{ parentId: stream.id }]);
      expect(sessions.headers['x-total-count']).toBe('1');

      for (const [method, path] of [
        ['GET', '/api/stream'],
        ['DELETE', `/api/stream/${stream.id}`],
        ['PATCH', '/api/stream/deactivate-many'],
        ['GET', '/api/user/me'],
      ] as const) {
        const refused = await call(method, path, method === 'PATCH' ? {} : undefined);
        expectProblem(refused, { status: 403, code: 'route_not_allowed' });
      }
    });
    const seen = await example.seenRequests();
    expect(seen.map(({ method, status }) => `${method} ${status}`)).toEqual([
      'POST 201',
      'GET 200',
      'PATCH 204',
      'GET 200',
      'GET 200',
    ]);
    expect(seen.filter(({ trap }) => trap !== null)).toEqual([]);
  });

  test('reads the headers that are exposed, and no others', async () => {
    const exposed = {
      location: '/api/stream/1',
      link: '</api/stream?cursor=2>; rel="next"',
      etag: '"v1"',
      'retry-after': '5',
      'x-total-count': '42',
      'www-authenticate': 'Bearer',
      ratelimit: '"default";r=50;t=30',
      'ratelimit-policy': '"default";q=100;w=60',
      'upload-offset': '10',
      'upload-length': '20',
      'content-range': 'bytes 0-1/2',
      'accept-ranges': 'bytes',
    };
    upstream.answer = reply({
      headers: [
        ...Object.entries(exposed),
        ['X-Named', 'public'],
        ['X-Internal', 'secret'],
        ['Set-Cookie', 'session=secret'],
        // The upstream may name headers. Its wildcard is left out.
        ['Access-Control-Expose-Headers', 'X-Named, Set-Cookie, *'],
      ],
    });
    await onPage(pages.origins.app, [], async (page) => {
      const { headers } = readable(await fetchStream(page, restricted));
      expect(headers).toMatchObject({ ...exposed, 'x-named': 'public' });
      expect(headers['x-request-id']).toBe(upstream.lastRequest().header('x-request-id'));
      expect(headers).not.toHaveProperty('x-internal');
      expect(headers).not.toHaveProperty('set-cookie');
    });
  });

  test('sends the headers of SDKs, uploads and tracing', async () => {
    const headers = {
      'Content-Type': 'application/json',
      'x-core-sdk-version': '@livepeer/core@3.2.0',
      'x-react-sdk-version': '@livepeer/react@3.9.0',
      'x-react-native-sdk-version': '@livepeer/react-native@1.0.0',
      'tus-resumable': '1.0.0',
      'upload-length': '100',
      'upload-metadata': 'filename d29ybGQ=',
      'upload-offset': '0',
      traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
      tracestate: 'vendor=value',
      baggage: 'userId=alice',
      'sentry-trace': '0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-1',
    };
    await onPage(pages.origins.app, [], async (page) => {
      const init = withKey(restricted, { method: 'POST', body: '{"name":"x"}', headers });
      const answer = readable(await fetchFromPage(page, `${edge.url}/api/stream`, init));
      expect(answer.status).toBe(200);
    });
    for (const [name, value] of Object.entries(headers)) {
      expect([name, upstream.lastRequest().header(name)]).toEqual([name, value]);
    }
    expect(upstream.lastRequest().header('origin')).toBeNull();
    expect(upstream.lastRequest().header('authorization')).toBeNull();
  });

  test('asks once for a preflight and remembers it', async () => {
    const use = async (page: OpenPage) => {
      const preflights = await preflightsOf(page);
      const rename = () =>
        fetchFromPage(
          page,
          `${edge.url}/api/stream/1`,
          withKey(restricted, inJson('PATCH', { name: 'x' })),
        );
      expect(readable(await rename()).status).toBe(200);
      // A browser remembers a preflight for 5 seconds when nothing is said about it, so that only a
      // longer time shows that ours was heard. https://fetch.spec.whatwg.org/#cors-preflight-fetch
      await wait(6000);
      expect(readable(await rename()).status).toBe(200);
      // What the first answer did not cover is asked for, and so the silence before it was memory's.
      const init = withKey(restricted, { headers: { 'x-new-header': 'x' } });
      expect(readable(await fetchFromPage(page, `${edge.url}/api/stream/1`, init)).status).toBe(
        200,
      );
      await expect
        .poll(() => preflights, { timeout: 10_000 })
        .toEqual(['authorization,content-type', 'authorization,x-new-header']);
    };
    // A page that the tests share remembers none.
    await onPage(pages.origins.app, [], use, openPage);
    expect(upstream.requests.map(({ method }) => method)).toEqual(['PATCH', 'PATCH', 'GET']);
  });
});

describe('a page with a full-access key of its origin', () => {
  test.each(['GET', 'POST', 'PUT', 'PATCH', 'DELETE'])('may send %s', async (method) => {
    await onPage(pages.origins.app, [], async (page) => {
      const body = method === 'GET' ? undefined : { name: 'x' };
      const init = withKey(full, inJson(method, body));
      const answer = readable(await fetchFromPage(page, `${edge.url}/api/anything`, init));
      expect(JSON.parse(answer.body)).toMatchObject({ method, target: '/api/anything' });
    });
  });

  test('may send HEAD, and read the headers', async () => {
    upstream.answer = reply({ headers: [['X-Total-Count', '7']] });
    await onPage(pages.origins.app, [], async (page) => {
      const init = withKey(full, { method: 'HEAD' });
      const answer = readable(await fetchFromPage(page, `${edge.url}/api/anything`, init));
      expect(answer).toMatchObject({ status: 200, headers: { 'x-total-count': '7' } });
    });
  });

  test('is handed redirects, and is not led past the edge by them', async () => {
    upstream.answer = redirect(302, `${upstream.url}/elsewhere`);
    await onPage(pages.origins.app, [], async (page) => {
      const init = withKey(full, { redirect: 'manual' });
      const answer = readable(await fetchFromPage(page, `${edge.url}/api/anything`, init));
      expect(answer).toMatchObject({ type: 'opaqueredirect' });
    });
    expect(upstream.requests.map(({ target }) => target)).toEqual(['/api/anything']);
  });
});

describe('a page on an origin that its key does not list', () => {
  test('reads that it is refused, where another key lists the origin', async () => {
    await onPage(pages.origins.admin, [failedToLoad(403)], async (page) => {
      const refused = await createStream(page, restricted);
      expectProblem(refused, { status: 403, code: 'origin_not_allowed' });
    });
    expect(upstream.requests).toEqual([]);
  });

  test('sees a network error and no more, where no key lists the origin', async () => {
    await onPage(pages.origins.address, [blockedByCors, netFailed], async (page) => {
      expectNetworkError(await createStream(page, restricted));
      // Without a header that needs a preflight too: the answer is kept from it.
      expectNetworkError(await fetchFromPage(page, `${edge.url}/api/stream/1`));
    });
    expect(upstream.requests).toEqual([]);
  });

  test('is refused on another port, scheme or subdomain of a listed host as well', async () => {
    const { app, admin } = pages.origins;
    const { port } = new URL(app);
    const key = await edge.createKey(
      aCorsKey([
        app.replace(`:${port}`, ':1'),
        app.replace('http:', 'https:'),
        app.replace('//app.', '//'),
        app.replace('//app.', '//*.app.'),
        admin.replace('//admin.', '//admin.app.'),
      ]),
    );
    await onPage(app, [failedToLoad(403)], async (page) => {
      const refused = await createStream(page, key);
      expectProblem(refused, { status: 403, code: 'origin_not_allowed' });
    });
    expect(upstream.requests).toEqual([]);
  });

  test('is let in once a pattern of the key covers it', async () => {
    const { port } = new URL(pages.origins.app);
    const key = await edge.createKey(aCorsKey([`http://*.localhost:${port}`]));
    await onPage(pages.origins.app, [], async (page) => {
      expect(readable(await createStream(page, key)).status).toBe(200);
    });
    await onPage(pages.origins.admin, [], async (page) => {
      expect(readable(await createStream(page, key)).status).toBe(200);
    });
    await edge.manage('DELETE', `/keys/${key.id}`);
  });
});

describe('a page with a key that does not work in it', () => {
  test('reads that a backend key is not for browsers', async () => {
    await onPage(pages.origins.app, [failedToLoad(403)], async (page) => {
      const refused = await createStream(page, backend);
      expectProblem(refused, { status: 403, code: 'cors_not_enabled' });
    });
    expect(upstream.requests).toEqual([]);
  });

  test('reads that a revoked key is not valid', async () => {
    const key = await edge.createKey(aCorsKey([pages.origins.app]));
    await onPage(pages.origins.app, [failedToLoad(401)], async (page) => {
      expect(readable(await createStream(page, key)).status).toBe(200);
      await edge.manage('DELETE', `/keys/${key.id}`);
      const refused = await createStream(page, key);
      const { headers } = expectProblem(refused, { status: 401, code: 'invalid_key' });
      expect(headers['www-authenticate']).toBe('Bearer error="invalid_token"');
    });
    expect(upstream.requests).toHaveLength(1);
  });

  test('reads that an expired key is not valid', async () => {
    const expiresAt = new Date(Date.now() + 2000).toISOString();
    const key = await edge.createKey({ ...aCorsKey([pages.origins.app]), expiresAt });
    await onPage(pages.origins.app, [failedToLoad(401)], async (page) => {
      let refused: PageFetchResult = { error: 'not called', consoleErrors: [] };
      const status = async () => {
        refused = await createStream(page, key);
        return readable(refused).status;
      };
      await expect.poll(status, { timeout: 20_000, interval: 200 }).toBe(401);
      expectProblem(refused, { status: 401, code: 'invalid_key' });
    });
  });

  test.each([
    ['no key', {}, 'missing_credentials', 'Bearer'],
    ['Basic', { Authorization: 'Basic dTpw' }, 'malformed_credentials', 'Bearer'],
    ['an unknown key', { Authorization: 'Bearer no-such' }, 'invalid_key', /invalid_token/],
  ] as const)('reads what is wrong with %s', async (_kind, headers, code, challenge) => {
    await onPage(pages.origins.app, [failedToLoad(401)], async (page) => {
      const refused = await fetchFromPage(page, `${edge.url}/api/stream/1`, { headers });
      const problem = expectProblem(refused, { status: 401, code });
      expect(problem.headers['www-authenticate']).toMatch(challenge);
    });
    expect(upstream.requests).toEqual([]);
  });

  test('cannot read anything of the management API', async () => {
    await onPage(pages.origins.app, [blockedByCors, netFailed], async (page) => {
      const headers = { Authorization: `Bearer ${edge.adminToken}` };
      expectNetworkError(await fetchFromPage(page, `${edge.url}/_edge/v1/keys`, { headers }));
      expectNetworkError(await fetchFromPage(page, `${edge.url}/_edge/v1/keys`));
    });
  });
});

describe('a page whose upstream fails', () => {
  test.each([
    ['resets', reset, 502, 'upstream_unreachable'],
    ['hangs', hang, 504, 'upstream_timeout'],
  ] as const)('reads so when it %s', async (_kind, answer, status, code) => {
    upstream.answer = answer;
    await onPage(pages.origins.app, [failedToLoad(status)], async (page) => {
      expectProblem(await createStream(page, restricted), { status, code });
    });
  });

  test('reads the error of the upstream itself', async () => {
    const body = '{"errors":["Account is suspended"]}';
    const headers: [string, string][] = [['Content-Type', 'application/json']];
    upstream.answer = reply({ status: 403, headers, body });
    await onPage(pages.origins.app, [failedToLoad(403)], async (page) => {
      const answer = readable(await createStream(page, restricted));
      expect(answer).toMatchObject({ status: 403, body });
      expect(answer.headers).not.toHaveProperty('x-edge-reason');
    });
  });
});

describe('CORS headers of the upstream', () => {
  const permissive: [string, string][] = [
    ['Access-Control-Allow-Origin', '*'],
    ['Access-Control-Allow-Credentials', 'true'],
    ['Access-Control-Allow-Headers', '*'],
    ['Access-Control-Expose-Headers', '*'],
  ];

  test('let no page in that our refusal keeps out', async () => {
    upstream.answer = reply({ headers: permissive, body: 'secret' });
    await onPage(pages.origins.address, [blockedByCors, netFailed], async (page) => {
      expectNetworkError(await fetchStream(page, restricted));
    });
    expect(upstream.requests).toEqual([]);
  });

  test('are replaced by ours, since the browser refuses an answer with both', async () => {
    upstream.answer = reply({ headers: [...permissive, ['X-Internal', 'secret']], body: 'public' });
    await onPage(pages.origins.app, [], async (page) => {
      const answer = readable(await fetchStream(page, restricted));
      expect(answer).toMatchObject({ status: 200, body: 'public' });
      expect(answer.headers).not.toHaveProperty('x-internal');
    });
  });

  test('do not let a page send credentials', async () => {
    upstream.answer = reply({ headers: permissive, body: 'secret' });
    const errors = [/Access-Control-Allow-Credentials/, netFailed];
    await onPage(pages.origins.app, errors, async (page) => {
      const init = withKey(restricted, { credentials: 'include' });
      expectNetworkError(await fetchFromPage(page, `${edge.url}/api/stream/1`, init));
    });
    expect(upstream.requests).toEqual([]);
  });
});

describe('a sandboxed frame, whose origin is opaque', () => {
  let any: CreatedKey;
  let listed: CreatedKey;
  beforeAll(async () => {
    any = await edgeWithAny.createKey(aCorsKey(['*']));
    listed = await edgeWithAny.createKey(aCorsKey([pages.origins.app]));
  });

  test('sees a network error where no key is for "*"', async () => {
    await onPage(pages.origins.app, [blockedByCors, netFailed], async (page) => {
      const frame = await openSandboxedFrame(page);
      expect(await frame.frame.evaluate(() => origin)).toBe('null');
      expectNetworkError(await createStream(frame, restricted));
    });
    expect(upstream.requests).toEqual([]);
  });

  test('works with a key for "*", and reads that it may not use another', async () => {
    await onPage(pages.origins.app, [failedToLoad(403)], async (page) => {
      const frame = await openSandboxedFrame(page);
      expect(readable(await createStream(frame, any, edgeWithAny)).status).toBe(200);
      const refused = await createStream(frame, listed, edgeWithAny);
      expectProblem(refused, { status: 403, code: 'origin_not_allowed' });
      // The page around it is another matter.
      expect(readable(await createStream(page, listed, edgeWithAny)).status).toBe(200);
    });
    expect(upstream.requests).toHaveLength(2);
  });

  test('is treated like a whole page that is sandboxed', async () => {
    await onPage(`${pages.origins.app}/opaque`, [failedToLoad(403)], async (page) => {
      expect(await page.frame.evaluate(() => origin)).toBe('null');
      expect(readable(await createStream(page, any, edgeWithAny)).status).toBe(200);
      const refused = await createStream(page, listed, edgeWithAny);
      expectProblem(refused, { status: 403, code: 'origin_not_allowed' });
    });
  });
});

test('a key works on its own origin alone, however many are registered', async () => {
  const { app, admin } = pages.origins;
  for (const [origin, ownKey, otherKey] of [
    [app, restricted, ofAdmin],
    [admin, ofAdmin, restricted],
  ] as const) {
    await onPage(origin, [failedToLoad(403)], async (page) => {
      expect(readable(await createStream(page, ownKey)).status).toBe(200);
      const refused = await createStream(page, otherKey);
      expectProblem(refused, { status: 403, code: 'origin_not_allowed' });
    });
  }
  expect(upstream.requests).toHaveLength(2);
});

/**
 * Opens a page, uses it, and checks that its console holds every kind of error that was expected and
 * no other.
 */
async function onPage(
  url: string,
  expectedErrors: RegExp[],
  use: (page: OpenPage) => Promise<void>,
  open = openShared,
): Promise<void> {
  const page = await open(browser, url);
  const scriptErrors: Error[] = [];
  const keep = (error: Error) => void scriptErrors.push(error);
  page.page.on('pageerror', keep);
  try {
    await use(page);
    for (const expected of expectedErrors) {
      await expect
        .poll(() => page.consoleErrors, { timeout: 10_000 })
        .toContainEqual(expect.stringMatching(expected));
    }
    const isExpected = (text: string) => expectedErrors.some((expected) => expected.test(text));
    expect(page.consoleErrors.filter((text) => !isExpected(text))).toEqual([]);
    expect(scriptErrors).toEqual([]);
  } finally {
    page.page.off('pageerror', keep);
    await page.close();
  }
}

/** The header names that the page's preflights asked for, in order, from here on. */
async function preflightsOf({ page, context }: OpenPage): Promise<string[]> {
  const preflights: string[] = [];
  const session = await context.newCDPSession(page);
  session.on('Network.requestWillBeSent', ({ request, initiator }) => {
    if (initiator.type !== 'preflight') return;
    preflights.push(request.headers['Access-Control-Request-Headers'] ?? '');
  });
  await session.send('Network.enable');
  return preflights;
}

type Answer = Extract<PageFetchResult, { error: null }>;

/** The answer that the page could read. Fails when it could not. */
function readable(result: PageFetchResult): Answer {
  if (result.error !== null) {
    throw new Error(`The page could not read: ${result.error}\n${result.consoleErrors.join('\n')}`);
  }
  return result;
}

/** Checks that the page learned nothing, not even a status. */
function expectNetworkError(result: PageFetchResult): void {
  expect(result).toMatchObject({ error: 'TypeError: Failed to fetch' });
}

/** Checks a refusal of ours as the page reads it, and returns it. */
function expectProblem(
  result: PageFetchResult,
  { status, code }: { status: number; code: string },
): Answer {
  const answer = readable(result);
  expect(answer).toMatchObject({ ok: false, status, type: 'cors' });
  expect(answer.headers['content-type']).toBe('application/json');
  expect(answer.headers['x-edge-reason']).toBe(code);
  const requestId = answer.headers['x-request-id'];
  const problem = JSON.parse(answer.body);
  expect(problem).toMatchObject({ status, code, requestId, errors: [problem.detail] });
  return answer;
}

function aCorsKey(
  allowedOrigins: string[],
  { fullAccess = false, owner = null }: { fullAccess?: boolean; owner?: string | null } = {},
): Record<string, unknown> {
  return { name: 'of a page', owner, access: { cors: { allowedOrigins, fullAccess } } };
}

function createStream(
  page: OpenPage,
  key: CreatedKey,
  { url }: Edge = edge,
): Promise<PageFetchResult> {
  return fetchFromPage(page, `${url}/api/stream`, withKey(key, inJson('POST', { name: 'x' })));
}

function fetchStream(page: OpenPage, key: CreatedKey): Promise<PageFetchResult> {
  return fetchFromPage(page, `${edge.url}/api/stream/1`, withKey(key, {}));
}

function withKey(key: CreatedKey, init: PageFetchInit): PageFetchInit {
  return { ...init, headers: { ...init.headers, Authorization: `Bearer ${key.token}` } };
}

function inJson(method: string, body: unknown): PageFetchInit {
  if (body === undefined) return { method };
  return {
    method,
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify(body),
  };
}
