/** Pages for people who navigate to an address of the edge, and JSON as ever for everybody else. */

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Answer, CreatedKey, Deployment, HeaderLine } from '../contract/deployment.ts';
import { deploy } from '../support/workers.ts';

const navigation: readonly HeaderLine[] = [
  ['Sec-Fetch-Mode', 'navigate'],
  ['Sec-Fetch-Dest', 'document'],
  ['Accept', 'text/html,*/*;q=0.8'],
];

/** Requests that are no navigations of a window. */
const others: readonly (readonly [name: string, headers: readonly HeaderLine[]])[] = [
  ['a tool', []],
  ['a tool that accepts HTML', [['Accept', 'text/html']]],
  ['a script', [['Sec-Fetch-Mode', 'cors']]],
  [
    'a frame',
    [
      ['Sec-Fetch-Mode', 'navigate'],
      ['Sec-Fetch-Dest', 'iframe'],
    ],
  ],
];

let edge: Deployment;
let key: CreatedKey;
beforeAll(async () => {
  edge = await deploy();
  key = await edge.createKey({ name: 'a key' });
});
afterAll(() => edge.dispose());

const ask = (target: string, headers: readonly HeaderLine[], method = 'GET'): Promise<Answer> =>
  edge.call({ method, target, headers });

function expectPage(answer: Answer): void {
  expect(answer.headers['content-type']).toBe('text/html; charset=utf-8');
  expect(answer.headers['content-security-policy']).toMatch(
    /^default-src 'none'; style-src 'sha256-/,
  );
  expect(answer.headers).toMatchObject({
    'x-content-type-options': 'nosniff',
    'cache-control': 'no-store',
  });
  expect(answer.headers['x-request-id']).toMatch(/^[0-9a-f-]{36}$/);
}

describe('the host itself', () => {
  test('says to people what it is, with the status and the headers of a missing key', async () => {
    const answer = await ask('/', navigation);
    expect(answer.status).toBe(401);
    expectPage(answer);
    expect(answer.headers).toMatchObject({
      'www-authenticate': 'Bearer',
      'x-edge-reason': 'missing_credentials',
      vary: 'Origin',
    });
    expect(answer.body).toContain('This host serves an API');
    expect(answer.body).toContain('href="/_edge/"');
    expect(edge.received).toEqual([]);
  });

  test.each(others)('answers JSON to %s', async (_name, headers) => {
    const answer = await ask('/', headers);
    expect([answer.status, answer.headers['content-type']]).toEqual([401, 'application/json']);
    expect(JSON.parse(answer.body)).toMatchObject({ code: 'missing_credentials' });
  });

  test('says nothing of it at other paths, to other methods and to other refusals', async () => {
    for (const [target, headers, method] of [
      ['/api/stream', navigation, 'GET'],
      ['/', navigation, 'POST'],
      ['/', [...navigation, ['Authorization', 'Bearer invented']], 'GET'],
    ] as const) {
      const answer = await ask(target, [...headers], method);
      expect(answer.headers['content-type'], `${method} ${target}`).toBe('application/json');
    }
  });

  test('leaves a request with a key to the API', async () => {
    const answer = await ask('/', [...navigation, ['Authorization', `Bearer ${key.token}`]]);
    expect(answer.status).toBe(200);
    expect(edge.received).toHaveLength(1);
  });
});

describe('an address of the edge that does not exist', () => {
  const targets = ['/_edge/nothing', '/_edge/keys/', '/a/%2e%2e/_edge/x', '/_EDGE/'];
  test.each(targets)('is a page for people: %s', async (target) => {
    const answer = await ask(target, navigation);
    expect(answer.status).toBe(404);
    expectPage(answer);
    expect(answer.headers['x-edge-reason']).toBe('not_found');
    expect(answer.body).toContain('href="/_edge/"');
  });

  test.each(others)('is JSON for %s', async (_name, headers) => {
    const answer = await ask('/_edge/nothing', headers);
    expect([answer.status, answer.headers['content-type']]).toEqual([404, 'application/json']);
  });

  test('is JSON below the management API, for people too', async () => {
    const answer = await ask('/_edge/v1/nothing', navigation);
    expect(answer.headers['content-type']).toBe('application/json');
  });

  test('is quoted as text and never as markup', async () => {
    const answer = await ask(`/_edge/<script>alert(1)</script>"'&`, navigation);
    expect(answer.status).toBe(404);
    expect(answer.body).not.toContain('<script>');
    expect(answer.body).toContain('&lt;script&gt;');
  });
});

describe('a forwarded response at the root', () => {
  test('is the API’s, and never covered, whatever it says of itself', async () => {
    edge.behaviour = {
      kind: 'reply',
      status: 401,
      headers: [
        ['Content-Type', 'application/json'],
        ['X-Edge-Reason', 'missing_credentials'],
      ],
      body: '{"of":"the API"}',
    };
    const answer = await ask('/', [...navigation, ['Authorization', `Bearer ${key.token}`]]);
    expect([answer.status, answer.body]).toEqual([401, '{"of":"the API"}']);
    edge.behaviour = { kind: 'reply' };
  });
});

describe('with MANAGE_HOST', () => {
  test('the page leads to keys on that host alone', async () => {
    const apart = await deploy({ vars: { MANAGE_HOST: 'manage.example' } });
    const home = await apart.call({ target: '/', headers: navigation });
    expect(home.status).toBe(401);
    expect(home.body).not.toContain('href="/_edge/"');
    expect(home.body).not.toContain('manage.example');
    const onManage = await apart.call({ host: 'manage.example', target: '/', headers: navigation });
    expect(onManage.status).toBe(404);
    expect(onManage.body).toContain('href="/_edge/"');
    await apart.dispose();
  });
});
