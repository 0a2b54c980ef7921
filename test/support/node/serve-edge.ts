/**
 * Runs the production bundle on workerd with nothing in front of it: sockets lead straight to the
 * Worker, so that it sees request targets and header bytes as they were sent. (Miniflare's usual
 * port, and so `wrangler dev`, hands every URL through a URL parser first.) D1, KV and whatever
 * else wrangler.toml binds are Miniflare's real ones.
 */

import { readdir, rm } from 'node:fs/promises';
import { extname, join } from 'node:path';
import { convertV4MiniflareOptions, Miniflare, type MiniflareOptions } from 'miniflare';
import { bundleFolder } from './build-bundle.ts';
import { quietMiniflare } from './quiet-miniflare.ts';
import { type RawRequest, request } from './raw-http.ts';
import { makeStorage, storesOf } from './storage.ts';
import {
  cachedText,
  callStoreAt,
  type D1,
  type Kv,
  openD1,
  openKv,
  STORE_ACCESS,
  storeAccess,
} from './store-access.ts';
import { readWranglerConfig } from './wrangler-config.ts';

export type EdgeOptions = {
  /** Absent: as wrangler.toml says, or the Worker has an upstream of its own. */
  upstreamUrl?: string;
  /** Default: a token made for tests. `null`: none is configured. */
  adminToken?: string | null;
  /** Further variables and secrets, on top of those in wrangler.toml. */
  vars?: Record<string, string>;
  /** Limiters to bind beside those in wrangler.toml: requests in a minute, by binding. */
  limitersPerMinute?: Record<string, number>;
  /** The same in ten seconds, the other period that limiters can have. */
  limitersPerTenSeconds?: Record<string, number>;
  /** How many isolates serve, each on a port of its own, on the same D1, KV and Queue. Default: 1. */
  isolates?: number;
  /** Which Worker, and where its bundle is. Default: the production bundle of this repository. */
  worker?: { configPath: string; folder: string };
  /** Keeps the messages that reach the consumer of the Queue, in `queued`. */
  tapQueue?: boolean;
  /** Bundles of the Workers that it is bound to as services, by their names. */
  services?: Record<string, { folder: string }>;
};

export type Edge = {
  /** The address of the first isolate: `http://127.0.0.1:port`. */
  url: string;
  host: string;
  port: number;
  /** The ports of all isolates, the first one included. */
  ports: number[];
  /** Miniflare's usual port to the first isolate, which normalises targets as `wrangler dev` does. */
  normalizingPort: number;
  adminToken: string;
  /** The lines that the Worker logged and workerd wrote. They arrive a moment later. */
  logs: string[];
  /** The messages that the consumer of the Queue received, with `tapQueue`. */
  queued: string[];
  /** D1 from outside. */
  db: () => Promise<D1>;
  /** KV from outside. */
  kv: () => Promise<Kv>;
  /** The body of an entry of the Cache API; `null` without one. */
  cachedText: (cache: string, address: string) => Promise<string | null>;
  /** The folder of the stores' files, with a folder for each kind. It is removed with the edge. */
  storageFolder: string;
  /** Calls the management API, `path` below `/_edge/v1`, as the administrator. */
  manage(method: string, path: string, body?: unknown): Promise<ManagementAnswer>;
  /** Creates a key. Throws with the answer when that is not a 201. */
  createKey(body: Record<string, unknown>): Promise<CreatedKey>;
  dispose(): Promise<void>;
};

/** An answer of the management API; `json` is `null` when the body is empty. */
export type ManagementAnswer = { status: number; headers: Headers; json: unknown };

/** The fields that tests need by name; all others as the API answered them. */
export type CreatedKey = { id: string; token: string } & Record<string, unknown>;

/** Serves the production bundle, with schema.sql applied to an empty D1. */
export async function serveEdge(options: EdgeOptions): Promise<Edge> {
  const { edge } = await serveEdges({ edge: options });
  return edge;
}

/**
 * Serves several deployments in one process, each with its own ports, D1, KV, Queue and limiters. A further
 * one takes a quarter of the time of a process for itself. They share the Cache API, `logs`, `queued`,
 * `storageFolder` and so `dispose`. The Worker and its services are those of the first.
 */
