/** Counts of the whole Worker, request by request, and the messages that leave it. */

import { createExecutionContext, waitOnExecutionContext } from 'cloudflare:test';
import { env } from 'cloudflare:workers';
import { beforeEach, describe, expect, it, vi } from 'vitest';
import type { Env } from '../../src/config/env.ts';
import { hashToken } from '../../src/core/key/token.ts';
import worker from '../../src/index.ts';
import { mergeUsage, readUsage } from '../../src/usage/d1.ts';
import { EDGE_URL, freshStorage } from '../support/workers.ts';
import { countedInD1, openBatch, sumOf } from './fixtures.ts';

const origin = 'https://app.example';
const elsewhere = 'https://elsewhere.example';

let sent: string[] = [];
let deployed: Env;
let backend: CreatedKey;
let restricted: CreatedKey;

interface CreatedKey {
  readonly id: string;
  readonly token: string;
}

beforeEach(async () => {
  await freshStorage();
  sent = [];
  deployed = {
    ...env,
    // Its own data centre: polls that the cache keeps are of the storage of another test.
    CF_VERSION_METADATA: { id: crypto.randomUUID(), tag: '', timestamp: '' },
    USAGE_FLUSH_SECONDS: '0',
    USAGE: { send: async (text: string) => void sent.push(text) } as unknown as Queue<string>,
  };
  vi.spyOn(console, 'log').mockImplementation(() => {});
  answerWith(() => Promise.resolve(new Response('from the upstream')));
  backend = await createKey({ name: 'backend' });
  restricted = await createKey({ name: 'app', access: { cors: { allowedOrigins: [origin] } } });
});

describe('each request counts once, under its outcome', () => {
  const bearer = (key: CreatedKey) => ({ Authorization: `Bearer ${key.token}` });
  const preflight = { 'Access-Control-Request-Method': 'GET' };
  const rows: [
    name: string,
    call: () => readonly [path: string, init: RequestInit],
    key: () => string,
    outcome: string,
  ][] = [
    ['no key', () => ['/x', {}], () => 'none', 'denied:missing_credentials'],
    [
      'credentials that cannot be read',
      () => ['/x', { headers: { Authorization: 'Basic YTpi' } }],
      () => 'none',
      'denied:malformed_credentials',
    ],
    [
      'a token of no key',
      () => ['/x', { headers: { Authorization: 'Bearer unknown' } }],
      () => 'none',
      'denied:invalid_key',
    ],
    [
      'an origin that cannot be read',
      () => ['/x', { headers: { ...bearer(backend), Origin: 'nonsense' } }],
      () => 'none',
      'denied:invalid_origin',
    ],
    [
      'a backend key in a page',
      () => ['/x', { headers: { ...bearer(backend), Origin: origin } }],
      () => backend.id,
      'denied:cors_not_enabled',
    ],
    [
      'a key on an origin that it does not list',
      () => [
        '/api/stream',
        { method: 'POST', headers: { ...bearer(restricted), Origin: elsewhere } },
      ],
      () => restricted.id,
      'denied:origin_not_allowed',
    ],
    [
      'a restricted key on another route',
      () => ['/api/asset', { headers: { ...bearer(restricted), Origin: origin } }],
      () => restricted.id,
      'denied:route_not_allowed',
    ],
    [
      'a preflight from an origin that no key lists',
      () => ['/x', { method: 'OPTIONS', headers: { ...preflight, Origin: elsewhere } }],
      () => 'none',
      'denied:origin_not_registered',
    ],
    [
      'a preflight that is granted',
      () => ['/x', { method: 'OPTIONS', headers: { ...preflight, Origin: origin } }],
      () => 'none',
      'preflight_granted',
    ],
    ['a backend key', () => ['/x', { headers: bearer(backend) }], () => backend.id, 'allowed'],
    [
      'a restricted key on its origin and route',
      () => ['/api/stream', { method: 'POST', headers: { ...bearer(restricted), Origin: origin } }],
      () => restricted.id,
      'allowed',
    ],
  ];
  for (const [name, call, key, outcome] of rows) {
    it(name, async () => {
      const [path, init] = call();
      await send(path, init);
      expect(sumOf(sent)).toEqual({ [`${key()} ${today()} ${outcome}`]: 1 });
      const isUse = outcome === 'allowed';
      const [batch] = sent.map(openBatch);
      expect(batch?.used.map(([keyId]) => keyId)).toEqual(isUse ? [key()] : []);
      const isAboutOrigin =
        outcome === 'denied:cors_not_enabled' || outcome === 'denied:origin_not_allowed';
      expect(batch?.origins.map(([keyId]) => keyId)).toEqual(isAboutOrigin ? [key()] : []);
    });
  }

  it('an error of the upstream itself is an answer like any other', async () => {
    answerWith(() => Promise.resolve(new Response('broken', { status: 500 })));
    await send('/x', { headers: bearer(backend) });
    expect(sumOf(sent)).toEqual({ [`${backend.id} ${today()} allowed`]: 1 });
  });

  it('an upstream out of reach', async () => {
    answerWith(() => Promise.reject(new TypeError('Network connection lost.')));
    const { status } = await send('/x', { headers: bearer(backend) });
    expect(status).toBe(502);
    expect(sumOf(sent)).toEqual({
      [`${backend.id} ${today()} upstream_error:upstream_unreachable`]: 1,
    });
  });

  it('a public route, also when the upstream fails', async () => {
    deployed = {
      ...deployed,
      PUBLIC_ROUTES: JSON.stringify({ routes: [{ methods: ['GET'], path: '/open' }] }),
    };
    await send('/open', {});
    answerWith(() => Promise.reject(new TypeError('Network connection lost.')));
    await send('/open', { headers: bearer(backend) });
    expect(sumOf(sent)).toEqual({
      [`none ${today()} allowed`]: 1,
      [`none ${today()} upstream_error:upstream_unreachable`]: 1,
    });
    expect(sent.flatMap((text) => openBatch(text).used)).toEqual([]);
  });

  it('nothing under /_edge/', async () => {
    for (const path of ['/_edge/health', '/_edge/v1/keys', '/a/%2e%2e/_edge/v1/keys']) {
      await send(path, { headers: bearer(backend) });
    }
    expect(sent).toEqual([]);
  });
});

