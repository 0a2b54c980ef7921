/** `examples/client-tokens`: the tokens of its backend at the edge, and how its page renews them. */

import type { Hono } from 'hono';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { createBackend } from '../../examples/client-tokens/backend.ts';
import { createEdgeFetch } from '../../examples/client-tokens/page/edge-fetch.ts';
import { type CreatedKey, type Edge, serveEdge } from '../support/node/serve-edge.ts';
import { startUpstream, type Upstream } from '../support/node/upstream-server.ts';

const origin = 'http://app.example';

let upstream: Upstream;
let edge: Edge;
let parent: CreatedKey;
/** How many of the next tokens have expired when they are given. */
let expired = 0;
let backend: Hono;

beforeAll(async () => {
  upstream = await startUpstream();
  edge = await serveEdge({ upstreamUrl: upstream.url });
  const clientTokens = { allowedOrigins: [origin] };
  parent = await edge.createKey({ name: 'web backend', access: { clientTokens } });
  backend = createBackend({
    edgeUrl: edge.url,
    apiKey: parent.token,
    script: '',
    now: () => {
      expired -= 1;
      return new Date(Date.now() - (expired >= 0 ? 10 * 60 * 1000 : 0));
    },
  });
});
afterAll(() => Promise.all([edge?.dispose(), upstream?.dispose()]));
beforeEach(() => {
  expired = 0;
});

const post = (path: string, headers: Record<string, string> = {}, body?: URLSearchParams) =>
  backend.request(`${origin}${path}`, {
    method: 'POST',
    headers: { Origin: origin, ...headers },
    ...(body === undefined ? {} : { body }),
  });

async function signIn(name: string): Promise<string> {
  const response = await post('/sign-in', {}, new URLSearchParams({ name }));
  expect(response.status).toBe(303);
  const cookie = response.headers.get('Set-Cookie') ?? '';
  expect(cookie).toMatch(/; HttpOnly; SameSite=Strict$/);
  return cookie.split(';')[0] ?? '';
}

async function fetchToken(cookie: string): Promise<string> {
  const response = await post('/api-token', { Cookie: cookie });
  expect(response.status).toBe(200);
  return (await response.json()).token;
}

const subjects = () =>
  upstream.requests.map(
    ({ headers }) => headers.find(([name]) => name.toLowerCase() === 'x-edge-client-subject')?.[1],
  );

describe('the backend', () => {
  test('gives no token to a stranger, a forged session or another site', async () => {
    expect((await post('/api-token')).status).toBe(401);
    expect((await post('/api-token', { Cookie: 'session=ann.c2lnbmF0dXJl' })).status).toBe(401);
    const cookie = await signIn('Ann');
    const ofAnotherSite = { Cookie: cookie, Origin: 'http://evil.example' };
    const refused = await post('/api-token', ofAnotherSite);
    expect(refused.status).toBe(403);
    await expect(refused.text()).resolves.not.toContain('_ct_');
  });

  test.each(['', ' ', 'a'.repeat(41)])('refuses to sign in as %j', async (name) => {
    const response = await post('/sign-in', {}, new URLSearchParams({ name }));
    expect(response.status).toBe(422);
    expect(response.headers.get('Set-Cookie')).toBeNull();
  });

  test('never sends its API key to the page', async () => {
    const cookie = await signIn('Ann');
    for (const path of ['/', '/session', '/style.css', '/page.js']) {
      const response = await backend.request(`${origin}${path}`, { headers: { Cookie: cookie } });
      expect(response.status, path).toBe(200);
      await expect(response.text(), path).resolves.not.toContain('_sk_');
    }
  });
});

describe('the page', () => {
  /** The page's `fetch` with what a browser adds, and how many tokens it has fetched. */
  async function openPage(name: string) {
    const cookie = await signIn(name);
    const page = { tokens: 0, statuses: [] as number[] };
    const edgeFetch = createEdgeFetch(
      () => {
        page.tokens += 1;
        return fetchToken(cookie);
      },
      async (input) => {
        const request = new Request(input);
        request.headers.set('Origin', origin);
        const response = await fetch(request);
        page.statuses.push(response.status);
        return response;
      },
    );
    return { page, edgeFetch };
  }

  test('uses one token for several requests, which the edge accepts for the visitor', async () => {
    const { page, edgeFetch } = await openPage('Ann');
    const first = upstream.requests.length;
    for (const id of ['s1', 's2']) {
      expect((await edgeFetch(`${edge.url}/api/stream/${id}`)).status).toBe(200);
    }
    expect(page).toEqual({ tokens: 1, statuses: [200, 200] });
    const [subject, again] = subjects().slice(first);
    expect(subject).toMatch(/^visitor-[0-9a-f]{16}$/);
    expect(again).toBe(subject);
    const refused = await edgeFetch(`${edge.url}/api/stream`);
    expect(refused.headers.get('X-Edge-Reason')).toBe('route_not_allowed');
    expect(page.tokens).toBe(1);
  });

  test('renews an expired token once for several requests, and sends each body again', async () => {
    const { page, edgeFetch } = await openPage('Bob');
    expired = 1;
    const renewed = await Promise.all(
      ['a', 'b', 'c'].map((body) => edgeFetch(`${edge.url}/api/stream`, { method: 'POST', body })),
    );
    expect(renewed.map(({ status }) => status)).toEqual([200, 200, 200]);
    expect(page.tokens).toBe(2);
    expect(page.statuses.toSorted()).toEqual([200, 200, 200, 401, 401, 401]);
    const bodies = await Promise.all(
      upstream.requests.slice(-3).map(async (request) => (await request.body()).bytes.toString()),
    );
    expect(bodies.toSorted()).toEqual(['a', 'b', 'c']);
  });

  test('stops after the second expired token, and asks again after a backend that failed', async () => {
    const { page, edgeFetch } = await openPage('Cid');
    expired = 2;
    const response = await edgeFetch(`${edge.url}/api/stream/s1`);
    expect(response.headers.get('X-Edge-Reason')).toBe('client_token_expired');
    expect(page.tokens).toBe(2);

    let attempts = 0;
    const failing = createEdgeFetch(async () => {
      attempts += 1;
      throw new Error('no backend');
    });
    for (let attempt = 1; attempt <= 2; attempt += 1) {
      await expect(failing(`${edge.url}/api/stream/s1`)).rejects.toThrow('no backend');
      expect(attempts).toBe(attempt);
    }
  });
});
