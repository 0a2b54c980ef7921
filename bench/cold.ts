/**
 * The cost of a cold isolate. Every sample is a new process, and so a new isolate: workerd starts,
 * evaluates the script and listens. It then answers one request, which finds nothing in memory.
 */

import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import type { LoadRequest } from './load.ts';
import { median } from './measure.ts';
import { EmbeddedFile, plainWorker, serveWorkerd, type WorkerdConfig } from './workerd.ts';

/** Times of cold isolates, in milliseconds. */
export type ColdTimes = {
  samples: number;
  /** From the first byte of the first request to the last of its response. */
  firstRequestMs: number;
  firstRequestWorstMs: number;
};

/** Starts a Worker so many times and asks it once each time. */
export async function measureCold(options: {
  folder: string;
  config: WorkerdConfig;
  request: LoadRequest | null;
  samples: number;
}): Promise<ColdTimes> {
  const firsts: number[] = [];
  for (let sample = 0; sample < options.samples; sample++) {
    const server = await serveWorkerd(options.folder, options.config);
    if (options.request !== null) firsts.push(await firstRequest(server.url, options.request));
    await server.dispose();
  }
  return {
    samples: options.samples,
    firstRequestMs: median(firsts),
    firstRequestWorstMs: Math.max(...firsts),
  };
}

/** Processor time at the start of a Worker. */
export type StartUp = {
  /** The time that evaluating the script takes, in milliseconds: without what an empty script takes. */
  evaluationMs: number;
  /** The time until workerd listens with the script, as a multiple of that with a Worker that only forwards. */
  ratio: number;
};

/**
 * Measures the start of workerd with a script and nothing else: no binding, and so none of the simulators of
 * D1 and KV, which are scripts as well and are not in a deployment.
 */
export async function measureStartUp(options: {
  folder: string;
  source: string;
  /** A Worker that only forwards. */
  forwarding: string;
  compatibilityDate: string;
  samples: number;
}): Promise<StartUp> {
  const { folder, compatibilityDate } = options;
  await mkdir(folder, { recursive: true });
  const sides = [];
  for (const [index, source] of [
    options.source,
    options.forwarding,
    'export default {};',
  ].entries()) {
    // As part of the configuration's text, a large script takes longer to parse there than it does as
    // a script, which is nothing that a deployed Worker pays.
    const name = `script-${index}.js`;
    await writeFile(join(folder, name), source);
    const config = plainWorker(new EmbeddedFile(name), compatibilityDate);
    sides.push({ config, usedMs: [] as number[] });
  }
  // In turns, because what a machine can do changes from minute to minute.
  for (let sample = 0; sample < options.samples; sample++) {
    for (const { config, usedMs } of sides) {
      const server = await serveWorkerd(folder, config);
      usedMs.push((await server.cpuSeconds()) * 1000);
      await server.dispose();
    }
  }
  const [edge = 0, forwarding = 0, empty = 0] = sides.map(({ usedMs }) => median(usedMs));
  return { evaluationMs: edge - empty, ratio: edge / forwarding };
}

async function firstRequest(url: string, request: LoadRequest): Promise<number> {
  const startedMs = performance.now();
  const response = await fetch(new URL(request.path, url), {
    method: request.method,
    headers: request.headers,
  });
  await response.arrayBuffer();
  const tookMs = performance.now() - startedMs;
  if (response.status !== request.status) {
    throw new Error(`Cannot measure a cold start: answered ${response.status}`);
  }
  return tookMs;
}
