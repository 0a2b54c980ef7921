/**
 * The management API as its tests call it: JSON in and out, with given credentials.
 */

import { env } from 'cloudflare:workers';
import { expect } from 'vitest';
import type { Deployment, HeaderLine, HeaderMap } from '../contract/deployment.ts';

/** A document of the API, whose members the tests read freely. */
// biome-ignore lint/suspicious/noExplicitAny: tests state what they expect of each member.
export type Document = any;

/** An answer of the API. */
export interface ApiAnswer {
  readonly status: number;
  readonly headers: HeaderMap;
  readonly text: string;
  /** `null` for an empty body. */
  readonly body: Document;
}

/** The optional parts of a request. */
export interface Options {
  /** Sent as JSON. */
  readonly body?: unknown;
  /** Sent as it is, instead. */
  readonly text?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/** Sends one request below `/_edge/v1`. */
export type Client = (method: string, path: string, options?: Options) => Promise<ApiAnswer>;

/** A client with these credentials; the operator's, unless others are given. */
export function clientOf(
  edge: Deployment,
  credentials: Readonly<Record<string, string>> = { Authorization: `Bearer ${edge.adminToken}` },
): Client {
  return async (method, path, { body, text, headers = {} } = {}) => {
    const sent = text ?? (body === undefined ? undefined : JSON.stringify(body));
    const lines = Object.entries({
      ...credentials,
      ...(sent === undefined ? {} : { 'Content-Type': 'application/json' }),
      ...headers,
    }) as HeaderLine[];
    const answer = await edge.call({
      method,
      target: `/_edge/v1${path}`,
      headers: lines.filter(([, value]) => value !== ''),
      ...(sent === undefined ? {} : { body: toByteString(sent) }),
    });
    const isJson = answer.headers['content-type']?.includes('json') ?? false;
    return {
      status: answer.status,
      headers: answer.headers,
      text: answer.body,
      body: isJson && answer.body !== '' ? JSON.parse(answer.body) : null,
    };
  };
}

/** Returns the gateway's answer to a request with a token: its status and its reason. */
export async function tryToken(
  edge: Deployment,
  token: string,
  { method = 'GET', path = '/api/asset/abc', origin = '' } = {},
): Promise<string> {
  const answer = await edge.call({
    method,
    target: path,
    headers: [
      ['Authorization', `Bearer ${token}`],
      ...(origin === '' ? [] : [['Origin', origin] as const]),
    ],
  });
  const reason = answer.headers['x-edge-reason'];
  return reason === undefined ? String(answer.status) : `${answer.status} ${reason}`;
}

/**
 * Everything that D1 holds about keys, table by table, to compare before and after. Without
 * `replica_writes`, which the background writes off as KV takes its copies.
 */
export async function snapshot(): Promise<Readonly<Record<string, unknown>>> {
  const tables = ['keys', 'tokens', 'origins', 'changes', 'audit', 'idempotency', 'settings'];
  const all = tables.map((table) => env.DB.prepare(`SELECT * FROM ${table}`));
  // In one batch: each call of D1 costs more than what these read.
  const read = await env.DB.batch(all);
  return Object.fromEntries(tables.map((table, index) => [table, read[index]?.results]));
}

/** Checks what every problem has, and that it says no more than it should. */
export function expectProblem(
  answer: ApiAnswer,
  status: number,
  code: string,
): asserts answer is ApiAnswer {
  expect({ status: answer.status, code: answer.body?.code }, answer.text).toEqual({ status, code });
  expect(answer.body).toMatchObject({
    type: `/_edge/errors#${code}`,
    status,
    title: expect.stringMatching(/./),
    detail: expect.stringMatching(/./),
    requestId: answer.headers['x-request-id'],
  });
  expect(answer.body.errors.length).toBeGreaterThan(0);
  expect(answer.headers['x-edge-reason']).toBe(code);
  expect(answer.headers['content-type']).toBe('application/json');
  expect(answer.headers['cache-control']).toBe('no-store');
  expect(answer.headers['etag']).toBeUndefined();
  const names = Object.keys(answer.headers);
  expect(names.filter((name) => name.startsWith('access-control-'))).toEqual([]);
}

/** The problems of an answer, by their path. */
export function problemsOf(answer: ApiAnswer): Readonly<Record<string, Document>> {
  return Object.fromEntries(
    answer.body.problems.map(({ path, ...rest }: Document) => [path, rest]),
  );
}

/** The API speaks bytes to the wire: UTF-8, one character a byte. */
function toByteString(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: ASCII is its own UTF-8.
  if (/^[\x00-\x7f]*$/.test(text)) return text;
  return Array.from(new TextEncoder().encode(text), (byte) => String.fromCharCode(byte)).join('');
}
