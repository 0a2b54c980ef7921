/**
 * The edge as the events of a Worker: `fetch`, `queue` and `scheduled`. The one place that answers for
 * failures.
 *
 * This is the library: `index.ts` deploys it as it is, and other Workers put it in front of their own
 * routes (docs/library.md). It fails closed and never calls `passThroughOnException`, which would
 * forward requests that were not authorised.
 */

import type { ConfigProblem } from './config/config.ts';
import type { Env } from './config/env.ts';
import { readConfig } from './config/read-config.ts';
import { isPagePath } from './core/isolation/own-paths.ts';
import { isOwnTarget, readTarget } from './core/routes/request-target.ts';
import { failureResponse } from './gateway/refuse.ts';
import { isNavigation } from './gateway/transport.ts';
import { serveLiveness } from './health/status.ts';
import { buildIsolate, type Isolate } from './isolate.ts';
import { isSchemaMissing } from './keys/stores/schema-check.ts';
import { log } from './runtime.ts';
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

  /** Returns the parts of this isolate, built on its first event. Throws on a broken configuration. */
  function isolateFor(bindings: Bindings): Isolate {
    // The runtime passes the same bindings to every event of an isolate; only tests change them.
    if (built?.bindings === bindings) return built.isolate;
    const env = envOf(bindings);
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
        const upstream = upstreamFor(options.upstream, request, bindings, ctx);
        return await app.fetch(request, (work) => ctx.waitUntil(work), upstream);
      } catch (error) {
        return await answerFailure(request, error, () => envOf(bindings).DB);
      }
    },

    async queue(batch, bindings) {
      const { consumeQueue } = await loadBackground();
      await consumeQueue(batch, { db: envOf(bindings).DB, isolate: () => isolateFor(bindings) });
    },

    async scheduled(_controller, bindings) {
      const { runScheduled } = await loadBackground();
      await runScheduled(isolateFor(bindings), Date.now());
    },
  };
}

/** Loads what explains a problem to people when it is shown. */
const loadSetup = () => import('./health/setup.ts');

/** Loads the work of other events than requests, so that an isolate that serves requests starts faster. */
const loadBackground = () => import('./background.ts');

class ConfigurationError extends Error {
  override readonly name = 'ConfigurationError';
  readonly problems: readonly ConfigProblem[];
  constructor(problems: readonly ConfigProblem[]) {
    super('Cannot start: the configuration has problems');
    this.problems = problems;
  }
}

async function answerFailure(
  request: Request,
  error: unknown,
  db: () => D1Database,
): Promise<Response> {
  const requestId = crypto.randomUUID();
  if (error instanceof ConfigurationError) return answerUnconfigured(request, requestId, error);
  const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
  log({ event: 'failed', requestId, error: text });
  if (await isSchemaMissing(db, error)) {
    const { schemaMissing, setupResponse } = await loadSetup();
    return setupResponse(request, requestId, schemaMissing);
  }
  return showToPeople(request, failureResponse(request, requestId, 'internal_error'));
}

/**
 * A failure under our own prefix as a page, for people who navigate there. Any other path may be a public
 * route, whose readers get the same answer whether or not a browser navigates to it.
 */
async function showToPeople(request: Request, response: Response): Promise<Response> {
  const target = readTarget(request.url);
  const { path, isPlain } = target;
  const isPage = isPlain && isOwnTarget(target) && isPagePath(path);
  if (!isPage || !isNavigation(request)) return response;
  const { asPage } = await import('./problem-page.ts');
  const shown = await asPage(response, { links: [{ href: path, label: 'Try again' }] });
  return request.method === 'HEAD' ? new Response(null, shown) : shown;
}

async function answerUnconfigured(
  request: Request,
  requestId: string,
  { problems, message }: ConfigurationError,
): Promise<Response> {
  // The Worker runs, whatever its configuration; an uptime check that restarts it would not help.
  const { path, isPlain } = readTarget(request.url);
  const live = isPlain ? serveLiveness(request, requestId, path) : null;
  if (live !== null) return live;
  log({ event: 'configuration_broken', requestId, error: message, problems });
  const required = problems.filter(({ reason }) => isAbsent(reason)).map(({ name }) => name);
  const missing = required.filter((name) => requiredNames.has(name));
  if (missing.length === 0) {
    return showToPeople(request, failureResponse(request, requestId, 'unavailable'));
  }
  const { notConfigured, setupResponse } = await loadSetup();
  const problem = notConfigured(missing);
  // Everywhere else, a page may have sent the request, and reads the answer by its CORS headers.
  const isFirstLook = path === '/' || path.startsWith('/_edge');
  return isFirstLook
    ? setupResponse(request, requestId, problem)
    : failureResponse(request, requestId, 'not_configured', problem.detail);
}

/** The settings and bindings that no deployment can do without. */
const requiredNames = new Set(['UPSTREAM_URL', 'DB', 'KEYS']);

function isAbsent(reason: string): boolean {
  return reason === 'it is missing' || reason === 'the binding is missing';
}
