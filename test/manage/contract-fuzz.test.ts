/**
 * Thousands of generated requests that are unlikely to be written by hand, made from the OpenAPI document
 * with a fixed seed. Every answer must be one that the document describes.
 */

import { beforeAll, describe, expect, it } from 'vitest';
import { operations } from '../../src/manage/api.ts';
import { describeApi } from '../../src/manage/openapi.ts';
import type { Deployment } from '../contract/deployment.ts';
import { runs } from '../support/runs.ts';
import { deploy } from '../support/workers.ts';
import { type ApiAnswer, type Client, clientOf, type Document } from './client.ts';

const SEED = 20_260_101;
const REQUESTS_PER_OPERATION = runs(200);

const api: Document = describeApi(operations);

/** The same numbers from 0 to 1 in each run (mulberry32). */
function createRandom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

const random = createRandom(SEED);
const oneOf = <Item>(items: readonly Item[]): Item =>
  items[Math.floor(random() * items.length)] as Item;

/** Values that no field wants, and some that a few do. */
const oddValues: readonly (() => unknown)[] = [
  () => null,
  () => '',
  () => 'x'.repeat(300),
  () => '\u0000\u202e\ud800',
  () => '__proto__',
  () => -1,
  () => 1.5,
  () => 2 ** 53,
  () => true,
  () => [],
  () => {
    return {};
  },
  () => [[[]]],
  () => Array.from({ length: 120 }, () => 'get'),
  () => JSON.parse('{"__proto__": {"a": 1}, "constructor": null}'),
  () => 'https://app.example.com',
  () => '*',
  () => '2030-01-31T12:00:00Z',
  () => 'key_0A1b2C3d4E5f6G7h8I9j0K',
];

/** A document with some of its places changed, at any depth. */
function mutate(value: unknown): unknown {
  if (random() < 0.12) return oneOf(oddValues)();
  if (Array.isArray(value)) {
    const items = value.map(mutate);
    return random() < 0.1 ? [...items, ...items] : items;
  }
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value)
    .filter(() => random() > 0.08)
    .map(([name, entry]) => [name, mutate(entry)] as const);
  const more = random() < 0.08 ? [[oneOf(['x', '__proto__', 'toString', 'a.b']), 1] as const] : [];
  return Object.fromEntries([...entries, ...more]);
}

const oddHeaders: readonly Readonly<Record<string, string>>[] = [
  { Authorization: 'Bearer x' },
  { Authorization: 'Basic eDp5' },
  { 'Content-Type': 'text/plain' },
  { 'Content-Type': 'application/json; charset=utf-16' },
  { 'Content-Encoding': 'br' },
  { 'Idempotency-Key': 'a b' },
  { 'Idempotency-Key': 'the-same-for-many-requests' },
  { 'If-Match': '"999"' },
  { 'If-Match': 'nonsense' },
  { 'If-None-Match': '*' },
  { Accept: 'application/problem+json' },
];

const oddQueries = [
  '?x=1',
  '?limit=',
  '?limit=0',
  '?limit=1&limit=2',
  '?owner=%00',
  '?cursor=x',
  '?%',
];

interface Described {
  readonly path: string;
  readonly method: string;
  readonly operation: Document;
}

const described: readonly Described[] = Object.entries<Document>(api.paths).flatMap(
  ([path, item]) =>
    ['get', 'post', 'patch', 'delete'].flatMap((method) =>
      item[method] ? [{ path, method, operation: item[method] }] : [],
    ),
);

let edge: Deployment;
let operator: Client;
let ids: readonly string[];

beforeAll(async () => {
  edge = await deploy();
  operator = clientOf(edge);
  const made = await Promise.all(
    Array.from({ length: 4 }, () => operator('POST', '/keys', { body: { name: 'a' } })),
  );
  ids = [...made.map(({ body }) => body.id), 'key_0A1b2C3d4E5f6G7h8I9j0K', 'x', '%2e%2e'];
});

function send({ path, method, operation }: Described): Promise<ApiAnswer> {
  const example = operation.requestBody?.content['application/json'].examples.example.value;
  const target = path.replace('{id}', oneOf(ids)) + (random() < 0.2 ? oneOf(oddQueries) : '');
  const headers = random() < 0.3 ? oneOf(oddHeaders) : {};
  if (example === undefined) return operator(method.toUpperCase(), target, { headers });
  const text = JSON.stringify(mutate(structuredClone(example)));
  const sent = random() < 0.05 ? text.slice(0, Math.floor(random() * text.length)) : text;
  return operator(method.toUpperCase(), target, { headers, text: sent });
}

/** Returns the codes that an operation documents for a status, or `null` without that status. */
function codesOf(operation: Document, status: number): readonly string[] | null {
  const answer = operation.responses[status];
  if (answer === undefined) return null;
  return Object.keys(answer.content?.['application/json']?.examples ?? {});
}

describe('whatever is sent, the answer is one that the OpenAPI document has', () => {
  // An invalid path, such as /keys/%2e%2e, is answered before an operation is found.
  const common = ['not_found', 'method_not_allowed'];

  it.each(described.map((one) => [one.method.toUpperCase(), one.path, one] as const))(
    '%s %s',
    { timeout: 120_000 },
    async (_method, _path, one) => {
      for (let count = 0; count < REQUESTS_PER_OPERATION; count++) {
        const answer = await send(one);
        const { status, body, headers, text } = answer;
        expect(status, text).toBeLessThan(500);
        if (status >= 400 && common.includes(body?.code)) continue;
        const codes = codesOf(one.operation, status);
        expect(codes, `${status} ${text}`).not.toBeNull();
        if (status < 400) continue;
        expect(codes, text).toContain(body.code);
        expect(headers['x-edge-reason']).toBe(body.code);
        expect(body).toMatchObject({
          status,
          errors: expect.any(Array),
          requestId: expect.any(String),
        });
        expect(text.length).toBeLessThan(64 * 1024);
      }
    },
  );
});
