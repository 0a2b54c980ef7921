/**
 * Whatever target arrives, no upstream ends up serving a path outside the table.
 *
 * Hostile targets are sent as raw bytes with a restricted key. What the gateway forwards is recorded
 * and tried against every kind of upstream, which say what they would serve. At night, other people's
 * frameworks are among them, and random targets are many more.
 */

import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { bundleWorker } from '../support/node/bundle-source.ts';
import { keepConnections } from '../support/node/kept-connections.ts';
import { type Edge, serveEdge, serveModule } from '../support/node/serve-edge.ts';
import { type ServedWorkerd, serveUnderWorkerd } from '../support/node/serve-workerd.ts';
import { startUpstream, type Upstream } from '../support/node/upstream-server.ts';
import { emulateNginx, nginxReadings, startNginxReader } from './differential/nginx.ts';
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
let edgeToken: string;
let workerd: ServedWorkerd;
let kinds: UpstreamKind[];

const connections = keepConnections();

const isNightly = inject('isNightly');

beforeAll(async () => {
  upstream = await startUpstream();
  edge = await serveEdge({ upstreamUrl: upstream.url });
  const access = { cors: { allowedOrigins: ['https://a.example'] } };
  ({ token: edgeToken } = await edge.createKey({ name: 'restricted', access }));
  workerd = await serveUnderWorkerd(upstream.url);
  kinds = await startUpstreamKinds({ withFrameworks: isNightly });
});

afterAll(async () => {
  connections.close();
  await edge?.dispose();
  await workerd?.dispose();
  await upstream?.dispose();
  await Promise.all((kinds ?? []).map((kind) => kind.close()));
});

/** A gateway that is tried: where it listens, and the token of a restricted key of it. */
interface Gateway {
  host: string;
  port: number;
  token: string;
}

/** Sends one request; returns what it made the gateway forward. */
async function forwardedBy({ port, token }: Gateway, sent: HostileRequest) {
  const before = upstream.requests.length;
  const headers: [string, string][] = [
    ['Authorization', `Bearer ${token}`],
    ['Content-Length', '0'],
  ];
  // What workerd itself refuses by closing the connection never reaches us, which is fine.
  await connections.request(port, { ...sent, headers }).catch(() => undefined);
  return upstream.requests.slice(before).map(({ method, target }) => ({ method, target }));
}

const judged = new Map<string, Promise<{ upstream: string; served: Served }[]>>();

/** Returns what upstreams would serve outside the table for a forwarded request. Remembers it. */
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

async function violationsOf(gateway: Gateway, sent: HostileRequest): Promise<Violation[]> {
  const violations: Violation[] = [];
  for (const { method, target } of await forwardedBy(gateway, sent)) {
    for (const offence of await offencesOf(method, target)) {
      violations.push({ sent, forwarded: `${method} ${target}`, ...offence });
    }
  }
  return violations;
}

const nginxKinds = ['nginx', 'nginx with merge_slashes off'];

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
      expect.arrayContaining(['Hono on Node', 'plain http', ...nginxKinds]),
    );
    if (isNightly) {
      expect(kinds.map(({ name }) => name)).toEqual(expect.arrayContaining(['Express', 'Fastify']));
    }
    expect(kinds.length).toBeGreaterThanOrEqual(12);
  });

  it('is tried against nginx, which reads a path in two ways', async () => {
    const served = (target: string) =>
      Promise.all(
        nginxKinds.map((name) => kinds.find((kind) => kind.name === name)?.serve('GET', target)),
      );
    const user = { method: 'GET', path: '/api/user/me', id: null };
    const stream = { method: 'GET', path: '/api/stream/:id', id: 'x' };
    expect(await served('/api/stream/x')).toEqual([stream, stream]);
    expect(await served('/api/stream/%2e%2e/user/me')).toEqual([user, user]);
    expect(await served('/api/%75ser/me')).toEqual([user, user]);
    expect(await served('/api//user/me')).toEqual([
      user,
      { method: 'GET', path: 'outside: /api//user/me', id: null },
    ]);
    expect(await served('/api/stream/%00')).toEqual([null, null]);
  });

  it('is read by nginx, or else by its emulation, as nginx was seen to read it', async () => {
    const { readings } = await nginxReadings();
    const emulated = Object.keys(readings).map((target) => [target, emulateNginx(target)]);
    expect(Object.fromEntries(emulated)).toEqual(readings);
    expect(emulated.length).toBeGreaterThan(1_000);
    const nginx = await startNginxReader();
    for (const target of Object.keys(readings)) {
      expect([target, await nginx.read(target)]).toEqual([target, readings[target]]);
    }
    await nginx.close();
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

const gateways: [string, () => Gateway][] = [
  ['workerd serve', () => ({ ...workerd, token: workerd.restrictedToken })],
  [
    "Miniflare's normalising port",
    () => ({ ...edge, port: edge.normalizingPort, token: edgeToken }),
  ],
  ["Miniflare's direct sockets", () => ({ ...edge, token: edgeToken })],
];

// The sockets of Miniflare are those of workerd, with other options.
describe.each(isNightly ? gateways : gateways.slice(0, 2))('on %s', (_name, gatewayOf) => {
  it('no hostile target makes any upstream serve a path outside the table', async () => {
    const violations: Violation[] = [];
    for (const sent of hostileRequests(gatewayOf().host)) {
      violations.push(...(await violationsOf(gatewayOf(), sent)));
    }
    expect(violations).toEqual([]);
  });

  it('honest ids are forwarded as they are', async () => {
    for (const id of honestIds) {
      const sent = { method: 'GET', target: `/api/stream/${id}?x=1&y=%2F` };
      expect(await forwardedBy(gatewayOf(), sent)).toEqual([sent]);
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
          expect(await violationsOf(gatewayOf(), { method, target })).toEqual([]);
        },
      ),
      { numRuns: isNightly ? 5_000 : 200 },
    );
  });
});

// The control case: what the judge finds if a gateway lets things by.
if (isNightly) {
  describe('a naive gateway with the same routes', () => {
    it('is broken by at least 30 of the targets', async () => {
      const script = await bundleWorker('test/end-to-end/differential/naive-gateway.ts');
      const naive = await serveModule(script, { bindings: { UPSTREAM_URL: upstream.url } });
      const gateway = { host: `127.0.0.1:${naive.port}`, port: naive.port, token: edgeToken };
      const broken = new Set<string>();
      const deceived = new Set<string>();
      for (const sent of hostileRequests(gateway.host)) {
        for (const violation of await violationsOf(gateway, sent)) {
          broken.add(`${sent.method} ${sent.target}`);
          deceived.add(violation.upstream);
        }
      }
      await naive.dispose();
      expect(broken.size).toBeGreaterThanOrEqual(30);
      // So every kind of upstream can tell a gateway that lets things by, nginx included.
      expect([...deceived].sort()).toEqual(kinds.map(({ name }) => name).sort());
    });
  });
}
