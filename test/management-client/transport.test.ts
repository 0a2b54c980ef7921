/** The typed client against servers that fail: repeats, time limits, and answers of something else. */

import { afterEach, describe, expect, test } from 'vitest';
import {
  ConnectionError,
  createClient,
  dataOf,
  eachAuditEntry,
  eachKey,
  type ManagementClient,
  ProblemError,
  UnexpectedAnswerError,
} from '../../src/management-client/index.ts';
import type { TransportOptions } from '../../src/management-client/transport.ts';
import {
  type Answerer,
  answerJson,
  problem,
  type StandInEdge,
  standInEdge,
} from '../support/node/stand-in-edge.ts';

let server: StandInEdge | null = null;
afterEach(async () => {
  await server?.close();
  server = null;
});

async function clientOf(answer: Answerer, options: Partial<TransportOptions> = {}) {
  server = await standInEdge(answer);
  const client = createClient({ url: server.url, token: 'secret', ...options });
  return { client, asked: server.asked };
}

const noKeys = { keys: [], nextCursor: null };
const list = (client: ManagementClient) => client.GET('/keys');
const create = (client: ManagementClient) => client.POST('/keys', { body: { name: 'x' } });

describe('a call is repeated', () => {
  const later: readonly [name: string, failure: Answerer][] = [
    ['429', (response) => answerJson(response, 429, problem(429, 'rate_limited'))],
    ['503', (response) => answerJson(response, 503, problem(503, 'unavailable'))],
    ['503 of a proxy', (response) => void response.writeHead(503).end('<h1>Later</h1>')],
    ['a connection that is closed', (response) => void response.destroy()],
    [
      'a connection that is closed within the body',
      (response) => {
        response.writeHead(200, { 'Content-Type': 'application/json', 'Content-Length': '100' });
        response.write('{"keys":');
        setTimeout(() => response.destroy(), 20);
      },
    ],
  ];
  test.each(later)('after %s', async (_name, failure) => {
    const { client, asked } = await clientOf((response, one, count) => {
      if (count < 2) failure(response, one, count);
      else answerJson(response, 200, noKeys);
    });
    expect((await list(client)).data).toEqual(noKeys);
    expect(asked).toHaveLength(3);
  });

  test('with the same Idempotency-Key and body, which another call does not have', async () => {
    const { client, asked } = await clientOf((response, _, count) => {
      if (count % 2 === 0) response.destroy();
      else answerJson(response, 201, { id: 'key_1', token: 't' });
    });
    await create(client);
    await create(client);
    const keys = asked.map(({ headers }) => headers['idempotency-key']);
    expect(keys[0]).toMatch(/^[\w-]{36}$/);
    expect([keys[1], keys[3]]).toEqual([keys[0], keys[2]]);
    expect(keys[2]).not.toBe(keys[0]);
    expect(new Set(asked.map(({ body }) => body))).toEqual(new Set(['{"name":"x"}']));
  });

  test('with the Idempotency-Key of the caller', async () => {
    const { client, asked } = await clientOf((response) => answerJson(response, 201, {}));
    const params = { header: { 'Idempotency-Key': 'mine' } };
    await client.POST('/keys', { params, body: { name: 'x' } });
    expect(asked[0]?.headers['idempotency-key']).toBe('mine');
  });

  test('not before Retry-After, and not when the time is up before that', async () => {
    const { client, asked } = await clientOf(
      (response, _, count) => {
        response.setHeader('Retry-After', count === 0 ? '1' : '3600');
        answerJson(response, 429, problem(429, 'rate_limited'));
      },
      { timeoutMs: 20_000 },
    );
    const start = performance.now();
    const { error } = await list(client);
    expect(error).toMatchObject({ code: 'rate_limited' });
    expect(asked).toHaveLength(2);
    expect(performance.now() - start).toBeGreaterThanOrEqual(990);
  });

  test('as often as it says, and no more', async () => {
    const { client, asked } = await clientOf((response) => void response.destroy(), { retries: 1 });
    await expect(list(client)).rejects.toThrow(ConnectionError);
    expect(asked).toHaveLength(2);
  });
});

