/**
 * The edge as a Worker's events: `fetch`, `queue` and `scheduled`. The one place that builds adapters
 * from bindings, once an isolate, and that answers for every failure.
 *
 * The Worker of this repository (`index.ts`) is made of it, and so are those of others who put it in
 * front of their own routes: see docs/library.md. Fails closed: never `passThroughOnException`, which
 * would forward what was not authorised.
 */

import { type App, createApp } from './app.ts';
import type { Config, ConfigProblem } from './config/config.ts';
import type { Env } from './config/env.ts';
import { readConfig } from './config/read-config.ts';
import type { RateLimitPolicy } from './core/decide/rate-limit.ts';
import { LIMITER_TIMEOUT_MS } from './core/limits.ts';
import { compileRoutes } from './core/routes/route-table.ts';
import { createAssertionSigner } from './gateway/assertion.ts';
import type { Limit } from './gateway/gateway.ts';
import { fetchFromHandler, type Handler } from './gateway/handler-upstream.ts';
import { createRecorder } from './gateway/record.ts';
import { failureResponse } from './gateway/refuse.ts';
import { createAdminStore } from './keys/admin/store.ts';
import { createKeyDirectory, type KeyDirectory } from './keys/lookup/directory.ts';
import { createKeyStore } from './keys/stores/d1.ts';
import { createFeedCache } from './keys/stores/feed-cache.ts';
import { keepHouse } from './keys/stores/housekeeping.ts';
import { createKeyReplica } from './keys/stores/kv.ts';
import {
  type ReplicationOptions,
  repairReplica,
  replicateToken,
} from './keys/stores/replication.ts';
import { toLogLines } from './log/log-line.ts';
import { createEndedSessions, trimEndedSessions } from './manage/page/access/ended-sessions.ts';
import { createIsolateLimiter } from './manage/page/access/sign-in-limit.ts';
import type { People } from './manage/people.ts';
import { consumeUsage } from './usage/consumer.ts';
import { createUsageCounter } from './usage/counter.ts';
import {
  mergeUsage,
  readRefusedOrigins,
  readUsage,
  readUsageOfKeys,
  trimUsage,
} from './usage/d1.ts';

/** What an edge is made with. `Bindings` is what the runtime hands to the Worker. */
export interface AuthorizerOptions<Bindings = Env> {
  /** Default: the URL in `UPSTREAM_URL`. */
  readonly upstream?: Upstream<Bindings>;
  /**
   * Finds the bindings and settings of the edge among those of the Worker, where they have other names
   * or come from elsewhere. Called once an isolate. Default: they are the Worker's own.
   */
  readonly env?: (bindings: Bindings) => Env;
}

/**
 * What answers the requests that were allowed:
 * - a URL, in place of `UPSTREAM_URL`;
 * - a service binding, such as `env.API` of `cloudflare:workers`;
 * - a handler, such as the `fetch` of a Hono app. One that throws is an unreachable upstream.
 *
 * The last two see their requests under `UPSTREAM_URL` where that is set, as the base of their URL and
 * as the audience of assertions, and else under `https://upstream.invalid`.
 */
export type Upstream<Bindings = Env> =
  | string
  | Fetcher
  | ((request: Request, bindings: Bindings, ctx: UpstreamContext) => Response | Promise<Response>);

/**
 * What a handler may do beyond its answer. `passThroughOnException` does nothing: with an origin behind
 * the Worker, it would forward what was not authorised.
 */
export type UpstreamContext = Pick<
  ExecutionContext,
  'waitUntil' | 'passThroughOnException' | 'props'
>;

