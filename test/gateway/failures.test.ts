/** Failures of ours that only a direct call can bring about. The others run on the wire, and here at night. */

import { createExecutionContext } from 'cloudflare:test';
import { env } from 'cloudflare:workers';
import { afterEach, describe, expect, test, vi } from 'vitest';
import type { Env } from '../../src/config/env.ts';
import worker from '../../src/index.ts';
import { requestWithTarget } from '../support/workers.ts';

describe('a failure inside', () => {
  afterEach(() => {
    vi.restoreAllMocks();
  });

  /** A request that cannot be read to its end, which is our own fault. */
  function poisonedRequest(target: string): Request {
    const request = requestWithTarget(target, { headers: { Origin: 'https://app.example' } });
    const headers = new Headers(request.headers);
    const get = headers.get.bind(headers);
    headers.get = (name) => {
      if (name.toLowerCase() === 'authorization') throw new Error('a detail of ours');
      return get(name);
    };
    Object.defineProperty(request, 'headers', { value: headers });
    return request;
  }

  test('is answered with 500 and a request id, readable, and logged once as JSON', async () => {
    const log = vi.spyOn(console, 'log').mockReturnValue();
    const request = poisonedRequest('/x');
    const response = await worker.fetch(request as never, { ...env }, createExecutionContext());
    const body = await response.json<{ requestId: string }>();
    expect(response.status).toBe(500);
    expect(body).toMatchObject({ code: 'internal_error', requestId: expect.any(String) });
    expect(JSON.stringify(body)).not.toContain('a detail of ours');
    expect(response.headers.get('access-control-allow-origin')).toBe('https://app.example');
    expect(log.mock.calls).toHaveLength(1);
    expect(JSON.parse(log.mock.calls[0]?.[0])).toEqual({
      event: 'failed',
      requestId: body.requestId,
      error: expect.stringContaining('a detail of ours'),
    });
  });

  test('never lets the request through instead', async () => {
    vi.spyOn(console, 'log').mockReturnValue();
    const fetched = vi.spyOn(globalThis, 'fetch');
    const context = createExecutionContext();
    const passThrough = vi.spyOn(context, 'passThroughOnException');
    await worker.fetch(poisonedRequest('/x') as never, { ...env }, context);
    expect(fetched).not.toHaveBeenCalled();
    expect(passThrough).not.toHaveBeenCalled();
  });

  test('names bindings that are missing', async () => {
    const log = vi.spyOn(console, 'log').mockReturnValue();
    const { DB: _db, KEYS: _keys, ...rest } = env;
    const request = requestWithTarget('/x');
    const response = await worker.fetch(
      request as never,
      rest as unknown as Env,
      createExecutionContext(),
    );
    expect(response.status).toBe(503);
    const line = JSON.parse(log.mock.calls[0]?.[0]) as { problems: { name: string }[] };
    expect(line.problems.map(({ name }) => name)).toEqual(['DB', 'KEYS']);
  });

  const navigation = { 'Sec-Fetch-Mode': 'navigate', 'Sec-Fetch-Dest': 'document' };
  const broken = { ...env, USAGE_FLUSH_SECONDS: 'not a number' } as unknown as Env;
  const asked = [
    ['a page of the edge', '/_edge/keys/new', navigation, true],
    ['the API of the edge', '/_edge/v1/keys', navigation, false],
    ['a script on a page', '/_edge/keys/new', {}, false],
    // It may be a public route. The gateway cannot know while the configuration is unreadable.
    ['a path of the API', '/x', navigation, false],
    ['a path with a similar name', '/_edgex', navigation, false],
  ] as const;
  test.each(asked)('is reported to %s as a page or not', async (_name, target, headers, isPage) => {
    vi.spyOn(console, 'log').mockReturnValue();
    const request = requestWithTarget(target, { headers });
    const response = await worker.fetch(request as never, broken, createExecutionContext());
    expect(response.status).toBe(503);
    expect(response.headers.get('x-edge-reason')).toBe('unavailable');
    expect(response.headers.get('retry-after')).not.toBeNull();
    const text = await response.text();
    expect(response.headers.get('content-type')).toContain(isPage ? 'text/html' : 'json');
    expect(text.includes(`<a href="${target}">Try again</a>`)).toBe(isPage);
  });
});
