/**
 * The composition root: builds the parts of an isolate from its bindings and settings, and nothing else.
 */

import { type App, createApp } from './app.ts';
import { type Config, hasManagers } from './config/config.ts';
import type { Env } from './config/env.ts';
import { exposedHeaders } from './core/decide/exposed-headers.ts';
import type { KeyLimits } from './core/decide/key-limits.ts';
import type { FailureLimit, Limit } from './core/decide/rate-limit.ts';
import { hasBasePath } from './core/decide/upstream-targets.ts';
import { compileCosts } from './core/routes/route-costs.ts';
import { compileRoutes, type RouteTable } from './core/routes/route-table.ts';
import { WAKE_MESSAGE } from './events/wake.ts';
import { createAssertionSigner } from './gateway/assertion.ts';
import type { Gateway } from './gateway/gateway.ts';
import { createOpenConnections } from './gateway/open-connections.ts';
import { createRecorder } from './gateway/record.ts';
import { createHeaderFilter } from './gateway/request-headers.ts';
import { createReadiness } from './health/readiness.ts';
import { DATABASE_TIMEOUT_MS } from './keys/limits.ts';
import { createKeyDirectory, type KeyDirectory } from './keys/lookup/directory.ts';
import { createKeyStore, type KeyStore } from './keys/stores/d1.ts';
import { createFeedCache } from './keys/stores/feed-cache.ts';
import { createKeyReplica } from './keys/stores/kv.ts';
import { createNearReplica } from './keys/stores/near-replica.ts';
import { type ReplicationOptions, replicateToken } from './keys/stores/replication.ts';
import { hasSchema } from './keys/stores/schema-check.ts';
import { createGuessLimit } from './manage/guess-limit.ts';
import type { Management } from './manage/operation.ts';
import { createEndedSessions } from './manage/page/access/ended-sessions.ts';
import { createSessionSecret } from './manage/page/access/session-secret.ts';
import { createIsolateLimiter, type SignInLimiter } from './manage/page/access/sign-in-limit.ts';
import type { People } from './manage/people.ts';
import { createPortalStore } from './manage/portal/store.ts';
import { limitOf, log, rememberRefusals, withTimeout } from './runtime.ts';
import type { ClosedBatch } from './usage/batch.ts';
import { UsageCounter } from './usage/counter.ts';

/** The parts that the Worker's events use. */
export interface Isolate {
  readonly env: Env;
  readonly config: Config;
  readonly app: App;
  readonly replication: ReplicationOptions;
}

/** Loads the tables of usage for those who read them, and for isolates without a Queue. */
const loadUsage = () => import('./usage/d1.ts');

const now = () => Date.now();
const newId = () => crypto.randomUUID();
const fillRandom = (bytes: Uint8Array<ArrayBuffer>) => void crypto.getRandomValues(bytes);

/** Builds everything. Does no I/O. */
export function buildIsolate(env: Env, config: Config): Isolate {
  const store = createKeyStore(env.DB);
  const replication = { store, replica: createKeyReplica(env.KEYS), now, withTimeout };
  const restrictedTable = compileRoutes(config.restrictedRoutes);
  const shared: SharedParts = {
    store,
    replication,
    directory: buildDirectory(env, config, { replication, restrictedTable }),
    restrictedTable,
    publicTable: config.publicRoutes && compileRoutes(config.publicRoutes),
    keyLimits: {
      keys: limitOf(env.KEY_LIMITER, config.keyLimit),
      named: namedLimits(env, config),
    },
    failures: rememberRefusals(limitOf(env.FAILURE_LIMITER, config.failureLimit), now),
    // One count for the page's form and for the API.
    signInLimiter: env.SIGN_IN_LIMITER ?? createIsolateLimiter(now),
  };
  const app = createApp({
    gateway: buildGateway(env, config, shared),
    management: () => buildManagement(env, config, shared),
    dashboard: {
      endedSessions: createEndedSessions(env.DB, now),
      sessionSecret: createSessionSecret(env.DB, fillRandom),
      signInLimiter: shared.signInLimiter,
      apiUrl: config.apiUrl,
      hasOwnHost: config.manageHost !== null,
      usageOfKeys: async (keyIds, sinceDay) =>
        (await loadUsage()).readUsageOfKeys(env.DB, keyIds, sinceDay),
    },
    readiness: createReadiness({
      isLeaseCurrent: shared.directory.isLeaseCurrent,
      hasSchema: () => withTimeout(hasSchema(env.DB), DATABASE_TIMEOUT_MS),
      now,
      pause: (ms) => scheduler.wait(ms),
    }),
  });
  return { env, config, app, replication };
}

/** The parts that the gateway and management both use. */
interface SharedParts {
  readonly store: KeyStore;
  readonly replication: ReplicationOptions;
  readonly directory: KeyDirectory;
  readonly restrictedTable: RouteTable;
  readonly publicTable: RouteTable | null;
  readonly keyLimits: KeyLimits;
  readonly failures: FailureLimit | null;
  readonly signInLimiter: SignInLimiter;
}

