/**
 * better-auth with its API-key plugin on D1, which verifies the key of every request, in front of the
 * same upstream. Its own rate limit is off, because it is on by default and would end the bench.
 *
 * A new one is made for every request. If requests share it, it continues in the context of another one
 * after some seconds under load, and two of three requests fail (measured: 227 a second until then).
 *
 * JavaScript, because its packages are installed by the bench and not beside the project's types.
 */

import { apiKey } from '@better-auth/api-key';
import { betterAuth } from 'better-auth';
import { getMigrations } from 'better-auth/db/migration';

const exposedHeaders = 'Location, Link, ETag, X-Total-Count, X-Request-Id';
const allowedRoute = /^\/api\/(?:stream|asset|session|task)\/[A-Za-z0-9_-]{1,128}$/;

export default {
  async fetch(request, env) {
    const auth = betterAuth(optionsFor(env));
    const path = request.url.slice(request.url.indexOf('/', 8));
    if (path === '/set-up') return setUp(env, auth);

    const origin = request.headers.get('Origin');
    const token = request.headers.get('Authorization')?.slice('Bearer '.length) ?? '';
    const { valid, key } = await auth.api.verifyApiKey({ body: { key: token } });
    if (!valid) return refuse(401, 'API key not valid');
    if (origin !== null && !key.metadata.allowedOrigins.includes(origin)) {
      return refuse(403, 'Origin not allowed');
    }
    if (!allowedRoute.test(path)) return refuse(403, 'Endpoint not allowed');

    const forwarded = new Request(env.UPSTREAM_URL + path, request);
    const requestId = crypto.randomUUID();
    forwarded.headers.delete('Authorization');
    forwarded.headers.delete('Origin');
    forwarded.headers.set('X-Key-Id', key.id);
    forwarded.headers.set('X-Owner', key.referenceId);
    forwarded.headers.set('X-Request-Id', requestId);
    const answer = await fetch(forwarded);
    const response = new Response(answer.body, answer);
    if (origin !== null) {
      response.headers.set('Access-Control-Allow-Origin', origin);
      response.headers.set('Access-Control-Expose-Headers', exposedHeaders);
    }
    response.headers.append('Vary', 'Origin');
    response.headers.set('X-Request-Id', requestId);
    return response;
  },
};

function optionsFor(env) {
  return {
    database: env.DB,
    baseURL: 'http://localhost',
    secret: 'bench-secret-of-at-least-32-characters',
    logger: { disabled: true },
    telemetry: { enabled: false },
    plugins: [apiKey({ rateLimit: { enabled: false }, enableMetadata: true })],
  };
}

/** Creates the tables and one key, and answers with its token. */
async function setUp(env, auth) {
  const { runMigrations } = await getMigrations(optionsFor(env));
  await runMigrations();
  const context = await auth.$context;
  const user = await context.internalAdapter.createUser({
    name: 'Bench',
    email: 'bench@example.com',
    emailVerified: true,
  });
  const { key } = await auth.api.createApiKey({
    body: {
      name: 'bench',
      userId: user.id,
      metadata: { allowedOrigins: ['https://app.example.com'] },
    },
  });
  return Response.json({ token: key });
}

function refuse(status, error) {
  return Response.json({ errors: [error] }, { status });
}
