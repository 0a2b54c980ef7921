/**
 * Endpoints that the real upstream also serves and a restricted key must never reach: lists of everybody's
 * objects, bulk and admin actions, lookups by another secret, personal data. Several have the shape
 * of a permitted route. Each answers as the real one would and names itself in `X-Upstream-Trap`.
 */

import { Hono } from 'hono';
import { assets, sessions, streams, targets, tasks } from './store.ts';

interface Trap {
  method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  path: string;
  name: string;
  answer: () => unknown;
}

const done = () => ({ done: true });

const TRAPS: Trap[] = [
  { method: 'GET', path: '/api/stream', name: 'list-streams', answer: streams.all },
  { method: 'GET', path: '/api/session', name: 'list-sessions', answer: sessions.all },
  { method: 'GET', path: '/api/asset', name: 'list-assets', answer: assets.all },
  { method: 'GET', path: '/api/task', name: 'list-tasks', answer: tasks.all },
  { method: 'GET', path: '/api/multistream/target', name: 'list-targets', answer: targets.all },

  { method: 'PATCH', path: '/api/stream/deactivate-many', name: 'deactivate-many', answer: done },
  { method: 'POST', path: '/api/stream/hook', name: 'stream-hook', answer: done },
  { method: 'PUT', path: '/api/stream/pull', name: 'stream-pull', answer: done },
  { method: 'POST', path: '/api/stream/job', name: 'stream-job', answer: done },
  { method: 'DELETE', path: '/api/stream/:id', name: 'delete-stream', answer: done },
  { method: 'DELETE', path: '/api/asset/:id', name: 'delete-asset', answer: done },
  { method: 'POST', path: '/api/asset/migrate', name: 'migrate-assets', answer: done },
  { method: 'POST', path: '/api/asset/import', name: 'import-asset', answer: done },
  { method: 'POST', path: '/api/asset/transcode', name: 'transcode-any', answer: done },
  { method: 'GET', path: '/api/session/migrate', name: 'migrate-sessions', answer: done },
  { method: 'GET', path: '/api/session/migrate2', name: 'migrate-sessions-2', answer: done },

  // With "sessions" as the last segment these look like /api/stream/{id}/sessions.
  { method: 'GET', path: '/api/stream/user/:id', name: 'streams-of-user', answer: streams.all },
  { method: 'GET', path: '/api/stream/key/:key', name: 'stream-by-key', answer: streams.all },
  { method: 'GET', path: '/api/stream/playback/:id', name: 'stream-by-playback', answer: done },

  { method: 'GET', path: '/api/data/views/query/total', name: 'views-query', answer: done },
  { method: 'GET', path: '/api/data/views/internal/total', name: 'views-internal', answer: done },
  { method: 'GET', path: '/api/data/views/now', name: 'views-now', answer: done },

  { method: 'GET', path: '/api/user/me', name: 'contact-info', answer: contactInfo },
  { method: 'GET', path: '/api/user', name: 'list-users', answer: () => [contactInfo()] },
  { method: 'GET', path: '/api/api-token', name: 'list-api-tokens', answer: () => [] },
];

/** Must be mounted before the routes that a trap looks like: the first match answers. */
export const trapRoutes = new Hono();

for (const { method, path, name, answer } of TRAPS) {
  trapRoutes.on(method, path, (c) => {
    c.header('X-Upstream-Trap', name);
    const body = answer();
    if (Array.isArray(body)) {
      c.header('X-Total-Count', String(body.length));
      c.header('Link', `<${c.req.path}?cursor=next>; rel="next"`);
    }
    return c.json(body);
  });
}

function contactInfo() {
  return {
    id: 'acct_1',
    firstName: 'Ada',
    lastName: 'Example',
    email: 'ada@example.com',
    phone: '+1 555 0100',
    stripeProductId: 'prod_example',
  };
}