describe('the endpoint of an allowed request', () => {
  const endpoints = () =>
    sent.flatMap((text) => openBatch(text).endpoints ?? []).map(([keyId, , name]) => [keyId, name]);
  const bearer = (key: CreatedKey) => ({ Authorization: `Bearer ${key.token}` });

  it('is the template of its route, and never a path', async () => {
    await send('/api/stream/4bad3dd6-secret?token=secret', { headers: bearer(backend) });
    await send('/api/unknown/secret/path', { method: 'PUT', headers: bearer(backend) });
    await send('/api/stream', {
      method: 'POST',
      headers: { ...bearer(restricted), Origin: origin },
    });
    expect(endpoints()).toEqual([
      [backend.id, 'GET /api/stream/{stream}'],
      [backend.id, 'PUT'],
      [restricted.id, 'POST /api/stream'],
    ]);
    expect(sent.join('\n')).not.toContain('secret');
  });

  it('is a row of the restricted routes also for a key that may call everything', async () => {
    await send('/api/stream', { method: 'POST', headers: bearer(backend) });
    await send('/api/asset', { headers: bearer(backend) });
    expect(endpoints()).toEqual([
      [backend.id, 'POST /api/stream'],
      [backend.id, 'GET'],
    ]);
  });

  it('is not counted for a refusal', async () => {
    await send('/api/asset', { headers: { ...bearer(restricted), Origin: origin } });
    await send('/api/stream', { method: 'POST', headers: { Authorization: 'Bearer unknown' } });
    expect(endpoints()).toEqual([]);
  });
});

it('no token, hash or secret is in a batch', async () => {
  const secrets: string[] = [];
  for (const key of [backend, restricted]) {
    for (const from of [null, origin, elsewhere]) {
      await send('/api/asset?token=query-secret', {
        headers: {
          Authorization: `Bearer ${key.token}`,
          Cookie: 'session=cookie-secret',
          ...(from === null ? {} : { Origin: from }),
        },
      });
    }
    secrets.push(key.token, key.token.slice(6, 20), await hashToken(key.token));
  }
  await send('/x', { headers: { Authorization: 'Bearer unknown-secret-token' } });
  secrets.push('secret', env.ADMIN_TOKEN, 'Bearer', 'Authorization');
  const text = sent.join('\n');
  expect(text).toContain(backend.id);
  expect(text).toContain(restricted.id);
  for (const secret of secrets) expect(text).not.toContain(secret);
});

