/**
 * Builds what serves the edge's own paths: health, the management API and the page. Loaded with the first
 * request for one of them, so that the gateway starts without it.
 */

import type { Config } from './config/config.ts';
import type { Env } from './config/env.ts';
import type { KeyLimits } from './core/decide/key-limits.ts';
import type { FailureLimit } from './core/decide/rate-limit.ts';
import type { RouteTable } from './core/routes/route-table.ts';
import { EdgePaths } from './edge-paths.ts';
import { WAKE_MESSAGE } from './events/wake.ts';
import type { Gateway } from './gateway/gateway.ts';
import { createReadiness } from './health/readiness.ts';
import { DATABASE_TIMEOUT_MS } from './keys/limits.ts';
import type { KeyDirectory } from './keys/lookup/directory.ts';
import {
  createReplication,
  type ReplicationOptions,
  replicateToken,
} from './keys/stores/replication.ts';
import { hasSchema } from './keys/stores/schema-check.ts';
import type { KeyDatabase } from './keys/types.ts';
import { createGuessLimit } from './manage/guess-limit.ts';
import type { Management } from './manage/operation.ts';
import { createEndedSessions } from './manage/page/access/ended-sessions.ts';
import { createSessionSecret } from './manage/page/access/session-secret.ts';
import { createIsolateLimiter, type SignInLimiter } from './manage/page/access/sign-in-limit.ts';
import type { People } from './manage/people.ts';
import { createPortalStore } from './manage/portal/store.ts';
import { log, withTimeout } from './runtime.ts';

/** The parts that the gateway and management both use. */
export interface SharedParts {
  readonly gateway: Gateway;
  readonly store: KeyDatabase;
  readonly directory: KeyDirectory;
  readonly restrictedTable: RouteTable;
  readonly publicTable: RouteTable | null;
  readonly keyLimits: KeyLimits;
  readonly failures: FailureLimit | null;
}

/** Loads the tables of usage for those who read them. */
const loadUsage = () => import('./usage/d1.ts');

const now = () => Date.now();
const fillRandom = (bytes: Uint8Array<ArrayBuffer>) => void crypto.getRandomValues(bytes);

/** Builds the edge's own paths. Does no I/O. */
export function buildEdgePaths(env: Env, config: Config, shared: SharedParts): EdgePaths {
  // One count for the page's form and for the API.
  const signInLimiter = env.SIGN_IN_LIMITER ?? createIsolateLimiter(now);
  return new EdgePaths({
    gateway: shared.gateway,
    management: () => buildManagement(env, config, { ...shared, signInLimiter }),
    dashboard: {
      endedSessions: createEndedSessions(env.DB, now),
      sessionSecret: createSessionSecret(env.DB, fillRandom),
      signInLimiter,
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
}

/** Builds management, on the first request for it. */
async function buildManagement(
  env: Env,
  config: Config,
  shared: SharedParts & { readonly signInLimiter: SignInLimiter },
): Promise<Management> {
  const { store, directory } = shared;
  const replication = createReplication(env, { now, withTimeout });
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
    exposed: shared.gateway.exposed,
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
