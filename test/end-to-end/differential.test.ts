/**
 * Whatever target arrives, no upstream ends up serving a path outside the table.
 *
 * Hostile targets are sent as raw bytes with a restricted key. What the gateway forwards is recorded
 * and tried against every kind of upstream, which say what they would serve.
 */

import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runWrangler } from '../support/node/build-bundle.ts';
import { request } from '../support/node/raw-http.ts';
import {
  compatibilityDate,
  type Edge,
  serveEdge,
  serveModule,
} from '../support/node/serve-edge.ts';
import { startUpstream, type Upstream } from '../support/node/upstream-server.ts';
import { isWithinTable, type Served } from './differential/routes.ts';
import { startUpstreamKinds, type UpstreamKind } from './differential/servers.ts';
import {
  type HostileRequest,
  honestIds,
  hostileRequests,
  targetPieces,
} from './differential/targets.ts';

interface Violation {
  sent: HostileRequest;
  forwarded: string;
  upstream: string;
  served: Served;
}

let upstream: Upstream;
let edge: Edge;
let token: string;
let kinds: UpstreamKind[];

beforeAll(async () => {
  upstream = await startUpstream();
  edge = await serveEdge({ upstreamUrl: upstream.url });
  const access = { cors: { allowedOrigins: ['https://a.example'] } };
  ({ token } = await edge.createKey({ name: 'restricted', access }));
  kinds = await startUpstreamKinds();
});

afterAll(async () => {
  await edge?.dispose();
  await upstream?.dispose();
  await Promise.all((kinds ?? []).map((kind) => kind.close()));
});

/** Sends requests one after another; returns what each of them made the gateway forward. */
async function forwardedBy(port: number, sent: HostileRequest) {
  const before = upstream.requests.length;
  const headers: [string, string][] = [
    ['Authorization', `Bearer ${token}`],
    ['Connection', 'close'],
    ['Content-Length', '0'],
  ];
  // What workerd itself refuses by closing the connection never reaches us, which is fine.
  await request(port, { ...sent, headers }).catch(() => undefined);
  return upstream.requests.slice(before).map(({ method, target }) => ({ method, target }));
}

const judged = new Map<string, Promise<{ upstream: string; served: Served }[]>>();

/** What upstreams would serve outside the table for one forwarded request. Remembered. */
function offencesOf(method: string, target: string) {
  const name = `${method} ${target}`;
  const known = judged.get(name);
  if (known) return known;
  const found = Promise.all(
    kinds.map(async (kind) => ({ upstream: kind.name, served: await kind.serve(method, target) })),
  ).then((answers) =>
    answers.flatMap(({ upstream: kind, served }) =>
      served === null || isWithinTable(served) ? [] : [{ upstream: kind, served }],
    ),
  );
  judged.set(name, found);
  return found;
}

async function violationsOf(port: number, sent: HostileRequest): Promise<Violation[]> {
  const violations: Violation[] = [];
  for (const { method, target } of await forwardedBy(port, sent)) {
    for (const offence of await offencesOf(method, target)) {
      violations.push({ sent, forwarded: `${method} ${target}`, ...offence });
    }
  }
  return violations;
}

describe('the corpus', () => {
  it('holds at least 300 hostile targets, each once', () => {
    const requests = hostileRequests('edge.test');
    expect(requests.length).toBeGreaterThanOrEqual(300);
    expect(new Set(requests.map((one) => `${one.method} ${one.target}`)).size).toBe(
      requests.length,
    );
  });

  it('is tried against real servers and emulated habits', () => {
    expect(kinds.map(({ name }) => name)).toEqual(
      expect.arrayContaining(['Express', 'Fastify', 'Hono on Node', 'plain http']),
    );
    expect(kinds.length).toBeGreaterThanOrEqual(12);
  });

  it.each([
    ['GET', '/api/stream/deactivate-many-not', true],
    ['PATCH', '/api/stream/deactivate-many', false],
    ['PATCH', '/api/stream/Deactivate-Many', false],
    ['GET', '/api/user/me', false],
    ['GET', '/api/asset/', false],
  ])(
    '%s %s, sent to the upstreams directly, is within the table: %s',
    async (method, target, isWithin) => {
      expect((await offencesOf(method, target)).length === 0).toBe(isWithin);
    },
  );
});

describe.each([
  ['bare workerd', () => edge.port],
  ["Miniflare's normalising port", () => edge.normalizingPort],
])('on %s', (_name, portOf) => {
  it('no hostile target makes any upstream serve a path outside the table', async () => {
    const violations: Violation[] = [];
    for (const sent of hostileRequests(edge.host)) {
      violations.push(...(await violationsOf(portOf(), sent)));
    }
    expect(violations).toEqual([]);
  });

  it('honest ids are forwarded as they are', async () => {
    for (const id of honestIds) {
      const sent = { method: 'GET', target: `/api/stream/${id}?x=1&y=%2F` };
      expect(await forwardedBy(portOf(), sent)).toEqual([sent]);
    }
  });

  it('no random target does', async () => {
    const anyTarget = fc
      .array(fc.constantFrom(...targetPieces), { minLength: 1, maxLength: 14 })
      .map((pieces) => `/api/${pieces.join('')}`);
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom('GET', 'PATCH', 'POST'),
        anyTarget,
        async (method, target) => {
          expect(await violationsOf(portOf(), { method, target })).toEqual([]);
        },
      ),
      { numRuns: 400 },
    );
  });
});

describe('a naive gateway with the same routes', () => {
  it('is broken by at least 30 of the targets', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'edge-authorizer-naive-'));
    const source = 'test/end-to-end/differential/naive-gateway.ts';
    const options = ['--name', 'naive', '--compatibility-date', compatibilityDate()];
    await runWrangler(['deploy', source, '--dry-run', '--outdir', folder, ...options]);
    const script = await readFile(join(folder, 'naive-gateway.js'), 'utf8');
    const naive = await serveModule(script, { bindings: { UPSTREAM_URL: upstream.url } });
    const broken = new Set<string>();
    for (const sent of hostileRequests(`127.0.0.1:${naive.port}`)) {
      const violations = await violationsOf(naive.port, sent);
      if (violations.length > 0) broken.add(`${sent.method} ${sent.target}`);
    }
    await naive.dispose();
    await rm(folder, { recursive: true, force: true });
    expect(broken.size).toBeGreaterThanOrEqual(30);
  });
});
