/** How the Worker's entry is set up for usage: its settings, and its house-keeping. */

import { createScheduledController } from 'cloudflare:test';
import { env } from 'cloudflare:workers';
import { beforeEach, describe, expect, it } from 'vitest';
import type { ConfigProblem } from '../../src/config/config.ts';
import type { Env } from '../../src/config/env.ts';
import { readConfig } from '../../src/config/read-config.ts';
import worker from '../../src/index.ts';
import { DAY_MS, dayOf } from '../../src/usage/batch.ts';
import { mergeUsage } from '../../src/usage/d1.ts';
import { freshStorage } from '../support/workers.ts';
import { aBatch, countedInD1 } from './fixtures.ts';

describe('settings', () => {
  const refused: [name: keyof Env, value: unknown, problem: Partial<ConfigProblem>][] = [
    ['USAGE', 'a-queue', { value: null, reason: 'it is not a Queue' }],
    ['USAGE_FLUSH_SECONDS', '11', { value: '11', reason: 'it is not a whole number from 0 to 10' }],
    ['USAGE_FLUSH_SECONDS', '1.5', { value: '1.5' }],
    ['USAGE_RETENTION_DAYS', '0', { value: '0' }],
    ['USAGE_RETENTION_DAYS', 'for ever', { value: 'for ever' }],
  ];
  for (const [name, value, problem] of refused) {
    it(`refuse ${name} = ${value}`, async () => {
      const result = await readConfig({ ...env, [name]: value });
      expect(result).toMatchObject({ ok: false, problems: [{ name, ...problem }] });
    });
  }

  it('hand over every 5 seconds and keep 400 days, unless they say otherwise', async () => {
    expect(await readConfig(env)).toMatchObject({
      ok: true,
      config: { usageFlushSeconds: 5, usageRetentionDays: 400 },
    });
    expect(
      await readConfig({ ...env, USAGE_FLUSH_SECONDS: '0', USAGE_RETENTION_DAYS: '31' }),
    ).toMatchObject({ ok: true, config: { usageFlushSeconds: 0, usageRetentionDays: 31 } });
  });
});

describe('the scheduled run', () => {
  const nowMs = Date.now();
  const recent = dayOf(nowMs - 30 * DAY_MS);

  beforeEach(async () => {
    await freshStorage();
    const batch = aBatch(
      {
        counts: [
          ['key_a', dayOf(nowMs - 32 * DAY_MS), 'allowed', 1],
          ['key_a', recent, 'allowed', 1],
        ],
      },
      nowMs,
    );
    await mergeUsage(env.DB, [batch], nowMs);
  });

  it('drops usage past its retention', async () => {
    await worker.scheduled(createScheduledController(), { ...env, USAGE_RETENTION_DAYS: '31' });
    expect(await countedInD1()).toEqual({ [`key_a ${recent} allowed`]: 1 });
  });

  it('does so also when the repair of KV fails, and tells of the failure', async () => {
    await env.DB.prepare('DROP TABLE replica_writes').run();
    const run = worker.scheduled(createScheduledController(), {
      ...env,
      USAGE_RETENTION_DAYS: '31',
    });
    await expect(run).rejects.toThrow('replica_writes');
    expect(await countedInD1()).toEqual({ [`key_a ${recent} allowed`]: 1 });
  });
});
