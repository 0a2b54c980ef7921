/** The edge as a library: in front of a handler or a service binding instead of a URL. */

import { createExecutionContext } from 'cloudflare:test';
import { env } from 'cloudflare:workers';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import type { Env } from '../../src/config/env.ts';
import { type AuthorizerOptions, createAuthorizer, type Upstream } from '../../src/worker.ts';
import { EDGE_URL, freshStorage } from '../support/workers.ts';

const PAGE = 'https://page.example';
const AS_ADMIN = { Authorization: `Bearer ${env.ADMIN_TOKEN}` };

let logs: string[];
/** The requests that reached the handler. */
let handled: Request[];

beforeEach(async () => {
  await freshStorage();
  logs = [];
  handled = [];
  vi.spyOn(console, 'log').mockImplementation((line) => {
    logs.push(String(line));
  });
});
afterEach(() => {
  vi.restoreAllMocks();
});

/** The bindings of an edge that has no URL, and whose usage goes nowhere. */
function bindings(vars: Record<string, unknown> = {}): Env {
  const { UPSTREAM_URL: _, ...rest } = env as Env;
  return {
    ...rest,
    CF_VERSION_METADATA: { id: crypto.randomUUID(), tag: '', timestamp: '' },
    USAGE_FLUSH_SECONDS: '0',
    USAGE: { send: async () => ({}) } as unknown as Queue<string>,
    ...vars,
  };
}

/** An edge in front of `upstream`, and a restricted and a backend key of it. */
async function edgeBefore(upstream: Upstream, vars: Record<string, unknown> = {}) {
  const authorizer = createAuthorizer({ upstream });
  const deployed = bindings(vars);
  const send = (target: string, init: RequestInit = {}, ctx = createExecutionContext()) =>
    authorizer.fetch(new Request(EDGE_URL + target, init), deployed, ctx);
  const createKey = async (document: object): Promise<string> => {
    const response = await send('/_edge/v1/keys', {
      method: 'POST',
      headers: { ...AS_ADMIN, 'Content-Type': 'application/json' },
      body: JSON.stringify(document),
    });
    expect(response.status).toBe(201);
    return (await response.json<{ token: string }>()).token;
  };
  const cors = { allowedOrigins: [PAGE] };
  const page = await createKey({ name: 'page', owner: 'acct_1', access: { cors } });
  const backend = await createKey({ name: 'backend' });
  return {
    send,
    asPage: { Authorization: `Bearer ${page}`, Origin: PAGE },
    asBackend: { Authorization: `Bearer ${backend}` },
  };
}

const keepAndAnswer = async (request: Request) => {
  handled.push(request);
  return new Response('from the handler');
};

describe('the first requests of an isolate', () => {
  test('share its parts if they arrive at the same time', async () => {
    const authorizer = createAuthorizer();
    const deployed = bindings({ UPSTREAM_URL: 'https://api.test' });
    const prepare = vi.spyOn(deployed.DB, 'prepare');
    const ready = () => {
      const request = new Request(`${EDGE_URL}/_edge/health/ready`);
      return authorizer.fetch(request, deployed, createExecutionContext());
    };
    const responses = await Promise.all([ready(), ready(), ready()]);
    expect(responses.map(({ status }) => status)).toEqual([200, 200, 200]);
    // An isolate remembers for 5 seconds that D1 answered. Each with parts of its own would ask.
    expect(prepare.mock.calls.filter(([sql]) => sql.includes('sqlite_schema'))).toHaveLength(1);
  });
});

