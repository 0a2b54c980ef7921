/**
 * Runs the production bundle on workerd with nothing in front of it: sockets lead straight to the
 * Worker, so that it sees request targets and header bytes as they were sent. (Miniflare's usual
 * port, and so `wrangler dev`, hands every URL through a URL parser first.) D1, KV and whatever
 * else wrangler.toml binds are Miniflare's real ones.
 */

import { readdir, rm } from 'node:fs/promises';
import { extname, join } from 'node:path';
import {
  convertV4MiniflareOptions,
  Log,
  LogLevel,
  Miniflare,
  type MiniflareOptions,
} from 'miniflare';
import {
  unstable_getMiniflareWorkerOptions as getMiniflareWorkerOptions,
  unstable_readConfig as readConfig,
} from 'wrangler';
import { bundleFolder, projectRoot } from './build-bundle.ts';
import { copyStorage } from './storage.ts';

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
  /** Opens D1 from outside, once. That takes a tenth of a second. */
  db: () => Promise<D1>;
  /** The same for KV. */
  kv: () => Promise<Kv>;
  /** The same for the Cache API. */
  caches: () => Promise<Caches>;
  /** The folder of the stores' files, with a folder for each kind. It is removed with the edge. */
  storageFolder: string;
  /** Calls the management API, `path` below `/_edge/v1`, as the administrator. */
  manage(method: string, path: string, body?: unknown): Promise<ManagementAnswer>;
  /** Creates a key. Throws with the answer when that is not a 201. */
  createKey(body: Record<string, unknown>): Promise<CreatedKey>;
  dispose(): Promise<void>;
};

export type D1 = Awaited<ReturnType<Miniflare['getD1Database']>>;
export type Kv = Awaited<ReturnType<Miniflare['getKVNamespace']>>;
export type Caches = Awaited<ReturnType<Miniflare['getCaches']>>;

/** An answer of the management API; `json` is `null` when the body is empty. */
export type ManagementAnswer = { status: number; headers: Headers; json: unknown };

/** The fields that tests need by name; all others as the API answered them. */
export type CreatedKey = { id: string; token: string } & Record<string, unknown>;

