/** The edge in front of another Worker, by a real service binding: as strict as in front of a URL. */

import { request as sendRequest } from 'node:http';
import { setTimeout as wait } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { CreatedKey, Edge } from '../support/node/serve-edge.ts';
import { serveExample } from '../support/node/serve-example.ts';

/** An API that does what a test asks of it by the path, and answers with what it was sent. */
const source = `export default {
  async fetch(request) {
    const { pathname } = new URL(request.url);
    // Without a timer, the runtime would see that nothing can come and end it.
    if (pathname === '/late') await scheduler.wait(60_000);
    if (pathname === '/throws') throw new Error('broken');
    if (pathname === '/redirect') return Response.redirect('https://other.example/', 302);
    if (pathname === '/redirect-home') return Response.redirect(new URL('/echo', request.url), 307);
    if (pathname === '/stream') return new Response(request.body);
    if (pathname === '/socket') {
      const [client, server] = Object.values(new WebSocketPair());
      server.accept();
      server.addEventListener('message', ({ data }) => server.send('heard ' + data));
      return new Response(null, { status: 101, webSocket: client });
    }
    const headers = Object.fromEntries(request.headers);
    return Response.json({ method: request.method, url: request.url, headers });
  },
};`;

let edge: Edge;
let key: CreatedKey;

beforeAll(async () => {
  // At night, examples.nightly.test.ts builds it with wrangler.
  edge = await serveExample('service-binding/edge', {
    withWrangler: false,
    services: { 'guarded-api': { source } },
    vars: { UPSTREAM_TIMEOUT_MS: '500' },
  });
  key = await edge.createKey({ name: 'backend', owner: 'acct_1' });
}, 240_000);
afterAll(() => edge?.dispose());

const call = (path: string, init: RequestInit = {}) =>
  fetch(edge.url + path, {
    redirect: 'manual',
    ...init,
    headers: { ...init.headers, Authorization: `Bearer ${key.token}` },
  });

test.each([
  ['that answers too late is given up in time', '/late', 504, 'upstream_timeout'],
  ['that throws is unreachable', '/throws', 502, 'upstream_unreachable'],
])('a service %s', async (_, path, status, code) => {
  const response = await call(path);
  expect(response.status).toBe(status);
  expect(await response.json()).toMatchObject({ code });
});

test.each([
  ['/redirect', 302, 'https://other.example/'],
  ['/redirect-home', 307, 'https://upstream.invalid/echo'],
])('a redirect is handed back: %s', async (path, status, location) => {
  const response = await call(path);
  expect([response.status, response.headers.get('location')]).toEqual([status, location]);
});

test('a service gets what was authorised, and nothing that the caller claimed', async () => {
  const response = await call('/echo/%7Ea?b=%20c', {
    method: 'PUT',
    headers: { Cookie: 'a=b', 'X-Edge-Owner': 'acct_2', 'X-Original-URL': '/other', 'X-Own': '1' },
    body: 'x',
  });
  const { method, url, headers } = await response.json();
  expect([method, url]).toEqual(['PUT', 'https://upstream.invalid/echo/%7Ea?b=%20c']);
  expect(headers).toMatchObject({ 'x-edge-owner': 'acct_1', 'x-own': '1', 'content-length': '1' });
  for (const name of ['authorization', 'cookie', 'x-original-url']) {
    expect(headers).not.toHaveProperty(name);
  }
});

test('bodies are streamed both ways at once, longer than the timeout', async () => {
  const upload = sendRequest(`${edge.url}/stream`, {
    method: 'POST',
    headers: { Authorization: `Bearer ${key.token}` },
  });
  const answers: string[] = [];
  const ended = new Promise<void>((done, fail) => {
    upload.on('error', fail).on('response', (response) => {
      response.on('data', (chunk) => answers.push(String(chunk))).on('end', done);
    });
  });
  upload.write('one');
  await expect.poll(() => answers).toEqual(['one']);
  await wait(700);
  upload.write('two');
  await expect.poll(() => answers).toEqual(['one', 'two']);
  upload.end();
  await ended;
});

test('a WebSocket passes', async () => {
  const { WebSocket } = await import('ws');
  const headers = { Authorization: `Bearer ${key.token}` };
  const socket = new WebSocket(`${edge.url.replace('http', 'ws')}/socket`, { headers });
  const heard = new Promise((done, fail) => {
    socket.on('error', fail).on('message', (data) => done(String(data)));
  });
  socket.on('open', () => socket.send('hello'));
  expect(await heard).toBe('heard hello');
  socket.terminate();
});