function buildGateway(env: Env, config: Config, shared: SharedParts): Gateway {
  const { directory, restrictedTable, publicTable } = shared;
  return {
    config,
    directory,
    usage: buildUsageCounter(env, config),
    restrictedTable,
    publicTable,
    costs: compileCosts(config.restrictedRoutes),
    assertions: config.assertion && createAssertionSigner({ ...config.assertion, newId }),
    limits: {
      failures: shared.failures,
      ...shared.keyLimits,
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
    sharesPageHost: config.manageHost === null && hasManagers(config),
    now,
    newRequestId: newId,
    record: createRecorder({
      log,
      analytics: env.ANALYTICS ?? null,
      logAllowedPercent: config.logAllowedPercent,
      now,
      random: Math.random,
    }),
  };
}

/** Builds management, on the first request for it. */
async function buildManagement(env: Env, config: Config, shared: SharedParts): Promise<Management> {
  const { store, replication, directory } = shared;
  // Loaded here, as no other request needs them.
  const { createAdminStore } = await import('./keys/admin/store.ts');
  const { createCollectEvents } = await import('./keys/admin/event-outbox.ts');
  const { createEventStore } = await import('./events/store.ts');
  const { readQuotaUse } = await import('./usage/quotas.ts');
  const { readUsageDays } = await import('./usage/days.ts');
  const { readRefusedOrigins, readTotals, readUsage } = await loadUsage();
  return {
    store: createAdminStore(env.DB, config.events ? createCollectEvents(env.DB) : undefined),
    sendsEvents: config.events !== null,
    events: createEventStore(env.DB),
    wakeSender: () => wakeSender(env, config),
    database: store,
    directory,
    usage: {
      usageOf: (keyId, sinceDay) => readUsage(env.DB, keyId, sinceDay),
      daysOf: (scope, sinceDay) => readUsageDays(env.DB, scope, sinceDay),
      totals: () => readTotals(env.DB),
      refusedOriginsOf: (keyId) => readRefusedOrigins(env.DB, keyId),
      quotaUseOf: (keyId, period) => readQuotaUse(env.DB, keyId, period, now()),
    },
    adminToken: config.adminToken,
    adminTokens: config.adminTokens,
    people: await loadPeople(config),
    guesses: createGuessLimit(shared.signInLimiter, now),
    ownerLimits: {
      liveKeys: config.keysPerOwner,
      changesPerMinute: config.ownerChangesPerMinute,
    },
    ownerBounds: {
      originsPerKey: config.ownerOriginsPerKey,
      ruleBytesPerKey: config.ownerRuleBytesPerKey,
    },
    plans: {
      limitNames: config.limiters.map(({ policy }) => policy.name),
      usageRetentionDays: config.usageRetentionDays,
    },
    portal: config.portal && { config: config.portal, store: createPortalStore(env.DB, now) },
    peopleMayImport: config.peopleMayImport,
    leaks: config.leaks,
    tokenPrefix: config.tokenPrefix,
    restrictedRoutes: config.restrictedRoutes,
    restrictedTable: shared.restrictedTable,
    publicTable: shared.publicTable,
    keyLimits: shared.keyLimits,
    failures: shared.failures,
    exposed: exposedHeaders(config.exposeHeaders),
    additionalHeaders: config.forwardRequestHeaders,
    forwardToken: config.forwardToken,
    now,
    pause: () => scheduler.wait(0),
    wait: (ms) => scheduler.wait(ms),
    random: Math.random,
    fillRandom,
    log,
    onChange: (tokenHashes, runInBackground) => {
      runInBackground(wakeSender(env, config));
      return followChange(directory, replication, tokenHashes, runInBackground);
    },
  };
}

/** The limits of the setting `LIMITERS`, by name. The configuration has made sure of their bindings. */
function namedLimits(env: Env, { limiters }: Config): ReadonlyMap<string, Limit> {
  const bound = env as unknown as Readonly<Record<string, RateLimit | undefined>>;
  return new Map(
    limiters.flatMap(({ policy, binding }) => {
      const limit = limitOf(bound[binding], policy);
      return limit === null ? [] : [[policy.name, limit] as const];
    }),
  );
}

function buildDirectory(
  env: Env,
  config: Config,
  { replication, restrictedTable }: Pick<SharedParts, 'replication' | 'restrictedTable'>,
): KeyDirectory {
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
    restrictedTable,
    refreshMs: config.feedRefreshSeconds * 1000,
    maxStalenessMs: config.maxStalenessSeconds * 1000,
    outageGraceMs: config.outageGraceSeconds * 1000,
    keepWarmMs: config.keepWarmSeconds * 1000,
  });
}

function buildUsageCounter(env: Env, config: Config): UsageCounter {
  return new UsageCounter({
    deliver: (batch) => deliverUsage(env, config, batch),
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
async function deliverUsage(env: Env, config: Config, batch: ClosedBatch): Promise<void> {
  try {
    if (env.USAGE) return void (await env.USAGE.send(batch.text, { contentType: 'text' }));
  } catch (error) {
    log({ event: 'usage_queue_refused', error: String(error) });
  }
  const { mergeUsage } = await loadUsage();
  // The scheduled run sends the events that are written.
  await mergeUsage(env.DB, [batch], now(), { writesEvents: config.events !== null });
}

/** Wakes the sender of events through the Queue. Without one, the scheduled run does it within a minute. */
async function wakeSender(env: Env, config: Config): Promise<void> {
  if (config.events === null || env.USAGE === undefined) return;
  try {
    await env.USAGE.send(WAKE_MESSAGE, { contentType: 'text' });
  } catch (error) {
    log({ event: 'event_wake_failed', error: String(error) });
  }
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