export async function serveEdges<Name extends string>(
  deployments: Record<Name, EdgeOptions>,
): Promise<Record<Name, Edge>> {
  const [first] = Object.values<EdgeOptions>(deployments);
  const { vars, workerOptions } = await readWranglerConfig(first?.worker?.configPath);
  const { compatibilityDate } = await readWranglerConfig();
  const bundle = await readBundle(first?.worker?.folder ?? bundleFolder());
  const services = Object.entries(first?.services ?? {}).map(async ([name, { folder }]) => ({
    name,
    compatibilityDate,
    ...(await readBundle(folder)),
  }));
  const logs: string[] = [];
  const queued: string[] = [];

  const served = Object.entries<EdgeOptions>(deployments).map(([deployment, options]) => ({
    deployment,
    options,
    adminToken: options.adminToken ?? 'end-to-end-admin-token-of-at-least-32-characters',
    names: Array.from({ length: options.isolates ?? 1 }, (_, index) => `${deployment}-${index}`),
    stores: storesOf(deployment, workerOptions),
  }));
  const { workers } = convertV4MiniflareOptions({
    workers: [
      ...served.flatMap(({ deployment, options, adminToken, names, stores }) =>
        names.map((name) => ({
          ...workerOptions,
          ...stores,
          ...bareSocket,
          // A queue has one consumer; all isolates of the deployment send to it.
          ...(name === names[0] && options.tapQueue !== true ? {} : { queueConsumers: {} }),
          // Deployments count for themselves.
          ratelimits: prefixNamespaces(`${deployment}-`, {
            ...(workerOptions['ratelimits'] as Limiters),
            ...limitersOf(options.limitersPerMinute ?? {}, 60),
            ...limitersOf(options.limitersPerTenSeconds ?? {}, 10),
          }),
          name,
          ...bundle,
          bindings: {
            ...vars,
            ...(options.upstreamUrl === undefined ? {} : { UPSTREAM_URL: options.upstreamUrl }),
            ...(options.adminToken === null ? {} : { ADMIN_TOKEN: adminToken }),
            ...options.vars,
          },
        })),
      ),
      ...(await Promise.all(services)),
      ...served
        .filter(({ options }) => options.tapQueue === true)
        .map(({ deployment, names, stores }) =>
          queueTap(deployment, compatibilityDate, stores.queueConsumers, names[0]),
        ),
      { ...bareSocket, compatibilityDate, ...storeAccess(served) },
    ],
  });
  const storageFolder = await makeStorage(
    served.flatMap(({ stores }) => Object.values(stores.d1Databases).map(({ id }) => id)),
  );
  const miniflare = new Miniflare({
    ...instanceOptions(logs, queued),
    resourcePersistencePath: storageFolder,
    workers,
  });
  const normalizingPort = Number((await miniflare.ready).port);
  const callStore = callStoreAt(await directPort(miniflare, STORE_ACCESS));
  const shared = {
    normalizingPort,
    logs,
    queued,
    cachedText: (cache: string, address: string) => cachedText(callStore, cache, address),
    storageFolder,
    dispose: once(async () => {
      await miniflare.dispose();
      await rm(storageFolder, { recursive: true, force: true });
    }),
  };
  const edges = served.map(async ({ deployment, adminToken, names }) => {
    const ports = await Promise.all(names.map((name) => directPort(miniflare, name)));
    const stores = {
      db: async () => openD1(callStore, `${deployment} DB`),
      kv: async () => openKv(callStore, `${deployment} KEYS`),
    };
    const client = clientOf(ports[0] ?? 0, adminToken);
    return [deployment, { ...shared, ...stores, adminToken, ports, ...client }];
  });
  return Object.fromEntries(await Promise.all(edges)) as Record<Name, Edge>;
}

/** Returns the calls to an isolate at its port. */
function clientOf(
  port: number,
  adminToken: string,
): Pick<Edge, 'url' | 'host' | 'port' | 'manage' | 'createKey'> {
  const url = `http://127.0.0.1:${port}`;
  const manage: Edge['manage'] = async (method, path, body) => {
    // A call of `fetch` takes twice the processor time.
    const rawRequest: RawRequest = {
      method,
      target: `/_edge/v1${path}`,
      headers: [
        ['Authorization', `Bearer ${adminToken}`],
        ['Content-Type', 'application/json'],
      ],
      ...(body === undefined ? {} : { body: Buffer.from(JSON.stringify(body)) }),
    };
    const response = await request(port, rawRequest, { timeoutMs: 60_000 });
    const text = response.body.toString();
    const json: unknown = text === '' ? null : JSON.parse(text);
    return { status: response.status, headers: new Headers(response.headers), json };
  };
  return {
    url,
    host: `127.0.0.1:${port}`,
    port,
    manage,
    async createKey(body) {
      const { status, json } = await manage('POST', '/keys', body);
      if (status !== 201 || !isCreatedKey(json)) {
        throw new Error(`Cannot create a key: answered ${status} ${JSON.stringify(json)}`);
      }
      return json;
    },
  };
}

export type ServedModule = {
  url: string;
  port: number;
  logs: string[];
  dispose(): Promise<void>;
};

/**
 * Serves a Worker given as the source of one module, in the same way and on the same
 * compatibility date: for probes of the platform and for control cases.
 */
export async function serveModule(
  source: string,
  { bindings = {} }: { bindings?: Record<string, string> } = {},
): Promise<ServedModule> {
  const [served] = await serveModules(source, [bindings]);
  return served!;
}