describe('a call is not repeated', () => {
  test.each([
    [400, 'malformed_json'],
    [401, 'invalid_credentials'],
    [409, 'conflict'],
    [422, 'invalid_fields'],
    [500, 'internal_error'],
    [503, 'schema_missing'],
    [503, 'not_configured'],
  ])('after %i %s', async (status, code) => {
    const { client, asked } = await clientOf((response) =>
      answerJson(response, status, problem(status, code)),
    );
    const { error, data, response } = await create(client);
    expect([response.status, data]).toEqual([status, undefined]);
    expect(error).toMatchObject({ code });
    expect(asked).toHaveLength(1);
  });
});

describe('a call ends', () => {
  test('when its time is up', async () => {
    const { client, asked } = await clientOf(() => undefined, { timeoutMs: 200 });
    const error = await list(client).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(ConnectionError);
    expect(error).toMatchObject({ reason: 'timeout' });
    expect(String(error)).toContain('no answer within 0.2 s');
    expect(asked).toHaveLength(1);
  });

  test.each<[string, Answerer]>([
    ['while it waits for an answer', () => undefined],
    ['while it waits for its repeat', (response) => void response.destroy()],
  ])('when its signal is aborted, %s', async (_name, answer) => {
    const { client, asked } = await clientOf(answer);
    const controller = new AbortController();
    const call = client.GET('/keys', { signal: controller.signal });
    setTimeout(() => controller.abort(new Error('enough')), 100);
    await expect(call).rejects.toThrow('enough');
    expect(asked).toHaveLength(1);
  });
});

describe('an answer of something else is an error', () => {
  test.each<[string, number, Record<string, string>, string]>([
    ['a redirect', 302, { Location: 'https://login.example/' }, ''],
    ['a redirect with a page', 307, { 'Content-Type': 'text/html' }, '<h1>Moved</h1>'],
    ['the page of a proxy', 502, { 'Content-Type': 'text/html' }, '<h1>Bad gateway</h1>'],
    ['an empty 502', 502, {}, ''],
    ['an empty 200', 200, {}, ''],
    ['a page with 200', 200, { 'Content-Type': 'text/html' }, '<h1>Sign in</h1>'],
    ['a text', 200, { 'Content-Type': 'application/json' }, '"ok"'],
    ['JSON that is cut off', 200, { 'Content-Type': 'application/json' }, '{"keys":'],
    ['errors of another API', 404, { 'Content-Type': 'application/json' }, '{"errors":["no"]}'],
    ['a list', 404, { 'Content-Type': 'application/json' }, '[]'],
    ['null', 404, { 'Content-Type': 'application/json' }, 'null'],
    ['not modified', 304, {}, ''],
  ])('%s', async (_name, status, headers, body) => {
    const { client, asked } = await clientOf((response) =>
      response.writeHead(status, headers).end(body),
    );
    const error = await list(client).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(UnexpectedAnswerError);
    expect(error).toMatchObject({ status, contentType: headers['Content-Type'] ?? null });
    expect(asked).toHaveLength(1);
  });

  test('but nothing at all is what 204 answers', async () => {
    const { client } = await clientOf((response) => response.writeHead(204).end());
    const { error } = await client.DELETE('/keys/{id}', { params: { path: { id: 'key_1' } } });
    expect(error).toBeUndefined();
  });
});

