/**
 * The options that an operator adds by configuration: public routes, another restricted table, signed
 * identity, limits, and the logs and headers of a request.
 */

import { createLocalJWKSet, type JSONWebKeySet, jwtVerify } from 'jose';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { newAssertionKeys } from '../../src/cli/assertion-keys.ts';
import { request } from '../support/node/raw-http.ts';
import { type CreatedKey, type Edge, serveEdges } from '../support/node/serve-edge.ts';
import { startUpstream, type Upstream } from '../support/node/upstream-server.ts';
import { timeLeftInMinute } from '../support/time-left.ts';

const origin = 'https://app.example';
const stranger = 'https://stranger.example';

const keysBefore = newAssertionKeys(undefined);

/** A table with a mistake in each of its 120 routes. */
const wrongRoutes = [
  { methods: ['get'], path: 'x' },
  ...Array.from({ length: 119 }, (_, index) => ({
    methods: ['GET'],
    path: `wrong-${index}-${'x'.repeat(200)}`,
  })),
];

let upstream: Upstream;
/** Deployments with other options, in one process. */
let edges: Awaited<ReturnType<typeof serveDeployments>>;
beforeAll(async () => {
  upstream = await startUpstream();
  edges = await serveDeployments(upstream.url);
});
afterAll(() => Promise.all([edges?.plain.dispose(), upstream?.dispose()]));

async function serveDeployments(upstreamUrl: string) {
  const publicRoutes = {
    routes: [
      { methods: ['GET'], path: '/api/playback/{playback}' },
      { methods: ['HEAD', 'PATCH'], path: '/api/asset/upload/tus/{upload}' },
    ],
    encodedIds: ['upload'],
  };
  const restrictedRoutes = {
    routes: [{ methods: ['GET'], path: '/v2/things/{thing}' }],
    reservedWords: { thing: ['all'] },
  };
  const rotated = newAssertionKeys(JSON.stringify(await keysBefore));
  return serveEdges({
    plain: { upstreamUrl },
    open: { upstreamUrl, vars: { PUBLIC_ROUTES: JSON.stringify(publicRoutes) } },
    withTable: { upstreamUrl, vars: { RESTRICTED_ROUTES: JSON.stringify(restrictedRoutes) } },
    signing: { upstreamUrl, vars: { ASSERTION_KEYS: JSON.stringify(await keysBefore) } },
    rotated: { upstreamUrl, vars: { ASSERTION_KEYS: JSON.stringify(await rotated) } },
    limited: {
      upstreamUrl,
      limitersPerMinute: { FAILURE_LIMITER: 3, KEY_LIMITER: 5 },
      vars: { FAILURE_LIMIT: '3/60', KEY_LIMIT: '5/60' },
    },
    logging: { upstreamUrl, vars: { LOG_ALLOWED_PERCENT: '100', SERVER_TIMING: 'true' } },
    broken: { upstreamUrl, vars: { RESTRICTED_ROUTES: JSON.stringify({ routes: wrongRoutes }) } },
  });
}

const lastHeader = (name: string) =>
  upstream.requests
    .at(-1)
    ?.headers.filter(([received]) => received.toLowerCase() === name)
    .map(([, value]) => value);

