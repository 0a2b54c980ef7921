/**
 * Shared by the tests in workerd: the schema on an empty D1, builders, and the whole Worker behind
 * `deploy()`, with the real D1 and KV and an upstream that records the calls of `fetch`.
 */

import { createExecutionContext } from 'cloudflare:test';
import { env } from 'cloudflare:workers';
import { vi } from 'vitest';
import type { Env } from '../../src/config/env.ts';
import worker from '../../src/index.ts';
import type { ManagedKey } from '../../src/keys/admin/types.ts';
import {
  type Answer,
  type Behaviour,
  type Call,
  type CreatedKey,
  cookiesOf,
  type Deploy,
  type Deployment,
  type HeaderLine,
  type Received,
  type Row,
  toHeaderMap,
} from '../contract/deployment.ts';
import { emptyReplica, emptyStorage } from './empty-storage.ts';

export { emptyStorage };

/** The address of the pool's Worker. */
export const EDGE_URL = 'https://edge.test';

/** Creates what `schema.sql` describes. May be called again. */
export async function applySchema(db: D1Database = env.DB): Promise<void> {
  await applySql(env.SCHEMA, db);
}

/** Runs the statements of a file as one transaction, as wrangler does. */
export async function applySql(script: string, db: D1Database = env.DB): Promise<void> {
  await db.batch(statementsOf(script).map((statement) => db.prepare(statement)));
}

function statementsOf(script: string): string[] {
  return script
    .replace(/--.*$/gm, '')
    .split(';')
    .map((statement) => statement.trim())
    .filter((statement) => statement !== '');
}

/** D1 after `schema.sql` was applied to an empty one; `null` before. */
let madeD1: MadeD1 | null = null;

interface MadeD1 {
  /** The definitions of tables and indexes, as `examine` finds them. */
  readonly schema: string;
  /** Finds those and the tables that have rows, newest first. Fails if a table is missing. */
  readonly examine: string;
  /** The statements of `schema.sql` that insert rows. */
  readonly insertions: readonly string[];
}

/** The definitions in D1, newest first: a table comes after those that refer to it. */
const definitions = `SELECT name, type, sql FROM sqlite_master
  WHERE name NOT GLOB 'sqlite_*' AND name NOT GLOB '_cf_*' ORDER BY rowid DESC`;
const schemaOfD1 = `SELECT group_concat(sql, ';') AS schema FROM (${definitions})`;

/**
 * Empties D1 and KV, and leaves D1 as `schema.sql` makes it. If it has that schema already, the tables
 * that have rows are emptied, which takes a fraction of the time of making them again.
 */
export async function freshStorage(): Promise<void> {
  const [isFresh] = await Promise.all([emptyD1(), emptyReplica()]);
  if (isFresh) return;
  await emptyStorage();
  await applySchema();
  const { results } = await env.DB.prepare(
    `SELECT name FROM (${definitions}) WHERE type = 'table'`,
  ).all<{ name: string }>();
  const filled = results.map(({ name }) => `iif(EXISTS (SELECT 1 FROM ${name}), '${name} ', '')`);
  madeD1 = {
    schema: (await env.DB.prepare(schemaOfD1).first<string>('schema')) ?? '',
    examine: schemaOfD1.replace('AS schema', `AS schema, ${filled.join(' || ')} AS filled`),
    insertions: statementsOf(env.SCHEMA).filter((statement) => /^INSERT/.test(statement)),
  };
}

/** Empties D1 and returns `true`, or returns `false` if it has another schema. */
async function emptyD1(): Promise<boolean> {
  if (madeD1 === null) return false;
  const found = await env.DB.prepare(madeD1.examine)
    .first<{ schema: string; filled: string }>()
    .catch(() => null);
  if (found?.schema !== madeD1.schema) return false;
  const deletions = found.filled
    .split(' ')
    .filter((table) => table !== '')
    .map((table) => `DELETE FROM ${table}`);
  const statements = [...deletions, 'DELETE FROM sqlite_sequence', ...madeD1.insertions];
  await env.DB.batch(statements.map((statement) => env.DB.prepare(statement)));
  return true;
}

/** A key that works: a backend key without an owner, unless told otherwise. */
export function aKey(overrides: Partial<ManagedKey> = {}): ManagedKey {
  return {
    id: 'key_0000000000000000000000',
    name: 'a key',
    owner: null,
    kind: overrides.allowedOrigins ? 'cors' : 'backend',
    allowedOrigins: null,
    fullAccess: false,
    rules: null,
    hint: 'ea_sk_0000',
    createdAtMs: 1,
    expiresAtMs: null,
    enabled: true,
    suspended: false,
    updatedAtMs: 1,
    revokedAtMs: null,
    lastUsedAtMs: null,
    version: 1,
    ...overrides,
  };
}

/**
 * A request whose `url` is this text, as on bare workerd, where nothing normalises the target before
 * the Worker sees it. (The Request constructor does.)
 */
export function requestWithTarget(
  target: string,
  init: RequestInit = {},
  base = EDGE_URL,
): Request {
  const request = new Request(`${EDGE_URL}/`, init);
  Object.defineProperty(request, 'url', { value: base + target });
  return request;
}

/**
 * The whole Worker on empty storage: its own entry, D1 and KV are real, and the upstream is a double
 * of `fetch`. One at a time, since the pool has one D1: a new one empties the storage of the last.
 */
