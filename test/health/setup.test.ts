/** An edge that is not set up yet says which command helps, to programs and to people. */

import { createExecutionContext } from 'cloudflare:test';
import { env } from 'cloudflare:workers';
import { beforeEach, describe, expect, test, vi } from 'vitest';
import type { Env } from '../../src/config/env.ts';
import worker from '../../src/index.ts';
import { applySchema, EDGE_URL } from '../support/workers.ts';

const asPerson = { Accept: 'text/html,application/xhtml+xml,*/*;q=0.8' };

/** Calls an isolate of its own: bindings of another identity build another. */
async function call(path: string, bindings: Record<string, unknown>, headers = {}) {
  const request = new Request(`${EDGE_URL}${path}`, { headers });
  return worker.fetch(request as never, bindings as unknown as Env, createExecutionContext());
}

beforeEach(async () => {
  vi.spyOn(console, 'log').mockReturnValue();
  const { results } = await env.DB.prepare(
    "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE '\\_cf%' ESCAPE '\\' AND name NOT LIKE 'sqlite%'",
  ).all<{ name: string }>();
  await env.DB.batch([
    env.DB.prepare('PRAGMA defer_foreign_keys = true'),
    ...results.map(({ name }) => env.DB.prepare(`DROP TABLE "${name}"`)),
  ]);
});

describe('an edge', () => {
  test.each<[string, Record<string, unknown>, string, string]>([
    ['without UPSTREAM_URL', { UPSTREAM_URL: '' }, 'not_configured', 'npm run deploy'],
    ['without the schema', {}, 'schema_missing', 'npm run deploy'],
  ])('%s answers 503 with the command', async (_name, vars, code, command) => {
    const bindings = { ...env, ...vars };
    for (const path of ['/', '/_edge/', '/_edge/health/ready']) {
      const forProgram = await call(path, bindings);
      expect([forProgram.status, forProgram.headers.get('x-edge-reason')], path).toEqual([
        503,
        code,
      ]);
      const problem = await forProgram.json<{ code: string; detail: string }>();
      expect(problem.code).toBe(code);
      expect(problem.detail).toContain(command);
      expect(problem.detail).not.toMatch(/operator/);

      const forPerson = await call(path, bindings, asPerson);
      expect(forPerson.status).toBe(503);
      expect(forPerson.headers.get('content-type')).toBe('text/html; charset=utf-8');
      expect(forPerson.headers.get('content-security-policy')).toContain("default-src 'none'");
      expect(await forPerson.text()).toContain(command);
    }
    for (const path of ['/_edge/health', '/_edge/health/live']) {
      expect((await call(path, bindings)).status).toBe(200);
    }
  });

  test('without the schema says so to the management API', async () => {
    const headers = { Authorization: `Bearer ${env.ADMIN_TOKEN}` };
    const response = await call('/_edge/v1/keys', { ...env }, headers);
    expect([response.status, response.headers.get('x-edge-reason')]).toEqual([
      503,
      'schema_missing',
    ]);
  });

  test('without a way to sign in says at 404 how to switch management on', async () => {
    await applySchema();
    const bindings = { ...env, ADMIN_TOKEN: '' };
    const forProgram = await call('/_edge/', bindings);
    expect(forProgram.status).toBe(404);
    expect(await forProgram.json()).toMatchObject({
      code: 'not_found',
      detail: expect.stringContaining('npx wrangler secret put ADMIN_TOKEN'),
    });
    const forPerson = await call('/_edge/', bindings, asPerson);
    expect(forPerson.status).toBe(404);
    expect(await forPerson.text()).toContain('npx wrangler secret put ADMIN_TOKEN');
  });

  test('that is set up is ready, and answers / as before', async () => {
    await applySchema();
    const bindings = { ...env };
    const ready = await call('/_edge/health/ready', bindings);
    expect([ready.status, await ready.json()]).toEqual([200, { status: 'ready' }]);
    expect((await call('/', bindings)).status).toBe(401);
    const wrongMethod = await worker.fetch(
      new Request(`${EDGE_URL}/_edge/health/ready`, { method: 'POST' }) as never,
      bindings as unknown as Env,
      createExecutionContext(),
    );
    expect(wrongMethod.status).toBe(405);
  });
});