describe('an edge whose upstream is not there', () => {
  const rows: readonly (readonly [name: string, options: object])[] = [
    ['a service that is not bound', { upstream: undefined }],
    ['an object that answers nothing', { upstream: {} }],
    ['null', { upstream: null }],
  ];
  test.each(rows)(
    'answers 503 and says so, without trying UPSTREAM_URL: %s',
    async (_, options) => {
      const authorizer = createAuthorizer(options as AuthorizerOptions);
      const deployed = bindings({
        UPSTREAM_URL: 'https://other.test',
        UPSTREAM_TIMEOUT_MS: 'soon',
      });
      const toUpstream = vi.spyOn(globalThis, 'fetch');
      const response = await authorizer.fetch(
        new Request(`${EDGE_URL}/api/task/1`),
        deployed,
        createExecutionContext(),
      );
      expect(response.status).toBe(503);
      expect(await response.json()).toMatchObject({ code: 'unavailable' });
      expect(toUpstream).not.toHaveBeenCalled();
      const [line = '{}'] = logs;
      expect(JSON.parse(line)).toMatchObject({
        event: 'configuration_broken',
        problems: [{ name: 'upstream' }, { name: 'UPSTREAM_TIMEOUT_MS', value: 'soon' }],
      });
    },
  );

  test('reports an invalid URL as it reports UPSTREAM_URL', async () => {
    const authorizer = createAuthorizer({ upstream: 'api.example' });
    const ctx = createExecutionContext();
    const response = await authorizer.fetch(new Request(EDGE_URL), bindings(), ctx);
    expect(response.status).toBe(503);
    expect(logs.join()).toContain('"name":"UPSTREAM_URL","value":"api.example"');
  });
});

