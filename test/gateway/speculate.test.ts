/**
 * Reads that are forwarded before their key is confirmed: the whole Worker over the real bindings, with
 * an upstream and a D1 that answer when a test says so.
 */

import { createExecutionContext } from 'cloudflare:test';
import { env } from 'cloudflare:workers';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import type { Env } from '../../src/config/env.ts';
import worker from '../../src/index.ts';
import { EDGE_URL, freshStorage } from '../support/workers.ts';

const LEASE_OVER_MS = 20_000;

interface Settings {
  readonly SPECULATIVE_READS?: string;
  readonly OUTAGE_GRACE_SECONDS?: string;
  readonly KEY_LIMITER?: RateLimit;
  readonly KEY_LIMIT?: string;
  readonly ASSERTION?: string;
  readonly ASSERTION_KEYS?: string;
}

/** An isolate that knows a key whose lease is over, and the requests that reach the upstream. */
async function anEdge(settings: Settings = { SPECULATIVE_READS: 'true' }, access?: object) {
  await freshStorage();
  const forwarded: Request[] = [];
  const cancelled: string[] = [];
  const lines: Record<string, unknown>[] = [];
  vi.spyOn(console, 'log').mockImplementation((line) => void lines.push(JSON.parse(String(line))));
  vi.spyOn(globalThis, 'fetch').mockImplementation(async (input, init) => {
    const request = new Request(input as RequestInfo, init as RequestInit);
    forwarded.push(request);
    const body = new ReadableStream({
      start: (controller) => controller.enqueue(new TextEncoder().encode('a secret')),
      cancel: () => void cancelled.push(request.url),
    });
    return new Response(body, { status: 200 });
  });
  const realNow = Date.now;
  let aheadMs = 0;
  vi.spyOn(Date, 'now').mockImplementation(() => realNow() + aheadMs);

  const batches: string[] = [];
  const usage = { send: async (text: string) => void batches.push(text) };
  const isolate = {
    ...env,
    LOG_ALLOWED_PERCENT: '100',
    SERVER_TIMING: 'true',
    USAGE: usage as unknown as Queue<string>,
    USAGE_FLUSH_SECONDS: '0',
    KEEP_WARM_SECONDS: '0',
    // Otherwise it would share polls with an edge whose storage is gone.
    CF_VERSION_METADATA: { id: crypto.randomUUID(), tag: '', timestamp: '' },
    ...settings,
  } as unknown as Env;
  const call = async (path: string, init: RequestInit) =>
    worker.fetch(new Request(EDGE_URL + path, init) as never, isolate, createExecutionContext());
  const admin = {
    authorization: `Bearer ${env.ADMIN_TOKEN}`,
    'content-type': 'application/json',
  };
  const created = await call('/_edge/v1/keys', {
    method: 'POST',
    headers: admin,
    body: JSON.stringify({ name: 'a key', ...(access ? { access } : {}) }),
  });
  const { id, token } = await created.json<{ id: string; token: string }>();
  const ask = (method = 'GET', init: RequestInit = {}) =>
    call('/api/stream', {
      method,
      ...init,
      headers: { authorization: `Bearer ${token}`, ...(init.headers as object) },
    });
  const first = await ask();
  if (first.status !== 200) throw new Error(`${JSON.stringify(lines)}`);
  await first.body?.cancel();
  forwarded.length = 0;
  cancelled.length = 0;
  lines.length = 0;
  aheadMs += LEASE_OVER_MS;
  return {
    id,
    ask,
    forwarded,
    cancelled,
    lines,
    batches,
    passMs: (ms: number) => {
      aheadMs += ms;
    },
    /** A change that this isolate does not hear of before it reads the log. */
    async change(column: string, value: number) {
      await env.DB.batch([
        env.DB.prepare(`UPDATE keys SET ${column} = ?`).bind(value),
        env.DB.prepare(
          'INSERT INTO changes (token_hash, changed_at_ms) SELECT token_hash, 1 FROM tokens',
        ),
      ]);
    },
  };
}

const marks = (requests: readonly Request[]) =>
  requests.map(({ headers }) => headers.get('x-edge-unconfirmed'));

beforeEach(() => vi.restoreAllMocks());
afterEach(() => {
  vi.restoreAllMocks();
});

