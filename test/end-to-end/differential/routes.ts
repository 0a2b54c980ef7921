/**
 * The routes that the upstreams of the differential test serve: the restricted ones, and routes of the
 * real upstream that no restricted key may reach although they look alike.
 */

import { restrictedRoutes } from '../../../src/core/routes/restricted-routes.ts';

export interface ServedRoute {
  method: string;
  /** With `:id` for one segment, as Express, Fastify and Hono write it. */
  path: string;
  /** The kind of the id, for its reserved words. `null`: the route takes none. */
  idKind: string | null;
  isAllowed: boolean;
}

/** The report of an upstream: the route that matched, and the id as that server read it. */
export interface Served {
  method: string;
  path: string;
  id: string | null;
}

const allowed: ServedRoute[] = restrictedRoutes.routes.flatMap((row) =>
  row.methods.map((method) => ({
    method,
    path: row.path.replace(/\{[^}]*\}/, ':id'),
    idKind: /\{([^}]*)\}/.exec(row.path)?.[1] ?? null,
    isAllowed: true,
  })),
);

const traps: ServedRoute[] = [
  ['GET', '/'],
  ['GET', '/api'],
  ['GET', '/api/stream'],
  ['PATCH', '/api/stream/deactivate-many'],
  ['GET', '/api/stream/user/:id'],
  ['GET', '/api/stream/key/:id'],
  ['GET', '/api/stream/playback/:id'],
  ['GET', '/api/stream/job'],
  ['POST', '/api/stream/hook'],
  ['GET', '/api/session'],
  ['GET', '/api/session/migrate'],
  ['GET', '/api/asset'],
  ['POST', '/api/asset/upload/direct'],
  ['POST', '/api/asset/migrate'],
  ['GET', '/api/task'],
  ['GET', '/api/multistream/target'],
  ['GET', '/api/user/me'],
  ['GET', '/data/views/internal/total'],
].map(([method = '', path = '']) => ({ method, path, idKind: null, isAllowed: false }));

/** Traps first, as a server registers a static route before the parameter that would swallow it. */
export const servedRoutes: readonly ServedRoute[] = [...traps, ...allowed];

const idPattern = /^[A-Za-z0-9_-]{1,128}$/;

/** Returns whether a restricted key may have what the upstream served. */
export function isWithinTable({ method, path, id }: Served): boolean {
  const route = allowed.find((candidate) => candidate.method === method && candidate.path === path);
  if (route === undefined) return false;
  if (route.idKind === null) return true;
  const reserved = restrictedRoutes.reservedWords[route.idKind] ?? [];
  return id !== null && idPattern.test(id) && !reserved.includes(id.toLowerCase());
}

/** Finds the route for a path, as a server does that compares without case, as many do. */
export function findRoute(method: string, path: string): Served {
  for (const route of servedRoutes) {
    const pattern = new RegExp(`^${route.path.replace(':id', '([^/]+)')}/?$`, 'i');
    const match = route.method === method ? pattern.exec(path) : null;
    if (match) return { method, path: route.path, id: match[1] ?? null };
  }
  return { method, path: `outside: ${path}`, id: null };
}
