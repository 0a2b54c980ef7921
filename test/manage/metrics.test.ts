/** The metrics: who reads them, what they count, that no counter falls, and that they hold no secret. */

import { env } from 'cloudflare:workers';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { hashToken } from '../../src/core/key/token.ts';
import type { OperatorScope } from '../../src/core/operators/operator-scopes.ts';
import { makeOperatorToken } from '../../src/core/operators/operator-tokens.ts';
import type { UsageOutcome } from '../../src/usage/batch.ts';
import { writeBatches } from '../../src/usage/batch.ts';
import { mergeUsage, readTotals } from '../../src/usage/d1.ts';
import type { Call, Deployment } from '../contract/deployment.ts';
import { readOpenMetrics } from '../support/open-metrics.ts';
import { deploy } from '../support/workers.ts';
import { clientOf } from './client.ts';

const newToken = () => makeOperatorToken((bytes) => crypto.getRandomValues(bytes));
const tokens: Readonly<Record<OperatorScope, string>> = {
  read: newToken(),
  keys: newToken(),
  everything: newToken(),
};
const MANAGE_HOST = 'manage.test';

let edge: Deployment;

beforeAll(async () => {
  const entries = Object.entries(tokens).map(async ([scope, token]) => ({
    name: scope,
    sha256: await hashToken(token),
    scopes: [scope],
  }));
  edge = await deploy({
    vars: { ADMIN_TOKENS: JSON.stringify(await Promise.all(entries)), MANAGE_HOST },
  });
});
afterAll(() => edge.dispose());

function ask(token: string | null, call: Partial<Call> = {}) {
  const headers = [
    // Guesses are limited by address, and files share the limiter.
    ['CF-Connecting-IP', '192.0.2.77'] as const,
    ...(token === null ? [] : [['Authorization', `Bearer ${token}`] as const]),
  ];
  return edge.call({ target: '/_edge/metrics', host: MANAGE_HOST, headers, ...call });
}

/** A value by the name of its sample and the labels as they are written. */
async function metric(sample: string): Promise<number | undefined> {
  const { body } = await ask(tokens.read);
  for (const { samples } of readOpenMetrics(body).values()) {
    const value = samples.get(sample);
    if (value !== undefined) return value;
  }
  return undefined;
}

describe('the metrics are refused', () => {
  test.each([
    ['without credentials', null, 401, 'missing_credentials', 'Bearer'],
    ['with another token', newToken(), 401, 'invalid_credentials', 'Bearer error="invalid_token"'],
    [
      'with the scope "keys"',
      tokens.keys,
      403,
      'insufficient_scope',
      'Bearer error="insufficient_scope", scope="read everything"',
    ],
  ] as const)('%s', async (_, token, status, code, challenge) => {
    const answer = await ask(token);
    expect(answer.status).toBe(status);
    expect(JSON.parse(answer.body)).toMatchObject({ code });
    expect(answer.headers['www-authenticate']).toBe(challenge);
    expect(answer.headers['cache-control']).toBe('no-store');
    expect(answer.headers).not.toHaveProperty('access-control-allow-origin');
    expect(answer.body).not.toContain('edge_authorizer');
  });

  test('with an API key', async () => {
    const client = hostedClient();
    const { body } = await client('POST', '/keys', { body: { name: 'a' } });
    expect((await ask(body.token)).status).toBe(401);
  });

  test.each(['POST', 'PUT', 'DELETE', 'OPTIONS'])('for %s', async (method) => {
    const answer = await ask(tokens.read, { method });
    expect(answer.status).toBe(405);
    expect(answer.headers['allow']).toBe('GET, HEAD');
  });

  test.each(['edge.test', 'api.test'])('on %s, which serves no management', async (host) => {
    const answer = await ask(tokens.read, { host });
    expect(answer.status).toBe(404);
    expect(answer.body).not.toContain('edge_authorizer');
  });

  test('if a page of another site asks in the name of a visitor', async () => {
    const headers = [
      ['Cf-Access-Jwt-Assertion', 'a.b.c'],
      ['Sec-Fetch-Mode', 'no-cors'],
      ['Sec-Fetch-Site', 'cross-site'],
    ] as const;
    const answer = await ask(null, { headers });
    expect(answer.status).toBe(403);
    expect(JSON.parse(answer.body)).toMatchObject({ code: 'cross_site_request' });
  });
});

