/**
 * A stand-in for the part of Cloudflare's API that a deployment uses: D1 on real SQLite, KV namespaces,
 * Queues and Worker scripts. Paths, shapes and error codes are those that wrangler itself sends and reads
 * (`deploy`, `d1 migrations apply`, and its provisioning of bindings).
 */

import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { DatabaseSync } from 'node:sqlite';
import { buffer } from 'node:stream/consumers';

/** The account id that the stand-in knows. */
export const ACCOUNT = '0123456789abcdef0123456789abcdef';

/** One account, and what was asked of it. */
export interface StandInCloudflare {
  url: string;
  /** `POST /queues` and the like, without the account and the query. */
  calls: string[];
  databases: Map<string, { name: string; sql: DatabaseSync }>;
  /** Titles by id. */
  namespaces: Map<string, string>;
  queues: Set<string>;
  /** The bindings of each Worker that was uploaded. */
  scripts: Map<string, Binding[]>;
  /** Calls that fail once with 500, by method and path. */
  failing: Set<string>;
  /** Calls that are forbidden, in the same way. */
  forbidden: RegExp | null;
  /** Makes an empty database. */
  addDatabase(name: string): string;
  close(): Promise<void>;
}

/** A binding in the metadata of an upload. */
export interface Binding {
  type: string;
  name: string;
  [member: string]: unknown;
}

type Reply = { status: number; result?: unknown; code?: number; message?: string };
const ok = (result: unknown): Reply => ({ status: 200, result });
const refuse = (status: number, code: number, message: string): Reply => ({
  status,
  code,
  message,
});

/** Starts an empty account. */
export async function standInCloudflare(): Promise<StandInCloudflare> {
  const account: Omit<StandInCloudflare, 'url' | 'close'> = {
    calls: [],
    databases: new Map(),
    namespaces: new Map(),
    queues: new Set(),
    scripts: new Map(),
    failing: new Set(),
    forbidden: null,
    addDatabase(name) {
      const id = crypto.randomUUID();
      account.databases.set(id, { name, sql: new DatabaseSync(':memory:') });
      return id;
    },
  };
  const server = createServer(async (message, response) => {
    const { pathname, searchParams } = new URL(message.url ?? '', 'http://cloudflare');
    const path = pathname.replace(`/accounts/${ACCOUNT}`, '');
    const call = `${message.method} ${path}`;
    account.calls.push(call);
    answer(response, await replyTo(account, call, searchParams, message));
  });
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  const { port } = server.address() as AddressInfo;
  return Object.assign(account, {
    url: `http://127.0.0.1:${port}`,
    close() {
      server.closeAllConnections();
      return new Promise<void>((closed) => server.close(() => closed()));
    },
  });
}

function answer(response: ServerResponse, { status, result, code, message }: Reply): void {
  const errors = code === undefined ? [] : [{ code, message }];
  const isList = Array.isArray(result);
  const info = { page: 1, per_page: 100, count: isList ? result.length : 1, total_pages: 1 };
  response.writeHead(status, { 'Content-Type': 'application/json' }).end(
    JSON.stringify({
      success: status < 400,
      errors,
      messages: [],
      result: result ?? null,
      ...(isList ? { result_info: info } : {}),
    }),
  );
}

type Account = Omit<StandInCloudflare, 'url' | 'close'>;
type Route = readonly [
  pattern: RegExp,
  reply: (
    account: Account,
    parts: string[],
    query: URLSearchParams,
    message: IncomingMessage,
  ) => Reply | Promise<Reply>,
];

async function replyTo(
  account: Account,
  call: string,
  query: URLSearchParams,
  message: IncomingMessage,
): Promise<Reply> {
  if (account.forbidden?.test(call)) return refuse(403, 10000, 'Authentication error');
  if (account.failing.delete(call)) return refuse(500, 10001, 'Something went wrong');
  for (const [pattern, reply] of routes) {
    const [, ...parts] = pattern.exec(call) ?? [];
    if (pattern.test(call)) return reply(account, parts.map(decodeURIComponent), query, message);
  }
  return refuse(404, 7003, `Could not route to ${call}`);
}

const jsonOf = async (message: IncomingMessage) => JSON.parse((await buffer(message)).toString());

