/**
 * The Worker's entry: builds the parts from the bindings, once an isolate, and answers for every
 * failure in one place. Fails closed: never `passThroughOnException`, which would forward what was
 * not authorised.
 */

import { type App, createApp } from './app.ts';
import { LIMITER_TIMEOUT_MS, LOG_LINE_MAX_BYTES } from './core/limits.ts';
import { compileRoutes } from './core/route-table.ts';
import { hideTokens } from './core/token.ts';
import { type Config, type Env, readConfig } from './env.ts';
import { createAssertionSigner } from './gateway/assertion.ts';
import { createRecorder } from './gateway/record.ts';
import { failureResponse } from './gateway/refuse.ts';
import { createKeyStore } from './keys/d1.ts';
import { createKeyDirectory, type KeyDirectory } from './keys/directory.ts';
import { createFeedCache } from './keys/feed-cache.ts';
import { createKeyReplica } from './keys/kv.ts';
import { createManagedKeys } from './keys/managed-keys.ts';
import { type ReplicationOptions, repairReplica, replicateToken } from './keys/replication.ts';
import { createEndedSessions } from './manage/page/ended-sessions.ts';
import { createIsolateLimiter } from './manage/page/sign-in-limit.ts';
import { createPeople } from './manage/people.ts';
import { consumeUsage } from './usage/consumer.ts';
import { createUsageCounter } from './usage/counter.ts';
import {
  mergeUsage,
  readRefusedOrigins,
  readUsage,
  readUsageOfKeys,
  trimUsage,
} from './usage/d1.ts';

interface Isolate {
  readonly env: Env;
  readonly config: Config;
  readonly app: App;
  readonly replication: ReplicationOptions;
}

let isolate: Isolate | null = null;

export default {
  async fetch(request, env, ctx) {
    try {
      const { app } = isolateFor(env);
      return await app.fetch(request, (work) => ctx.waitUntil(work));
    } catch (error) {
      return answerFailure(request, error);
    }
  },

  async queue(batch, env) {
    await consumeUsage(batch.messages, { db: env.DB, now: () => Date.now(), withTimeout, log });
  },

  async scheduled(_controller, env) {
    const { config, replication } = isolateFor(env);
    // Side by side, so that neither is kept from its work by the other's failure.
    const results = await Promise.allSettled([
      repairReplica(replication).then(({ due, failed }) => {
        if (due > 0) log({ event: 'replica_repaired', due, failed });
      }),
      trimUsage(env.DB, { nowMs: Date.now(), retentionDays: config.usageRetentionDays }),
    ]);
    for (const result of results) if (result.status === 'rejected') throw result.reason;
  },
} satisfies ExportedHandler<Env>;

/** The parts of this isolate, built on its first request. Throws on a broken configuration. */
function isolateFor(env: Env): Isolate {
  // The runtime hands every event of an isolate the same bindings; only tests change them.
  if (isolate?.env === env) return isolate;
  const result = readConfig(env);
  if (!result.ok) throw new ConfigurationError(result.problems);
  isolate = buildIsolate(env, result.config);
  return isolate;
}

