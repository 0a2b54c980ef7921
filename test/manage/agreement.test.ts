/**
 * Agreement between promise and outcome: the explanation, the preflight and the gateway agree on every
 * request, whatever the key and its rules.
 */

import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Deployment } from '../contract/deployment.ts';
import { runs } from '../support/runs.ts';
import { deploy } from '../support/workers.ts';
import { type Client, clientOf, type Document } from './client.ts';

/** Origins that a key lists, each with one that this entry admits. */
const listed = [
  ['https://app.example', 'https://app.example'],
  ['https://*.wild.example', 'https://a.b.wild.example'],
  ['https://my-app-*.vercel.app', 'https://my-app-git-main.vercel.app'],
  ['https://*--site.netlify.app', 'https://x--site.netlify.app'],
  ['http://localhost:*', 'http://localhost:5173'],
  ['http://127.0.0.1:*', 'http://127.0.0.1'],
  ['moz-extension://*', 'moz-extension://0a1b'],
  ['app://.', 'app://.'],
] as const;
const strangers = ['https://nobody.example', 'https://my-app-.vercel.app', 'null', 'file://'];
// What the test's runtime can send. QUERY is in `test/contract/preflights.ts`.
const methods = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'PROPFIND', 'PURGE'];
const resources = [
  '/own/:id',
  '/files/*',
  '/v1beta/models/x:generateContent',
  '/npm/@scope/:name(.)',
  "/a+b,c(d)!'=$&",
];
const paths = [
  '/own/abc',
  '/own/a.b',
  '/files/a',
  '/files/a+b.txt',
  '/files/@scope/pkg,v=1',
  '/files/a;b',
  '/files/a%20b',
  '/files//a',
  '/files/../own/abc',
  '/v1beta/models/x:generateContent',
  '/npm/@scope/pkg.js',
  '/npm/@scope/..',
  "/a+b,c(d)!'=$&",
  '/api/asset/abc',
  '/elsewhere',
];

let edge: Deployment;
let operator: Client;
beforeAll(async () => {
  edge = await deploy();
  operator = clientOf(edge);
});
afterAll(() => edge.dispose());

const rule = fc.record({
  methods: fc.uniqueArray(
    fc.constantFrom('*', ...methods.slice(0, 7).map((m) => m.toLowerCase())),
    {
      minLength: 1,
      maxLength: 3,
    },
  ),
  resources: fc.uniqueArray(fc.constantFrom(...resources), { minLength: 1, maxLength: 3 }),
});
const cors = fc.record({
  allowedOrigins: fc.uniqueArray(fc.constantFrom(...listed.map(([pattern]) => pattern)), {
    minLength: 1,
    maxLength: 4,
  }),
});
const access = fc.oneof(
  cors.map((value) => ({ cors: { ...value, fullAccess: true } })),
  cors.map((value) => ({ cors: value })),
  fc.record({ cors, rules: fc.array(rule, { minLength: 1, maxLength: 3 }) }),
  fc.constant({}),
);
const request = fc.record({
  origin: fc.constantFrom(null, ...strangers, ...listed.map(([, origin]) => origin)),
  method: fc.constantFrom(...methods),
  path: fc.constantFrom(...paths),
});

/** The headers that decide what a page may do. */
function corsOf(headers: Readonly<Record<string, string>>): Record<string, string> {
  const entries = Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]);
  return Object.fromEntries(entries.filter(([name]) => name?.startsWith('access-control-')));
}

describe('the explanation, the preflight and the gateway', () => {
  it('agree on every request', async () => {
    let granted = 0;
    const property = fc.asyncProperty(
      access,
      fc.array(request, { minLength: 6, maxLength: 6 }),
      async (document, requests) => {
        const key = (
          await operator('POST', '/keys', { body: { name: 'agreeing', access: document } })
        ).body;
        expect(key.token, JSON.stringify(key)).toBeDefined();
        for (const asked of requests) granted += await compare(key, asked);
        await operator('DELETE', `/keys/${key.id}`);
      },
    );
    const page = { origin: 'https://app.example', method: 'GET', path: '/own/abc' };
    const own: Document = {
      cors: { allowedOrigins: ['https://app.example'] },
      rules: [{ methods: ['get'], resources: ['/own/:id'] }],
    };
    // The property would hold as well if nothing were ever granted. This request always is.
    await fc.assert(property, {
      numRuns: runs(80),
      endOnFailure: true,
      examples: [[own, [page]]],
    });
    expect(granted).toBeGreaterThan(0);
  });
});

/** Asks all three about one request. Returns 1 if a page may send it, 0 otherwise. */
async function compare(
  key: Document,
  { origin, method, path }: { origin: string | null; method: string; path: string },
): Promise<0 | 1> {
  const explained = (
    await operator('POST', '/explain', { body: { method, path, origin, keyId: key.id } })
  ).body;
  const what = `${method} ${path} from ${origin}: ${JSON.stringify([key.access, explained])}`;
  const originLine = origin === null ? [] : [['Origin', origin] as const];
  const actual = await edge.call({
    method,
    target: path,
    headers: [['Authorization', `Bearer ${key.token}`], ...originLine],
  });
  const reason = actual.headers['x-edge-reason'] ?? null;
  expect([explained.allowed, explained.code], what).toEqual([reason === null, reason]);
  if (origin === null) return 0;

  const preflight = await edge.call({
    method: 'OPTIONS',
    target: path,
    headers: [
      ['Origin', origin],
      ['Access-Control-Request-Method', method],
      ['Access-Control-Request-Headers', 'authorization'],
    ],
  });
  expect(explained.preflight.status, what).toBe(preflight.status);
  expect(corsOf(explained.preflight.headers), what).toMatchObject(
    Object.fromEntries(
      Object.entries(corsOf(preflight.headers)).filter(([name]) => !name.endsWith('headers')),
    ),
  );
  if (reason !== null) return 0;
  // What the gateway lets a page do, the preflight must have let it try.
  expect(preflight.status, what).toBe(204);
  const names = preflight.headers['access-control-allow-methods']?.split(', ');
  expect(names, what).toContain(method);
  return 1;
}