/** Handlers for a Worker's events. */
export interface Authorizer<Bindings = Env> {
  /**
   * Answers a request. Never rejects. A broken configuration is logged, all problems at once, and
   * answered with 503. `request` is best handed over as it came: a copy has a normalised URL.
   */
  readonly fetch: (
    request: Request,
    bindings: Bindings,
    ctx: Pick<ExecutionContext, 'waitUntil'> & Partial<Pick<ExecutionContext, 'props'>>,
  ) => Promise<Response>;
  /** Merges usage into D1. For the queue that is bound as `USAGE`, and no other. */
  readonly queue: (batch: MessageBatch, bindings: Bindings) => Promise<void>;
  /**
   * Repeats what did not reach KV and drops what is kept no longer. For a cron trigger once a minute.
   * Rejects when a part of it failed, after the others were done.
   */
  readonly scheduled: (controller: unknown, bindings: Bindings) => Promise<void>;
}

/**
 * Makes an edge. Make one, where the module is loaded: it holds the memory of the isolate. Never throws;
 * what is wrong with the options is reported with the rest of the configuration.
 */
export function createAuthorizer<Bindings extends Env = Env>(
  options?: AuthorizerOptions<Bindings>,
): Authorizer<Bindings>;
/** The same, in a Worker whose bindings are not the edge's own: `env` says which are. */
export function createAuthorizer<Bindings>(
  options: AuthorizerOptions<Bindings> & { readonly env: (bindings: Bindings) => Env },
): Authorizer<Bindings>;
/** Both. */
export function createAuthorizer<Bindings>(
  options: AuthorizerOptions<Bindings> = {},
): Authorizer<Bindings> {
  let built: { readonly bindings: Bindings; readonly isolate: Isolate } | null = null;

  /** The parts of this isolate, built on its first event. Throws on a broken configuration. */
  function isolateFor(bindings: Bindings): Isolate {
    // The runtime hands every event of an isolate the same bindings; only tests change them.
    if (built?.bindings === bindings) return built.isolate;
    const env = envFrom(options, bindings);
    const result = readConfig(env);
    const problems = [...upstreamProblems(options), ...(result.ok ? [] : result.problems)];
    if (!result.ok || problems.length > 0) throw new ConfigurationError(problems);
    built = { bindings, isolate: buildIsolate(env, result.config) };
    return built.isolate;
  }

  return {
    async fetch(request, bindings, ctx) {
      try {
        const { app } = isolateFor(bindings);
        const { upstream } = options;
        const handler = upstream === undefined ? null : handlerFor(upstream, bindings, ctx);
        return await app.fetch(
          request,
          (work) => ctx.waitUntil(work),
          handler && fetchFromHandler(handler, request),
        );
      } catch (error) {
        return answerFailure(request, error);
      }
    },

    async queue(batch, bindings) {
      const { DB: db } = envFrom(options, bindings);
      await consumeUsage(batch.messages, { db, now: () => Date.now(), withTimeout, log });
    },

    async scheduled(_controller, bindings) {
      const { env, config, replication } = isolateFor(bindings);
      // Side by side, so that none is kept from its work by another's failure.
      const results = await Promise.allSettled([
        repairReplica(replication).then(({ due, failed }) => {
          if (due > 0) log({ event: 'replica_repaired', due, failed });
        }),
        trimUsage(env.DB, { nowMs: Date.now(), retentionDays: config.usageRetentionDays }),
        trimEndedSessions(env.DB, Date.now()),
        keepHouse(env.DB, {
          nowMs: Date.now(),
          retention: {
            keyDays: config.keyRetentionDays,
            changeDays: config.changeRetentionDays,
            auditDays: config.auditRetentionDays,
          },
        }),
      ]);
      for (const result of results) if (result.status === 'rejected') throw result.reason;
    },
  };
}

interface Isolate {
  readonly env: Env;
  readonly config: Config;
  readonly app: App;
  readonly replication: ReplicationOptions;
}

/** Never in use (RFC 2606), should somebody send a request there after all. */
const HANDLER_URL = 'https://upstream.invalid';

