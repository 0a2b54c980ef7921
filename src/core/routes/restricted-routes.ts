/**
 * The default restricted route set: what a CORS key without full access may call.
 *
 * The union of Livepeer Studio's two pages on API keys, plus the paths ("as served") under which the
 * real API answers what the pages document elsewhere. Pure data.
 */

import type { RouteList } from './route-table.ts';

/** The rows, and the words that are not ids in them. */
export const restrictedRoutes: RouteList = {
  routes: [
    { methods: ['POST'], path: '/api/stream' },
    { methods: ['GET', 'PATCH'], path: '/api/stream/{stream}' },
    { methods: ['GET'], path: '/api/stream/{stream}/sessions' },
    { methods: ['GET'], path: '/api/session/{session}' },
    { methods: ['POST'], path: '/api/multistream/target' },
    { methods: ['GET', 'PATCH'], path: '/api/multistream/target/{target}' },
    { methods: ['POST'], path: '/api/asset/request-upload' },
    { methods: ['POST'], path: '/api/asset/url' },
    // As served, for /api/asset/url.
    { methods: ['POST'], path: '/api/asset/upload/url' },
    { methods: ['GET', 'PATCH'], path: '/api/asset/{asset}' },
    { methods: ['POST'], path: '/api/asset/{asset}/export' },
    { methods: ['POST'], path: '/api/asset/{asset}/transcode' },
    { methods: ['GET'], path: '/api/task/{task}' },
    { methods: ['GET'], path: '/data/views/{views}/total' },
    // As served, for /data/views/{id}/total.
    { methods: ['GET'], path: '/api/data/views/{views}/total' },
  ],
  // Static routes of the upstream that have the shape of an id: a list, an administrator's action, or
  // a look-up by another secret. `PATCH /api/stream/deactivate-many` is a bulk action.
  reservedWords: {
    stream: ['hook', 'pull', 'job', 'sessions', 'user', 'key', 'playback', 'deactivate-many'],
    asset: ['upload', 'request-upload', 'migrate', 'import', 'transcode', 'url'],
    session: ['migrate', 'migrate2'],
    views: ['query', 'now', 'internal'],
  },
};
