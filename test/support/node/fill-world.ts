/**
 * A deployment as it looks after some weeks: keys of every kind and state, traffic, refusals, and a history.
 */

import {
  type ClosedBatch,
  DAY_MS,
  dayOf,
  endpointName,
  NO_KEY,
  type UsageOutcome,
  type UsageRow,
  writeBatches,
} from '../../../src/usage/batch.ts';
import type { CreatedKey, Edge } from './serve-edge.ts';
import type { D1 } from './store-access.ts';

/** Keys of every kind and state, with traffic, and a history. Returns the one with the most of it. */
export async function fillWorld(world: Edge): Promise<CreatedKey> {
  const cors = (allowedOrigins: string[], more: object = {}) => ({
    access: { cors: { allowedOrigins, ...more } },
  });
  const keys: CreatedKey[] = [];
  for (const document of [
    { name: 'Nightly export', owner: 'acct_1' },
    { name: 'Old embed', owner: 'acct_2', ...cors(['*']) },
    {
      name: 'Thumbnails',
      owner: 'acct_1',
      access: {
        cors: { allowedOrigins: ['https://*.cdn.example.com'] },
        rules: [{ methods: ['get'], resources: ['/api/asset/:id'] }],
      },
    },
    { name: 'Internal console', ...cors(['https://console.example.com'], { fullAccess: true }) },
    { name: 'Local development', owner: 'acct_1', ...cors(['http://localhost:5173']) },
    {
      name: 'Web player',
      owner: 'acct_1',
      ...cors(['https://app.example.com', 'https://www.example.com', 'https://tv.example.com']),
    },
  ]) {
    keys.push(await world.createKey(document));
  }
  const player = keys.at(-1);
  const development = keys.at(-2);
  const embed = keys[1];
  if (!player || !development || !embed) throw new Error('Cannot fill the world: it has no keys');
  const gone = await world.createKey({
    name: 'Trial',
    owner: 'acct_2',
    ...cors(['https://trial.example.com', 'https://*.preview.example.com']),
  });
  await world.manage('DELETE', `/keys/${gone.id}`);
  await world.manage('PATCH', `/keys/${embed.id}`, { expiresAt: '2026-01-01T00:00:00Z' });
  await world.manage('PATCH', `/keys/${development.id}`, { enabled: false });
  await world.manage('PATCH', `/keys/${player.id}`, { name: 'Web player' });
  await world.manage('POST', `/keys/${player.id}/roll`, { graceSeconds: 24 * 60 * 60 });

  const today = Date.now();
  await mergeTraffic(world, keys, today);
  const db = await world.db();
  await db.batch(
    keys.map((key, place) =>
      db
        .prepare('UPDATE keys SET created_at_ms = ?, last_used_at_ms = ? WHERE id = ?')
        .bind(
          today - (6 - place) * 19 * DAY_MS,
          place === 4 ? null : today - (6 - place) * 47 * 60 * 1000,
          key.id,
        ),
    ),
  );
  return player;
}

/** Merges the usage of 30 days, as the Queue's consumer does: a batch for each hour of today, and for each day before. */
async function mergeTraffic(
  world: Edge,
  keys: readonly CreatedKey[],
  nowMs: number,
): Promise<void> {
  // The types of its own D1 are those of the runtime, which tests in Node do not have.
  const { mergeUsage } = (await import(usageModule)) as {
    mergeUsage(db: D1, batches: readonly ClosedBatch[], nowMs: number): Promise<unknown>;
  };
  const hourMs = 60 * 60 * 1000;
  const closings = [
    ...Array.from({ length: 24 }, (_, ago) => ({
      ago: 0,
      atMs: nowMs - ago * hourMs,
      part: 1 / 24,
    })),
    ...Array.from({ length: 29 }, (_, ago) => ({
      ago: ago + 1,
      atMs: nowMs - (ago + 1) * DAY_MS,
      part: 1,
    })),
  ];
  const batches = closings.flatMap(({ ago, atMs, part }) => {
    const day = dayOf(atMs);
    const rows = keys.flatMap(({ id }, place) =>
      place === 1 || place === 4 ? [] : trafficOf(id, place, { ago, day, atMs, part }),
    );
    const strangers = [
      ['denied:missing_credentials', 12],
      ['denied:origin_not_registered', 30],
      ['preflight_granted', 400],
    ] as const;
    return writeBatches(
      [
        ...rows,
        ...strangers.map(
          ([outcome, requests]): UsageRow => [
            'counts',
            [NO_KEY, day, outcome, Math.ceil(requests * part)],
          ],
        ),
      ],
      { nowMs: atMs, newId: () => crypto.randomUUID() },
    );
  });
  // At once, as each transaction from outside takes milliseconds.
  await mergeUsage(await world.db(), batches, nowMs);
}

const usageModule = new URL('../../../src/usage/d1.ts', import.meta.url).href;

const endpoints = [
  ['POST', '/api/stream'],
  ['GET', '/api/asset/{asset}'],
  ['POST', '/api/asset/request-upload'],
  ['GET', null],
] as const;

const refusedOrigins = [
  ['https://preview-42.example.dev', 160],
  ['https://shop.example.org', 30],
  ['null', 4],
] as const;

/** The traffic of a key on a part of a day, in waves, so that the charts look like traffic. */
function trafficOf(
  id: string,
  place: number,
  time: {
    readonly ago: number;
    readonly day: string;
    readonly atMs: number;
    readonly part: number;
  },
): UsageRow[] {
  const { ago, day, atMs, part } = time;
  const wave = 1.4 + Math.sin((part === 1 ? ago : atMs / 6_000_000) * 0.9 + place);
  const allowed = Math.round((place ** 3 + 2) * 9 * wave * part);
  const counts: readonly (readonly [UsageOutcome, number])[] = [
    ['allowed', allowed],
    ['denied:origin_not_allowed', place === 5 && ago % 4 === 1 ? Math.round(allowed / 5) : 0],
    ['denied:route_not_allowed', place === 5 ? Math.round(allowed / 30) : 0],
    ['upstream_error:upstream_timeout', ago === 3 ? Math.round(allowed / 12) : 0],
  ];
  const rows: UsageRow[] = counts
    .filter(([, requests]) => requests > 0)
    .map(([outcome, requests]) => ['counts', [id, day, outcome, requests]]);
  for (const [index, [method, template]] of endpoints.entries()) {
    const requests = Math.round(allowed / (index + 2));
    if (requests > 0) rows.push(['endpoints', [id, day, endpointName(method, template), requests]]);
  }
  if (place !== 5 || ago % 4 > 2) return rows;
  for (const [origin, count] of refusedOrigins) {
    const refused = Math.round(count * part);
    if (refused > 0) rows.push(['origins', [id, origin, 'origin_not_allowed', atMs, refused]]);
  }
  return rows;
}