function envFrom<Bindings>(options: AuthorizerOptions<Bindings>, bindings: Bindings): Env {
  // Without `env`, the overloads have made sure that the bindings are the edge's.
  const env = options.env ? options.env(bindings) : (bindings as Env);
  const { upstream } = options;
  if (upstream === undefined) return env;
  if (typeof upstream === 'string') return { ...env, UPSTREAM_URL: upstream };
  return { ...env, UPSTREAM_URL: env.UPSTREAM_URL || HANDLER_URL };
}

/** What is wrong with `upstream` where it is no URL; that is read with the other settings. */
function upstreamProblems(options: AuthorizerOptions<never>): readonly ConfigProblem[] {
  if (!('upstream' in options)) return [];
  const upstream: unknown = options.upstream;
  if (typeof upstream === 'string' || typeof upstream === 'function' || isFetcher(upstream)) {
    return [];
  }
  // `undefined` above all: a service that is not bound. Another upstream must not take its place.
  const reason = 'it is neither a URL, a service binding nor a handler';
  const fix = 'Bind the service in [[services]], or remove the option for UPSTREAM_URL';
  return [{ name: 'upstream', value: null, reason, fix }];
}

function isFetcher(upstream: unknown): upstream is Fetcher {
  return (
    typeof upstream === 'object' &&
    upstream !== null &&
    typeof (upstream as { fetch?: unknown }).fetch === 'function'
  );
}

/** `null`: the upstream is a URL. */
function handlerFor<Bindings>(
  upstream: Upstream<Bindings>,
  bindings: Bindings,
  ctx: Parameters<Authorizer['fetch']>[2],
): Handler | null {
  if (typeof upstream === 'string') return null;
  if (typeof upstream !== 'function') return (request) => upstream.fetch(request);
  const context: UpstreamContext = {
    waitUntil: (work) => ctx.waitUntil(work),
    passThroughOnException: () => undefined,
    props: ctx.props,
  };
  return (request) => upstream(request, bindings, context);
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
  let people: People | null = null;
  /** Those who sign in, remembered for the keys of their issuer. Loaded like the rest of management. */
  const loadPeople = async () => {
    if (config.people === null) return null;
    const { createPeople } = await import('./manage/people.ts');
    people ??= createPeople(config.people, { fetch: (input, init) => fetch(input, init), now });
    return people;
  };
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
      limits: {
        failures: limitOf(env.FAILURE_LIMITER, config.failureLimit),
        keys: limitOf(env.KEY_LIMITER, config.keyLimit),
      },
      fetch: (input, init) => fetch(input, init),
      needsSignal: false,
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
    async () => ({
      store: createAdminStore(env.DB),
      database: store,
      usage: {
        usageOf: (keyId, sinceDay) => readUsage(env.DB, keyId, sinceDay),
        refusedOriginsOf: (keyId) => readRefusedOrigins(env.DB, keyId),
      },
      adminToken: config.adminToken,
      people: await loadPeople(),
      leaks: config.leaks,
      tokenPrefix: config.tokenPrefix,
      restrictedRoutes,
      restrictedTable,
      publicTable,
      now,
      fillRandom: (bytes) => crypto.getRandomValues(bytes),
      log,
      onChange: (tokenHashes, runInBackground) =>
        followChange(directory, replication, tokenHashes, runInBackground),
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

/** A limit of the gateway; `null` without a binding. One that fails lets through: it is not the lock. */
function limitOf(limiter: RateLimit | undefined, policy: RateLimitPolicy | null): Limit | null {
  if (limiter === undefined || policy === null) return null;
  return {
    policy,
    async take(name) {
      try {
        return (await withTimeout(limiter.limit({ key: name }), LIMITER_TIMEOUT_MS)).success;
      } catch (error) {
        log({ event: 'limiter_failed', error: String(error) });
        return true;
      }
    },
  };
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

/** One structured line, or a few. Callers put no token, Authorization header or secret into it. */
function log(line: object): void {
  for (const text of toLogLines(line)) console.log(text);
}
