/**
 * The edge as the events of a Worker: `fetch`, `queue` and `scheduled`. The one place that catches failures,
 * which `failures.ts` answers.
 *
 * This is the library: `index.ts` deploys it as it is, and other Workers put it in front of their own
 * routes (docs/library.md). It fails closed and never calls `passThroughOnException`, which would
 * forward requests that were not authorised.
 */

import { ConfigurationError } from './config/configuration-error.ts';
import type { Env } from './config/env.ts';
import { readConfig } from './config/read-config.ts';
import { buildIsolate, type Isolate } from './isolate.ts';
import {
  type Upstream,
  type UpstreamContext,
  upstreamFor,
  upstreamProblems,
  withUpstreamUrl,
} from './upstream-option.ts';

export type { Upstream, UpstreamContext };

/** The options of an edge. `Bindings` is what the runtime passes to the Worker. */
export interface AuthorizerOptions<Bindings = Env> {
  /** Default: the URL in `UPSTREAM_URL`. */
  readonly upstream?: Upstream<Bindings>;
  /**
   * Finds the bindings and settings of the edge if the Worker has them under other names. Called once
   * per isolate. Default: they are the Worker's own.
   */
  readonly env?: (bindings: Bindings) => Env;
}

/** Handlers for a Worker's events. */
export interface Authorizer<Bindings = Env> {
  /**
   * Answers a request. Never rejects. A broken configuration is logged, all problems at once, and
   * answered with 503. Pass the `request` as it was received: a copy has a normalised URL.
   */
  readonly fetch: (
    request: Request,
    bindings: Bindings,
    ctx: Pick<ExecutionContext, 'waitUntil'> & Partial<Pick<ExecutionContext, 'props'>>,
  ) => Promise<Response>;
  /** Merges usage into D1. For the queue that is bound as `USAGE`, and no other. */
  readonly queue: (batch: MessageBatch, bindings: Bindings) => Promise<void>;
  /**
   * Repeats failed writes to KV and deletes expired data. For a cron trigger once a minute. Rejects when
   * a part of it failed, after the others are done.
   */
  readonly scheduled: (controller: unknown, bindings: Bindings) => Promise<void>;
}

/**
 * Creates an edge. Create one where the module is loaded: it holds the memory of the isolate. Never
 * throws; problems with the options are reported with the rest of the configuration.
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

  // Without `env`, the overloads have made sure that the bindings are the edge's.
  const envOf = (bindings: Bindings) =>
    withUpstreamUrl(options.env ? options.env(bindings) : (bindings as Env), options.upstream);

  /** Returns the parts of this isolate; `null` before its first event. */
  function builtFor(bindings: Bindings): Isolate | null {
    // The runtime passes the same bindings to every event of an isolate; only tests change them.
    return built?.bindings === bindings ? built.isolate : null;
  }

  /** Builds the parts of this isolate, on its first event. Rejects on a broken configuration. */
  async function buildFor(bindings: Bindings): Promise<Isolate> {
    const env = envOf(bindings);
    const result = await readConfig(env);
    const problems = [...upstreamProblems(options), ...(result.ok ? [] : result.problems)];
    if (!result.ok || problems.length > 0) throw new ConfigurationError(problems);
    // Another event may have built them meanwhile. An isolate has one memory.
    if (built?.bindings !== bindings) {
      built = { bindings, isolate: buildIsolate(env, result.config) };
    }
    return built.isolate;
  }

  const isolateFor = async (bindings: Bindings) => builtFor(bindings) ?? buildFor(bindings);

  return {
    async fetch(request, bindings, ctx) {
      try {
        const { app } = builtFor(bindings) ?? (await buildFor(bindings));
        const upstream = upstreamFor(options.upstream, request, bindings, ctx);
        return await app.fetch(request, (work) => ctx.waitUntil(work), upstream);
      } catch (error) {
        const { answerFailure } = await loadFailures();
        return await answerFailure(request, error, () => envOf(bindings).DB);
      }
    },

    async queue(batch, bindings) {
      const { consumeQueue } = await loadBackground();
      await consumeQueue(batch, { db: envOf(bindings).DB, isolate: () => isolateFor(bindings) });
    },

    async scheduled(_controller, bindings) {
      const { runScheduled } = await loadBackground();
      await runScheduled(await isolateFor(bindings), Date.now());
    },
  };
}

/** Loads the answers to failures, so that an isolate without one starts faster. */
const loadFailures = () => import('./failures.ts');

/** Loads the work of other events than requests, so that an isolate that serves requests starts faster. */
const loadBackground = () => import('./background.ts');
