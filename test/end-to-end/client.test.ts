/** The typed client against a real edge, and whether it is the one that the API describes. */

import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, expectTypeOf, test } from 'vitest';
import { type ApiDocument, generateClient } from '../../scripts/generate-client.ts';
import { createClient, type ManagementClient } from '../../src/management-client/index.ts';
import { projectRoot } from '../support/node/build-bundle.ts';
import { request } from '../support/node/raw-http.ts';
import { type Edge, serveEdge } from '../support/node/serve-edge.ts';
import { startUpstream, type Upstream } from '../support/node/upstream-server.ts';

let upstream: Upstream;
let edge: Edge;
let client: ManagementClient;

beforeAll(async () => {
  upstream = await startUpstream();
  edge = await serveEdge({ upstreamUrl: upstream.url, vars: { USAGE_FLUSH_SECONDS: '0' } });
  client = createClient({ url: `${edge.url}/ignored`, token: edge.adminToken });
});
afterAll(async () => {
  await edge?.dispose();
  await upstream?.dispose();
});

const statusWith = async (token: string | undefined) => {
  const headers: [string, string][] = [['Authorization', `Bearer ${token}`]];
  return (await request(edge.port, { target: '/api/task/1', headers })).status;
};

describe('src/management-client/schema.ts', () => {
  const readDocument = async (): Promise<ApiDocument> =>
    (await edge.manage('GET', '/openapi.json')).json as ApiDocument;

  test('is what is made from the description that the edge serves', async () => {
    const committed = await readFile(join(projectRoot, 'src/management-client/schema.ts'), 'utf8');
    expect(await generateClient(await readDocument())).toBe(committed);
  });

  test('would be another for another description', async () => {
    const committed = await readFile(join(projectRoot, 'src/management-client/schema.ts'), 'utf8');
    const document = await readDocument();
    const { '/audit': _, ...paths } = document.paths;
    expect(await generateClient({ ...document, paths })).not.toBe(committed);
  });
});

describe('the client', () => {
  test('answers an error that is typed by its endpoint', async () => {
    const cors = { allowedOrigins: ['page.example'] };
    const { data, error, response } = await client.POST('/keys', {
      body: { name: 'page', access: { cors } },
    });
    expect(data).toBeUndefined();
    expect(response.status).toBe(422);
    expect(error).toMatchObject({ code: 'invalid_fields', status: 422 });
    expect(error?.problems).toMatchObject([
      { path: 'access.cors.allowedOrigins[0]', value: 'page.example' },
    ]);
    type Code = NonNullable<typeof error>['code'];
    // The codes of this endpoint, so that a `switch` over them can be exhaustive.
    expectTypeOf<Code>().toEqualTypeOf<
      | 'malformed_json'
      | 'malformed_header'
      | 'missing_credentials'
      | 'malformed_credentials'
      | 'invalid_credentials'
      | 'rate_limited'
      | 'account_unknown'
      | 'insufficient_scope'
      | 'quota_of_owner'
      | 'cross_site_request'
      | 'token_not_replayable'
      | 'body_too_large'
      | 'unsupported_media_type'
      | 'invalid_fields'
      | 'idempotency_key_reused'
      | 'internal_error'
      | 'unavailable'
    >();

    const missing = await client.GET('/keys/{id}', { params: { path: { id: 'key_/../x' } } });
    expect(missing.error).toMatchObject({ code: 'not_found' });
  });

  test('answers an error without its token, and keeps the token from every other server', async () => {
    const stranger = createClient({ url: edge.url, token: 'x'.repeat(40) });
    const { error, response } = await stranger.GET('/keys');
    expect([response.status, error?.code]).toEqual([401, 'invalid_credentials']);

    const asked: (string | undefined)[] = [];
    const elsewhere = createServer((message, answer) => {
      asked.push(message.headers.authorization);
      answer.writeHead(307, { Location: `${edge.url}/_edge/v1/keys` }).end();
    });
    await new Promise<void>((done) => elsewhere.listen(0, '127.0.0.1', done));
    try {
      const { port } = elsewhere.address() as AddressInfo;
      const url = `http://127.0.0.1:${port}`;
      const redirected = createClient({ url, token: edge.adminToken }).GET('/keys');
      await expect(redirected).rejects.toMatchObject({
        name: 'UnexpectedAnswerError',
        status: 307,
      });
      expect(asked).toHaveLength(1);
    } finally {
      elsewhere.close();
    }
  });

  test('throws for an invalid URL', () => {
    expect(() => createClient({ url: 'edge', token: 'x' })).toThrow(/URL/);
  });

  test('makes, lists, edits, rolls, counts and revokes a key', async () => {
    const cors = { allowedOrigins: ['https://Page.example:443'] };
    const created = await client.POST('/keys', {
      body: { name: 'page', owner: 'acct_1', access: { cors } },
      params: { header: { 'Idempotency-Key': crypto.randomUUID() } },
    });
    const key = created.data;
    if (key === undefined) throw new Error(JSON.stringify(created.error));
    expect(key.access?.cors?.allowedOrigins).toEqual(['https://page.example']);
    expect(await statusWith(key.token)).toBe(200);
    const at = { path: { id: key.id } };

    const listed = await client.GET('/keys', { params: { query: { owner: 'acct_1', limit: 1 } } });
    expect(listed.data).toMatchObject({ keys: [{ id: key.id }], nextCursor: null });
    const others = await client.GET('/keys', { params: { query: { owner: 'acct_2' } } });
    expect(others.data?.keys).toEqual([]);

    const etag = created.response.headers.get('etag') ?? '';
    const params = { ...at, header: { 'If-Match': etag } };
    const edited = await client.PATCH('/keys/{id}', { params, body: { name: 'renamed' } });
    expect(edited.data?.name).toBe('renamed');
    const lost = await client.PATCH('/keys/{id}', { params, body: { name: 'lost' } });
    expect([lost.response.status, lost.error?.code]).toEqual([412, 'precondition_failed']);
    expect((await client.GET('/keys/{id}', { params: at })).data?.name).toBe('renamed');

    const rolled = await client.POST('/keys/{id}/roll', { params: at, body: { graceSeconds: 0 } });
    expect(await statusWith(rolled.data?.token)).toBe(200);
    expect(await statusWith(key.token)).toBe(401);

    const usageOf = async () => {
      const query = { days: 1 };
      const { data } = await client.GET('/keys/{id}/usage', { params: { ...at, query } });
      return data?.totals['allowed'];
    };
    await expect.poll(usageOf, { timeout: 20_000, interval: 200 }).toBe(2);

    const revoked = await client.DELETE('/keys/{id}', { params: at });
    expect([revoked.response.status, revoked.error]).toEqual([204, undefined]);
    expect(await statusWith(rolled.data?.token)).toBe(401);
  });

  test('knows at compile time what an endpoint takes', () => {
    const neverSent = () => {
      // @ts-expect-error: a key needs a name.
      client.POST('/keys', { body: { owner: 'acct_1' } });
      // @ts-expect-error: there is no such endpoint.
      client.GET('/key');
      // @ts-expect-error: which key?
      client.DELETE('/keys/{id}');
    };
    expect(neverSent).toBeTypeOf('function');
  });
});
