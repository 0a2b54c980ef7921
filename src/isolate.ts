/**
 * The composition root: builds the parts of an isolate from its bindings and settings, and nothing else.
 * Those of the edge's own paths are built in `edge-parts.ts`, with the first request for one of them.
 */

import { type App, createApp } from './app.ts';
import { type Config, hasManagers } from './config/config.ts';
import type { Env } from './config/env.ts';
import { exposedHeaders } from './core/decide/exposed-headers.ts';
import type { Limit } from './core/decide/rate-limit.ts';
import { hasBasePath } from './core/decide/upstream-targets.ts';
import { compileCosts } from './core/routes/route-costs.ts';
import { compileRoutes } from './core/routes/route-table.ts';
import type { SharedParts } from './edge-parts.ts';
import type { EdgePaths } from './edge-paths.ts';
import { createAssertionSigner } from './gateway/assertion.ts';
import type { Gateway } from './gateway/gateway.ts';
import { createOpenConnections } from './gateway/open-connections.ts';
import { createRecorder } from './gateway/record.ts';
import { createRefusalHeaders } from './gateway/refusal-headers.ts';
import { createHeaderFilter } from './gateway/request-headers.ts';
import { createKeyDirectory, type KeyDirectory } from './keys/lookup/directory.ts';
import { createKeyStore } from './keys/stores/d1.ts';
import { createFeedCache } from './keys/stores/feed-cache.ts';
import { createKeyReplica } from './keys/stores/kv.ts';
import { createNearReplica } from './keys/stores/near-replica.ts';
import { limitOf, log, rememberRefusals, withTimeout } from './runtime.ts';
import type { ClosedBatch } from './usage/batch.ts';
import { UsageCounter } from './usage/counter.ts';

/** The parts that the Worker's events use. */
export interface Isolate {
  readonly env: Env;
  readonly config: Config;
  readonly app: App;
}

const now = () => Date.now();
const newId = () => crypto.randomUUID();

/** Builds everything. Does no I/O. */
export function buildIsolate(env: Env, config: Config): Isolate {
  const store = createKeyStore(env.DB);
  const restrictedTable = compileRoutes(config.restrictedRoutes);
  const shared = {
    store,
    directory: buildDirectory(env, config, { store, restrictedTable }),
    restrictedTable,
    publicTable: config.publicRoutes && compileRoutes(config.publicRoutes),
    keyLimits: {
      keys: limitOf(env.KEY_LIMITER, config.keyLimit),
      named: namedLimits(env, config),
    },
    failures: rememberRefusals(limitOf(env.FAILURE_LIMITER, config.failureLimit), now),
  };
  const gateway = buildGateway(env, config, shared);
  /** Kept once built. Not the promise: a request may not wait for what another one began. */
  let own: EdgePaths | null = null;
  const app = createApp({
    gateway,
    async ownPaths() {
      if (own !== null) return own;
      const { buildEdgePaths } = await import('./edge-parts.ts');
      own ??= buildEdgePaths(env, config, { ...shared, gateway });
      return own;
    },
  });
  return { env, config, app };
}

function buildGateway(env: Env, config: Config, shared: Omit<SharedParts, 'gateway'>): Gateway {
  const { directory, restrictedTable, publicTable } = shared;
  const exposed = exposedHeaders(config.exposeHeaders);
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
    exposed,
    refusalHeaders: createRefusalHeaders(exposed),
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
  { store, restrictedTable }: Pick<SharedParts, 'store' | 'restrictedTable'>,
): KeyDirectory {
  return createKeyDirectory({
    database: store,
    replica: createKeyReplica(env.KEYS),
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
  const { mergeUsage } = await import('./usage/d1.ts');
  // The scheduled run sends the events that are written.
  await mergeUsage(env.DB, [batch], now(), { writesEvents: config.events !== null });
}
