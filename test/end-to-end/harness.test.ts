/**
 * Tests of the end-to-end harness itself. A CORS test that passes because the browser does not
 * enforce CORS, or a raw-target test whose target was tidied up on the way, proves nothing; these
 * control cases show that neither happens.
 */

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { launchChromium, type TestBrowser } from '../support/node/chromium.ts';
import {
  fetchFromPage,
  openPage,
  type Pages,
  servePages,
  sharedPages,
} from '../support/node/pages.ts';
import { chunk, request, sendRaw } from '../support/node/raw-http.ts';
import {
  type Edge,
  type ServedModule,
  serveEdge,
  serveModule,
} from '../support/node/serve-edge.ts';
import {
  afterEarlyHints,
  byPath,
  deterministicBytes,
  echo,
  garbage,
  halfBody,
  hang,
  reply,
  reset,
  serverSentEvents,
  sha256,
  sha256OfDeterministicBytes,
  sink,
  stream,
} from '../support/node/upstream-answers.ts';
import { startRawUpstream, startUpstream, type Upstream } from '../support/node/upstream-server.ts';

describe('bare workerd', () => {
  let module: ServedModule;
  beforeAll(async () => {
    module = await serveModule(`export default {
      fetch(request) {
        console.log('asked for', request.url);
        const headers = Object.fromEntries(request.headers);
        return Response.json({ url: request.url, headers });
      },
    }`);
  });
  afterAll(() => module.dispose());

  const asReceived = [
    '/a/%2e%2e/b',
    '/a/.%2e/b',
    '/a\\b',
    '/a/..\\b',
    '/a#b',
    '/a?x=1#y',
    '//x',
    '//other.example/x',
    '/a;b=c',
    '/a%',
    '/a|"<>^`{}',
    '/a\x01b',
  ];
  test.each(asReceived)('hands the target %j to the Worker as it was sent', async (target) => {
    const { body } = await request(module.port, { target, headers: [['Host', 'edge.test']] });
    expect(JSON.parse(body.toString()).url).toBe(`http://edge.test${target}`);
  });

  // Not ours to change, but what the Worker relies on must not change unnoticed either.
  const changedByWorkerd = [
    ['/a/../b', '/b'],
    ['/a/./b', '/a/b'],
    ['/x/../_edge/v1', '/_edge/v1'],
    ['/a b', '/a'],
    ['/a\xc3\xa9', '/a\u00e9'],
    ['/a\xe9', '/a\ufffd'],
  ] as const;
  test.each(changedByWorkerd)('shows the target %j as %j', async (target, path) => {
    const { body } = await request(module.port, { target, headers: [['Host', 'edge.test']] });
    expect(JSON.parse(body.toString()).url).toBe(`http://edge.test${path}`);
  });

  const refused = ['*', 'http://other.example/', 'a/b', '?x', '', '/a\x00b'];
  test.each(refused)('refuses the target %j before the Worker', async (target) => {
    const { status } = await request(module.port, { target });
    expect(status).toBeOneOf([400, 500]);
  });

  test('keeps repeated headers apart from one another by a comma', async () => {
    const { body } = await request(module.port, {
      headers: [
        ['Origin', 'https://a.example'],
        ['Origin', 'https://b.example'],
      ],
    });
    expect(JSON.parse(body.toString()).headers.origin).toBe('https://a.example, https://b.example');
  });

  test('shows an empty Origin as none', async () => {
    const { body } = await request(module.port, { headers: [['Origin', '']] });
    expect(JSON.parse(body.toString()).headers).not.toHaveProperty('origin');
  });

  test("collects the Worker's console", async () => {
    await request(module.port, { target: '/logged', headers: [['Host', 'edge.test']] });
    await expect.poll(() => module.logs).toContain('asked for http://edge.test/logged');
  });
});

