/** Starts the example upstream, the edge and the example page, in order, and ends them together. */

import { setTimeout as sleep } from 'node:timers/promises';
import { type ServedBackend, serveBackend } from '../client-tokens/server.ts';
import { ensureAdminToken } from './admin-token.ts';
import type { Child } from './child.ts';
import { configurationErrorIn } from './configuration.ts';
import { type DevKeys, ensureDevKeys, type PageOrigins } from './keys.ts';
import type { DevLog } from './log.ts';
import { ignoredManageHost } from './manage-host.ts';
import { type DevOptions, HOST } from './options.ts';
import { bundlePageScript } from './page-script.ts';
import { servePage } from './page-server.ts';
import { assertPortsAreFree } from './ports.ts';
import { type ChosenUpstream, chooseUpstream } from './upstream.ts';
import { warningsOf } from './warnings.ts';
import { migrate, startEdge, startUpstream } from './wrangler.ts';

export interface DevSession {
  options: DevOptions;
  edgeUrl: string;
  upstream: ChosenUpstream;
  /** `null` in front of an API of the user's own, which the example page does not know. */
  pageUrl: string | null;
  /** The example with client tokens; `null` like `pageUrl`. */
  tokensPageUrl: string | null;
  adminToken: string;
  keys: DevKeys;
  /** The origins that the keys list. */
  pageOrigins: PageOrigins;
  /** The `MANAGE_HOST` that is set and not used; `null` if none is. */
  ignoredManageHost: string | null;
  /**
   * Resolves when everything has ended because the stop signal was aborted. Rejects, also after
   * everything has ended, when a process ended that should not have.
   */
  ended: Promise<void>;
}

const READY_TIMEOUT_MS = 60 * 1000;
const READY_POLL_MS = 100;
const ANSWER_TIMEOUT_MS = 5 * 1000;

/**
 * Returns when all of it answers and the keys are there. Aborting `stopSignal` ends it, at any time.
 *
 * Rejects if a port is busy, a process ends, the edge does not get ready or refuses to make keys,
 * or the signal is aborted before it is ready. Nothing is left running then.
 */
export async function startDev(
  options: DevOptions,
  log: DevLog,
  stopSignal: AbortSignal,
): Promise<DevSession> {
  const upstream = await chooseUpstream(options);
  const isExample = upstream.source === 'example';
  await assertPortsAreFree(
    options,
    isExample ? ['edgePort', 'upstreamPort', 'pagePort', 'tokensPagePort'] : ['edgePort'],
  );
  for (const line of await warningsOf(upstream)) log.warn(line);
  const adminToken = await ensureAdminToken(options.devVarsFile);
  const edgeUrl = `http://${HOST}:${options.edgePort}`;

  const cleanups: (() => Promise<void>)[] = [];
  const stopEverything = async () => {
    await Promise.all(cleanups.map((cleanup) => cleanup()));
  };
  const tracked = (child: Child): Child => {
    cleanups.push(child.stop);
    return child;
  };

  try {
    const children = isExample ? [tracked(startUpstream(options, log.line))] : [];
    // D1 first: the edge's runtime must not have the database open meanwhile.
    const migration = migrate(options);
    const { code } = await Promise.race([
      tracked(migration.child).exited,
      rejectedWhenAborted(stopSignal),
    ]);
    if (code !== 0) throw new Error(`Cannot migrate D1:\n${migration.output.join('\n')}`);
    const broken = Promise.withResolvers<never>();
    // Once the edge is ready, nothing waits for a rejection.
    broken.promise.catch(() => undefined);
    const onEdgeLine = (name: string, line: string) => {
      log.line(name, line);
      const error = configurationErrorIn(line);
      if (error !== null) broken.reject(error);
    };
    const edge = tracked(startEdge(options, upstream, onEdgeLine));
    for (const child of children) await answers(`${upstream.url}/echo`, child, stopSignal);
    const ready = answers(`${edgeUrl}/_edge/health/ready`, edge, stopSignal);
    await Promise.race([ready, broken.promise]);

    const pageOrigins = isExample
      ? { page: originsOf(options.pagePort), tokensPage: originsOf(options.tokensPagePort) }
      : { page: originsOf('*'), tokensPage: originsOf('*') };
    const keys = await ensureDevKeys(options.keysFile, { edgeUrl, adminToken }, pageOrigins);
    const page = isExample
      ? await servePage(options.pagePort, {
          edgeUrl,
          restrictedToken: keys.restricted.token,
          backendToken: keys.backend.token,
        })
      : null;
    if (page !== null) cleanups.push(page.close);
    const tokensPage = isExample ? await serveTokensPage(options, edgeUrl, keys) : null;
    if (tokensPage !== null) cleanups.push(tokensPage.close);

    const ended = untilStopped([...children, edge], stopSignal).finally(stopEverything);
    return {
      options,
      edgeUrl,
      upstream,
      pageUrl: page?.url ?? null,
      tokensPageUrl: tokensPage?.url ?? null,
      adminToken,
      keys,
      pageOrigins,
      ignoredManageHost: await ignoredManageHost(options.devVarsFile),
      ended,
    };
  } catch (error) {
    await stopEverything();
    throw error;
  }
}

