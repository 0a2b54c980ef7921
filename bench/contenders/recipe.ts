/**
 * The gateway that one would write in an afternoon with Hono's own parts: `cors`, `bearerAuth`, `proxy`,
 * and the routes by path. Two of them, by their bindings:
 *
 * - with `KEYS`, keys are in KV under the hash of their token, and KV caches them for a minute;
 * - without it, they are in memory under the token itself, as if each had been looked up before and
 *   could never change: no storage, no hash. This one is given every advantage.
 *
 * Neither counts usage or logs, and a revoked key remains valid for a minute, or for ever.
 */

import { Hono } from 'hono';
import { bearerAuth } from 'hono/bearer-auth';
import { cors } from 'hono/cors';
import { proxy } from 'hono/proxy';

type Key = { id: string; owner: string; origins: string[] };
type Store = {
  get(name: string, options: { type: 'json'; cacheTtl: number }): Promise<Key | null>;
};
type AppEnv = { Bindings: { UPSTREAM_URL: string; KEYS?: Store }; Variables: { key: Key } };

const inMemory = new Map<string, Key>([
  [
    'recipe-token-0123456789-0123456789-0123456789',
    { id: 'key_recipe', owner: 'acct_bench', origins: ['https://app.example.com'] },
  ],
]);

const app = new Hono<AppEnv>();

app.use(
  cors({
    origin: (origin) => origin,
    allowHeaders: ['authorization', 'content-type'],
    exposeHeaders: ['Location', 'Link', 'ETag', 'X-Total-Count', 'X-Request-Id'],
    maxAge: 7200,
  }),
);
app.use(
  bearerAuth<AppEnv>({
    async verifyToken(token, context) {
      const { KEYS } = context.env;
      const key = KEYS ? await findKey(KEYS, token) : inMemory.get(token);
      if (key) context.set('key', key);
      return Boolean(key);
    },
  }),
);
app.use(async (context, next) => {
  const origin = context.req.header('Origin');
  if (origin !== undefined && !context.var.key.origins.includes(origin)) {
    return context.json({ errors: ['Origin not allowed'] }, 403);
  }
  return next();
});

const routes: [methods: string[], path: string][] = [
  [['POST'], '/api/stream'],
  [['GET', 'PATCH'], '/api/stream/:id'],
  [['GET'], '/api/stream/:id/sessions'],
  [['GET'], '/api/session/:id'],
  [['POST'], '/api/multistream/target'],
  [['GET', 'PATCH'], '/api/multistream/target/:id'],
  [['POST'], '/api/asset/request-upload'],
  [['POST'], '/api/asset/url'],
  [['POST'], '/api/asset/upload/url'],
  [['GET', 'PATCH'], '/api/asset/:id'],
  [['POST'], '/api/asset/:id/export'],
  [['POST'], '/api/asset/:id/transcode'],
  [['GET'], '/api/task/:id'],
  [['GET'], '/data/views/:id/total'],
  [['GET'], '/api/data/views/:id/total'],
];
for (const [methods, path] of routes) {
  app.on(methods, path, async (context) => {
    const { pathname, search } = new URL(context.req.url);
    const requestId = crypto.randomUUID();
    const response = await proxy(context.env.UPSTREAM_URL + pathname + search, {
      ...context.req,
      headers: {
        ...context.req.header(),
        Authorization: undefined,
        Origin: undefined,
        'X-Key-Id': context.var.key.id,
        'X-Owner': context.var.key.owner,
        'X-Request-Id': requestId,
      },
    });
    response.headers.set('X-Request-Id', requestId);
    return response;
  });
}
app.all('*', (context) => context.json({ errors: ['not allowed with this key'] }, 403));

export default app;

async function findKey(keys: Store, token: string): Promise<Key | null> {
  const digest = await crypto.subtle.digest('SHA-256', new TextEncoder().encode(token));
  const hash = [...new Uint8Array(digest)].map((byte) => byte.toString(16).padStart(2, '0'));
  return keys.get(hash.join(''), { type: 'json', cacheTtl: 60 });
}