describe('public routes', () => {
  let edge: Edge;
  let backend: CreatedKey;
  beforeAll(async () => {
    edge = edges.open;
    backend = await edge.createKey({ name: 'backend' });
  });

  it.each([
    ['POST', '/api/playback/abc'],
    ['GET', '/api/playback/'],
    ['GET', '/api/playback/a%2Fb'],
    ['GET', '/api/playback/abc/'],
    ['GET', '/api/playback/../user/me'],
    ['GET', '/api/playback/abc?_method=DELETE'],
    ['PATCH', '/api/asset/upload/tus/..%2f..%2fuser'],
    ['PATCH', '/api/asset/upload/tus/a%2f%2fb'],
    ['PATCH', '/api/asset/upload/tus/a%252fb'],
    ['PATCH', '/api/asset/upload/tus/a/b'],
    ['GET', '/api/stream/abc'],
  ])('%s %s still needs a key', async (method, target) => {
    const before = upstream.requests.length;
    const response = await request(edge.port, {
      method,
      target,
      headers: [['Content-Length', '0']],
    });
    expect([401, 404]).toContain(response.status);
    expect(upstream.requests).toHaveLength(before);
  });

  it.each([
    ['GET', '/api/playback/abc?x=1'],
    ['HEAD', '/api/asset/upload/tus/2024%2Fabc'],
    ['PATCH', '/api/asset/upload/tus/2024%2fabc'],
  ])('%s %s passes without a key, as it was sent', async (method, target) => {
    const headers: [string, string][] = [
      ['Content-Length', '0'],
      ['X-Edge-Key-Id', 'forged'],
    ];
    const response = await request(edge.port, { method, target, headers });
    expect(response.status).toBe(200);
    expect(upstream.requests.at(-1)).toMatchObject({ method, target });
    expect(lastHeader('x-edge-access')).toEqual(['public']);
    expect(lastHeader('x-edge-key-id')).toEqual([]);
    expect(response.header('cache-control')).toBeNull();
  });

  it('takes a key away from a public request, a good one and a bad one alike', async () => {
    for (const token of [backend.token, 'nonsense']) {
      const headers: [string, string][] = [['Authorization', `Bearer ${token}`]];
      const response = await request(edge.port, { target: '/api/playback/abc', headers });
      expect(response.status).toBe(200);
      expect(lastHeader('authorization')).toEqual([]);
    }
  });

  it('grants any well-formed origin there, on the preflight too, and nowhere else', async () => {
    const headers: [string, string][] = [['Origin', stranger]];
    const read = await request(edge.port, { target: '/api/playback/abc', headers });
    expect(read.header('access-control-allow-origin')).toBe(stranger);
    expect(read.header('vary')).toBe('Origin');

    const preflight = (target: string, method: string) =>
      request(edge.port, {
        method: 'OPTIONS',
        target,
        headers: [...headers, ['Access-Control-Request-Method', method]],
      });
    expect((await preflight('/api/playback/abc', 'GET')).status).toBe(204);
    expect((await preflight('/api/playback/abc', 'DELETE')).status).toBe(403);
    expect((await preflight('/api/stream/abc', 'GET')).status).toBe(403);
    const malformed: [string, string][] = [['Origin', 'https://a, https://b']];
    expect(
      (await request(edge.port, { target: '/api/playback/abc', headers: malformed })).status,
    ).toBe(403);
  });
});

describe('a restricted table of the operator', () => {
  it('replaces the default one', async () => {
    const edge = edges.withTable;
    const access = { cors: { allowedOrigins: [origin] } };
    const { token } = await edge.createKey({ name: 'restricted', access });
    const statusOf = async (target: string) => {
      const headers: [string, string][] = [['Authorization', `Bearer ${token}`]];
      return (await request(edge.port, { target, headers })).status;
    };
    expect(await statusOf('/api/task/1')).toBe(403);
    expect(await statusOf('/v2/things/All')).toBe(403);
    expect(await statusOf('/v2/things/1')).toBe(200);
  });

  it('stops the Worker when it is wrong, with every problem in the log, in lines of at most 4 KiB', async () => {
    const edge = edges.broken;
    const response = await request(edge.port, { target: '/api/task/1' });
    expect(response.status).toBe(503);
    expect(response.body.toString()).not.toContain('RESTRICTED_ROUTES');
    const told = () => edge.logs.filter((line) => line.includes('configuration_broken')).join('\n');
    await expect.poll(told).toContain('routes[0].methods');
    for (const index of [0, 60, wrongRoutes.length - 1]) {
      await expect.poll(told).toContain(`routes[${index}].path`);
    }
    for (const line of edge.logs) expect(Buffer.byteLength(line)).toBeLessThanOrEqual(4096);
  });
});