describe('a handler', () => {
  test('is not asked what is refused, nor what is the edge’s own', async () => {
    const { send, asPage } = await edgeBefore(keepAndAnswer);
    const statuses = [
      await send('/api/task/1'),
      await send('/api/task/1', { headers: { Authorization: 'Bearer unknown' } }),
      await send('/api/stream', { headers: asPage }),
      await send('/api/task/1', { headers: { ...asPage, Origin: 'https://other.example' } }),
      await send('/_edge/health'),
      await send('/_edge/nothing', { headers: asPage }),
    ].map(({ status }) => status);
    expect(statuses).toEqual([401, 401, 403, 403, 200, 404]);
    expect(handled).toEqual([]);
  });

  test('gets what was authorised, without what is not the client’s to say', async () => {
    const { send, asPage } = await edgeBefore(keepAndAnswer);
    const response = await send('/api/stream/a1?x=%20y', {
      method: 'PATCH',
      headers: {
        ...asPage,
        Cookie: 'session=1',
        'X-Edge-Owner': 'acct_other',
        'X-HTTP-Method-Override': 'DELETE',
        'X-Forwarded-Host': 'other.example',
        'Content-Type': 'application/json',
      },
      body: '{"name": "a"}',
    });
    expect(response.status).toBe(200);
    expect(await response.text()).toBe('from the handler');
    expect(response.headers.get('access-control-allow-origin')).toBe(PAGE);
    const [request] = handled;
    expect(request).toMatchObject({
      method: 'PATCH',
      url: 'https://upstream.invalid/api/stream/a1?x=%20y',
    });
    const headers = Object.fromEntries(request?.headers ?? []);
    expect(headers).toMatchObject({
      'content-type': 'application/json',
      'x-edge-owner': 'acct_1',
      'x-edge-access': 'restricted',
      'x-forwarded-host': 'edge.test',
      'x-request-id': response.headers.get('x-request-id'),
    });
    for (const name of ['authorization', 'cookie', 'origin', 'x-http-method-override']) {
      expect(headers).not.toHaveProperty(name);
    }
  });

  test('sees the base of UPSTREAM_URL where that is set', async () => {
    const vars = { UPSTREAM_URL: 'https://api.example/v1/' };
    const { send, asBackend } = await edgeBefore(keepAndAnswer, vars);
    await send('/users?page=2', { headers: asBackend });
    expect(handled[0]?.url).toBe('https://api.example/v1/users?page=2');
  });

  test('sees the bindings, the request’s cf, and a context that cannot open the edge', async () => {
    const ctx = createExecutionContext();
    const waitUntil = vi.spyOn(ctx, 'waitUntil');
    const passThrough = vi.spyOn(ctx, 'passThroughOnException');
    const work = Promise.resolve();
    const { send, asBackend } = await edgeBefore(
      async (request, deployed, context) => {
        context.waitUntil(work);
        context.passThroughOnException();
        return Response.json({ cf: request.cf, prefix: deployed.TOKEN_PREFIX });
      },
      { TOKEN_PREFIX: 'own' },
    );
    const init = { headers: asBackend, cf: { country: 'PT' } } as unknown as RequestInit;
    const response = await send('/users', init, ctx);
    expect(await response.json()).toEqual({ cf: { country: 'PT' }, prefix: 'own' });
    expect(waitUntil).toHaveBeenCalledWith(work);
    expect(passThrough).not.toHaveBeenCalled();
  });

  test('cannot grant more than the edge does, and its redirects are handed back', async () => {
    const { send, asPage } = await edgeBefore(
      () =>
        new Response(null, {
          status: 302,
          headers: { Location: 'https://other.example/', 'Access-Control-Allow-Origin': '*' },
        }),
    );
    const response = await send('/api/task/1', { headers: asPage, redirect: 'manual' });
    expect(response.status).toBe(302);
    expect(response.headers.get('location')).toBe('https://other.example/');
    expect(response.headers.get('access-control-allow-origin')).toBe(PAGE);
  });

  const broken: readonly (readonly [name: string, upstream: Upstream])[] = [
    [
      'throws',
      () => {
        throw new Error('broken');
      },
    ],
    ['rejects', () => Promise.reject(new Error('broken'))],
    ['returns no Response', (() => ({ status: 200 })) as unknown as Upstream],
    ['returns nothing', (() => undefined) as unknown as Upstream],
    ['returns a response that is an error', () => Response.error()],
  ];
  test.each(broken)(
    'that %s is an unreachable upstream, readable by the page',
    async (_, upstream) => {
      const { send, asPage } = await edgeBefore(upstream);
      const response = await send('/api/task/1', { headers: asPage });
      expect(response.status).toBe(502);
      expect(response.headers.get('access-control-allow-origin')).toBe(PAGE);
      expect(await response.json()).toMatchObject({ code: 'upstream_unreachable' });
    },
  );

  test('that does not answer in time is given up, told so, and its late answer let go', async () => {
    const late = Promise.withResolvers<Response>();
    const cancelled = Promise.withResolvers<void>();
    const signals: AbortSignal[] = [];
    const { send, asPage } = await edgeBefore(
      ({ signal }) => {
        signals.push(signal);
        return late.promise;
      },
      { UPSTREAM_TIMEOUT_MS: '20' },
    );
    const response = await send('/api/task/1', { headers: asPage });
    expect(response.status).toBe(504);
    expect(await response.json()).toMatchObject({ code: 'upstream_timeout' });
    expect(signals.map(({ aborted }) => aborted)).toEqual([true]);
    const body = new ReadableStream({ cancel: () => cancelled.resolve() });
    late.resolve(new Response(body));
    await cancelled.promise;
  });

  test('reads and answers while the client still sends', async () => {
    const { send, asBackend } = await edgeBefore((request) => new Response(request.body));
    const upload = new TransformStream<Uint8Array, Uint8Array>();
    const writer = upload.writable.getWriter();
    const answering = send('/echo', {
      method: 'POST',
      headers: asBackend,
      body: upload.readable,
    });
    void writer.write(new TextEncoder().encode('one'));
    const reader = (await answering).body?.getReader();
    expect(new TextDecoder().decode((await reader?.read())?.value)).toBe('one');
    void writer.write(new TextEncoder().encode('two'));
    expect(new TextDecoder().decode((await reader?.read())?.value)).toBe('two');
    await writer.close();
    expect(await reader?.read()).toMatchObject({ done: true });
  });

  test('may answer an upload that it has not read', async () => {
    const { send, asBackend } = await edgeBefore(() => new Response('no', { status: 413 }));
    const body = 'x'.repeat(1_000_000);
    const response = await send('/upload', { method: 'POST', headers: asBackend, body });
    expect([response.status, await response.text()]).toEqual([413, 'no']);
  });
});

