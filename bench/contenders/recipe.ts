/**
 * What one would write in an afternoon with what Hono brings: `cors`, `bearerAuth`, `proxy`, and the
 * routes by path. Its keys are in memory under their tokens, as if each had been looked up before: no
 * storage, no hash, no usage, no log. It does less than the edge, and is given every advantage.
 */

import { Hono } from 'hono';
import { bearerAuth } from 'hono/bearer-auth';
import { cors } from 'hono/cors';
import { proxy } from 'hono/proxy';

type Bindings = { UPSTREAM_URL: string };
type Key = { id: string; owner: string; origins: string[] };

const keys = new Map<string, Key>([
  [
    'recipe-token-0123456789-0123456789-0123456789',
    { id: 'key_recipe', owner: 'acct_bench', origins: ['https://app.example.com'] },
  ],
]);
const origins = new Set([...keys.values()].flatMap((key) => key.origins));

const app = new Hono<{ Bindings: Bindings; Variables: { key: Key } }>();

app.use(
  cors({
    origin: (origin) => (origins.has(origin) ? origin : null),
    allowHeaders: ['authorization', 'content-type'],
    exposeHeaders: ['Location', 'Link', 'ETag', 'X-Total-Count', 'X-Request-Id'],
    maxAge: 7200,
  }),
);
app.use(bearerAuth({ verifyToken: (token) => keys.has(token) }));
app.use(async (context, next) => {
  const key = keys.get(context.req.header('Authorization')?.slice('Bearer '.length) ?? '');
  const origin = context.req.header('Origin');
  if (key === undefined || (origin !== undefined && !key.origins.includes(origin))) {
    return context.json({ errors: ['Origin not allowed'] }, 403);
  }
  context.set('key', key);
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
