/**
 * The composition root: builds the parts of an isolate from its bindings and settings, and nothing else.
 */

import { type App, createApp } from './app.ts';
import type { Config } from './config/config.ts';
import type { Env } from './config/env.ts';
import { exposedHeaders } from './core/decide/exposed-headers.ts';
import { hasBasePath } from './core/decide/upstream-targets.ts';
import { compileRoutes } from './core/routes/route-table.ts';
import { createAssertionSigner } from './gateway/assertion.ts';
import { createOpenConnections } from './gateway/open-connections.ts';
import { createRecorder } from './gateway/record.ts';
import { createHeaderFilter } from './gateway/request-headers.ts';
import { createReadiness } from './health/readiness.ts';
import { createAdminStore } from './keys/admin/store.ts';
import { DATABASE_TIMEOUT_MS } from './keys/limits.ts';
import { createKeyDirectory, type KeyDirectory } from './keys/lookup/directory.ts';
import { createKeyStore } from './keys/stores/d1.ts';
import { createFeedCache } from './keys/stores/feed-cache.ts';
import { createKeyReplica } from './keys/stores/kv.ts';
import { createNearReplica } from './keys/stores/near-replica.ts';
import { type ReplicationOptions, replicateToken } from './keys/stores/replication.ts';
import { hasSchema } from './keys/stores/schema-check.ts';
import { createGuessLimit } from './manage/guess-limit.ts';
import { createEndedSessions } from './manage/page/access/ended-sessions.ts';
import { createIsolateLimiter } from './manage/page/access/sign-in-limit.ts';
import type { People } from './manage/people.ts';
import { limitOf, log, rememberRefusals, withTimeout } from './runtime.ts';
import type { ClosedBatch } from './usage/batch.ts';
import { UsageCounter } from './usage/counter.ts';
import { mergeUsage, readRefusedOrigins, readUsage, readUsageOfKeys } from './usage/d1.ts';

/** The parts that the Worker's events use. */
export interface Isolate {
  readonly env: Env;
  readonly config: Config;
  readonly app: App;
  readonly replication: ReplicationOptions;
}

const now = () => Date.now();
const newId = () => crypto.randomUUID();

/** Builds everything. Does no I/O. */
export function buildIsolate(env: Env, config: Config): Isolate {
  const { restrictedRoutes } = config;
  const store = createKeyStore(env.DB);
  const replication = { store, replica: createKeyReplica(env.KEYS), now, withTimeout };
  const directory = buildDirectory(env, config, replication);
  const restrictedTable = compileRoutes(restrictedRoutes);
  const keyLimit = limitOf(env.KEY_LIMITER, config.keyLimit);
  const failures = rememberRefusals(limitOf(env.FAILURE_LIMITER, config.failureLimit), now);
  const publicTable = config.publicRoutes && compileRoutes(config.publicRoutes);
  // One count for the page's form and for the API.
  const signInLimiter = env.SIGN_IN_LIMITER ?? createIsolateLimiter(now);
  const app = createApp(
    {
      config,
      directory,
      usage: buildUsageCounter(env, config),
      restrictedTable,
      publicTable,
      assertions: config.assertion && createAssertionSigner({ ...config.assertion, newId }),
      limits: {
        failures,
        keys: keyLimit,
        clients: limitOf(env.CLIENT_LIMITER, config.clientLimit),
      },
      hasBasePath: hasBasePath(config.upstreamUrl),
      exposed: exposedHeaders(config.exposeHeaders),
      filterHeaders: createHeaderFilter(config.forwardRequestHeaders),
      openConnections:
        config.openConnections === 'native'
          ? null
          : createOpenConnections({
              perKey: config.openConnectionsPerKey,
              bytesPerMinute: config.relayedMibPerMinute * 1024 * 1024,
              now,
            }),
      fetch: (input, init) => fetch(input, init),
      needsSignal: false,
      sharesPageHost:
        config.manageHost === null && (config.adminToken !== null || config.people !== null),
      now,
      newRequestId: newId,
      record: createRecorder({
        log,
        analytics: env.ANALYTICS ?? null,
        logAllowedPercent: config.logAllowedPercent,
        now,
        random: Math.random,
      }),
    },
    async () => ({
      store: createAdminStore(env.DB),
      database: store,
      directory,
      usage: {
        usageOf: (keyId, sinceDay) => readUsage(env.DB, keyId, sinceDay),
        refusedOriginsOf: (keyId) => readRefusedOrigins(env.DB, keyId),
      },
      adminToken: config.adminToken,
      people: await loadPeople(config),
      guesses: createGuessLimit(signInLimiter, now),
      ownerLimits: {
        liveKeys: config.keysPerOwner,
        changesPerMinute: config.ownerChangesPerMinute,
      },
      ownerBounds: {
        originsPerKey: config.ownerOriginsPerKey,
        ruleBytesPerKey: config.ownerRuleBytesPerKey,
      },
      peopleMayImport: config.peopleMayImport,
      leaks: config.leaks,
      tokenPrefix: config.tokenPrefix,
      restrictedRoutes,
      restrictedTable,
      publicTable,
      keyLimit,
      failures,
      exposed: exposedHeaders(config.exposeHeaders),
      additionalHeaders: config.forwardRequestHeaders,
      forwardToken: config.forwardToken,
      now,
      pause: () => scheduler.wait(0),
      wait: (ms) => scheduler.wait(ms),
      random: Math.random,
      fillRandom: (bytes) => crypto.getRandomValues(bytes),
      log,
      onChange: (tokenHashes, runInBackground) =>
        followChange(directory, replication, tokenHashes, runInBackground),
    }),
    {
      endedSessions: createEndedSessions(env.DB, now),
      signInLimiter,
      usageOfKeys: (keyIds, sinceDay) => readUsageOfKeys(env.DB, keyIds, sinceDay),
    },
    createReadiness({
      isLeaseCurrent: directory.isLeaseCurrent,
      hasSchema: () => withTimeout(hasSchema(env.DB), DATABASE_TIMEOUT_MS),
      now,
      pause: (ms) => scheduler.wait(ms),
    }),
  );
  return { env, config, app, replication };
}

