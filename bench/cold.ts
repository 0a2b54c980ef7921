/**
 * The cost of a cold isolate. Every sample is a new process, and so a new isolate: workerd starts,
 * evaluates the script, listens, and answers one request, which finds nothing in memory.
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
  /** Processor time until the socket listens, with the script evaluated. */
  startCpuMs: number;
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
  const starts: number[] = [];
  const firsts: number[] = [];
  for (let sample = 0; sample < options.samples; sample++) {
    const server = await serveWorkerd(options.folder, options.config);
    starts.push((await server.cpuSeconds()) * 1000);
    if (options.request !== null) firsts.push(await firstRequest(server.url, options.request));
    await server.dispose();
  }
  return {
    samples: options.samples,
    startCpuMs: median(starts),
    firstRequestMs: median(firsts),
    firstRequestWorstMs: Math.max(...firsts),
  };
}

/**
 * Processor time that evaluating a script takes at start, in milliseconds: what a process with it
 * uses until it listens, without what one with an empty script uses.
 */
export async function measureStartUp(options: {
  folder: string;
  source: string;
  compatibilityDate: string;
  samples: number;
}): Promise<number> {
  const { folder, compatibilityDate } = options;
  await mkdir(folder, { recursive: true });
  const configs = [];
  for (const [index, source] of [options.source, 'export default {};'].entries()) {
    // As part of the configuration's text, a large script takes longer to parse there than it does as
    // a script, which is nothing that a deployed Worker pays.
    const name = `script-${index}.js`;
    await writeFile(join(folder, name), source);
    configs.push(plainWorker(new EmbeddedFile(name), compatibilityDate));
  }
  const used: number[][] = [[], []];
  // In turns, because what a machine can do changes from minute to minute.
  for (let sample = 0; sample < options.samples; sample++) {
    for (const [index, config] of configs.entries()) {
      const server = await serveWorkerd(folder, config);
      used[index]?.push((await server.cpuSeconds()) * 1000);
      await server.dispose();
    }
  }
  return median(used[0] ?? []) - median(used[1] ?? []);
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
