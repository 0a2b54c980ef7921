/** Quotas under load, through the production bundle: several isolates, the real Queue and its consumer. */

import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { request } from '../support/node/raw-http.ts';
import { type CreatedKey, type Edge, serveEdge } from '../support/node/serve-edge.ts';
import { startUpstream, type Upstream } from '../support/node/upstream-server.ts';

const QUOTA = 100;
/** Between the requests of a client. Each isolate still gets many within the bound. */
const PAUSE_MS = 50;
const STALENESS_MS = 2 * 1000;
/** Flush, Queue and staleness, in this deployment. */
const BOUND_MS = (1 + 5) * 1000 + STALENESS_MS;
/** The time that a loaded machine may take beside them. */
const SLACK_MS = 30_000;

let upstream: Upstream;
let edge: Edge;
beforeAll(async () => {
  upstream = await startUpstream();
  edge = await serveEdge({
    upstreamUrl: upstream.url,
    isolates: 3,
    vars: { USAGE_FLUSH_SECONDS: '1', MAX_STALENESS_SECONDS: '2' },
  });
});
afterAll(() => Promise.all([edge?.dispose(), upstream?.dispose()]));

async function statusOf({ token }: CreatedKey, port: number): Promise<number> {
  const headers: [string, string][] = [['Authorization', `Bearer ${token}`]];
  return (await request(port, { target: '/echo', headers })).status;
}

/** Resolves to a time at which D1 holds that a key has used up its quota. */
async function whenMarked({ id }: CreatedKey): Promise<number> {
  const db = await edge.db();
  const statement = db.prepare('SELECT quota_renews_at_ms FROM keys WHERE id = ?').bind(id);
  return vi.waitFor(
    async () => {
      expect(await statement.first('quota_renews_at_ms')).not.toBeNull();
      return Date.now();
    },
    { timeout: BOUND_MS + SLACK_MS, interval: 50 },
  );
}

test('a quota is overshot for its bound at most, in every isolate', {
  timeout: 120_000,
}, async () => {
  const key = await edge.createKey({ name: 'n', quota: { requests: QUOTA, period: 'day' } });
  const allowedAtMs: number[] = [];
  /** When each allowed request was sent. */
  const sentAtMs: number[] = [];
  const stopped = new Set<number>();
  const marked = whenMarked(key);
  // Each isolate gets one request after the other, until it refuses.
  await Promise.all(
    edge.ports.map(async (port) => {
      while (!stopped.has(port)) {
        const startedMs = Date.now();
        const status = await statusOf(key, port);
        if (status === 200) {
          allowedAtMs.push(Date.now());
          sentAtMs.push(startedMs);
        } else {
          expect(status).toBe(429);
          stopped.add(port);
        }
        await pause(PAUSE_MS);
        const reachedMs = allowedAtMs[QUOTA - 1] ?? Number.POSITIVE_INFINITY;
        expect(Date.now() - reachedMs).toBeLessThan(BOUND_MS + SLACK_MS);
      }
    }),
  );
  // Not before it was used up, and once it is, no isolate allows another request.
  expect(allowedAtMs.length).toBeGreaterThanOrEqual(QUOTA);
  for (const port of edge.ports) expect(await statusOf(key, port)).toBe(429);
  // However slow the machine is: no isolate allows what was sent later than the bound of a change.
  // Clocks round to milliseconds.
  const latestMs = (await marked) + STALENESS_MS + 10;
  expect(sentAtMs.filter((sentMs) => sentMs > latestMs)).toEqual([]);
  const reachedMs = allowedAtMs[QUOTA - 1] ?? 0;
  const overshootMs = (allowedAtMs.at(-1) ?? 0) - reachedMs;
  console.log(`${allowedAtMs.length - QUOTA} requests in ${overshootMs} ms beyond the quota`);
});