describe('credentials', () => {
  test('come from a function, which is called for each attempt', async () => {
    let count = 0;
    const { client, asked } = await clientOf(
      (response, _, before) => {
        if (before === 0) response.destroy();
        else answerJson(response, 200, noKeys);
      },
      { token: async () => `token-${++count}`, headers: { 'CF-Access-Client-Id': 'abc' } },
    );
    await list(client);
    expect(asked.map(({ headers }) => headers.authorization)).toEqual([
      'Bearer token-1',
      'Bearer token-2',
    ]);
    expect(asked[1]?.headers['cf-access-client-id']).toBe('abc');
  });

  test.each<[string, Partial<TransportOptions>]>([
    ['a token of two lines', { token: 'first\nsecond' }],
    ['a token with a letter that headers do not have', { token: 'first\u{20ac}second' }],
    ['a header of two lines', { headers: { 'CF-Access-Client-Secret': 'first\r\nsecond' } }],
  ])('that no header can hold are refused, and not quoted: %s', async (_name, options) => {
    const { client, asked } = await clientOf((response) => response.end(), options);
    const error = await list(client).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(TypeError);
    expect(String(error)).toMatch(/Cannot send the (?:token|header "CF-Access-Client-Secret"): /);
    expect(String(error)).not.toMatch(/first|second/);
    expect(asked).toEqual([]);
  });
});

describe('createClient()', () => {
  test.each(['edge', 'ftp://edge.example', 'localhost:8787', ''])('refuses %j', (url) => {
    expect(() => createClient({ url, token: 'x' })).toThrow(/as the URL of the edge/);
  });

  test.each(['', '.', '..'])('sends nothing for the id %j', async (id) => {
    const { client, asked } = await clientOf((response) => answerJson(response, 200, noKeys));
    const call = async () => client.GET('/keys/{id}', { params: { path: { id } } });
    await expect(call()).rejects.toThrow(TypeError);
    expect(asked).toEqual([]);
  });
});

describe('dataOf()', () => {
  test('throws a problem that is typed', async () => {
    const { client } = await clientOf((response) =>
      answerJson(response, 404, problem(404, 'not_found')),
    );
    const error = await client
      .GET('/keys/{id}', { params: { path: { id: 'key_1' } } })
      .then(dataOf)
      .catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(ProblemError);
    expect(error).toMatchObject({
      code: 'not_found',
      status: 404,
      problem: { requestId: 'request-1' },
    });
  });
});

describe('eachKey() and eachAuditEntry()', () => {
  /** Four pages of one entry each, of which the second is empty and not the last. */
  const pages: Answerer = (response, { path }) => {
    const cursor = Number(new URL(path, 'http://x').searchParams.get('cursor') ?? 0);
    const found = cursor === 1 ? [] : [{ id: `entry_${cursor}` }];
    const member = path.includes('/audit') ? 'entries' : 'keys';
    const nextCursor = cursor === 3 ? null : String(cursor + 1);
    answerJson(response, 200, { [member]: found, nextCursor });
  };

  const idsOf = async (entries: AsyncIterable<{ id: string }>) => {
    const ids: string[] = [];
    for await (const { id } of entries) ids.push(id);
    return ids;
  };

  test('follow the cursor, past empty pages, to the end', async () => {
    const { client, asked } = await clientOf(pages);
    const ids = await idsOf(eachKey(client, { owner: 'acct_1' }));
    expect(ids).toEqual(['entry_0', 'entry_2', 'entry_3']);
    expect(asked.map(({ path }) => path)).toEqual([
      '/_edge/v1/keys?owner=acct_1',
      '/_edge/v1/keys?owner=acct_1&cursor=1',
      '/_edge/v1/keys?owner=acct_1&cursor=2',
      '/_edge/v1/keys?owner=acct_1&cursor=3',
    ]);
    expect(await idsOf(eachAuditEntry(client))).toEqual(ids);
  });

  test('read no page before it is needed', async () => {
    const { client, asked } = await clientOf(pages);
    for await (const { id } of eachKey(client)) {
      expect(id).toBe('entry_0');
      break;
    }
    expect(asked).toHaveLength(1);
  });

  test('throw a problem', async () => {
    const { client } = await clientOf((response) =>
      answerJson(response, 422, problem(422, 'invalid_fields')),
    );
    await expect(eachKey(client).next()).rejects.toThrow(ProblemError);
  });
});