function buildDirectory(env: Env, config: Config, replication: ReplicationOptions): KeyDirectory {
  return createKeyDirectory({
    database: replication.store,
    replica: replication.replica,
    feedCache: createFeedCache(
      () => caches.open('edge-authorizer'),
      env.CF_VERSION_METADATA?.id ?? null,
    ),
    near: createNearReplica(env.DB),
    now,
    wait: (ms) => scheduler.wait(ms),
    random: () => Math.random(),
    withTimeout,
    log,
    restrictedRoutes: config.restrictedRoutes,
    refreshMs: config.feedRefreshSeconds * 1000,
    maxStalenessMs: config.maxStalenessSeconds * 1000,
    outageGraceMs: config.outageGraceSeconds * 1000,
    keepWarmMs: config.keepWarmSeconds * 1000,
  });
}

function buildUsageCounter(env: Env, config: Config): UsageCounter {
  return new UsageCounter({
    deliver: (batch) => deliverUsage(env, batch),
    flushMs: config.usageFlushSeconds * 1000,
    now,
    wait: (ms) => scheduler.wait(ms),
    withTimeout,
    newId,
    log,
  });
}

/**
 * Hands a batch over: to the Queue, or to D1 without one. A Queue that refuses a message, for example
 * because its free operations of the day are used up, is passed by in the same way: a batch that arrives
 * twice counts once, whichever way it came.
 */
async function deliverUsage(env: Env, batch: ClosedBatch): Promise<void> {
  try {
    if (env.USAGE) return void (await env.USAGE.send(batch.text, { contentType: 'text' }));
  } catch (error) {
    log({ event: 'usage_queue_refused', error: String(error) });
  }
  await mergeUsage(env.DB, [batch], now());
}

/** Loads sign-in with the rest of management, on the first request for it. */
async function loadPeople({ people }: Config): Promise<People | null> {
  if (people === null) return null;
  const { createPeople } = await import('./manage/people.ts');
  return createPeople(people, { fetch: (input, init) => fetch(input, init), now });
}

/**
 * KV copies that are written right after a change, each at the price of three subrequests. Those of a
 * large import are left to the scheduled run; until then, an isolate that needs one reads D1.
 */
const COPIES_PER_CHANGE = 20;

/** Follows a committed change: this isolate knows it at once, and KV soon. */
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