export const deploy: Deploy = async ({ vars = {}, upstreamPath = '' } = {}) => {
  await freshStorage();
  const upstream = doubleUpstream();
  const logs = captureLogs();
  const id = crypto.randomUUID();
  // A new object is a new isolate to the Worker's entry.
  const deployed: Env = {
    ...env,
    // Otherwise it would share polls with the last deployment, whose storage is gone.
    CF_VERSION_METADATA: { id, tag: '', timestamp: '' },
    // And what callers of the last ones did wrong in the same minute would count against its own.
    SIGN_IN_LIMITER: limiterOf(id, env.SIGN_IN_LIMITER),
    FAILURE_LIMITER: limiterOf(id, env.FAILURE_LIMITER),
    UPSTREAM_URL: env.UPSTREAM_URL + upstreamPath,
    // Usage has tests of its own. Handed over at once, no request's background work waits for it.
    USAGE_FLUSH_SECONDS: '0',
    USAGE: { send: async () => ({}) } as unknown as Queue<string>,
    ...vars,
  };

  async function send(request: Request): Promise<Answer> {
    // Background work is not awaited: usage is counted for seconds.
    const response = await worker.fetch(request as never, deployed, createExecutionContext());
    const body = await response.text();
    const lines = [...response.headers] as HeaderLine[];
    return {
      status: response.status,
      headers: toHeaderMap(lines),
      cookies: cookiesOf(lines),
      body,
    };
  }

  const deployment: Deployment = {
    call: (call) => send(toRequest(call)),
    received: upstream.received,
    get behaviour() {
      return upstream.behaviour;
    },
    set behaviour(behaviour: Behaviour) {
      upstream.behaviour = behaviour;
    },
    logs,
    adminToken: env.ADMIN_TOKEN,
    async createKey(document) {
      const answer = await deployment.call({
        method: 'POST',
        target: '/_edge/v1/keys',
        headers: [
          ['Authorization', `Bearer ${env.ADMIN_TOKEN}`],
          ['Content-Type', 'application/json'],
        ],
        // The bytes of its UTF-8: a call has one character for each.
        body: fromBytes(new TextEncoder().encode(JSON.stringify(document))),
      });
      if (answer.status !== 201) {
        throw new Error(`Cannot create a key: answered ${answer.status} ${answer.body}`);
      }
      return JSON.parse(answer.body) as CreatedKey;
    },
    async query(statement, ...values) {
      const { results } = await env.DB.prepare(statement)
        .bind(...values)
        .all<Row>();
      return results;
    },
    async copies() {
      const { keys } = await env.KEYS.list();
      const entries = keys.map(async ({ name }) => [name, (await env.KEYS.get(name)) ?? '']);
      return Object.fromEntries(await Promise.all(entries));
    },
    forgetCopies: emptyReplica,
    async dispose() {
      vi.restoreAllMocks();
    },
  };
  return deployment;
};

/** Returns a limiter that counts for this deployment alone. */
function limiterOf(deployment: string, limiter: RateLimit): RateLimit {
  return { limit: ({ key }) => limiter.limit({ key: `${deployment} ${key}` }) };
}

function toRequest(call: Call): Request {
  const { method = 'GET', target = '/', seen, headers = [], body } = call;
  const { scheme = 'https', host = 'edge.test' } = call;
  const lines = new Headers();
  for (const [name, value] of headers) {
    // On the wire, workerd ignores an empty line before any other of its name.
    if (value.trim() !== '' || lines.has(name)) lines.append(name, value);
  }
  // The runtime decodes the target as UTF-8.
  const init = { method, headers: lines, ...(body === undefined ? {} : { body: toBytes(body) }) };
  const decoded = seen ?? new TextDecoder().decode(toBytes(target));
  return requestWithTarget(decoded, init, `${scheme}://${host}`);
}

/** One byte a character. A string as a body would bring a Content-Type along. */
function toBytes(text: string): Uint8Array<ArrayBuffer> {
  // Some bodies have a megabyte, for which Uint8Array.from() takes twenty times as long.
  const bytes = new Uint8Array(text.length);
  for (let index = 0; index < text.length; index++) bytes[index] = text.charCodeAt(index);
  return bytes;
}

function fromBytes(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => String.fromCharCode(byte)).join('');
}

/** Takes the place of `fetch`, and records what the runtime would have sent. */
function doubleUpstream() {
  const upstream: { received: Received[]; behaviour: Behaviour } = {
    received: [],
    behaviour: { kind: 'reply' },
  };
  vi.spyOn(globalThis, 'fetch').mockImplementation(async (input, init) => {
    const request = new Request(input as never, init as never);
    upstream.received.push({
      method: request.method,
      target: request.url.slice(new URL(request.url).origin.length).replace(/#.*$/s, ''),
      headers: toHeaderMap([...request.headers] as HeaderLine[]),
      body: fromBytes(await request.bytes()),
    });
    return respond(upstream.behaviour, request.signal);
  });
  return upstream;
}

function respond(behaviour: Behaviour, signal: AbortSignal): Promise<Response> {
  switch (behaviour.kind) {
    case 'reply': {
      const headers = new Headers();
      for (const [name, value] of behaviour.headers ?? []) headers.append(name, value);
      const { status = 200, body } = behaviour;
      const bytes = body === undefined ? null : toBytes(body);
      return Promise.resolve(new Response(bytes, { status, headers }));
    }
    case 'unreachable':
      return Promise.reject(new TypeError('Network connection lost.'));
    case 'hang':
      return new Promise((_, reject) => {
        signal.addEventListener('abort', () => reject(new DOMException('aborted', 'AbortError')));
      });
  }
}

function captureLogs(): string[] {
  const logs: string[] = [];
  for (const method of ['log', 'info', 'warn', 'error', 'debug'] as const) {
    vi.spyOn(console, method).mockImplementation((...values: unknown[]) => {
      logs.push(values.map(String).join(' '));
    });
  }
  return logs;
}