const routes: readonly Route[] = [
  [
    /^GET \/d1\/database\/([^/]+)$/,
    ({ databases }, [nameOrId = '']) => {
      const found = [...databases].find(([id, { name }]) => [id, name].includes(nameOrId));
      if (!found) return refuse(404, 7404, `The database ${nameOrId} could not be found`);
      return ok({ uuid: found[0], name: found[1].name });
    },
  ],
  [
    /^POST \/d1\/database$/,
    async ({ databases, addDatabase }, _parts, _query, message) => {
      const { name } = await jsonOf(message);
      const isTaken = [...databases.values()].some((database) => database.name === name);
      if (isTaken) return refuse(400, 7502, 'A database with that name already exists');
      return ok({ uuid: addDatabase(name), name });
    },
  ],
  [
    /^POST \/d1\/database\/([^/]+)\/query$/,
    async ({ databases }, [id = ''], _query, message) => {
      const { sql } = await jsonOf(message);
      return runSql(databases.get(id)?.sql, sql);
    },
  ],
  [
    /^GET \/storage\/kv\/namespaces$/,
    ({ namespaces }, _parts, query) => {
      const size = Number(query.get('per_page'));
      const start = (Number(query.get('page')) - 1) * size;
      const sorted = [...namespaces].map(([id, title]) => ({ id, title }));
      sorted.sort((left, right) => (left.title < right.title ? -1 : 1));
      return ok(sorted.slice(start, start + size));
    },
  ],
  [
    /^POST \/storage\/kv\/namespaces$/,
    async ({ namespaces }, _parts, _query, message) => {
      const { title } = await jsonOf(message);
      if ([...namespaces.values()].includes(title)) {
        return refuse(400, 10014, 'a namespace with this account ID and title already exists');
      }
      const id = crypto.randomUUID().replaceAll('-', '');
      namespaces.set(id, title);
      return ok({ id, title });
    },
  ],
  [
    /^GET \/queues$/,
    ({ queues }, _parts, query) => {
      const names = query.getAll('name');
      const found = [...queues].filter((name) => names.length === 0 || names.includes(name));
      return ok(
        found.map((name) => ({ queue_id: `id-of-${name}`, queue_name: name, consumers: [] })),
      );
    },
  ],
  [
    /^POST \/queues$/,
    async ({ queues }, _parts, _query, message) => {
      const { queue_name: name } = await jsonOf(message);
      if (queues.has(name)) return refuse(400, 11009, 'Queue name is already taken');
      queues.add(name);
      return ok({ queue_id: `id-of-${name}`, queue_name: name });
    },
  ],
  [/^(?:GET|POST) \/queues\/[^/]+\/consumers$/, () => ok([])],
  [
    /^GET \/workers\/scripts\/([^/]+)\/settings$/,
    ({ scripts }, [name = '']) => {
      const bindings = scripts.get(name);
      if (!bindings) return refuse(404, 10007, 'This Worker does not exist on your account.');
      return ok({ bindings, tags: [] });
    },
  ],
  [
    /^GET \/workers\/services\/([^/]+)$/,
    ({ scripts }, [name = '']) => {
      if (!scripts.has(name)) return refuse(404, 10090, 'workers.api.error.service_not_found');
      const script = { last_deployed_from: 'wrangler', tags: [] };
      return ok({ default_environment: { environment: 'production', script } });
    },
  ],
  [
    /^(?:PUT|POST) \/workers\/scripts\/([^/]+)(?:\/versions)?$/,
    async ({ scripts, namespaces, databases }, [name = ''], _query, message) => {
      const bindings = await bindingsIn(message);
      const before = scripts.get(name) ?? [];
      const after = bindings.map((one) =>
        one.type === 'inherit' ? (before.find((old) => old.name === one.name) ?? one) : one,
      );
      for (const one of after) {
        const isKnown =
          (one.type !== 'kv_namespace' || namespaces.has(String(one['namespace_id']))) &&
          (one.type !== 'd1' || databases.has(String(one['id'])));
        if (!isKnown || one.type === 'inherit') {
          return refuse(400, 10021, `binding ${one.name} cannot be resolved`);
        }
      }
      const secrets = before.filter(({ type }) => type === 'secret_text');
      scripts.set(name, [...after, ...secrets]);
      const id = crypto.randomUUID();
      return ok({
        id,
        etag: 'x',
        deployment_id: id.replaceAll('-', ''),
        startup_time_ms: 1,
        resources: { script: { etag: 'x' } },
      });
    },
  ],
  [/^GET \/workers\/scripts\/[^/]+\/deployments$/, () => ok({ deployments: [] })],
  [/^GET \/workers\/scripts\/[^/]+\/(?:versions|secrets|schedules|subdomain)/, () => ok([])],
  [/^(?:POST|PUT|PATCH) \/workers\/scripts\/[^/]+\//, () => ok({ enabled: true, schedules: [] })],
  [
    /^GET \/workers\/workers\/[^/]+$/,
    () => ok({ id: 'x', subdomain: { enabled: true, previews_enabled: true } }),
  ],
  [/^GET \/workers\/subdomain$/, () => ok({ subdomain: 'stand-in' })],
];

/** Runs statements as D1 does: all or none, each with its rows. */
function runSql(database: DatabaseSync | undefined, sql: string): Reply {
  if (database === undefined) return refuse(404, 7404, 'The database could not be found');
  const meta = { duration: 0, rows_read: 0, rows_written: 0 };
  try {
    if (/^\s*(select|pragma)\b/i.test(sql)) {
      return ok([{ success: true, results: database.prepare(sql).all(), meta }]);
    }
    database.exec(`BEGIN; ${sql.replace(/;\s*$/, '')}; COMMIT`);
    return ok([{ success: true, results: [], meta }]);
  } catch (error) {
    if (database.isTransaction) database.exec('ROLLBACK');
    return refuse(400, 7500, String(error));
  }
}

/** The bindings in the metadata of a multipart upload. */
async function bindingsIn(message: IncomingMessage): Promise<Binding[]> {
  const body = await buffer(message);
  const headers = { 'content-type': message.headers['content-type'] ?? '' };
  const form = await new Response(new Uint8Array(body), { headers }).formData();
  return JSON.parse(String(form.get('metadata'))).bindings;
}