/** Serves the production bundle, with schema.sql applied to an empty D1. */
export async function serveEdge(options: EdgeOptions): Promise<Edge> {
  const adminToken = options.adminToken ?? 'end-to-end-admin-token-of-at-least-32-characters';
  const { worker = { configPath: join(projectRoot, 'wrangler.toml'), folder: bundleFolder() } } =
    options;
  const { configPath } = worker;
  const { vars } = readConfig({ config: configPath });
  const { workerOptions } = getMiniflareWorkerOptions(configPath);
  const bundle = await readBundle(worker.folder);
  const services = Object.entries(options.services ?? {}).map(async ([name, { folder }]) => ({
    name,
    compatibilityDate: compatibilityDate(),
    ...(await readBundle(folder)),
  }));
  const logs: string[] = [];
  const queued: string[] = [];

  const names = Array.from({ length: options.isolates ?? 1 }, (_, index) => `edge-${index}`);
  const { workers } = convertV4MiniflareOptions({
    workers: [
      ...names.map((name, index) => ({
        ...workerOptions,
        ...bareSocket,
        // A queue has one consumer; all isolates send to it.
        ...(index === 0 && options.tapQueue !== true ? {} : { queueConsumers: [] }),
        ratelimits: {
          ...(workerOptions['ratelimits'] as ReturnType<typeof limitersOf>),
          ...limitersOf(options.limitersPerMinute ?? {}, 60),
          ...limitersOf(options.limitersPerTenSeconds ?? {}, 10),
        },
        name,
        ...bundle,
        // Not workerOptions.bindings: those include the .dev.vars of this machine.
        bindings: {
          ...vars,
          ...(options.upstreamUrl === undefined ? {} : { UPSTREAM_URL: options.upstreamUrl }),
          ...(options.adminToken === null ? {} : { ADMIN_TOKEN: adminToken }),
          ...options.vars,
        },
      })),
      ...(await Promise.all(services)),
      ...(options.tapQueue === true ? [queueTap(workerOptions['queueConsumers'])] : []),
    ],
  });
  const storageFolder = await copyStorage(
    workerOptions['d1Databases'] as Parameters<typeof copyStorage>[0],
  );
  const miniflare = new Miniflare({
    ...instanceOptions(logs, queued),
    resourcePersistencePath: storageFolder,
    workers,
  });
  const dispose = async () => {
    await miniflare.dispose();
    await rm(storageFolder, { recursive: true, force: true });
  };
  await miniflare.ready;

  const ports = await Promise.all(names.map((name) => directPort(miniflare, name)));
  const port = ports[0] ?? 0;
  const url = `http://127.0.0.1:${port}`;

  const manage: Edge['manage'] = async (method, path, body) => {
    const response = await fetch(`${url}/_edge/v1${path}`, {
      method,
      headers: {
        Authorization: `Bearer ${adminToken}`,
        'Content-Type': 'application/json',
        // A kept connection may be closed by workerd just when the next call writes to it.
        Connection: 'close',
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    const json: unknown = text === '' ? null : JSON.parse(text);
    return { status: response.status, headers: response.headers, json };
  };

  return {
    url,
    host: `127.0.0.1:${port}`,
    port,
    ports,
    normalizingPort: Number((await miniflare.ready).port),
    adminToken,
    logs,
    queued,
    db: once(() => miniflare.getD1Database('DB', names[0])),
    kv: once(() => miniflare.getKVNamespace('KEYS', names[0])),
    caches: once(() => miniflare.getCaches()),
    storageFolder,
    manage,
    async createKey(body) {
      const { status, json } = await manage('POST', '/keys', body);
      if (status !== 201 || !isCreatedKey(json)) {
        throw new Error(`Cannot create a key: answered ${status} ${JSON.stringify(json)}`);
      }
      return json;
    },
    dispose,
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
  options: { bindings?: Record<string, string> } = {},
): Promise<ServedModule> {
  const logs: string[] = [];
  const { workers } = convertV4MiniflareOptions({
    ...bareSocket,
    name: 'module',
    compatibilityDate: compatibilityDate(),
    modules: true,
    script: source,
    bindings: options.bindings ?? {},
  });
  const miniflare = new Miniflare({ ...instanceOptions(logs), workers });
  await miniflare.ready;
  const port = await directPort(miniflare, 'module');
  const url = `http://127.0.0.1:${port}`;
  return { url, port, logs, dispose: () => miniflare.dispose() };
}

/** The compatibility date in wrangler.toml. */
export function compatibilityDate(): string {
  const date = readConfig({ config: join(projectRoot, 'wrangler.toml') }).compatibility_date;
  if (date === undefined) throw new Error('Cannot serve: wrangler.toml has no compatibility_date');
  return date;
}

function limitersOf(limits: Record<string, number>, period: 10 | 60) {
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
function queueTap(queueConsumers: unknown) {
  return {
    name: 'queue-tap',
    compatibilityDate: compatibilityDate(),
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
    serviceBindings: { EDGE: 'edge-0' },
    queueConsumers: queueConsumers as Record<string, Record<string, never>>,
  };
}

function instanceOptions(logs: string[], queued: string[] = []): Omit<MiniflareOptions, 'workers'> {
  return {
    host: '127.0.0.1',
    port: 0,
    cf: false,
    telemetry: { enabled: false },
    log: new Log(LogLevel.NONE),
    handleStructuredLogs: ({ message }) => {
      if (message.startsWith(TAPPED)) queued.push(message.slice(TAPPED.length));
      else logs.push(message);
    },
  };
}

/** Calls `open` the first time, and returns what it returned from then on. */
function once<Store>(open: () => Promise<Store>): () => Promise<Store> {
  let opened: Promise<Store> | null = null;
  return () => {
    opened ??= open();
    return opened;
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