describe('a read whose key is not confirmed yet', () => {
  test('is not forwarded unless the setting says so', async () => {
    const edge = await anEdge({});
    expect((await edge.ask()).status).toBe(200);
    expect(marks(edge.forwarded)).toEqual([null]);
  });

  test.for(['GET', 'HEAD'])('is forwarded once, marked, and delivered: %s', async (method) => {
    const edge = await anEdge();
    const response = await edge.ask(method);
    expect(response.status).toBe(200);
    expect(marks(edge.forwarded)).toEqual(['1']);
    expect(edge.cancelled).toEqual([]);
    expect(response.headers.get('server-timing')).toMatch(/key;dur=\d+;desc="d1"/);
    expect(edge.lines).toContainEqual(
      expect.objectContaining({
        event: 'allowed',
        keySource: 'd1',
        keyDurationMs: expect.any(Number),
      }),
    );
    expect(response.headers.has('x-edge-unconfirmed')).toBe(false);
  });

  test.for([
    { what: 'revoked', column: 'revoked_at_ms', value: 1 },
    { what: 'disabled', column: 'enabled', value: 0 },
    { what: 'expired', column: 'expires_at_ms', value: 1 },
  ])('is refused, and its response dropped, if it was $what', async ({ column, value }) => {
    const edge = await anEdge();
    await edge.change(column, value);
    const response = await edge.ask();
    expect(response.status).toBe(401);
    expect(await response.text()).not.toContain('a secret');
    expect(marks(edge.forwarded)).toEqual(['1']);
    await vi.waitFor(() => expect(edge.cancelled).toHaveLength(1));
    expect(edge.lines.map(({ code }) => code)).not.toContain('allowed');
    await vi.waitFor(() => expect(edge.batches.join()).toContain('invalid_key'));
  });

  test('is forwarded again with the new facts if the key was changed', async () => {
    const edge = await anEdge();
    await edge.change('name', 0);
    expect((await edge.ask()).status).toBe(200);
    expect(marks(edge.forwarded)).toEqual(['1', null]);
    await vi.waitFor(() => expect(edge.cancelled).toHaveLength(1));
  });

  test.for([
    { what: 'a POST', method: 'POST', init: {} },
    { what: 'a DELETE', method: 'DELETE', init: {} },
    { what: 'an upgrade', method: 'GET', init: { headers: { upgrade: 'websocket' } } },
  ])('is a read: not $what', async ({ method, init }) => {
    const edge = await anEdge();
    await edge.ask(method, init);
    expect(marks(edge.forwarded)).toEqual([null]);
  });

  test('is not forwarded if the grace of an outage is over', async () => {
    const edge = await anEdge();
    edge.passMs(400_000);
    expect((await edge.ask()).status).toBe(200);
    expect(marks(edge.forwarded)).toEqual([null]);
  });

  test('is not forwarded without any grace', async () => {
    const edge = await anEdge({ SPECULATIVE_READS: 'true', OUTAGE_GRACE_SECONDS: '0' });
    expect((await edge.ask()).status).toBe(200);
    expect(marks(edge.forwarded)).toEqual([null]);
  });

  test('is not forwarded from an origin that the known key does not list', async () => {
    const edge = await anEdge(undefined, {
      cors: { allowedOrigins: ['https://a.example'], fullAccess: true },
    });
    const response = await edge.ask('GET', { headers: { origin: 'https://b.example' } });
    expect(response.status).toBe(403);
    expect(edge.forwarded).toEqual([]);
  });

  test('passes its limiter first, and counts there once', async () => {
    const asked: string[] = [];
    let mayPass = true;
    const limiter = {
      limit: async ({ key }: { key: string }) => {
        asked.push(key);
        return { success: mayPass };
      },
    } as RateLimit;
    const limited = { KEY_LIMITER: limiter, KEY_LIMIT: '5/60' };
    const edge = await anEdge({ SPECULATIVE_READS: 'true', ...limited });
    asked.length = 0;
    await edge.change('name', 0);
    // Forwarded twice, because the key has changed.
    expect((await edge.ask()).status).toBe(200);
    expect(marks(edge.forwarded)).toEqual(['1', null]);
    expect(asked).toEqual([edge.id]);

    mayPass = false;
    edge.forwarded.length = 0;
    edge.passMs(LEASE_OVER_MS);
    expect((await edge.ask()).status).toBe(429);
    expect(edge.forwarded).toEqual([]);
    await vi.waitFor(() => expect(edge.batches.join()).toContain('rate_limited'));
  });

  test('never leaves an assertion with `unconfirmed` for other requests of its key', async () => {
    const settings = { ASSERTION: 'key', ASSERTION_KEYS: await anAssertionKey() };
    const edge = await anEdge({ SPECULATIVE_READS: 'true', ...settings });
    const claims = () =>
      edge.forwarded.map(({ headers }) => {
        const [, payload = ''] = (headers.get('x-edge-assertion') ?? '').split('.');
        return JSON.parse(atob(payload.replaceAll('-', '+').replaceAll('_', '/')));
      });
    // The first is ahead, the second finds its key in memory.
    await (await edge.ask()).body?.cancel();
    await (await edge.ask()).body?.cancel();
    expect(claims()).toMatchObject([{ unconfirmed: true }, { key_id: edge.id }]);
    expect(claims()[1]).not.toHaveProperty('unconfirmed');
    expect(claims()[1].jti).not.toBe(claims()[0].jti);
    // Nor is the remembered one used ahead.
    edge.passMs(LEASE_OVER_MS);
    await (await edge.ask()).body?.cancel();
    expect(claims()[2]).toMatchObject({ unconfirmed: true });
  });

  test('is counted as allowed only if it is delivered', async () => {
    const edge = await anEdge();
    await vi.waitFor(() => expect(edge.batches.join()).toContain('allowed'));
    edge.batches.length = 0;
    await edge.change('revoked_at_ms', 1);
    expect((await edge.ask()).status).toBe(401);
    await vi.waitFor(() => expect(edge.batches.join()).toContain('invalid_key'));
    expect(edge.batches.join()).not.toContain('allowed');
    await vi.waitFor(() => expect(edge.cancelled).toHaveLength(1));
  });
});

/** A signing key as a setting. */
async function anAssertionKey(): Promise<string> {
  const pair = (await crypto.subtle.generateKey('Ed25519', true, [
    'sign',
    'verify',
  ])) as CryptoKeyPair;
  const jwk = await crypto.subtle.exportKey('jwk', pair.privateKey);
  return JSON.stringify({ keys: [jwk] });
}
