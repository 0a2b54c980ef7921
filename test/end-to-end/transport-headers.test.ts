/**
 * Heads through the production bundle on bare workerd: methods, statuses, header lines and framing,
 * compared byte for byte between what a client sends and an upstream receives, and back.
 */

import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { chunk, type RawRequest, request, sendRaw } from '../support/node/raw-http.ts';
import { type CreatedKey, type Edge, serveEdge } from '../support/node/serve-edge.ts';
import { echo, file, redirect, reply } from '../support/node/upstream-answers.ts';
import { startUpstream, type Upstream } from '../support/node/upstream-server.ts';

const pageOrigin = 'https://app.example';

let upstream: Upstream;
let elsewhere: Upstream;
let edge: Edge;
let backend: CreatedKey;
let cors: CreatedKey;

beforeAll(async () => {
  [upstream, elsewhere] = await Promise.all([startUpstream(), startUpstream()]);
  edge = await serveEdge({ upstreamUrl: upstream.url });
  backend = await edge.createKey({ name: 'backend', owner: 'acct_1' });
  const access = { cors: { allowedOrigins: [pageOrigin], fullAccess: true } };
  cors = await edge.createKey({ name: 'cors', access });
});
afterAll(() => Promise.all([edge.dispose(), upstream.dispose(), elsewhere.dispose()]));

beforeEach(() => {
  upstream.answer = echo;
  upstream.requests.length = 0;
  elsewhere.requests.length = 0;
});

/** Sends a request with the backend's key. */
function call(rawRequest: RawRequest) {
  const headers = [bearer(backend), ...(rawRequest.headers ?? [])];
  return request(edge.port, { ...rawRequest, headers });
}

/** Sends a request as a page on `pageOrigin` would. */
function callFromPage(rawRequest: RawRequest) {
  const headers = [bearer(cors), line('Origin', pageOrigin), ...(rawRequest.headers ?? [])];
  return request(edge.port, { ...rawRequest, headers });
}

