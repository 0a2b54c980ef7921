/**
 * The first request after a pause, with D1 far away: how long it waits for its key, with and without keeping
 * warm. All isolates run in one workerd, on one D1 whose every answer is delayed, and share no polls.
 */

import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { setTimeout as pause } from 'node:timers/promises';
import { freePort } from '../test/support/node/ports.ts';
import { type EdgeKeys, prepareEdge } from './edge.ts';
import { median } from './measure.ts';
import { mainService } from './prepare.ts';
import { listedOrigin } from './rows.ts';
import { serveWorkerd, type WorkerdConfig } from './workerd.ts';

/** First requests after a pause, of isolates with one setting. */
export type IdleTimes = {
  keepWarmSeconds: number;
  pauseSeconds: number;
  medianMs: number;
  worstMs: number;
  /** How many requests found their key where, as `Server-Timing` reports. */
  sources: Record<string, number>;
};

/** How long D1 takes to answer, beside its own work. */
export const D1_DELAY_MS = 250;

const isolates = 10;
/** How long after one isolate the next is asked. */
const APART_MS = 1_500;
/** Every isolate is asked once at the start, and once after each of these. */
const pausesSeconds = [20, 60];
const keepWarmSettings = [0, 25];

/** Measures all settings and pauses in the same minutes. */
export async function measureIdle(options: {
  root: string;
  folder: string;
  bundleFolder: string;
  upstreamUrl: string;
}): Promise<IdleTimes[]> {
  const measured = [];
  for (const keepWarmSeconds of keepWarmSettings) {
    const folder = join(options.folder, `idle-${keepWarmSeconds}`);
    const { config, keys } = await prepareEdge({
      ...options,
      folder,
      vars: { KEEP_WARM_SECONDS: String(keepWarmSeconds), SERVER_TIMING: 'true' },
      rotatingKeys: 0,
      registeredOrigins: 0,
    });
    const ports = await Promise.all(Array.from({ length: isolates }, freePort));
    const server = await serveWorkerd(`${folder}-workerd`, copiesOf(withSlowD1(config), ports));
    measured.push({ keepWarmSeconds, keys, ports, server });
  }
  const times = await Promise.all(
    measured.map(async ({ keepWarmSeconds, keys, ports }) =>
      timesOf(
        keepWarmSeconds,
        await Promise.all(
          ports.map(async (port, index) => {
            // One after the other, because D1's simulator answers one at a time.
            await pause(index * APART_MS);
            return askAfterPauses(port, keys);
          }),
        ),
      ),
    ),
  );
  for (const { server } of measured) await server.dispose();
  return times.flat();
}

/** One line for each pause and setting. */
export function idleLines(times: readonly IdleTimes[]): string[] {
  return times.map(({ keepWarmSeconds, pauseSeconds, medianMs, worstMs, sources }) => {
    const found = Object.entries(sources).map(([source, count]) => `${count} in ${source}`);
    return `- first request after ${pauseSeconds} s, D1 ${D1_DELAY_MS} ms away, KEEP_WARM_SECONDS=${keepWarmSeconds}: median ${medianMs.toFixed(1)} ms, worst ${worstMs.toFixed(1)} ms; keys found: ${found.join(', ')}`;
  });
}

type Asked = { pauseSeconds: number; tookMs: number; source: string };

async function askAfterPauses(port: number, keys: EdgeKeys): Promise<Asked[]> {
  // On a busy machine, the first answer of a cold D1 may come too late.
  for (let attempts = 1; ; attempts++) {
    const isAnswered = await ask(port, keys).then(
      () => true,
      () => false,
    );
    if (isAnswered) break;
    if (attempts === 10) throw new Error('Cannot measure a pause: D1 does not answer');
    await pause(5_000);
  }
  const asked: Asked[] = [];
  for (const pauseSeconds of pausesSeconds) {
    await pause(pauseSeconds * 1000);
    asked.push({ pauseSeconds, ...(await ask(port, keys)) });
  }
  return asked;
}

async function ask(port: number, keys: EdgeKeys): Promise<{ tookMs: number; source: string }> {
  const startedMs = performance.now();
  const response = await fetch(`http://127.0.0.1:${port}/api/stream/f5eese9wwl88k4g8`, {
    headers: { Authorization: `Bearer ${keys.restricted}`, Origin: listedOrigin },
  });
  await response.arrayBuffer();
  const tookMs = performance.now() - startedMs;
  if (response.status !== 200) throw new Error(`Cannot measure a pause: ${response.status}`);
  const timing = response.headers.get('server-timing') ?? '';
  return { tookMs, source: /desc="(\w+)"/.exec(timing)?.[1] ?? 'unknown' };
}

function timesOf(keepWarmSeconds: number, asked: readonly Asked[][]): IdleTimes[] {
  return pausesSeconds.map((pauseSeconds) => {
    const found = asked.flat().filter((one) => one.pauseSeconds === pauseSeconds);
    const sources: Record<string, number> = {};
    for (const { source } of found) sources[source] = (sources[source] ?? 0) + 1;
    const tookMs = found.map((one) => one.tookMs);
    const worstMs = Math.max(...tookMs);
    return { keepWarmSeconds, pauseSeconds, medianMs: median(tookMs), worstMs, sources };
  });
}

type Service = WorkerdConfig['services'][number];

/** The same configuration with a Worker before D1 that waits. */
function withSlowD1(config: WorkerdConfig): WorkerdConfig {
  const slow: Service[] = [];
  const services = config.services.map((service) =>
    service.name === mainService
      ? (JSON.parse(JSON.stringify(service), (member, value) => {
          if (member !== 'service' || !String(value?.name).startsWith('d1:')) return value;
          const name = `slow-${slow.length}`;
          slow.push(slowService(name, value));
          return { name };
        }) as Service)
      : service,
  );
  if (slow.length === 0) throw new Error('Cannot find the service of D1 in the configuration');
  return { ...config, services: [...services, ...slow] };
}

function slowService(name: string, store: unknown): Service {
  const source = `export default {
    async fetch(request, env) {
      await scheduler.wait(${D1_DELAY_MS});
      return env.STORE.fetch(request);
    },
  };`;
  return {
    name,
    worker: {
      modules: [{ name: 'index.js', esModule: source }],
      compatibilityDate: '2026-10-01',
      bindings: [{ name: 'STORE', service: store }],
    },
  };
}

/** As many isolates of the Worker, each with a port. Their versions differ, so they share no polls. */
function copiesOf(config: WorkerdConfig, ports: readonly number[]): WorkerdConfig {
  const main = config.services.find(({ name }) => name === mainService);
  if (main === undefined) throw new Error('Cannot find the Worker in the configuration');
  const copies = ports.map((_, index): Service => {
    const worker = structuredClone(main['worker']) as { bindings: Record<string, unknown>[] };
    for (const binding of worker.bindings) {
      if (binding['name'] !== 'CF_VERSION_METADATA') continue;
      binding['json'] = JSON.stringify({ id: `isolate-${index}`, tag: '', timestamp: '' });
    }
    return { ...main, name: `isolate-${index}`, worker };
  });
  const sockets = ports.map((port, index) => ({
    name: `isolate-${index}`,
    address: `127.0.0.1:${port}`,
    service: { name: `isolate-${index}` },
    http: {},
  }));
  return {
    ...config,
    services: [...config.services, ...copies],
    sockets: [...config.sockets, ...sockets],
  };
}
