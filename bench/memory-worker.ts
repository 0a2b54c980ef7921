/** The Worker of `memory.ts`: the real directory over a D1 that makes keys up. */

import type { StoredKey } from '../src/core/key/key.ts';
import { parseOrigin } from '../src/core/origins/web-origin.ts';
import { restrictedRoutes } from '../src/core/routes/restricted-routes.ts';
import { compileRoutes } from '../src/core/routes/route-table.ts';
import { createKeyDirectory, type KeyDirectory } from '../src/keys/lookup/directory.ts';
import { RequestScope } from '../src/keys/lookup/request-scope.ts';
import { LOG_START } from '../src/keys/types.ts';

/** The keys that are remembered, by name. */
const keyKinds: Readonly<Record<string, (number: number) => Partial<StoredKey>>> = {
  'backend key': () => ({ kind: 'backend' }),
  'key with 1 origin': (number) => ({ allowedOrigins: originsOf(number, 1) }),
  'key with 5 origins': (number) => ({ allowedOrigins: originsOf(number, 5) }),
  'key with 500 origins': (number) => ({ allowedOrigins: originsOf(number, 500) }),
  'key with 2 resources': (number) => ({
    allowedOrigins: originsOf(number, 1),
    rules: [{ methods: ['get', 'post'], resources: ['/api/asset/:id', '/api/stream/:id'] }],
  }),
  'key with 100 resources': (number) => ({
    allowedOrigins: originsOf(number, 1),
    rules: [{ methods: ['get'], resources: resourcesOf(number, 100) }],
  }),
};

let directory: KeyDirectory | null = null;

export default {
  async fetch(request: Request): Promise<Response> {
    const query = new URL(request.url).searchParams;
    const kind = query.get('kind') ?? '';
    if (query.has('forget')) directory = null;
    const from = Number(query.get('from') ?? 0);
    for (let number = from; number < from + Number(query.get('count') ?? 0); number++) {
      directory ??= createDirectory(keyKinds[kind]);
      await remember(directory, kind, number);
    }
    // Given to us by V8's flag --expose-gc.
    if (query.has('collect')) (globalThis as unknown as { gc: () => void }).gc();
    return Response.json(directory?.stats() ?? null);
  },
};

async function remember(known: KeyDirectory, kind: string, number: number): Promise<void> {
  const scope = new RequestScope(0, () => {});
  if (kind === 'origin') {
    const origin = parseOrigin(`https://tenant-${number}.apps.example.com`);
    if (origin) await known.findOrigin(origin, scope, 'preflight');
    return;
  }
  // Of another form than ours, so that it needs no tag, but as long. It is cut out of a long header,
  // as an attacker would send it: the header must not stay.
  const name = `another-vendor-token-${String(number).padStart(29, '0')}`;
  const header = `Bearer${' '.repeat(kind === 'key from a long header' ? 16_000 : 1)}${name}`;
  await known.find(/^Bearer +(.*)$/.exec(header)?.[1] ?? '', null, scope);
}

function createDirectory(keyOf: (typeof keyKinds)[string] = () => ({})): KeyDirectory {
  const feed = {
    after: LOG_START,
    head: LOG_START,
    lines: [],
    tagKeyHex: 'ab'.repeat(32),
    hasImportedTokens: true,
  };
  return createKeyDirectory({
    database: {
      read: async ({ tokenHash, patterns }) => ({
        feed,
        key: tokenHash === undefined ? null : storedKey(tokenHash, keyOf),
        registered: { pattern: patterns?.[0] ?? '*', untilMs: Number.MAX_SAFE_INTEGER },
        rowsRead: 0,
      }),
      readLines: async () => [],
    },
    replica: {
      getKey: async () => null,
      putKey: async () => {},
      getParent: async () => null,
      putParent: async () => {},
      getOrigins: async () => [],
      putOrigin: async () => {},
    },
    feedCache: { get: async () => null, put: async () => {} },
    near: null,
    wait: async () => {},
    random: () => 0,
    keepWarmMs: 0,
    now: () => 0,
    withTimeout: (work) => work,
    log: () => {},
    restrictedRoutes,
    restrictedTable: compileRoutes(restrictedRoutes),
    refreshMs: 5_000,
    maxStalenessMs: 10_000,
    outageGraceMs: 300_000,
  });
}

function storedKey(tokenHash: string, keyOf: (number: number) => Partial<StoredKey>): StoredKey {
  const key: StoredKey = {
    id: `key_${tokenHash.slice(0, 22)}`,
    owner: `acct_${tokenHash.slice(0, 12)}`,
    kind: 'cors',
    allowedOrigins: null,
    fullAccess: false,
    rules: null,
    enabled: true,
    expiresAtMs: null,
    ...keyOf(Number.parseInt(tokenHash.slice(0, 8), 16)),
  };
  // As it comes from D1: parsed from text, so that no part of it is shared among keys.
  return JSON.parse(JSON.stringify(key)) as StoredKey;
}

function originsOf(number: number, count: number): string[] {
  return Array.from({ length: count }, (_, at) => `https://page-${at}.app-${number}.example`);
}

function resourcesOf(number: number, count: number): string[] {
  return Array.from({ length: count }, (_, at) => `/api/part-${at}/:id/of-${number}`);
}
