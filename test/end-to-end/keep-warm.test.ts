/**
 * Keeping warm by the real clock, on bare workerd. After a pause, a request finds its key in memory if the
 * isolate polled meanwhile, and otherwise waits for D1. `Server-Timing` reports which.
 */

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { request } from '../support/node/raw-http.ts';
import { type CreatedKey, type Edge, serveEdge } from '../support/node/serve-edge.ts';
import { reply } from '../support/node/upstream-answers.ts';
import { startUpstream, type Upstream } from '../support/node/upstream-server.ts';

const MAX_STALENESS_MS = 3_000;
const KEEP_WARM_MS = 8_000;
/** How late a timer may ring on a busy machine. */
const LATE_MS = 1_500;

describe('keeping warm', { concurrent: true }, () => {
  let upstream: Upstream;
  let edge: Edge;
  let key: CreatedKey;
  beforeAll(async () => {
    upstream = await startUpstream(reply({ body: 'let in' }));
    edge = await serveEdge({
      upstreamUrl: upstream.url,
      isolates: 5,
      vars: {
        FEED_REFRESH_SECONDS: '1',
        MAX_STALENESS_SECONDS: String(MAX_STALENESS_MS / 1000),
        KEEP_WARM_SECONDS: String(KEEP_WARM_MS / 1000),
        SERVER_TIMING: 'true',
      },
    });
    key = await edge.createKey({ name: 'backend' });
  });
  afterAll(() => Promise.all([edge.dispose(), upstream.dispose()]));

  const send = (isolate: number, ...headers: [string, string][]) =>
    request(edge.ports[isolate] as number, {
      target: '/api/stream',
      headers: [['Authorization', `Bearer ${key.token}`], ...headers],
    });

  /** Returns the source of a request's key. The first isolate is the one that management runs in. */
  async function ask(isolate: number): Promise<string | undefined> {
    const response = await send(isolate);
    expect(response.status).toBe(200);
    const timing = response.headers.find(([name]) => /^server-timing$/i.test(name));
    return /desc="(\w+)"/.exec(timing?.[1] ?? '')?.[1];
  }

  test('spares the next request the wait for longer than a lease lasts', async () => {
    await ask(1);
    await pause(KEEP_WARM_MS - LATE_MS);
    expect(await ask(1)).toBe('memory');
  });

  test('ends, so that a request long after it waits for D1', async () => {
    await ask(2);
    await pause(KEEP_WARM_MS + MAX_STALENESS_MS + 2 * LATE_MS);
    expect(await ask(2)).toBe('d1');
  });

  test('continues from the next allowed request, which takes the loop over', async () => {
    await ask(3);
    await pause(KEEP_WARM_MS - 2 * LATE_MS);
    await ask(3);
    // The first loop and its last lease are over.
    await pause(KEEP_WARM_MS - LATE_MS);
    expect(await ask(3)).toBe('memory');
  });

  test('does not start after a request that is refused', async () => {
    const refused = await send(4, ['Origin', 'https://a.example']);
    expect(refused.status).toBe(403);
    await pause(MAX_STALENESS_MS + LATE_MS);
    expect(await ask(4)).toBe('d1');
  });
});

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
