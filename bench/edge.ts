/**
 * Makes the edge ready for measuring: the production bundle, a D1 and KV that hold keys, and the
 * configuration with which plain workerd serves them.
 */

import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Miniflare } from 'miniflare';
import {
  unstable_getMiniflareWorkerOptions as getMiniflareWorkerOptions,
  unstable_readConfig as readConfig,
  unstable_splitSqlQuery as splitSqlQuery,
} from 'wrangler';
import { mintClientToken } from '../src/client-tokens/client-tokens.ts';
import { CLIENT_TTL_MAX_SECONDS } from '../src/core/client-token/claims.ts';
import { hashToken, importTagKey, makeToken } from '../src/core/key/token.ts';
import { ADDRESS_BLOCKS_PER_KEY } from '../src/core/limits.ts';
import { bundledModules, prepareWorker } from './prepare.ts';
import { listedAddress, listedOrigin } from './rows.ts';
import type { WorkerdConfig } from './workerd.ts';

/** A Worker with storage of its own, ready for `serveWorkerd`. */
export type PreparedEdge = { config: WorkerdConfig; keys: EdgeKeys };

/** Tokens of keys, by what is measured with them. */
export type EdgeKeys = {
  /** Restricted, lists one origin, `listedOrigin`. */
  restricted: string;
  /** The same with full access. */
  full: string;
  /** Restricted, lists 200 origins; the last one is `listedOrigin`. */
  manyOrigins: string;
  /** Keys with rules of their own, of 16 and of 120 routes. */
  rules16: string;
  rules120: string;
  /** A token of our form with a wrong checksum, and one with a right checksum that was made up. */
  mistyped: string;
  invented: string;
  /** A key like the first, with as many addresses as a key may have, metadata and tags. */
  planned: string;
  /** The same with a named limit, which no load reaches. */
  limited: string;
  /** A client token of a backend key that may call the same as the first key, from the same origin. */
  clientToken: string;
  /** More of them, each of another visitor. */
  clientTokens: readonly string[];
  /** Further restricted keys like the first, for rotation. */
  rotating: string[];
  /** Origins that live keys list, beside `listedOrigin`. */
  registeredOrigins: string[];
};

/** The `ADMIN_TOKEN` of an edge that is prepared here. */
export const adminToken = 'bench-admin-token-of-at-least-32-characters';
const d1Chunk = 5_000;

/**
 * Fills an empty D1 through the management API, and in bulk by copying what the API wrote, and says
 * how to serve the bundle with it. `folder` takes the storage and must be kept while it is served.
 */
export async function prepareEdge(options: {
  /** The checkout whose `wrangler.toml` and `schema.sql` count. */
  root: string;
  folder: string;
  bundleFolder: string;
  upstreamUrl: string;
  vars?: Record<string, string>;
  rotatingKeys: number;
  registeredOrigins: number;
  /** Default: none. */
  clientTokens?: number;
}): Promise<PreparedEdge> {
  const { root, folder } = options;
  const { vars } = readConfig({ config: join(root, 'wrangler.toml') });
  const { workerOptions } = getMiniflareWorkerOptions(join(root, 'wrangler.toml'));
  const { config, filled: keys } = await prepareWorker({
    folder,
    worker: {
      ...workerOptions,
      ...(await bundledModules(options.bundleFolder)),
      // Not workerOptions.bindings: those include the .dev.vars of this machine.
      bindings: {
        ...vars,
        UPSTREAM_URL: options.upstreamUrl,
        ADMIN_TOKEN: adminToken,
        LIMITERS: JSON.stringify([{ name: 'pro', binding: 'LIMITER_PRO', limit: '1000000/60' }]),
        ...options.vars,
      },
      ratelimits: {
        ...(workerOptions['ratelimits'] as WorkerRateLimits),
        // Far more than any load, so that none is refused.
        LIMITER_PRO: { namespace_id: 'pro', simple: { limit: 1_000_000_000, period: 60 } },
      },
    },
    async fill({ miniflare, name, url }) {
      const db = await miniflare.getD1Database('DB', name);
      const schema = await readFile(join(root, 'schema.sql'), 'utf8');
      await db.batch(splitSqlQuery(schema).map((statement) => db.prepare(statement)));
      return fill(db, url, options);
    },
  });
  return { config, keys };
}

type WorkerRateLimits = Record<
  string,
  { namespace_id: string; simple: { limit: number; period: 10 | 60 } }
>;

type D1 = Awaited<ReturnType<Miniflare['getD1Database']>>;