describe('the upstream', () => {
  test('receives what was sent and who was let in, and nothing else', async () => {
    const response = await call({
      target: '/api/things?b=2&a=1',
      headers: [line('Host', 'edge.test'), line('X-Custom', 'kept as it is')],
    });
    const { method, target, headers } = upstream.lastRequest();
    expect({ method, target }).toEqual({ method: 'GET', target: '/api/things?b=2&a=1' });
    const received = headers.map(([name, value]) => line(name.toLowerCase(), value)).sort();
    expect(received).toEqual([
      ['host', `127.0.0.1:${upstream.port}`],
      ['x-custom', 'kept as it is'],
      ['x-edge-access', 'backend'],
      ['x-edge-key-id', backend.id],
      ['x-edge-owner', 'acct_1'],
      ['x-forwarded-host', 'edge.test'],
      ['x-forwarded-proto', 'http'],
      ['x-request-id', response.header('x-request-id')],
    ]);
  });

  test.each(['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'HEAD', 'PROPFIND', 'PURGE'])(
    'receives %s as what it is',
    async (method) => {
      const { status } = await call({ method, target: '/api/any' });
      expect(status).toBe(200);
      expect(upstream.requests.map((received) => received.method)).toEqual([method]);
    },
  );

  test.each([
    ['a Content-Length', [line('Content-Length', '4')], 'body'],
    ['chunks', [line('Transfer-Encoding', 'chunked')], Buffer.concat([chunk('body'), chunk('')])],
  ] as const)('receives a GET with a body that has %s', async (_framing, headers, body) => {
    const { status } = await call({ target: '/search', headers: [...headers], body });
    expect(status).toBe(200);
    const received = upstream.lastRequest();
    expect(received).toMatchObject({ method: 'GET', target: '/search' });
    expect((await received.body()).bytes.toString()).toBe('body');
  });

  test('receives no Expect, and its body without having to ask for it', async () => {
    const head = [
      'POST /upload HTTP/1.1',
      'Host: edge.test',
      bearer(backend).join(': '),
      'Expect: 100-continue',
      'Content-Length: 4',
    ];
    const response = await sendRaw(edge.port, [`${head.join('\r\n')}\r\n\r\n`, 'body']);
    expect(response).toMatchObject({ status: 200, outcome: 'complete' });
    expect(upstream.lastRequest().header('expect')).toBeNull();
    expect(upstream.requests).toHaveLength(1);
    expect(JSON.parse(response.body.toString())).toMatchObject({ method: 'POST', body: 'body' });
  });

  test('receives cookies and Authorization of the caller under no name', async () => {
    await call({
      headers: [
        line('Cookie', 'session=caller'),
        line('X-Authorization', 'kept'),
        line('Proxy-Authorization', 'Basic caller'),
        line('X_Edge_Key_Id', 'key_forged'),
        line('X-Edge-Owner', 'acct_forged'),
        line('X-HTTP-Method-Override', 'DELETE'),
        line('Connection', 'x-edge-key-id, x-forwarded-proto, close'),
      ],
    });
    const received = upstream.lastRequest();
    for (const name of ['cookie', 'authorization', 'proxy-authorization', 'connection']) {
      expect([name, received.header(name)]).toEqual([name, null]);
    }
    expect(received.header('x-http-method-override')).toBeNull();
    expect(received.header('x_edge_key_id')).toBeNull();
    expect(received.header('x-edge-key-id')).toBe(backend.id);
    expect(received.header('x-edge-owner')).toBe('acct_1');
    expect(received.header('x-forwarded-proto')).toBe('http');
  });
});

describe('header bytes', () => {
  const values = [
    ['Latin-1', 'caf\xe9 \xa3\xff'],
    ['UTF-8', 'caf\xc3\xa9 \xe2\x82\xac'],
    ['every visible ASCII character', '!"#$%&\'()*+,-./0123456789:;<=>?@AZ[\\]^_`az{|}~'],
    ['blanks inside', 'a  b\tc'],
  ] as const;

  test.each(values)('arrive at the upstream as they were sent: %s', async (_kind, value) => {
    await call({ headers: [line('X-Value', value)] });
    expect(upstream.lastRequest().header('x-value')).toBe(value);
  });

  test.each(values)('come back as the upstream sent them: %s', async (_kind, value) => {
    upstream.answer = reply({ reason: 'Tr\xe8s bien', headers: [line('X-Value', value)] });
    const response = await callFromPage({});
    expect(response.header('x-value')).toBe(value);
    expect(response.reason).toBe('Tr\xe8s bien');
    expect(response.header('access-control-allow-origin')).toBe(pageOrigin);
  });

  const sizeBytes = 60 * 1024;
  const manyLines = Array.from({ length: 400 }, (_, index) =>
    line(`X-Line-${index}`, 'v'.repeat(140)),
  );

  test.each([
    ['one line', [line('X-Long', 'v'.repeat(sizeBytes))]],
    ['400 lines', manyLines],
  ])('pass in 60 KiB, both ways: %s', async (_kind, headers) => {
    upstream.answer = reply({ headers, body: 'complete' });
    const response = await call({ headers });
    expect(response).toMatchObject({ status: 200, outcome: 'complete' });
    expect(response.body.toString()).toBe('complete');
    for (const [name, value] of headers) {
      expect(upstream.lastRequest().header(name)).toBe(value);
      expect(response.header(name)).toBe(value);
    }
  });

  const hundredKibibytes = 100 * 1024;
  const longValue = (start: string) => start + 'v'.repeat(hundredKibibytes);

  test.each([
    ['one value', line('X-Long', longValue(''))],
    ['one name', line(longValue('X-'), 'short')],
  ])('of 100 KiB reach the upstream as they were sent: %s', async (_kind, [name, value]) => {
    const response = await call({ target: '/api/any', headers: [line(name, value)] });
    expect(response.status).toBe(200);
    expect(upstream.requests).toHaveLength(1);
    expect(upstream.lastRequest()).toMatchObject({ method: 'GET', target: '/api/any' });
    expect(upstream.lastRequest().header(name)).toBe(value);
  });

  test('of 100 KiB that are removed are gone: a cookie, and a token after many blanks', async () => {
    const padded = `Bearer ${' '.repeat(hundredKibibytes)}${backend.token}`;
    for (const headers of [
      [bearer(backend), line('Cookie', longValue('session='))],
      [line('Authorization', padded)],
    ]) {
      const response = await request(edge.port, { target: '/api/any', headers });
      expect(response.status).toBe(200);
      expect(upstream.lastRequest().header('cookie')).toBeNull();
      expect(upstream.lastRequest().header('authorization')).toBeNull();
    }
  });

  const manyNames = Array.from({ length: 1000 }, (_, index) =>
    line(`X-Line-${index}`, 'v'.repeat(100)),
  );
  test.each<[string, number, string | null, () => [string, string][]]>([
    ['1,000 lines', 431, null, () => [bearer(backend), ...manyNames]],
    ['a token', 401, 'invalid_key', () => [line('Authorization', longValue('Bearer '))]],
    ['a scheme', 401, 'malformed_credentials', () => [line('Authorization', longValue(''))]],
    [
      'an origin',
      403,
      'invalid_origin',
      () => [bearer(cors), line('Origin', longValue('https://'))],
    ],
    [
      'origins',
      403,
      'invalid_origin',
      () => [bearer(cors), line('Origin', `${pageOrigin}, `.repeat(5000) + pageOrigin)],
    ],
  ])('of 100 KiB are refused in few words: %s', async (_kind, status, reason, headers) => {
    const response = await request(edge.port, { target: '/api/any', headers: headers() });
    expect([response.status, response.header('x-edge-reason')]).toEqual([status, reason]);
    expect(upstream.requests).toEqual([]);
    expect(response.raw.byteLength).toBeLessThan(2 * 1024);
  });

  test('of 100 KiB in a preflight are granted none of what they ask for', async () => {
    const names = Array.from({ length: 10_000 }, (_, index) => `x-name-${index}`).join(',');
    const response = await request(edge.port, {
      method: 'OPTIONS',
      target: '/api/any',
      headers: [
        line('Origin', pageOrigin),
        line('Access-Control-Request-Method', 'GET'),
        line('Access-Control-Request-Headers', names.slice(0, hundredKibibytes)),
      ],
    });
    expect(response.status).toBe(204);
    expect(response.header('access-control-allow-headers')).toBe('authorization, content-type');
  });

  test('that are more than the runtime takes are refused and not cut off', async () => {
    const response = await call({ headers: [line('X-Long', 'v'.repeat(256 * 1024))] });
    expect(response.status).toBe(431);
    expect(upstream.requests).toEqual([]);
  });
});

describe('the response', () => {
  test('keeps several Set-Cookie lines apart', async () => {
    const cookies = ['a=1; Expires=Wed, 21 Oct 2026 07:28:00 GMT', 'b=2; Secure', 'c=3'];
    upstream.answer = reply({ headers: cookies.map((cookie) => line('Set-Cookie', cookie)) });
    const { headers } = await callFromPage({});
    const received = headers.filter(([name]) => name.toLowerCase() === 'set-cookie');
    expect(received.map(([, value]) => value)).toEqual(cookies);
  });

  test.each([200, 201, 202, 299, 400, 401, 403, 404, 409, 418, 429, 451, 500, 502, 503, 599])(
    'keeps the status %i of the upstream with its body',
    async (status) => {
      const headers = [line('Content-Type', 'application/json'), line('X-Edge-Reason', 'forged')];
      upstream.answer = reply({ status, reason: 'Its Own', headers, body: '{"errors":["own"]}' });
      const response = await callFromPage({ target: '/status' });
      expect(response).toMatchObject({ status, reason: 'Its Own', outcome: 'complete' });
      expect(response.body.toString()).toBe('{"errors":["own"]}');
      // The header tells our refusals from the upstream's.
      expect(response.header('x-edge-reason')).toBeNull();
      expect(response.header('access-control-allow-origin')).toBe(pageOrigin);
    },
  );

  test.each([204, 205, 304])('of status %i has no body', async (status) => {
    upstream.answer = reply({ status, headers: [line('ETag', '"1"')] });
    const response = await callFromPage({ target: '/empty' });
    expect(response).toMatchObject({ status, outcome: 'complete' });
    expect(response.header('etag')).toBe('"1"');
    expect(response.body.byteLength).toBe(0);
  });

  test('carries our CORS headers, and of the upstream only the names that it exposes', async () => {
    upstream.answer = reply({
      headers: [
        line('Access-Control-Allow-Origin', '*'),
        line('access-control-allow-credentials', 'true'),
        line('Access-Control-Allow-Private-Network', 'true'),
        line('Access-Control-Expose-Headers', 'X-Named, *'),
        line('Access-Control-Max-Age', '86400'),
        line('Vary', 'Accept-Encoding'),
        line('Vary', 'Accept-Language'),
        line('X-Request-Id', 'of-the-upstream'),
      ],
    });
    const fromPage = await callFromPage({});
    const corsHeaders = fromPage.headers.filter(([name]) => /^access-control-/i.test(name));
    expect(corsHeaders.map(([name]) => name.toLowerCase()).sort()).toEqual([
      'access-control-allow-origin',
      'access-control-expose-headers',
    ]);
    expect(fromPage.header('access-control-allow-origin')).toBe(pageOrigin);
    const exposed = fromPage.header('access-control-expose-headers');
    expect(exposed).toMatch(/^Location, .*, Accept-Ranges, X-Named$/);
    expect(fromPage.header('vary')).toBe('Accept-Encoding, Accept-Language, Origin');
    expect(fromPage.header('x-request-id')).toBe(upstream.lastRequest().header('x-request-id'));

    const fromBackend = await call({});
    expect(fromBackend.headers.filter(([name]) => /^access-control-/i.test(name))).toEqual([]);
    expect(fromBackend.header('vary')).toBe('Accept-Encoding, Accept-Language, Origin');
  });

  test('to HEAD tells the length of what GET would get, and has no body', async () => {
    upstream.answer = file(Buffer.alloc(12_345, 'x'), '"head"');
    const response = await call({ method: 'HEAD', target: '/file' });
    expect(response).toMatchObject({ status: 200, outcome: 'complete' });
    expect(response.header('content-length')).toBe('12345');
    expect(response.raw.toString('latin1')).toMatch(/\r\n\r\n$/);
    expect(response.body.byteLength).toBe(0);
    expect(upstream.lastRequest().method).toBe('HEAD');
  });
});

describe('a file', () => {
  const content = Buffer.from(Array.from({ length: 1000 }, (_, index) => index % 256));
  beforeEach(() => {
    upstream.answer = file(content, '"v1"');
  });

  test('comes whole, with its ETag', async () => {
    const response = await callFromPage({ target: '/file' });
    expect(response).toMatchObject({ status: 200, outcome: 'complete' });
    expect(response.header('etag')).toBe('"v1"');
    expect(response.header('accept-ranges')).toBe('bytes');
    expect(response.header('content-length')).toBe('1000');
    expect(response.body).toEqual(content);
  });

  test('comes in the range that was asked for', async () => {
    const headers = [line('Range', 'bytes=100-299'), line('If-Range', '"v1"')];
    const response = await callFromPage({ target: '/file', headers });
    expect(response).toMatchObject({ status: 206, outcome: 'complete' });
    expect(response.header('content-range')).toBe('bytes 100-299/1000');
    expect(response.header('content-length')).toBe('200');
    expect(response.body).toEqual(content.subarray(100, 300));
    expect(upstream.lastRequest().header('if-range')).toBe('"v1"');
  });

  test('does not come again when it has not changed', async () => {
    const headers = [line('If-None-Match', '"v1"')];
    const response = await callFromPage({ target: '/file', headers });
    expect(response).toMatchObject({ status: 304, outcome: 'complete' });
    expect(response.header('etag')).toBe('"v1"');
    expect(response.header('vary')).toBe('Origin');
    expect(response.header('access-control-allow-origin')).toBe(pageOrigin);
    expect(response.body.byteLength).toBe(0);
  });
});

describe('a redirect', () => {
  const cases = ([301, 302, 303, 307, 308] as const).flatMap((status) =>
    ['GET', 'POST'].map((method) => ({ status, method })),
  );

  test.each(cases)('$status of a $method is handed back and not followed', async (redirected) => {
    const { status, method } = redirected;
    const location = `${elsewhere.url}/elsewhere?token=of-the-upstream`;
    upstream.answer = redirect(status, location);
    const response = await callFromPage({ method, target: '/from', body: 'body' });
    expect(response.status).toBe(status);
    expect(response.header('location')).toBe(location);
    expect(response.header('access-control-allow-origin')).toBe(pageOrigin);
    expect(upstream.requests.map(({ target }) => target)).toEqual(['/from']);
    expect(elsewhere.requests).toEqual([]);
  });

  test('to another path of the upstream is not followed either', async () => {
    upstream.answer = redirect(302, '/other');
    const response = await call({ target: '/from' });
    expect(response).toMatchObject({ status: 302 });
    expect(response.header('location')).toBe('/other');
    expect(upstream.requests).toHaveLength(1);
  });
});

describe('a repeated header', () => {
  test('Authorization is refused, whichever of the two is good', async () => {
    for (const tokens of [
      [backend.token, 'other'],
      ['other', backend.token],
      [backend.token, backend.token],
    ]) {
      const headers = tokens.map((token) => line('Authorization', `Bearer ${token}`));
      const response = await request(edge.port, { target: '/api/any', headers });
      expect(response.status).toBe(401);
      expect(response.header('x-edge-reason')).toBe('malformed_credentials');
      expect(response.header('www-authenticate')).toBe('Bearer error="invalid_request"');
    }
    expect(upstream.requests).toEqual([]);
  });

  test('Origin is refused and never echoed, whichever of the two is good', async () => {
    for (const origins of [
      [pageOrigin, 'https://evil.example'],
      ['https://evil.example', pageOrigin],
      [pageOrigin, pageOrigin],
    ]) {
      const headers = [bearer(cors), ...origins.map((origin) => line('Origin', origin))];
      const response = await request(edge.port, { target: '/api/any', headers });
      expect(response.status).toBe(403);
      expect(response.header('x-edge-reason')).toBe('invalid_origin');
      expect(response.header('access-control-allow-origin')).toBeNull();
      expect(response.body.toString()).not.toContain('evil.example');
    }
    expect(upstream.requests).toEqual([]);
  });
});

describe('a repeated Host', () => {
  test.each([
    ['edge.test', 'evil.example'],
    ['evil.example', 'edge.test'],
    ['edge.test', 'edge.test'],
  ])('is refused by the runtime: %s, then %s', async (...hosts) => {
    const response = await request(edge.port, {
      target: '/api/any',
      headers: [...hosts.map((host) => line('Host', host)), bearer(backend)],
    });
    expect(response.status).toBeOneOf([400, 500]);
    expect(response.header('x-request-id')).toBeNull();
    expect(upstream.requests).toEqual([]);
  });
});

describe('contradictory framing', () => {
  // If the edge and the upstream disagree about the end of a body, the rest is a second request
  // that the edge did not authorize. https://www.rfc-editor.org/rfc/rfc9112#section-11.2
  const smuggled = 'GET /smuggled HTTP/1.1\r\nHost: edge.test\r\n\r\n';
  const framings = [
    ['Content-Length: 4', 'Transfer-Encoding: chunked'],
    ['Transfer-Encoding: chunked', 'Content-Length: 4'],
    ['Transfer-Encoding: chunked', 'Transfer-Encoding: identity'],
    ['Transfer-Encoding: identity', 'Content-Length: 4'],
    ['Transfer-Encoding: gzip, chunked'],
    ['Transfer-Encoding: chunked, chunked'],
    ['Transfer-Encoding: xchunked', 'Content-Length: 4'],
    ['Transfer-Encoding : chunked', 'Content-Length: 4'],
    ['Transfer-Encoding:\x0bchunked', 'Content-Length: 4'],
    ['Transfer_Encoding: chunked', 'Content-Length: 4'],
    ['Content_Length: 4', 'Transfer-Encoding: chunked'],
    ['Content-Length: 4', 'Content-Length: 5'],
    ['Content-Length: 5', 'Content-Length: 4'],
    ['Content-Length: 4, 4'],
    ['Content-Length: +4'],
    ['Content-Length: -4'],
    ['Content-Length: 0x4'],
    ['Content-Length: 4 4'],
    ['Content-Length: 99999999999999999999'],
    ['Connection: Content-Length', 'Content-Length: 4'],
    ['Connection: Transfer-Encoding', 'Transfer-Encoding: chunked'],
  ];

  test.each(framings.map((lines) => ({ framing: lines.join(' and '), lines })))(
    'never makes one request into two: $framing',
    async ({ lines }) => {
      const head = [
        'POST /framed HTTP/1.1',
        'Host: edge.test',
        bearer(backend).join(': '),
        ...lines,
        `\r\n0\r\n\r\n${smuggled}`,
      ];
      // Refused, or not answered because the body is shorter than it was said to be: both are fine.
      await sendRaw(edge.port, head.join('\r\n'), { timeoutMs: 500 }).catch(() => null);
      await call({ target: '/after' });
      expect(upstream.lastRequest().target).toBe('/after');
      const others = upstream.requests.slice(0, -1);
      expect(others.map(({ method, target }) => `${method} ${target}`)).toBeOneOf([
        [],
        ['POST /framed'],
      ]);
      for (const received of others) {
        const encoding = received.header('transfer-encoding');
        const length = received.header('content-length');
        expect([encoding, length].filter((value) => value !== null)).toHaveLength(1);
        expect(encoding).toBeOneOf([null, 'chunked']);
      }
    },
  );
});

function line(name: string, value: string): [name: string, value: string] {
  return [name, value];
}

function bearer(key: CreatedKey): [name: string, value: string] {
  return line('Authorization', `Bearer ${key.token}`);
}