describe('other upstreams', () => {
  test('a service binding is asked in place of fetch', async () => {
    const toUpstream = vi.spyOn(globalThis, 'fetch');
    const service = { fetch: keepAndAnswer } as unknown as Fetcher;
    const { send, asBackend } = await edgeBefore(service);
    const response = await send('/users', { headers: asBackend });
    expect(await response.text()).toBe('from the handler');
    // Followed, a redirect would carry the request to wherever the service points.
    expect(handled[0]).toMatchObject({ redirect: 'manual' });
    expect(toUpstream).not.toHaveBeenCalled();
  });

  test('a URL takes the place of UPSTREAM_URL', async () => {
    const toUpstream = vi
      .spyOn(globalThis, 'fetch')
      .mockImplementation(async () => new Response('from the URL'));
    const vars = { UPSTREAM_URL: 'https://other.test' };
    const { send, asBackend } = await edgeBefore('https://api.example/v1', vars);
    const response = await send('/users', { headers: asBackend });
    expect(await response.text()).toBe('from the URL');
    expect(String(toUpstream.mock.calls[0]?.[0])).toBe('https://api.example/v1/users');
  });
});

test('a Worker may have the bindings of the edge under names of its own', async () => {
  interface Own {
    readonly KEY_DB: D1Database;
    readonly KEY_COPIES: KVNamespace;
  }
  let asked = 0;
  const authorizer = createAuthorizer<Own>({
    upstream: keepAndAnswer,
    env: ({ KEY_DB: DB, KEY_COPIES: KEYS }) => {
      asked++;
      return bindings({ DB, KEYS });
    },
  });
  const own: Own = { KEY_DB: env.DB, KEY_COPIES: env.KEYS };
  for (const status of [401, 401]) {
    const request = new Request(`${EDGE_URL}/api/task/1`);
    const response = await authorizer.fetch(request, own, createExecutionContext());
    expect(response.status).toBe(status);
  }
  expect(asked).toBe(1);
  await expect(authorizer.scheduled({}, own)).resolves.toBeUndefined();
});

describe('a page of an app in the same Worker', () => {
  const html = () =>
    new Response('<!doctype html><script>0</script>', {
      headers: { 'Content-Type': 'text/html', 'Clear-Site-Data': '"*"' },
    });
  const upstreams: readonly (readonly [name: string, upstream: Upstream])[] = [
    ['a handler', html],
    ['a service', { fetch: async () => html() } as unknown as Fetcher],
  ];

  test.each(upstreams)(
    'is sandboxed on the host of the management page: %s',
    async (_, upstream) => {
      const { send, asBackend } = await edgeBefore(upstream);
      const { headers } = await send('/', { headers: asBackend });
      expect(headers.get('content-security-policy')).toMatch(/^sandbox allow-scripts /);
      expect(headers.get('x-content-type-options')).toBe('nosniff');
      expect(headers.has('clear-site-data')).toBe(false);
    },
  );

  test.each(upstreams)('keeps its origin with MANAGE_HOST: %s', async (_, upstream) => {
    // Keys are made on the management host, so both edges share the storage.
    const { asBackend } = await edgeBefore(upstream);
    const apart = createAuthorizer({ upstream });
    const response = await apart.fetch(
      new Request(`${EDGE_URL}/`, { headers: asBackend }),
      bindings({ MANAGE_HOST: 'manage.test' }),
      createExecutionContext(),
    );
    expect(response.status).toBe(200);
    expect(response.headers.has('content-security-policy')).toBe(false);
    expect(response.headers.get('x-content-type-options')).toBe('nosniff');
    const page = new Request(`${EDGE_URL}/_edge/`);
    const refused = await apart.fetch(
      page,
      bindings({ MANAGE_HOST: 'manage.test' }),
      createExecutionContext(),
    );
    expect(refused.status).toBe(404);
  });
});