/** Serves it once for each of these bindings, all in one process. They share `logs` and `dispose`. */
export async function serveModules(
  source: string,
  bindings: readonly Record<string, string>[],
): Promise<ServedModule[]> {
  const logs: string[] = [];
  const { compatibilityDate } = await readWranglerConfig();
  const { workers } = convertV4MiniflareOptions({
    workers: bindings.map((ofOne, index) => ({
      ...bareSocket,
      name: `module-${index}`,
      compatibilityDate,
      modules: true,
      script: source,
      bindings: ofOne,
    })),
  });
  const miniflare = new Miniflare({ ...instanceOptions(logs), workers });
  await miniflare.ready;
  const dispose = once(() => miniflare.dispose());
  const served = bindings.map(async (_, index) => {
    const port = await directPort(miniflare, `module-${index}`);
    return { url: `http://127.0.0.1:${port}`, port, logs, dispose };
  });
  return Promise.all(served);
}

type Limiters = Record<
  string,
  { namespace_id: string; simple: { limit: number; period: 10 | 60 } }
>;

function prefixNamespaces(prefix: string, limiters: Limiters): Limiters {
  const entries = Object.entries(limiters).map(([binding, limiter]) => [
    binding,
    { ...limiter, namespace_id: prefix + limiter.namespace_id },
  ]);
  return Object.fromEntries(entries);
}

function limitersOf(limits: Record<string, number>, period: 10 | 60): Limiters {
  return Object.fromEntries(
    Object.entries(limits).map(([binding, limit]) => [
      binding,
      { namespace_id: binding, simple: { limit, period } },
    ]),
  );
}

const bareSocket = {
  unsafeDirectSockets: [{ host: '127.0.0.1', port: 0 }],
  // The default copies the headers of what the Worker fetches and adds one.
  stripCfConnectingIp: false,
  unsafeRegisterWorker: false,
};

/** Begins each line by which the tap reports a message. */
const TAPPED = 'message of the Queue: ';

/** A Worker that consumes the Queue, reports each message, and hands the batch on to the edge. */
function queueTap(
  deployment: string,
  compatibilityDate: string,
  queueConsumers: unknown,
  edge: string | undefined,
) {
  return {
    name: `${deployment}-queue-tap`,
    compatibilityDate,
    compatibilityFlags: ['service_binding_extra_handlers'],
    modules: true as const,
    script: `export default {
      async queue({ queue, messages }, { EDGE }) {
        for (const { body } of messages) console.log(${JSON.stringify(TAPPED)} + body);
        const result = await EDGE.queue(queue, messages.map(({ id, timestamp, attempts, body }) =>
          ({ id, timestamp, attempts, body })));
        if (result.outcome !== 'ok') throw new Error('The consumer failed: ' + result.outcome);
      },
    };`,
    serviceBindings: { EDGE: edge ?? '' },
    queueConsumers: queueConsumers as Record<string, Record<string, never>>,
  };
}

function instanceOptions(logs: string[], queued: string[] = []): Omit<MiniflareOptions, 'workers'> {
  return {
    ...quietMiniflare,
    handleStructuredLogs: ({ message }) => {
      if (message.startsWith(TAPPED)) queued.push(message.slice(TAPPED.length));
      else logs.push(message);
    },
  };
}

/** Calls `work` the first time, and returns what it returned from then on. */
function once<Result>(work: () => Promise<Result>): () => Promise<Result> {
  let result: Promise<Result> | null = null;
  return () => {
    result ??= work();
    return result;
  };
}

async function directPort(miniflare: Miniflare, workerName: string): Promise<number> {
  return Number((await miniflare.unsafeGetDirectURL(workerName)).port);
}

const moduleTypes = {
  '.js': 'ESModule',
  '.mjs': 'ESModule',
  '.txt': 'Text',
  '.html': 'Text',
  '.sql': 'Text',
  '.bin': 'Data',
  '.wasm': 'CompiledWasm',
} as const;

/** The main module first, then whatever wrangler put beside it. */
async function readBundle(folder: string) {
  const names = await readdir(folder);
  if (!names.includes('index.js')) {
    throw new Error(`Cannot serve the bundle: ${folder}/index.js is missing, run "npm run build"`);
  }
  const others = names.filter((name) => name !== 'index.js').sort();
  const modules = ['index.js', ...others].flatMap((name) => {
    const type = moduleTypes[extname(name) as keyof typeof moduleTypes];
    return type === undefined ? [] : [{ type, path: join(folder, name) }];
  });
  return { modulesRoot: folder, modules };
}

function isCreatedKey(json: unknown): json is CreatedKey {
  return (
    typeof json === 'object' &&
    json !== null &&
    'id' in json &&
    typeof json.id === 'string' &&
    'token' in json &&
    typeof json.token === 'string'
  );
}