describe('the metrics', () => {
  test.each(['read', 'everything'] as const)('are for the scope %s', async (scope) => {
    const answer = await ask(tokens[scope]);
    expect(answer.status).toBe(200);
    expect(answer.headers['content-type']).toBe(
      'application/openmetrics-text; version=1.0.0; charset=utf-8',
    );
    expect(answer.headers['cache-control']).toBe('no-store');
    expect([...readOpenMetrics(answer.body)].map(([name, { type }]) => [name, type])).toEqual([
      ['edge_authorizer_requests', 'counter'],
      ['edge_authorizer_keys', 'gauge'],
      ['edge_authorizer_keys_capped', 'gauge'],
      ['edge_authorizer_newest_change_age_seconds', 'gauge'],
      ['edge_authorizer_kv_copies_due', 'gauge'],
      ['edge_authorizer_events_undelivered', 'gauge'],
    ]);
  });

  test('are for the token of the operator, and have no body for HEAD', async () => {
    expect((await ask(edge.adminToken)).status).toBe(200);
    const head = await ask(edge.adminToken, { method: 'HEAD' });
    expect([head.status, head.body]).toEqual([200, '']);
  });

  test('count each key once, by its state', async () => {
    await edge.query('DELETE FROM tokens');
    await edge.query('DELETE FROM keys');
    const client = hostedClient();
    const ids: string[] = [];
    for (let number = 0; number < 7; number += 1) {
      ids.push((await client('POST', '/keys', { body: { name: `key ${number}` } })).body.id);
    }
    const [, disabled, suspended, both, expired, expiredAndDisabled, revoked] = ids;
    const edits = [
      [disabled, { enabled: false }],
      [suspended, { suspended: true }],
      [both, { enabled: false, suspended: true }],
      [expired, { expiresAt: '2020-01-01T00:00:00Z' }],
      [expiredAndDisabled, { enabled: false, expiresAt: '2020-01-01T00:00:00Z' }],
    ] as const;
    for (const [id, body] of edits) {
      expect((await client('PATCH', `/keys/${id}`, { body })).status).toBe(200);
    }
    expect((await client('DELETE', `/keys/${revoked}`)).status).toBe(204);
    const { body } = await ask(tokens.read);
    const families = readOpenMetrics(body);
    expect(Object.fromEntries(families.get('edge_authorizer_keys')?.samples ?? [])).toEqual({
      'edge_authorizer_keys{state="live"}': 1,
      'edge_authorizer_keys{state="disabled"}': 2,
      'edge_authorizer_keys{state="suspended"}': 2,
      'edge_authorizer_keys{state="expired"}': 1,
      'edge_authorizer_keys{state="revoked"}': 1,
    });
    expect(await metric('edge_authorizer_keys_capped')).toBe(0);
    // Nothing in them names a key.
    for (const id of ids) expect(body).not.toContain(id);
  });

  test('say how old the newest change is, and nothing without one', async () => {
    const name = 'edge_authorizer_newest_change_age_seconds';
    await edge.query('DELETE FROM changes');
    expect(await metric(name)).toBeUndefined();
    const ago = (ms: number) =>
      edge.query("INSERT INTO changes (pattern, changed_at_ms) VALUES ('*', ?)", Date.now() - ms);
    await ago(90_000);
    const age = (await metric(name)) ?? 0;
    expect(age).toBeGreaterThanOrEqual(90);
    expect(age).toBeLessThan(1_000);
    // By a clock that is ahead.
    await ago(-500_000);
    expect(await metric(name)).toBe(0);
  });

  test('count due copies and undelivered events', async () => {
    await edge.query('DELETE FROM replica_writes');
    expect(await metric('edge_authorizer_kv_copies_due')).toBe(0);
    await edge.query("INSERT INTO replica_writes VALUES ('a', 1, 1), ('b', 1, 1)");
    expect(await metric('edge_authorizer_kv_copies_due')).toBe(2);

    const states = ['waiting', 'waiting', 'failed', 'delivered'];
    for (const [index, state] of states.entries()) {
      await edge.query(
        `INSERT INTO events (event_id, key_id, number, type, at_ms, data, state)
         VALUES (?, 'key', ?, 'key.created', 1, '{}', ?)`,
        `evt_${index}`,
        index,
        state,
      );
    }
    expect(await metric('edge_authorizer_events_undelivered{state="waiting"}')).toBe(2);
    expect(await metric('edge_authorizer_events_undelivered{state="failed"}')).toBe(1);
  });
});

