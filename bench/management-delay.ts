/**
 * How long the largest requests to management hold up a gateway request in the same isolate: a probe
 * asks the gateway all the time, and its slowest answer beside each request is what counts.
 *
 *     node bench/management-delay.ts
 */

import buildBundle from '../test/support/node/build-bundle.ts';
import { serveEdge } from '../test/support/node/serve-edge.ts';
import { reply } from '../test/support/node/upstream-answers.ts';
import { startUpstream } from '../test/support/node/upstream-server.ts';

const removeBundle = await buildBundle();
const upstream = await startUpstream(reply({ body: 'ok' }));
const edge = await serveEdge({ upstreamUrl: upstream.url, isolates: 1 });
const [port = 0] = edge.ports;

const many = <Item>(count: number, item: (index: number) => Item) =>
  Array.from({ length: count }, (_, index) => item(index));
const access = (allowedOrigins: readonly unknown[]) => ({ cors: { allowedOrigins } });
const hex = (index: number) => index.toString(16).padStart(12, '0');
const idn = (index: number) => `https://${'ü'.repeat(25)}${index}.${'ö'.repeat(20)}.example`;
const rules = (count: number, resource: (index: number) => string) =>
  many(Math.ceil(count / 100), (rule) => ({
    methods: ['get'],
    resources: many(Math.min(100, count - rule * 100), (index) => resource(rule * 100 + index)),
  }));
const unknown = (count: number) => Object.fromEntries(many(count, (index) => [`x${index}`, 0]));

const create = (more: object) => ['/keys', { name: 'a', ...more }] as const;
const importOf = (count: number, more: (index: number) => object) =>
  [
    '/keys/import',
    { keys: many(count, (index) => ({ name: `k${index}`, ...more(index) })) },
  ] as const;

const loads: Readonly<Record<string, readonly [path: string, body: unknown]>> = {
  'nothing (the probe alone)': ['/explain', {}],
  'create: 3,700 unknown fields, 500 bad origins': create({
    access: access(many(500, (index) => `nonsense ${index}`)),
    ...unknown(3_700),
  }),
  'create: 500 bad origins of 120 characters': create({
    access: access(many(500, (index) => `https://${'\u0001 x'.repeat(36)}${index}`)),
  }),
  'create: 500 good IDN origins': create({ access: access(many(400, idn)) }),
  'create: 500 good wildcards': create({
    access: access(many(500, (index) => `https://*.a${index}.${'b.'.repeat(40)}example.com`)),
  }),
  'create: 5,000 bad paths': create({
    access: { rules: rules(5_000, (index) => `x${index}`) },
  }),
  'create: 60 kB of good paths': create({
    access: { rules: rules(3_000, (index) => `/api/${hex(index)}`) },
  }),
  'import: 1,000 bad rows': importOf(1_000, () => ({ token: 'x', access: access(['nonsense']) })),
  'import: 1,000 rows of 140 empty origins': importOf(1_000, (index) => ({
    token: `legacy-token-${index}`,
    access: access(many(280, () => '')),
  })),
  'import: 15 rows of 500 bad origins': importOf(15, (index) => ({
    token: `legacy-token-${index}`,
    access: access(many(500, (at) => `https://${'\u00e9'.repeat(30)}..${at}`)),
  })),
  'import: 1,000 good rows of 1 kB': importOf(1_000, (index) => ({
    token: `legacy-token-${index}-${'x'.repeat(200)}`,
    access: access(many(12, (at) => `https://${hex(index)}-${at}.customers.example.com`)),
  })),
};

const key = await edge.createKey({ name: 'probe' });

async function probe(isOver: () => boolean): Promise<readonly number[]> {
  const took: number[] = [];
  while (!isOver()) {
    const startMs = performance.now();
    const response = await fetch(`http://127.0.0.1:${port}/api/x`, {
      headers: { Authorization: `Bearer ${key.token}` },
    });
    await response.text();
    took.push(performance.now() - startMs);
  }
  return took.sort((left, right) => left - right);
}

for (const [name, [path, body]] of Object.entries(loads)) {
  const text = JSON.stringify(body);
  const results: string[] = [];
  for (let round = 0; round < 3; round++) {
    let isOver = false;
    const probing = probe(() => isOver);
    const startMs = performance.now();
    const response = await fetch(`http://127.0.0.1:${port}/_edge/v1${path}`, {
      method: 'POST',
      headers: { Authorization: `Bearer ${edge.adminToken}`, 'Content-Type': 'application/json' },
      body: text,
    });
    const answer = await response.text();
    const tookMs = performance.now() - startMs;
    isOver = true;
    const took = await probing;
    results.push(
      `${response.status} in ${tookMs.toFixed(0)} ms (${answer.length} chars), probe max ${took.at(-1)?.toFixed(0)}, median ${took[took.length >> 1]?.toFixed(1)} of ${took.length}`,
    );
  }
  console.log(`${name}, ${text.length} chars:\n  ${results.join('\n  ')}`);
}
await Promise.all([edge.dispose(), upstream.dispose()]);
await removeBundle();