it('a Queue that hangs, rejects or throws changes nothing about the answer', async () => {
  const faults: [name: string, send: () => unknown][] = [
    ['hangs', () => new Promise(() => {})],
    ['rejects', () => Promise.reject(new Error('Too Many Requests'))],
    [
      'throws',
      () => {
        throw new Error('no such queue');
      },
    ],
  ];
  for (const [, fault] of faults) {
    const faulty = { ...deployed, USAGE: { send: fault } as unknown as Queue<string> };
    const headers = { Authorization: `Bearer ${backend.token}` };
    // Not awaited: the background work keeps trying for seconds.
    const response = await worker.fetch(
      new Request(`${EDGE_URL}/x`, { headers }) as never,
      faulty,
      createExecutionContext(),
    );
    expect(response.status).toBe(200);
    expect(await response.text()).toBe('from the upstream');
  }
});

it('without a Queue, isolates merge into D1 by themselves', async () => {
  const { USAGE: _, ...withoutQueue } = deployed;
  deployed = withoutQueue;
  const headers = { Authorization: `Bearer ${backend.token}` };
  await send('/x', { headers });
  await send('/y', { headers });
  await send('/z', {});
  // Files share D1, and the background work of an earlier one may still merge rows of its own keys.
  expect(await countedInD1()).toMatchObject({
    [`${backend.id} ${today()} allowed`]: 2,
    [`none ${today()} denied:missing_credentials`]: 1,
  });
  expect(await readUsage(env.DB, backend.id, today())).toHaveLength(1);
  const row = await env.DB.prepare('SELECT last_used_at_ms FROM keys WHERE id = ?')
    .bind(backend.id)
    .first<{ last_used_at_ms: number }>();
  expect(Math.abs(Date.now() - (row?.last_used_at_ms ?? 0))).toBeLessThan(10_000);
});

it.each([
  ['rejects', () => Promise.reject(new Error('Too Many Requests'))],
  [
    'throws',
    () => {
      throw new Error('no such queue');
    },
  ],
])(
  'a Queue that %s loses nothing: usage is merged into D1, and the log says so',
  async (_, fault) => {
    const logged = vi.spyOn(console, 'log').mockImplementation(() => {});
    deployed = { ...deployed, USAGE: { send: fault } as unknown as Queue<string> };
    const headers = { Authorization: `Bearer ${backend.token}` };
    await send('/x', { headers });
    await send('/y', { headers });
    await send('/z', {});
    expect(await countedInD1()).toMatchObject({
      [`${backend.id} ${today()} allowed`]: 2,
      [`none ${today()} denied:missing_credentials`]: 1,
    });
    const lines = logged.mock.calls.map(([line]) => String(line));
    expect(lines.join('\n')).toContain('"event":"usage_queue_refused"');
  },
);

it('a batch that the Queue took and reported as refused counts once', async () => {
  const fault = (text: string) => {
    sent.push(text);
    return Promise.reject(new Error('timed out'));
  };
  deployed = { ...deployed, USAGE: { send: fault } as unknown as Queue<string> };
  await send('/x', { headers: { Authorization: `Bearer ${backend.token}` } });
  expect(sent.length).toBeGreaterThan(0);
  const batches = sent.map((text) => ({ id: JSON.parse(text).id as string, text }));
  await mergeUsage(env.DB, batches as never, Date.now());
  expect(await countedInD1()).toMatchObject({ [`${backend.id} ${today()} allowed`]: 1 });
});

function answerWith(answer: () => Promise<Response>): void {
  vi.spyOn(globalThis, 'fetch').mockImplementation(answer);
}

async function send(path: string, init: RequestInit): Promise<{ status: number; body: string }> {
  const ctx = createExecutionContext();
  const response = await worker.fetch(new Request(EDGE_URL + path, init) as never, deployed, ctx);
  const body = await response.text();
  await waitOnExecutionContext(ctx);
  return { status: response.status, body };
}

async function createKey(document: object): Promise<CreatedKey> {
  const { status, body } = await send('/_edge/v1/keys', {
    method: 'POST',
    headers: {
      Authorization: `Bearer ${env.ADMIN_TOKEN}`,
      'Content-Type': 'application/json',
    },
    body: JSON.stringify(document),
  });
  expect(status).toBe(201);
  return JSON.parse(body) as CreatedKey;
}

function today(): string {
  return new Date().toISOString().slice(0, 10);
}