describe('the counters of requests', () => {
  const allowed = 'edge_authorizer_requests_total{outcome="allowed"}';
  const merge = (...counts: readonly (readonly [string, UsageOutcome, number])[]) =>
    mergeUsage(
      env.DB,
      writeBatches(
        counts.map(([key, outcome, requests]) => [
          'counts',
          [key, '2026-11-22', outcome, requests] as const,
        ]),
        { nowMs: Date.now(), newId: () => crypto.randomUUID() },
      ),
      Date.now(),
    );

  test('begin at 0 for each known outcome', async () => {
    expect(await metric(allowed)).toBe(0);
    const denied = 'edge_authorizer_requests_total{outcome="denied",code="invalid_key"}';
    expect(await metric(denied)).toBe(0);
    const failed =
      'edge_authorizer_requests_total{outcome="upstream_error",code="upstream_timeout"}';
    expect(await metric(failed)).toBe(0);
    expect(await metric('edge_authorizer_requests_total{outcome="preflight_granted"}')).toBe(0);
  });

  test('add up over keys, and show the code of another version', async () => {
    await merge(
      ['key_a', 'allowed', 3],
      ['key_b', 'allowed', 4],
      ['none', 'denied:invalid_key', 5],
    );
    await merge(['key_a', 'allowed', 1], ['none', 'denied:of_tomorrow' as UsageOutcome, 2]);
    // What a request costs beyond itself is no request.
    await merge(['key_a', 'extra_cost', 7]);
    expect((await ask(tokens.read)).body).not.toContain('extra_cost');
    expect(await metric(allowed)).toBe(8);
    const denied = (code: string) =>
      metric(`edge_authorizer_requests_total{outcome="denied",code="${code}"}`);
    expect([await denied('invalid_key'), await denied('of_tomorrow')]).toEqual([5, 2]);
  });

  test('count a batch that comes twice once', async () => {
    const before = await metric(allowed);
    const [batch] = writeBatches([['counts', ['key_a', '2026-11-22', 'allowed', 2]]], {
      nowMs: Date.now(),
      newId: () => crypto.randomUUID(),
    });
    for (let time = 0; time < 2; time += 1) await mergeUsage(env.DB, [batch!], Date.now());
    expect(await metric(allowed)).toBe((before ?? 0) + 2);
  });

  test('never fall, whatever batches subtract, and catch up with what was counted', async () => {
    await edge.query('DELETE FROM usage_totals');
    const steps = [-2, 5, -4, 1, -1, 6, -6, -3, 20];
    let last = 0;
    let sum = 0;
    for (const step of steps) {
      sum += step;
      await merge(['key_a', 'allowed', step]);
      const value = (await readTotals(env.DB)).get('allowed') ?? 0;
      expect(value).toBeGreaterThanOrEqual(last);
      expect(value).toBeGreaterThanOrEqual(sum);
      last = value;
    }
    expect(last).toBe(sum);
  });
});

function hostedClient() {
  return clientOf({
    ...edge,
    adminToken: edge.adminToken,
    call: (call) => edge.call({ ...call, host: MANAGE_HOST }),
  });
}