async function fill(
  db: D1,
  url: URL,
  counts: { rotatingKeys: number; registeredOrigins: number; clientTokens?: number },
): Promise<EdgeKeys> {
  const create = async (name: string, access: unknown, plan: object = {}) => {
    const response = await fetch(new URL('/_edge/v1/keys', url), {
      method: 'POST',
      headers: { Authorization: `Bearer ${adminToken}`, 'Content-Type': 'application/json' },
      body: JSON.stringify({ name, owner: 'acct_bench', access, ...plan }),
    });
    if (response.status !== 201) {
      throw new Error(`Cannot create key "${name}": ${response.status} ${await response.text()}`);
    }
    return (await response.json()) as { id: string; token: string };
  };
  const cors = (more: object = {}) => ({ cors: { allowedOrigins: [listedOrigin], ...more } });

  const restricted = await create('restricted', cors());
  const full = await create('full', cors({ fullAccess: true }));
  const otherOrigins = Array.from({ length: 199 }, (_, index) => `https://site-${index}.example`);
  const manyOrigins = await create('many origins', {
    cors: { allowedOrigins: [...otherOrigins, listedOrigin] },
  });
  const rules16 = await create('rules 16', { ...cors(), rules: rulesOf(16) });
  const rules120 = await create('rules 120', { ...cors(), rules: rulesOf(120) });
  const addresses = Array.from({ length: ADDRESS_BLOCKS_PER_KEY - 1 }, (_, n) => `10.0.${n}.0/24`);
  const planAccess = { ...cors(), addresses: [...addresses, `${listedAddress}/32`] };
  const plan = { meta: { plan: 'pro', team: 'video', region: 'eu' }, tags: ['beta', 'web'] };
  const planned = await create('planned', planAccess, plan);
  const limited = await create('limited', planAccess, { ...plan, limit: 'pro' });
  const parent = await create('client tokens', {
    clientTokens: { allowedOrigins: [listedOrigin], maxTtlSeconds: CLIENT_TTL_MAX_SECONDS },
  });

  return {
    restricted: restricted.token,
    full: full.token,
    manyOrigins: manyOrigins.token,
    rules16: rules16.token,
    rules120: rules120.token,
    planned: planned.token,
    limited: limited.token,
    clientToken: await mintFor(parent.token, 'visitor'),
    clientTokens: await mintMany(parent.token, counts.clientTokens ?? 0),
    mistyped: restricted.token.slice(0, -1) + (restricted.token.endsWith('a') ? 'b' : 'a'),
    invented: await makeToken({
      prefix: 'ea',
      kind: 'cors',
      tagKey: await importTagKey('0'.repeat(64)),
      fillRandom,
    }),
    rotating: await copyKey(db, restricted.id, counts.rotatingKeys),
    registeredOrigins: await copyOrigin(db, restricted.id, counts.registeredOrigins),
  };
}

/** Lives as long as a whole run of the bench takes. */
function mintFor(apiKey: string, sub: string): Promise<string> {
  return mintClientToken(apiKey, { sub, ttlSeconds: CLIENT_TTL_MAX_SECONDS });
}

async function mintMany(apiKey: string, count: number): Promise<string[]> {
  const tokens: string[] = [];
  for (let index = 0; index < count; index++) {
    tokens.push(await mintFor(apiKey, `visitor-${index}`));
  }
  return tokens;
}

/** Rules with so many routes, of which the measured one, `GET /api/stream/:id`, is the last. */
function rulesOf(count: number) {
  const resources = Array.from({ length: count - 1 }, (_, index) => `/api/area-${index}/:id/part`);
  resources.push('/api/stream/:id');
  const rules = [];
  for (let start = 0; start < count; start += 100) {
    rules.push({ methods: ['get'], resources: resources.slice(start, start + 100) });
  }
  return rules;
}

/** Copies a key so many times, each with a token of its own. Every other column stays. */
async function copyKey(db: D1, id: string, count: number): Promise<string[]> {
  const setting = await db
    .prepare(`SELECT value FROM settings WHERE name = 'token_tag_key'`)
    .first<{ value: string }>();
  const tagKey = await importTagKey(setting?.value ?? '');
  const tokens: string[] = [];
  for (let start = 0; start < count; start += d1Chunk) {
    const copies = [];
    for (let index = start; index < Math.min(count, start + d1Chunk); index++) {
      const token = await makeToken({ prefix: 'ea', kind: 'cors', tagKey, fillRandom });
      tokens.push(token);
      copies.push({
        id: `key_copy${index}`,
        key_id: `key_copy${index}`,
        token_hash: await hashToken(token),
      });
    }
    const json = JSON.stringify(copies);
    await db.batch([
      db.prepare(await copying(db, 'keys', ['id'], 'original.id = ?2')).bind(json, id),
      db
        .prepare(await copying(db, 'tokens', ['token_hash', 'key_id'], 'original.key_id = ?2'))
        .bind(json, id),
    ]);
  }
  return tokens;
}

function fillRandom(bytes: Uint8Array<ArrayBuffer>): void {
  crypto.getRandomValues(bytes);
}

/** Registers so many further origins, as if the key listed them. */
async function copyOrigin(db: D1, keyId: string, count: number): Promise<string[]> {
  const origins = Array.from({ length: count }, (_, index) => `https://tenant-${index}.example`);
  for (let start = 0; start < count; start += d1Chunk) {
    const copies = origins.slice(start, start + d1Chunk).map((pattern) => ({ pattern }));
    await db
      .prepare(
        await copying(db, 'origins', ['pattern'], 'original.key_id = ?2 AND original.pattern = ?3'),
      )
      .bind(JSON.stringify(copies), keyId, listedOrigin)
      .run();
  }
  return origins;
}

/** SQL that copies rows once for each entry of a JSON array, which brings the `fresh` columns. */
async function copying(db: D1, table: string, fresh: string[], where: string): Promise<string> {
  const { results } = await db.prepare(`PRAGMA table_info(${table})`).all<{ name: string }>();
  const columns = results.map(({ name }) => name);
  const values = columns.map((name) =>
    fresh.includes(name) ? `copy.value ->> '$.${name}'` : `original.${name}`,
  );
  return `INSERT INTO ${table} (${columns.join(', ')}) SELECT ${values.join(', ')}
            FROM json_each(?1) AS copy, ${table} AS original WHERE ${where}`;
}
