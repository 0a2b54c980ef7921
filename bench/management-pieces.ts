/**
 * How long the largest requests to management keep the processor, between two moments at which the isolate
 * may answer other requests: the longest such piece, in milliseconds of processor time, when its code runs
 * for the first time in a process, and later. Processor time does not depend on what else the machine does.
 *
 *     node bench/management-pieces.ts
 *     node bench/management-pieces.ts imports     (all of an import's pieces together, by its rows)
 *
 * It drives the handlers of the endpoints with a store that answers at once. Everything else is the code
 * that ships. Only `pause` and the store end a piece: workerd resolves Web Crypto without other requests
 * having their turn.
 */

import { spawnSync } from 'node:child_process';
import { largestRequests, usualImports } from './largest-requests.ts';

// By computed names, because they are compiled for Workers and this file is for Node.
const source = (file: string) => import(new URL(`../src/${file}`, import.meta.url).href);
const { createKeyImport } = await source('keys/admin/import.ts');
const { importOperations } = await source('manage/import.ts');
const { keyOperations } = await source('manage/keys.ts');
const { listKeysOperation } = await source('manage/list-keys.ts');
const { operatorBounds } = await source('core/key/key-access.ts');

const ROUNDS = 5;

const [, , asked] = process.argv;
if (asked === undefined || asked === 'imports') {
  console.log('| request | characters | status | first | later |\n|---|---|---|---|---|');
  for (const name of Object.keys(asked === undefined ? largestRequests : usualImports)) {
    const run = spawnSync(process.execPath, [...process.execArgv, import.meta.filename, name], {
      encoding: 'utf8',
    });
    process.stdout.write(run.stdout || run.stderr);
  }
} else {
  await measure(asked);
}

async function measure(name: string): Promise<void> {
  const load = largestRequests[name] ?? usualImports[name];
  if (load === undefined) throw new Error(`There is no load named ${name}`);
  const [method, path, body] = load;
  const text = JSON.stringify(body);
  // What Node and V8 load when they are first used is not ours.
  await new Request('https://edge.example', { method: 'POST', body: '{}' }).arrayBuffer();
  await crypto.subtle.digest('SHA-256', new Uint8Array(1));
  URL.canParse('https://\u00fc.example');
  const took: number[] = [];
  let status = '';
  for (let round = 0; round < ROUNDS; round++) {
    const pieces = startPieces();
    const outcome = await handle(method, path, text, pieces);
    pieces.end();
    status = outcome.ok ? String(outcome.status) : `${outcome.problem.status}`;
    took.push(name in usualImports ? pieces.totalMs() : pieces.longestMs());
    await new Promise((resolve) => setImmediate(resolve));
  }
  const [first = 0, ...later] = took;
  const worst = Math.max(...later);
  console.log(
    `| ${name} | ${text.length} | ${status} | ${first.toFixed(1)} | ${worst.toFixed(1)} |`,
  );
}

interface Pieces {
  end(): void;
  longestMs(): number;
  totalMs(): number;
  /** Ends a piece, as a turn of the event loop does. */
  turn<Value>(value: Value): Promise<Value>;
}

function startPieces(): Pieces {
  let longest = 0;
  let total = 0;
  let started = process.threadCpuUsage();
  const end = () => {
    const { user, system } = process.threadCpuUsage(started);
    longest = Math.max(longest, (user + system) / 1000);
    total += (user + system) / 1000;
    started = process.threadCpuUsage();
  };
  return {
    end,
    longestMs: () => longest,
    totalMs: () => total,
    async turn(value) {
      end();
      await new Promise((resolve) => setImmediate(resolve));
      started = process.threadCpuUsage();
      return value;
    },
  };
}

function handle(
  method: string,
  path: string,
  text: string,
  pieces: Pieces,
): Promise<{ ok: boolean; status: number; body: unknown; problem: { status: number } }> {
  const operation = [...keyOperations, listKeysOperation, ...importOperations].find(
    (candidate) => candidate.method === method && candidate.path === path,
  );
  if (operation === undefined) throw new Error(`There is no endpoint ${method} ${path}`);
  const { turn } = pieces;
  const statement = { bind: (...values: unknown[]) => ({ values }) };
  // D1's client writes statements as JSON before they leave the isolate.
  const batch = (statements: unknown) => turn(JSON.stringify(statements).length);
  const db = { prepare: () => statement, withSession: () => ({ batch }) };
  const stored = aKey();
  const keys = {
    tagKeyHex: () => turn('00'.repeat(32)),
    find: () => turn(stored),
    findByTokens: (hashes: readonly string[]) => turn(JSON.stringify(hashes)).then(() => new Map()),
    list: () => turn({ keys: Array.from({ length: 100 }, () => stored), next: null }),
    insert: (key: unknown) => batch(key),
    update: async (_before: unknown, after: unknown) => {
      await batch(after);
      return ['a'.repeat(64)];
    },
    insertImported: createKeyImport(db, () => []).insertImported,
  };
  const call = {
    management: {
      store: { keys, answers: { find: () => turn(null) } },
      adminToken: 'a'.repeat(32),
      adminTokens: [],
      ownerLimits: { liveKeys: 100, changesPerMinute: 60 },
      ownerBounds: operatorBounds,
      peopleMayImport: false,
      tokenPrefix: 'ea',
      now: () => 1_800_000_000_000,
      pause: () => turn(undefined),
      random: () => 0,
      wait: () => turn(undefined),
      fillRandom: (bytes: Uint8Array<ArrayBuffer>) => crypto.getRandomValues(bytes),
      log: () => undefined,
      onChange: () => turn(undefined),
    },
    caller: { actor: 'operator', owner: null },
    requestId: 'r',
    runInBackground: () => undefined,
    request: new Request(`https://edge.example/_edge/v1${path}`, {
      method,
      headers: { 'Content-Type': 'application/json' },
      ...(method === 'GET' ? {} : { body: text }),
    }),
    id: stored.id,
    query: new URLSearchParams({ limit: '100' }),
  };
  return operation
    .handle(call)
    .then((outcome: { ok: boolean; body: unknown; problem: unknown }) => {
      // What a response costs.
      JSON.stringify(outcome.ok ? outcome.body : outcome.problem);
      return outcome;
    });
}

/** A key at the bounds of the operator. */
function aKey() {
  return {
    id: `key_${'a'.repeat(22)}`,
    name: 'a',
    owner: 'acct_1',
    kind: 'cors',
    allowedOrigins: Array.from(
      { length: 500 },
      (_, at) => `https://*.a${at}.customers.example.com`,
    ),
    fullAccess: false,
    rules: [
      { methods: ['get'], resources: Array.from({ length: 100 }, (_, at) => `/a/b/c/d/${at}`) },
    ],
    clientTokens: null,
    hint: 'ea_pk_abcd',
    createdAtMs: 1,
    updatedAtMs: 1,
    revokedAtMs: null,
    expiresAtMs: null,
    enabled: true,
    suspended: false,
    lastUsedAtMs: null,
    version: 1,
    retiringEndsMs: [],
  };
}
