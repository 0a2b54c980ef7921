/**
 * D1, KV and the Cache API of an edge from outside, through a Worker that Miniflare runs beside it. A call costs a
 * request, which is a tenth of the processor time of a call through Miniflare's own proxies.
 */

import { request } from './raw-http.ts';
import type { storesOf } from './storage.ts';

/** The part of D1 that tests use. */
export interface D1 {
  prepare(sql: string): Statement;
  /** Runs statements in one transaction. */
  batch(statements: readonly Statement[]): Promise<{ results: Row[] }[]>;
  /** Runs statements of one line each. */
  exec(sql: string): Promise<unknown>;
}

/** A statement, and the values that are bound to it. */
export interface Statement {
  readonly sql: string;
  readonly values: readonly unknown[];
  bind(...values: unknown[]): Statement;
  all<Found = Row>(): Promise<{ results: Found[] }>;
  run(): Promise<unknown>;
  /** Returns the first row, or its value in a column; `null` without one. */
  first<Found = Row>(column?: string): Promise<Found | null>;
}

/** A row by the names of its columns. */
export type Row = Record<string, unknown>;

/** The part of KV that tests use. */
export interface Kv {
  get(name: string): Promise<string | null>;
  put(name: string, value: string): Promise<void>;
  delete(name: string): Promise<void>;
  list(options?: { cursor?: string }): Promise<KvPage>;
}

/** A page of the names in KV. */
export type KvPage = {
  keys: { name: string; metadata?: unknown }[];
} & ({ list_complete: true } | { list_complete: false; cursor: string });

/** A method, and its arguments. */
type Call = readonly [method: string, args: readonly unknown[]];

/** Calls methods of a store, each on the result of the one before. Throws if one throws. */
export type CallStore = (store: string, ...calls: Call[]) => Promise<unknown>;

/** The name by which a call means the Cache API. All other stores are bindings. */
const CACHES = 'the Cache API';

/** The name of the Worker that makes the calls. */
export const STORE_ACCESS = 'store-access';

/** Returns that Worker, bound to the stores of all deployments: `DB` of the deployment `edge` as `edge DB`. */
export function storeAccess(served: readonly { deployment: string; stores: OwnStores }[]) {
  const bindingsTo = <Kind extends keyof OwnStores>(kind: Kind): OwnStores[Kind] =>
    Object.fromEntries(
      served.flatMap(({ deployment, stores }) =>
        Object.entries(stores[kind]).map(([name, store]) => [`${deployment} ${name}`, store]),
      ),
    ) as OwnStores[Kind];
  return {
    name: STORE_ACCESS,
    modules: true as const,
    script: source,
    d1Databases: bindingsTo('d1Databases'),
    kvNamespaces: bindingsTo('kvNamespaces'),
  };
}

type OwnStores = Pick<ReturnType<typeof storesOf>, 'd1Databases' | 'kvNamespaces'>;

const source = `export default {
  async fetch(request, env) {
    const { store, calls } = await request.json();
    let result = store === ${JSON.stringify(CACHES)} ? caches : env[store];
    const prepare = ({ sql, values }) => env[store].prepare(sql).bind(...values);
    try {
      for (const [method, args] of calls) {
        const given = method === 'batch' ? [args[0].map(prepare)] : args;
        result = await result?.[method](...given);
      }
    } catch (error) {
      return new Response(String(error), { status: 500 });
    }
    return Response.json(result ?? null);
  },
};`;

/** Returns the calls to the Worker at this port. */
export function callStoreAt(port: number): CallStore {
  return async (store, ...calls) => {
    const body = JSON.stringify({ store, calls });
    const answer = await request(port, { method: 'POST', body }, { timeoutMs: 60_000 });
    const text = answer.body.toString();
    if (answer.status !== 200) throw new Error(`Cannot ${calls[0]?.[0]} in ${store}: ${text}`);
    return JSON.parse(text);
  };
}

/** Returns a D1 by the name of its binding. */
export function openD1(callStore: CallStore, binding: string): D1 {
  const statement = (sql: string, values: readonly unknown[] = []): Statement => {
    const call = (method: string, ...args: unknown[]) =>
      callStore(binding, ['prepare', [sql]], ['bind', values], [method, args]);
    return {
      sql,
      values,
      bind: (...bound) => statement(sql, bound),
      all: <Found>() => call('all') as Promise<{ results: Found[] }>,
      run: () => call('run'),
      first: <Found>(column?: string) =>
        call('first', ...(column === undefined ? [] : [column])) as Promise<Found | null>,
    };
  };
  return {
    prepare: (sql) => statement(sql),
    batch: (statements) =>
      callStore(binding, ['batch', [statements]]) as Promise<{ results: Row[] }[]>,
    exec: (sql) => callStore(binding, ['exec', [sql]]),
  };
}

/** Returns a KV by the name of its binding. */
export function openKv(callStore: CallStore, binding: string): Kv {
  return {
    get: (name) => callStore(binding, ['get', [name]]) as Promise<string | null>,
    put: async (name, value) => void (await callStore(binding, ['put', [name, value]])),
    delete: async (name) => void (await callStore(binding, ['delete', [name]])),
    list: (options = {}) => callStore(binding, ['list', [options]]) as Promise<KvPage>,
  };
}

/** Returns the body of an entry of the Cache API; `null` without one. */
export function cachedText(
  callStore: CallStore,
  cache: string,
  address: string,
): Promise<string | null> {
  const calls = [['open', [cache]] as const, ['match', [address]] as const, ['text', []] as const];
  return callStore(CACHES, ...calls) as Promise<string | null>;
}