describe('the raw client and the upstream', () => {
  let upstream: Upstream;
  beforeAll(async () => {
    upstream = await startUpstream(
      byPath({
        echo,
        garbage,
        hang,
        reset,
        sink,
        half: halfBody,
        large: stream(3 * 1024 * 1024 + 5),
        events: serverSentEvents({ count: 3, pauseMs: 100 }),
        hints: afterEarlyHints(echo),
        latin1: reply({
          headers: [
            ['X-Name', 'caf\xe9'],
            ['Set-Cookie', 'a=1'],
            ['Set-Cookie', 'b=2'],
          ],
        }),
      }),
    );
  });
  afterAll(() => upstream.dispose());

  test('carry target and header bytes unchanged both ways', async () => {
    const response = await request(upstream.port, {
      target: '/latin1?\\#',
      headers: [['X-Name', 'caf\xe9']],
    });
    expect(upstream.lastRequest().target).toBe('/latin1?\\#');
    expect(upstream.lastRequest().header('x-name')).toBe('caf\xe9');
    expect(response.header('x-name')).toBe('caf\xe9');
    const cookies = response.headers.filter(([name]) => name === 'Set-Cookie');
    expect(cookies.map(([, value]) => value)).toEqual(['a=1', 'b=2']);
  });

  test('carry large bodies unchanged both ways', async () => {
    const lengthBytes = 3 * 1024 * 1024 + 5;
    const download = await request(upstream.port, { target: '/large' });
    expect(sha256(download.body)).toBe(sha256OfDeterministicBytes(lengthBytes));
    const body = Buffer.concat([...deterministicBytes(lengthBytes)]);
    const upload = await request(upstream.port, { method: 'POST', target: '/sink', body });
    expect(JSON.parse(upload.body.toString())).toEqual({ lengthBytes, sha256: sha256(body) });
  });

  test('carry chunked bodies', async () => {
    const head = 'POST /sink HTTP/1.1\r\nHost: upstream.test\r\nTransfer-Encoding: chunked\r\n\r\n';
    const response = await sendRaw(upstream.port, [head, chunk('abc'), chunk('de'), chunk('')]);
    expect(JSON.parse(response.body.toString()).lengthBytes).toBe(5);
  });

  test('show when the pieces of a body arrive', async () => {
    const { chunks, body } = await request(upstream.port, { target: '/events' });
    expect(body.toString()).toBe('data: 1\n\ndata: 2\n\ndata: 3\n\n');
    expect((chunks.at(-1)?.atMs ?? 0) - (chunks[0]?.atMs ?? 0)).toBeGreaterThan(150);
  });

  test('tell interim responses from the final one', async () => {
    const { status, interim } = await request(upstream.port, { target: '/hints' });
    expect(status).toBe(200);
    expect(interim.map((response) => response.status)).toEqual([103]);
  });

  test('tell a body that broke off from a complete one', async () => {
    const { outcome, body } = await request(upstream.port, { target: '/half' });
    expect(outcome).toBe('reset');
    expect(body.toString()).toBe('01234');
  });

  test.each(['garbage', 'reset', 'hang'])('throw when there is no response: %s', async (path) => {
    const sent = request(upstream.port, { target: `/${path}` }, { timeoutMs: 200 });
    await expect(sent).rejects.toThrow('Cannot read a response');
  });

  test('can work below HTTP', async () => {
    const raw = await startRawUpstream(
      'HTTP/1.1 299 Odd\r\nX-A: \xe9\r\nContent-Length: 0\r\n\r\n',
    );
    const response = await request(raw.port, { target: '/raw' });
    expect(response).toMatchObject({
      status: 299,
      reason: 'Odd',
      headers: [
        ['X-A', '\xe9'],
        ['Content-Length', '0'],
      ],
    });
    expect(raw.connections[0]).toMatch(/^GET \/raw HTTP\/1\.1\r\n/);
    await raw.dispose();
  });
});

