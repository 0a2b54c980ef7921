/**
 * The price of `OPEN_CONNECTIONS=end` for responses that are neither WebSockets nor event streams, which it
 * leaves alone: the processor time of workerd for such a request, against `OPEN_CONNECTIONS=native`.
 *
 *     node bench/open-connections.ts
 */

import { Agent, request } from 'node:http';
import prepareRun from '../test/support/node/prepare-run.ts';
import { type Edge, serveEdge } from '../test/support/node/serve-edge.ts';
import { reply } from '../test/support/node/upstream-answers.ts';
import { startUpstream } from '../test/support/node/upstream-server.ts';
import { cpuSecondsOf, workerdProcesses } from './processes.ts';

const REPETITIONS = 3;
const REQUESTS = 4_000;
const CONNECTIONS = 8;

const removeBundle = await prepareRun();
const upstream = await startUpstream(
  reply({ headers: [['Content-Type', 'application/json']], body: '{"ok":true}' }),
);
const end = await serve('end');
const native = await serve('native');
for (const { ask } of [end, native]) await ask(REQUESTS);

console.log('| repetition | end | native | ratio |\n|---|---|---|---|');
for (let repetition = 1; repetition <= REPETITIONS; repetition++) {
  // Alternating, so that what else the machine does falls on both.
  const took = { end: 0, native: 0 };
  for (let part = 0; part < 4; part++) {
    took.end += await end.ask(REQUESTS / 4);
    took.native += await native.ask(REQUESTS / 4);
  }
  const microseconds = (seconds: number) => ((seconds * 1e6) / REQUESTS).toFixed(0);
  const ratio = (took.end / took.native).toFixed(3);
  console.log(
    `| ${repetition} | ${microseconds(took.end)} us | ${microseconds(took.native)} us | ${ratio} |`,
  );
}
await Promise.all([end.edge.dispose(), native.edge.dispose(), upstream.dispose()]);
await removeBundle();

async function serve(openConnections: 'end' | 'native') {
  const before = await workerdProcesses();
  const edge = await serveEdge({
    upstreamUrl: upstream.url,
    vars: { OPEN_CONNECTIONS: openConnections },
  });
  const [workerd = 0] = (await workerdProcesses()).filter((pid) => !before.includes(pid));
  const { token } = await edge.createKey({ name: openConnections });
  const agent = new Agent({ keepAlive: true, maxSockets: CONNECTIONS });
  return {
    edge,
    /** Sends so many requests, and returns the processor time of workerd in seconds. */
    async ask(count: number): Promise<number> {
      const startSeconds = await cpuSecondsOf(workerd);
      const each = count / CONNECTIONS;
      await Promise.all(
        Array.from({ length: CONNECTIONS }, async () => {
          for (let sent = 0; sent < each; sent++) await get(edge, agent, token);
        }),
      );
      return (await cpuSecondsOf(workerd)) - startSeconds;
    },
  };
}

function get({ url }: Edge, agent: Agent, token: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const headers = { Authorization: `Bearer ${token}` };
    request(`${url}/api/x`, { agent, headers }, (incoming) => {
      if (incoming.statusCode !== 200) reject(new Error(`Answered ${incoming.statusCode}`));
      incoming.resume().once('end', resolve);
    })
      .once('error', reject)
      .end();
  });
}