describe('the signed assertion', () => {
  let edge: Edge;
  let key: CreatedKey;
  beforeAll(async () => {
    edge = edges.signing;
    key = await edge.createKey({ name: 'backend', owner: 'acct_1' });
  });

  it('reaches the upstream for the very request, whatever the client sends in its name', async () => {
    const forged: [string, string][] = [
      'X-Edge-Assertion',
      'x-edge-assertion',
      'X_Edge_Assertion',
      'X-EDGE_Assertion',
    ].map((name) => [name, 'forged']);
    const response = await request(edge.port, {
      method: 'PUT',
      target: '/a/b?c=d',
      headers: [...forged, ['Authorization', `Bearer ${key.token}`], ['Content-Length', '0']],
    });
    expect(response.status).toBe(200);
    const assertions = upstream.requests
      .at(-1)
      ?.headers.filter(([name]) => name.toLowerCase().replaceAll('_', '-') === 'x-edge-assertion');
    expect(assertions).toHaveLength(1);

    const jwks = (await (await fetch(`${edge.url}/_edge/jwks.json`)).json()) as JSONWebKeySet;
    expect(JSON.stringify(jwks)).not.toContain('"d"');
    const { payload } = await jwtVerify(assertions?.[0]?.[1] ?? '', createLocalJWKSet(jwks), {
      issuer: 'edge-authorizer',
      audience: upstream.url,
      algorithms: ['EdDSA'],
    });
    expect(payload).toMatchObject({
      sub: 'acct_1',
      key_id: key.id,
      access: 'backend',
      stale: false,
      htm: 'PUT',
      htu: `${upstream.url}/a/b`,
    });
    expect((payload.exp ?? 0) - (payload.iat ?? 0)).toBeLessThanOrEqual(30);
  });

  it('is verified with the keys published after a rotation', async () => {
    await request(edge.port, { target: '/x', headers: [['Authorization', `Bearer ${key.token}`]] });
    const [assertion = ''] = lastHeader('x-edge-assertion') ?? [];
    const jwks = (await (
      await fetch(`${edges.rotated.url}/_edge/jwks.json`)
    ).json()) as JSONWebKeySet;
    expect(jwks.keys).toHaveLength(2);
    await jwtVerify(assertion, createLocalJWKSet(jwks), { audience: upstream.url });
  });

  it('is not there where no key is configured, and neither is the key set', async () => {
    const { plain } = edges;
    const { token } = await plain.createKey({ name: 'backend' });
    await request(plain.port, { target: '/x', headers: [['Authorization', `Bearer ${token}`]] });
    expect(lastHeader('x-edge-assertion')).toEqual([]);
    expect((await request(plain.port, { target: '/_edge/jwks.json' })).status).toBe(404);
  });
});