describe('the browser', () => {
  let browser: TestBrowser;
  let pages: Pages;
  let upstream: Upstream;
  beforeAll(async () => {
    [browser, pages, upstream] = await Promise.all([
      launchChromium(),
      servePages(),
      startUpstream(),
    ]);
  });
  afterAll(() => Promise.all([browser.close(), pages.dispose(), upstream.dispose()]));

  const withoutCors = reply({ body: 'secret' });
  const withCors = reply({
    headers: [
      ['Access-Control-Allow-Origin', '*'],
      ['Access-Control-Allow-Headers', 'authorization'],
      ['X-Not-Exposed', 'secret'],
    ],
    body: 'public',
  });

  test('refuses to read across origins without CORS headers', async () => {
    upstream.answer = withoutCors;
    const page = await openPage(browser, `${pages.origins.app}/`);
    const result = await fetchFromPage(page, `${upstream.url}/plain`);
    expect(result).toMatchObject({ error: expect.stringContaining('Failed to fetch') });
    expect(page.consoleErrors.join('\n')).toContain('blocked by CORS policy');
    // A request that needs no preflight is sent; only its answer is kept from the page.
    expect(upstream.lastRequest()).toMatchObject({ method: 'GET', target: '/plain' });
    await page.close();
  });

  test('reads across origins with CORS headers, but only what they expose', async () => {
    upstream.answer = withCors;
    const page = await openPage(browser, `${pages.origins.app}/`);
    const result = await fetchFromPage(page, `${upstream.url}/plain`);
    expect(result).toMatchObject({ ok: true, type: 'cors', body: 'public' });
    expect(result).not.toHaveProperty('headers.x-not-exposed');
    await page.close();
  });

  test('sends a preflight for Authorization and stops when it is refused', async () => {
    upstream.answer = withoutCors;
    const page = await openPage(browser, `${pages.origins.localhost}/`);
    const init = { headers: { Authorization: 'Bearer token' } };
    const before = upstream.requests.length;
    const result = await fetchFromPage(page, `${upstream.url}/refused`, init);
    expect(result).toMatchObject({ error: expect.any(String) });
    const [preflight, ...others] = upstream.requests.slice(before);
    expect(preflight).toMatchObject({ method: 'OPTIONS', target: '/refused' });
    expect(preflight?.header('origin')).toBe(pages.origins.localhost);
    expect(preflight?.header('access-control-request-headers')).toBe('authorization');
    expect(others).toEqual([]);
    await page.close();
  });

  test('sends the request after a preflight that is granted, each time in a shared page', async () => {
    upstream.answer = withCors;
    const openShared = sharedPages();
    for (const _time of ['first', 'second']) {
      const page = await openShared(browser, `${pages.origins.address}/`);
      const init = { headers: { Authorization: 'Bearer token' } };
      const before = upstream.requests.length;
      const result = await fetchFromPage(page, `${upstream.url}/granted`, init);
      expect(result).toMatchObject({ status: 200, body: 'public' });
      const methods = upstream.requests.slice(before).map(({ method }) => method);
      expect(methods).toEqual(['OPTIONS', 'GET']);
      expect(upstream.lastRequest().header('authorization')).toBe('Bearer token');
    }
  });

  test('gives a sandboxed page the origin null', async () => {
    upstream.answer = withCors;
    const page = await openPage(browser, `${pages.origins.app}/opaque`);
    await fetchFromPage(page, `${upstream.url}/opaque`);
    expect(upstream.lastRequest().header('origin')).toBe('null');
    await page.close();
  });
});

describe('the production bundle on bare workerd', () => {
  let upstream: Upstream;
  let edge: Edge;
  beforeAll(async () => {
    upstream = await startUpstream();
    edge = await serveEdge({ upstreamUrl: upstream.url, isolates: 2 });
  });
  afterAll(() => Promise.all([edge.dispose(), upstream.dispose()]));

  test('is healthy in every isolate', async () => {
    for (const port of edge.ports) {
      expect((await request(port, { target: '/_edge/health' })).status).toBe(200);
    }
  });

  test('creates keys in the D1 that its isolates share', async () => {
    const key = await edge.createKey({ name: 'harness' });
    const db = await edge.db();
    const row = await db.prepare('SELECT name FROM keys WHERE id = ?').bind(key.id).first();
    expect(row).toEqual({ name: 'harness' });
    for (const port of edge.ports) {
      const response = await request(port, {
        target: '/api/any',
        headers: [['Authorization', `Bearer ${key.token}`]],
      });
      expect(response.status).toBe(200);
    }
    expect(upstream.requests.map(({ target }) => target)).toEqual(['/api/any', '/api/any']);
  });

  test('throws with the answer when a key cannot be created', async () => {
    await expect(edge.createKey({})).rejects.toThrow('Cannot create a key: answered 422');
  });
});
