/** The calls of `fetch` whose differences an upstream could not see in a test. */

import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import type { Deployment } from '../contract/deployment.ts';
import { deploy } from '../support/workers.ts';

describe('a subrequest', () => {
  let deployment: Deployment;
  let token: string;
  beforeAll(async () => {
    deployment = await deploy();
    ({ token } = await deployment.createKey({ name: 'backend' }));
  });
  afterAll(() => deployment.dispose());

  async function initOf(method: string, body?: string): Promise<RequestInit> {
    await deployment.call({
      method,
      target: '/video.mp4',
      headers: [['Authorization', `Bearer ${token}`]],
      ...(body === undefined ? {} : { body }),
    });
    const [input, init] = vi.mocked(fetch).mock.lastCall ?? [];
    const url = input instanceof Request ? input.url : String(input);
    expect(url).toBe('https://upstream.test/video.mp4');
    return init as RequestInit;
  }

  const asked = [
    ['GET', undefined],
    ['HEAD', undefined],
    ['POST', undefined],
    ['POST', 'abc'],
    ['DELETE', ''],
  ] as const;

  // Cloudflare's cache knows URLs and not keys: it would hand one key's answer to another.
  test.each([
    ['GET', undefined],
    ['HEAD', undefined],
    ['OPTIONS', undefined],
    ['OPTIONS', 'abc'],
  ] as const)('never goes through the cache: %s with the body %j', async (method, body) => {
    const { cf } = await initOf(method, body);
    expect(cf).toEqual({ cacheTtl: -1, cacheLevel: 'bypass' });
  });

  // Cloudflare never caches these, and `cf` costs time.
  test.each([
    ['POST', undefined],
    ['POST', 'abc'],
    ['PUT', 'abc'],
    ['PATCH', 'abc'],
    ['DELETE', ''],
  ] as const)('says nothing to the cache: %s with the body %j', async (method, body) => {
    expect(await initOf(method, body)).not.toHaveProperty('cf');
  });

  // Followed, it would carry credentials to wherever the upstream points.
  test.each(asked)('follows no redirect: %s with the body %j', async (method, body) => {
    expect((await initOf(method, body)).redirect).toBe('manual');
  });

  // Without a body, the runtime drops it with the request that it belongs to.
  test('with a body can be given up', async () => {
    const { signal } = await initOf('POST', 'abc');
    expect(signal).toBeInstanceOf(AbortSignal);
    expect(signal?.aborted).toBe(false);
  });
});