function originsOf(port: number | '*'): string[] {
  return [`http://localhost:${port}`, `http://${HOST}:${port}`];
}

async function serveTokensPage(
  options: DevOptions,
  edgeUrl: string,
  keys: DevKeys,
): Promise<ServedBackend> {
  const script = await bundlePageScript('examples/client-tokens/page/page.ts');
  const apiKey = keys.clientTokens.token;
  return serveBackend(options.tokensPagePort, { edgeUrl, apiKey, script });
}

/** Waits until a GET is answered with 200. Rejects when the process ends, or after a minute. */
async function answers(url: string, child: Child, stopSignal: AbortSignal): Promise<void> {
  const died = child.exited.then(({ how }): never => {
    throw diedError(child, how);
  });
  const gaveUp = Promise.race([died, rejectedWhenAborted(stopSignal)]);
  const deadline = performance.now() + READY_TIMEOUT_MS;
  let lastAnswer = 'none';
  while (performance.now() < deadline) {
    lastAnswer = await Promise.race([answerOf(url), gaveUp]);
    if (lastAnswer.startsWith('200 ')) return;
    await sleep(READY_POLL_MS);
  }
  throw new Error(
    `Cannot start the ${child.name}: ${url} did not answer 200 within ${READY_TIMEOUT_MS / 1000} s (last answer: ${lastAnswer})`,
  );
}

/** Returns the status and the body in one line, `none` without an answer. */
async function answerOf(url: string): Promise<string> {
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(ANSWER_TIMEOUT_MS) });
    return `${response.status} ${await response.text()}`;
  } catch {
    return 'none';
  }
}

/** Resolves when stopping is wanted; rejects when one of the processes ends before that. */
async function untilStopped(children: Child[], stopSignal: AbortSignal): Promise<void> {
  const aBreakdown = Promise.race(
    children.map(async (child) => diedError(child, (await child.exited).how)),
  );
  const failure = await Promise.race([aBreakdown, whenAborted(stopSignal)]);
  if (failure !== undefined && !stopSignal.aborted) throw failure;
}

function diedError(child: Child, how: string): Error {
  return new Error(`The ${child.name} process ended unexpectedly (${how}), so everything stops`);
}

async function rejectedWhenAborted(stopSignal: AbortSignal): Promise<never> {
  await whenAborted(stopSignal);
  throw stopSignal.reason;
}

function whenAborted(stopSignal: AbortSignal): Promise<undefined> {
  if (stopSignal.aborted) return Promise.resolve(undefined);
  const { promise, resolve } = Promise.withResolvers<undefined>();
  stopSignal.addEventListener('abort', () => resolve(undefined), { once: true });
  return promise;
}
