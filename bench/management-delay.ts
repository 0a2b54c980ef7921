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
import { largestRequests } from './largest-requests.ts';

const removeBundle = await buildBundle();
const upstream = await startUpstream(reply({ body: 'ok' }));
const edge = await serveEdge({ upstreamUrl: upstream.url, isolates: 1 });
const [port = 0] = edge.ports;

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

for (const [name, [method, path, body]] of Object.entries(largestRequests)) {
  const text = JSON.stringify(body);
  const results: string[] = [];
  for (let round = 0; round < 3; round++) {
    let isOver = false;
    const probing = probe(() => isOver);
    const startMs = performance.now();
    const response = await fetch(
      `http://127.0.0.1:${port}/_edge/v1${path.replace('{id}', key.id)}`,
      {
        method,
        headers: { Authorization: `Bearer ${edge.adminToken}`, 'Content-Type': 'application/json' },
        ...(method === 'GET' ? {} : { body: text }),
      },
    );
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
