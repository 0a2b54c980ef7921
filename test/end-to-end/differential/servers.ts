/**
 * The servers that a forwarded target is tried against: real ones with their defaults, and emulations
 * of habits that are seen in the wild. Each says which route it would serve.
 */

import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { serve as serveHono } from '@hono/node-server';
import { Hono } from 'hono';
import { keepConnections } from '../../support/node/kept-connections.ts';
import { type NginxReading, startNginxReader } from './nginx.ts';
import { findRoute, type Served, servedRoutes } from './routes.ts';

export interface UpstreamKind {
  name: string;
  /** Returns what this server would serve for a target, or `null` if it refuses the request. */
  serve(method: string, target: string): Promise<Served | null>;
  close(): Promise<void>;
}

/**
 * Every kind of upstream, started. nginx is the real one if it is installed. Other people's frameworks
 * are among them if `withFrameworks` says so.
 */
export async function startUpstreamKinds({
  withFrameworks,
}: {
  withFrameworks: boolean;
}): Promise<UpstreamKind[]> {
  return [
    ...(withFrameworks ? [await startExpress(), await startFastify()] : []),
    await startHono(),
    await startPlainHttp(),
    ...(await startNginxKinds()),
    ...emulations,
  ];
}

async function startExpress(): Promise<UpstreamKind> {
  const { default: express } = await import('express');
  const app = express();
  for (const { method, path } of servedRoutes) {
    app[methodName(method)](path, (request, response) => {
      response.json({ method, path, id: request.params['id'] ?? null });
    });
  }
  app.use((request, response) => {
    response.json({ method: request.method, path: `outside: ${request.path}`, id: null });
  });
  return remote('Express', await listening(createServer(app)));
}

async function startFastify(): Promise<UpstreamKind> {
  const { default: fastify } = await import('fastify');
  const app = fastify();
  for (const { method, path } of servedRoutes) {
    app[methodName(method)](path, async (request) => {
      const { id = null } = request.params as { id?: string };
      return { method, path, id };
    });
  }
  app.setNotFoundHandler(async (request) => ({
    method: request.method,
    path: `outside: ${request.url}`,
    id: null,
  }));
  await app.listen({ host: '127.0.0.1', port: 0 });
  return {
    ...remote('Fastify', app.server),
    close: () => app.close(),
  };
}

async function startHono(): Promise<UpstreamKind> {
  const app = new Hono();
  for (const { method, path } of servedRoutes) {
    app.on(method, path, (context) =>
      context.json({ method, path, id: context.req.param('id') ?? null }),
    );
  }
  app.notFound((context) =>
    context.json({ method: context.req.method, path: `outside: ${context.req.path}`, id: null }),
  );
  const server = serveHono({ fetch: app.fetch, hostname: '127.0.0.1', port: 0 }) as Server;
  if (!server.listening) await new Promise((resolve) => server.once('listening', resolve));
  return remote('Hono on Node', server);
}

/** Starts a server without a framework: the WHATWG parser, then one decoding. */
async function startPlainHttp(): Promise<UpstreamKind> {
  const server = createServer((request, response) => {
    try {
      const { pathname } = new URL(request.url ?? '/', 'http://upstream.test');
      response.end(JSON.stringify(findRoute(request.method ?? '', decodeURIComponent(pathname))));
    } catch {
      response.writeHead(400).end();
    }
  });
  return remote('plain http', await listening(server));
}

/** nginx in both settings of `merge_slashes`. It matches without the method, so the method is ours. */
async function startNginxKinds(): Promise<UpstreamKind[]> {
  const nginx = await startNginxReader();
  const readings = new Map<string, Promise<NginxReading>>();
  const read = (target: string) => {
    const reading = readings.get(target) ?? nginx.read(target);
    readings.set(target, reading);
    return reading;
  };
  const kind = (name: string, setting: keyof NginxReading): UpstreamKind => ({
    name,
    async serve(method, target) {
      const path = (await read(target))[setting];
      return path === null ? null : findRoute(method, path);
    },
    close: async () => undefined,
  });
  return [
    { ...kind('nginx', 'merged'), close: () => nginx.close() },
    kind('nginx with merge_slashes off', 'unmerged'),
  ];
}

const emulations: UpstreamKind[] = [
  emulate('a server that decodes twice', (path) => decode(decode(path))),
  emulate('a server that collapses dots after decoding', (path) => resolveDots(decode(path))),
  emulate('a server that drops ;params', (path) =>
    resolveDots(decode(path.replace(/;[^/]*/g, ''))),
  ),
  emulate('a server that reads \\ as /', (path) => resolveDots(decode(path).replaceAll('\\', '/'))),
  emulate('a server that folds Unicode', (path) =>
    resolveDots(Buffer.from(decode(path), 'latin1').toString('utf8').normalize('NFKC')),
  ),
  emulate('a server that takes overlong UTF-8', (path) =>
    resolveDots(decode(path.replace(/%c0%a([ef])/gi, '%2$1').replace(/%e0%80%a([ef])/gi, '%2$1'))),
  ),
  emulate('a server that stops at NUL', (path) => resolveDots(decode(path).split('\0')[0] ?? '')),
  emulate('a server that trims blanks', (path) => decode(path).replace(/[\t ]+(?=\/|$)/g, '')),
];

function emulate(name: string, readPath: (path: string) => string): UpstreamKind {
  return {
    name,
    serve: async (method, target) => findRoute(method, readPath(target.split(/[?#]/)[0] ?? '')),
    close: async () => undefined,
  };
}

function decode(path: string): string {
  return path.replace(/%([0-9a-f]{2})/gi, (_, hex: string) =>
    String.fromCharCode(Number.parseInt(hex, 16)),
  );
}

function resolveDots(path: string): string {
  const segments: string[] = [];
  for (const segment of path.split('/')) {
    if (segment === '..') segments.pop();
    else if (segment !== '.' && segment !== '') segments.push(segment);
  }
  return `/${segments.join('/')}`;
}

function remote(name: string, server: Server): UpstreamKind {
  const { port } = server.address() as AddressInfo;
  const connections = keepConnections();
  const headers: [string, string][] = [['Content-Length', '0']];
  return {
    name,
    async serve(method, target) {
      const response = await connections.request(port, { method, target, headers });
      return response.status === 200 ? (JSON.parse(response.body.toString()) as Served) : null;
    },
    close: () =>
      new Promise((resolve) => {
        server.closeAllConnections();
        server.close(() => resolve());
      }),
  };
}

async function listening(server: Server): Promise<Server> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return server;
}

function methodName(method: string): 'get' | 'post' | 'patch' {
  return method.toLowerCase() as 'get' | 'post' | 'patch';
}
