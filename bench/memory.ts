/**
 * Measures the directory's memory in workerd, beside the directory's own estimate:
 *
 *     node bench/memory.ts
 *
 * The estimates are in `weightOfKey` and `weightOf` of `src/keys/lookup/memory-weight.ts`, and bound what one
 * isolate remembers. V8 itself says how large its heap is after a collection.
 */

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import type { DirectoryStats } from '../src/keys/lookup/directory.ts';
import { bundleWorker } from './bundle.ts';

const things = [
  { kind: 'backend key', count: 100_000 },
  { kind: 'key with 1 origin', count: 100_000 },
  { kind: 'key with 5 origins', count: 25_000 },
  { kind: 'key with 500 origins', count: 400 },
  { kind: 'key with 2 resources', count: 10_000 },
  { kind: 'key with 100 resources', count: 200 },
  { kind: 'key from a long header', count: 1_000 },
  { kind: 'origin', count: 10_000 },
];

const configuration = `using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [(name = "main", worker = (
    modules = [(name = "worker.js", esModule = embed "worker.js")],
    compatibilityDate = "2026-10-01",
  ))],
  sockets = [(name = "http", address = "127.0.0.1:0", http = (), service = "main")],
  v8Flags = ["--expose-gc", "--trace-gc"],
);
`;

const folder = await mkdtemp(join(tmpdir(), 'edge-memory-'));
await bundleWorker(folder, 'bench/memory-worker.ts', '2026-10-01');
const source = await readFile(join(folder, 'memory-worker.js'), 'utf8');

console.log('| what | number | bytes each, measured | bytes each, estimated |');
console.log('|---|---:|---:|---:|');
for (const { kind, count } of things) await measure(kind, count);
await rm(folder, { recursive: true });

/** In a process of its own, so that nothing is left of what was measured before. */
async function measure(kind: string, count: number): Promise<void> {
  await writeFile(join(folder, 'config.capnp'), configuration);
  await writeFile(join(folder, 'worker.js'), source);
  const workerd = (createRequire(import.meta.url)('workerd') as { default: string }).default;
  const child = spawn(workerd, ['serve', '--control-fd=1', join(folder, 'config.capnp')], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  process.once('exit', () => child.kill());
  let output = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    output += text;
  });
  const url = `http://127.0.0.1:${await until(() => /"port":(\d+)/.exec(output)?.[1])}/`;
  const ask = async (query: Record<string, string>) => {
    const response = await fetch(`${url}?${new URLSearchParams(query)}`);
    return (await response.json()) as DirectoryStats;
  };
  const heapBytes = async () => {
    output = '';
    // The runtime writes what V8 says only when some 4 kB of it have come together.
    for (let time = 0; time < 60; time++) await ask({ collect: '' });
    await wait(100);
    const sizes = [...output.matchAll(/Mark-Compact .*? -> ([\d.]+) .*?testing/g)];
    return Number(sizes.at(-1)?.[1]) * 1024 * 1024;
  };

  await ask({ kind, count: '10' });
  const before = await heapBytes();
  const step = Math.min(count, 5_000);
  let stats = await ask({});
  for (let from = 10; from < count; from += step) {
    stats = await ask({ kind, count: String(step), from: String(from) });
  }
  const after = await heapBytes();
  child.kill();
  await once(child, 'exit');

  const remembered = stats.keys + stats.origins;
  const figures = [
    remembered,
    (after - before) / (remembered - 10),
    (stats.keyBytes + stats.originBytes) / remembered,
  ].map((figure) => Math.round(figure).toLocaleString('en'));
  console.log(`| ${kind} | ${figures.join(' | ')} |`);
}

async function until<Value>(found: () => Value | undefined): Promise<Value> {
  for (let attempt = 0; attempt < 500; attempt++) {
    const value = found();
    if (value !== undefined) return value;
    await wait(20);
  }
  throw new Error('Cannot measure: workerd did not say what was waited for');
}
