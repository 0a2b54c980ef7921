import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DAY_MS, dayOf } from '../../src/usage/batch.ts';
import type { Deployment } from '../contract/deployment.ts';
import { deploy } from '../support/workers.ts';
import { type Client, clientOf, expectProblem, problemsOf } from './client.ts';

let edge: Deployment;
let operator: Client;
let id: string;

beforeAll(async () => {
  edge = await deploy();
  operator = clientOf(edge);
  id = (await operator('POST', '/keys', { body: { name: 'a' } })).body.id;
});

afterAll(() => edge.dispose());

const daysAgo = (days: number) => dayOf(Date.now() - days * DAY_MS);

describe('GET /keys/{id}/usage', () => {
  it.each(['0', '367', 'x', '-1', '1.5', '1&days=2'])('refuses days=%s', async (days) => {
    const answer = await operator('GET', `/keys/${id}/usage?days=${days}`);
    expectProblem(answer, 422, 'invalid_fields');
    expect(Object.keys(problemsOf(answer))).toEqual(['days']);
  });

  it('answers the days that were asked for, up to today, and their sums', async () => {
    const rows = [
      [daysAgo(0), 'allowed', 5],
      [daysAgo(0), 'denied:route_not_allowed', 2],
      [daysAgo(6), 'allowed', 7],
      [daysAgo(7), 'allowed', 100],
      [daysAgo(29), 'upstream_error:upstream_timeout', 1],
      [daysAgo(30), 'allowed', 1000],
    ] as const;
    for (const row of rows) {
      await edge.query('INSERT INTO usage_daily VALUES (?, ?, ?, ?)', id, ...row);
      await edge.query("INSERT INTO usage_daily VALUES ('key_other', ?, ?, ?)", ...row);
      if (row[1] !== 'allowed') continue;
      const [day, outcome] = row;
      await edge.query('INSERT INTO client_usage_daily VALUES (?, ?, ?, 2)', id, day, outcome);
    }
    const week = await operator('GET', `/keys/${id}/usage?days=7`);
    expect(week.body).toEqual({
      keyId: id,
      from: daysAgo(6),
      to: daysAgo(0),
      usage: [
        { day: daysAgo(6), outcome: 'allowed', requests: 7, clientRequests: 2 },
        { day: daysAgo(0), outcome: 'allowed', requests: 5, clientRequests: 2 },
        { day: daysAgo(0), outcome: 'denied:route_not_allowed', requests: 2, clientRequests: 0 },
      ],
      totals: { allowed: 12, 'denied:route_not_allowed': 2 },
      clientTotals: { allowed: 4 },
    });
    expect((await operator('GET', `/keys/${id}/usage`)).body).toMatchObject({
      from: daysAgo(29),
      totals: { allowed: 112, 'upstream_error:upstream_timeout': 1 },
    });
    expect((await operator('GET', `/keys/${id}/usage?days=31`)).body.totals.allowed).toBe(1112);
  });
});

describe('GET /keys/{id}/refused-origins', () => {
  it('answers the origins that the key refused, newest first', async () => {
    expect((await operator('GET', `/keys/${id}/refused-origins`)).body).toEqual({ origins: [] });
    for (const [origin, code, at, count] of [
      ['https://a.example', 'origin_not_allowed', 5, 3],
      ['https://b.example', 'cors_not_enabled', 9, 1],
    ] as const) {
      await edge.query(
        'INSERT INTO refused_origins VALUES (?, ?, ?, ?, ?)',
        id,
        origin,
        code,
        at,
        count,
      );
      await edge.query(
        "INSERT INTO refused_origins VALUES ('x', ?, ?, ?, ?)",
        origin,
        code,
        at,
        count,
      );
    }
    expect((await operator('GET', `/keys/${id}/refused-origins`)).body).toEqual({
      origins: [
        {
          origin: 'https://b.example',
          code: 'cors_not_enabled',
          lastAt: '1970-01-01T00:00:00.009Z',
          count: 1,
        },
        {
          origin: 'https://a.example',
          code: 'origin_not_allowed',
          lastAt: '1970-01-01T00:00:00.005Z',
          count: 3,
        },
      ],
    });
  });
});