describe('limits', () => {
  let edge: Edge;
  let key: CreatedKey;
  beforeAll(async () => {
    edge = edges.limited;
    const access = { cors: { allowedOrigins: [origin], fullAccess: true } };
    key = await edge.createKey({ name: 'page', access });
  });
  beforeEach(timeLeftInMinute);

  const from = (address: string, more: [string, string][] = []): [string, string][] => [
    ['CF-Connecting-IP', address],
    ['Origin', origin],
    ...more,
  ];

  it('tell a client that keeps failing to wait, in words that its page can read', async () => {
    const attempt = (address: string) =>
      request(edge.port, { target: '/x', headers: from(address) });
    for (let count = 0; count < 3; count++) expect((await attempt('192.0.2.1')).status).toBe(401);
    const limited = await attempt('192.0.2.1');
    expect(limited.status).toBe(429);
    expect(limited.header('x-edge-reason')).toBe('rate_limited');
    expect(limited.header('retry-after')).toBe('60');
    expect(limited.header('ratelimit')).toBe('"failures";r=0;t=60');
    expect(limited.header('ratelimit-policy')).toBe('"failures";q=3;w=60');
    expect(limited.header('access-control-allow-origin')).toBe(origin);
    expect(limited.header('access-control-expose-headers')).toContain('RateLimit-Policy');
    expect(limited.header('www-authenticate')).toBeNull();
    expect((await attempt('192.0.2.2')).status).toBe(401);
  });

  it('never concern a preflight, nor a good key that the isolate knows', async () => {
    const good: [string, string] = ['Authorization', `Bearer ${key.token}`];
    const elsewhere = await request(edge.port, {
      target: '/x',
      headers: from('192.0.2.9', [good]),
    });
    expect(elsewhere.status).toBe(200);
    const asked: [string, string][] = [['Access-Control-Request-Method', 'GET']];
    for (let count = 0; count < 8; count++) {
      const headers = from('192.0.2.1', asked);
      expect((await request(edge.port, { method: 'OPTIONS', target: '/x', headers })).status).toBe(
        204,
      );
    }
    const headers = from('192.0.2.1', [good]);
    expect((await request(edge.port, { target: '/x', headers })).status).toBe(200);
  });

  it('stop a key that is used too often, and nothing of it reaches the upstream', async () => {
    const headers = from('192.0.2.3', [['Authorization', `Bearer ${key.token}`]]);
    let limited = await request(edge.port, { target: '/x', headers });
    for (let count = 0; count < 8 && limited.status === 200; count++) {
      limited = await request(edge.port, { target: '/x', headers });
    }
    const before = upstream.requests.length;
    expect(limited.status).toBe(429);
    expect(limited.header('ratelimit-policy')).toBe('"key";q=5;w=60');
    expect((await request(edge.port, { target: '/x', headers })).status).toBe(429);
    expect(upstream.requests).toHaveLength(before);
  });
});

describe('a very long path', () => {
  it('is refused before it is read, unless it is plain', async () => {
    const edge = edges.plain;
    const { token } = await edge.createKey({ name: 'backend' });
    const headers: [string, string][] = [['Authorization', `Bearer ${token}`]];
    const statusOf = async (target: string) => {
      const response = await request(edge.port, { target, headers });
      return [response.status, response.header('x-edge-reason')];
    };
    expect(await statusOf(`/${'%252e'.repeat(1000)}`)).toEqual([414, 'target_too_long']);
    expect(await statusOf(`/${'x'.repeat(5000)}`)).toEqual([200, null]);
  });
});

describe('what is reported and logged', () => {
  it('is nothing about an allowed request by default', async () => {
    const edge = edges.plain;
    const { token } = await edge.createKey({ name: 'backend' });
    const headers: [string, string][] = [['Authorization', `Bearer ${token}`]];
    const response = await request(edge.port, { target: '/x', headers });
    expect(response.header('server-timing')).toBeNull();
    const requestId = response.header('x-request-id') ?? '';
    const refused = await request(edge.port, { target: '/x' });
    const refusedId = refused.header('x-request-id') ?? 'none';
    await expect.poll(() => edge.logs.join('\n')).toContain(refusedId);
    expect(edge.logs.join('\n')).not.toContain(requestId);
  });

  it('is one line of its row, key and time, and the shares of the time, where asked for', async () => {
    const edge = edges.logging;
    const access = { cors: { allowedOrigins: [origin] } };
    const key = await edge.createKey({ name: 'page', owner: 'acct_1', access });
    const headers: [string, string][] = [
      ['Authorization', `Bearer ${key.token}`],
      ['Origin', origin],
    ];
    const response = await request(edge.port, { target: '/api/task/1', headers });
    expect(response.header('server-timing')).toMatch(
      /^key;dur=\d+;desc="(?:memory|shared|kv|replica|d1)", edge;dur=\d+, upstream;dur=\d+$/,
    );
    const requestId = response.header('x-request-id') ?? 'none';
    const lines = () => edge.logs.filter((line) => line.includes(requestId));
    await expect.poll(lines).toHaveLength(1);
    expect(JSON.parse(lines()[0] ?? '')).toEqual({
      event: 'allowed',
      code: 'allowed',
      requestId,
      method: 'GET',
      route: '/api/task/{task}',
      keyId: key.id,
      owner: 'acct_1',
      origin,
      durationMs: expect.any(Number),
      keySource: expect.any(String),
      keyDurationMs: expect.any(Number),
    });
  });
});