function buildIsolate(env: Env, config: Config): Isolate {
  const now = () => Date.now();
  const { restrictedRoutes } = config;
  const store = createKeyStore(env.DB);
  const replica = createKeyReplica(env.KEYS);
  const replication: ReplicationOptions = { store, replica, now, withTimeout };
  const directory = createKeyDirectory({
    database: store,
    replica,
    feedCache: createFeedCache(
      () => caches.open('edge-authorizer'),
      env.CF_VERSION_METADATA?.id ?? null,
    ),
    now,
    withTimeout,
    log,
    restrictedRoutes,
    refreshMs: config.feedRefreshSeconds * 1000,
    maxStalenessMs: config.maxStalenessSeconds * 1000,
    outageGraceMs: config.outageGraceSeconds * 1000,
  });
  const usage = createUsageCounter({
    // Without a Queue: by the same merge, so that a batch sent twice still counts once.
    deliver: (batch) =>
      env.USAGE
        ? env.USAGE.send(batch.text, { contentType: 'text' })
        : mergeUsage(env.DB, [batch], now()),
    flushMs: config.usageFlushSeconds * 1000,
    now,
    wait: (ms) => scheduler.wait(ms),
    withTimeout,
    newId: () => crypto.randomUUID(),
    log,
  });
  const restrictedTable = compileRoutes(restrictedRoutes);
  const publicTable = config.publicRoutes && compileRoutes(config.publicRoutes);
  const people =
    config.people &&
    createPeople(config.people, { fetch: (input, init) => fetch(input, init), now });
  const app = createApp(
    {
      config,
      directory,
      usage,
      restrictedRoutes: restrictedTable,
      publicRoutes: publicTable,
      assertions:
        config.assertion &&
        createAssertionSigner({ ...config.assertion, newId: () => crypto.randomUUID() }),
      mayFail: (network) => isWithinLimit(env.FAILURE_LIMITER, network),
      mayUse: env.KEY_LIMITER ? (keyId) => isWithinLimit(env.KEY_LIMITER, keyId) : null,
      fetch: (input, init) => fetch(input, init),
      now,
      newRequestId: () => crypto.randomUUID(),
      record: createRecorder({
        log,
        analytics: env.ANALYTICS ?? null,
        logAllowedPercent: config.logAllowedPercent,
        now,
        random: Math.random,
      }),
    },
    (runInBackground) => ({
      store: createManagedKeys(env.DB),
      database: store,
      usage: {
        usageOf: (keyId, sinceDay) => readUsage(env.DB, keyId, sinceDay),
        refusedOriginsOf: (keyId) => readRefusedOrigins(env.DB, keyId),
      },
      adminToken: config.adminToken,
      people,
      tokenPrefix: config.tokenPrefix,
      restrictedRoutes,
      restrictedTable,
      publicTable,
      now,
      fillRandom: (bytes) => crypto.getRandomValues(bytes),
      log,
      onChange: (tokenHashes) => followChange(directory, replication, tokenHashes, runInBackground),
    }),
    {
      endedSessions: createEndedSessions(env.DB, now),
      signInLimiter: env.SIGN_IN_LIMITER ?? createIsolateLimiter(now),
      usageOfKeys: (keyIds, sinceDay) => readUsageOfKeys(env.DB, keyIds, sinceDay),
    },
  );
  return { env, config, app, replication };
}

/**
 * KV copies that are written right after a change, each at the price of three subrequests. Those of a
 * large import are left to the scheduled run; until then, who needs one reads D1.
 */
const COPIES_PER_CHANGE = 20;

/** After a change was committed: this isolate knows of it at once, and KV soon. */
async function followChange(
  directory: KeyDirectory,
  replication: ReplicationOptions,
  tokenHashes: readonly string[],
  runInBackground: (work: Promise<unknown>) => void,
): Promise<void> {
  for (const tokenHash of tokenHashes.slice(0, COPIES_PER_CHANGE)) {
    runInBackground(
      replicateToken(replication, tokenHash).catch((error: unknown) =>
        log({ event: 'replica_write_failed', error: String(error) }),
      ),
    );
  }
  await directory.refresh();
}

/** Whether a limit has room for one more. A limiter that fails lets through: it is not the lock. */
async function isWithinLimit(limiter: RateLimit | undefined, key: string): Promise<boolean> {
  if (limiter === undefined) return true;
  try {
    return (await withTimeout(limiter.limit({ key }), LIMITER_TIMEOUT_MS)).success;
  } catch (error) {
    log({ event: 'limiter_failed', error: String(error) });
    return true;
  }
}

class ConfigurationError extends Error {
  override readonly name = 'ConfigurationError';
  readonly problems: readonly unknown[];
  constructor(problems: readonly unknown[]) {
    super('Cannot start: the configuration has problems');
    this.problems = problems;
  }
}

function answerFailure(request: Request, error: unknown): Response {
  const requestId = crypto.randomUUID();
  const isConfiguration = error instanceof ConfigurationError;
  log({
    event: isConfiguration ? 'configuration_broken' : 'failed',
    requestId,
    error: error instanceof Error ? (error.stack ?? error.message) : String(error),
    ...(isConfiguration ? { problems: error.problems } : {}),
  });
  return failureResponse(request, requestId, isConfiguration ? 'unavailable' : 'internal_error');
}

async function withTimeout<Result>(work: Promise<Result>, timeoutMs: number): Promise<Result> {
  let timer: ReturnType<typeof setTimeout> | null = null;
  try {
    return await Promise.race([
      work,
      new Promise<never>((_, reject) => {
        timer = setTimeout(() => reject(new Error(`no answer within ${timeoutMs} ms`)), timeoutMs);
      }),
    ]);
  } finally {
    clearTimeout(timer);
  }
}

/** One structured line. Callers put no token, Authorization header or secret into it. */
function log(line: object): void {
  // Nobody puts a token into a line; an error of somebody else's may quote one.
  const text = hideTokens(JSON.stringify(line));
  const isWhole = new TextEncoder().encode(text).byteLength <= LOG_LINE_MAX_BYTES;
  // Whatever went into it, a line stays one that log stores take whole.
  console.log(isWhole ? text : JSON.stringify({ event: 'cut', start: text.slice(0, 500) }));
}
