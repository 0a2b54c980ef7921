/** Paths as raw bytes over a socket, where nothing normalises the target before workerd. */

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { describePaths } from '../contract/paths.ts';
import { bearer, createWorld, type World } from '../contract/world.ts';
import { inOneProcess } from './deployment.ts';

const prepare = inOneProcess();

describePaths(prepare, { runs: 600 });

describe('targets that only a socket can carry', () => {
  const deploy = prepare();
  let world: World;
  beforeAll(async () => {
    world = await createWorld(await deploy());
  });
  afterAll(() => world.deployment.dispose());

  const refusedByWorkerd = [
    'http://evil.example/api/stream/abc',
    'https://127.0.0.1/api/stream/abc',
    'HTTP://edge.test/_edge/v1/keys',
    'api/stream/abc',
    '*',
    '?a',
    '/api/stream/abc\x00',
  ];
  test.each(refusedByWorkerd)('never reach the upstream: %j', async (target) => {
    const { deployment, backend } = world;
    const before = deployment.received.length;
    const answer = await deployment.call({ target, headers: [bearer(backend)] });
    expect(answer.status).toBeOneOf([400, 500]);
    expect(deployment.received.length).toBe(before);
  });

  test.each(['CONNECT', 'FOO', 'get'])(
    'never reach the upstream with the method %s',
    async (method) => {
      const { deployment, backend } = world;
      const before = deployment.received.length;
      const answer = await deployment.call({ method, target: '/x', headers: [bearer(backend)] });
      expect(answer.status).toBeOneOf([400, 500, 501]);
      expect(deployment.received.length).toBe(before);
    },
  );

  // It would have the upstream send its own credentials back.
  test.each(['backend', 'full', 'rules', 'restricted'] as const)(
    'are not traced for a %s key',
    async (name) => {
      const { deployment, [name]: key } = world;
      const before = deployment.received.length;
      const answer = await deployment.call({
        method: 'TRACE',
        target: '/any',
        headers: [bearer(key)],
      });
      expect(JSON.parse(answer.body)).toMatchObject({ status: 403, code: 'route_not_allowed' });
      expect(deployment.received.length).toBe(before);
    },
  );

  test('lead nowhere through the Host header', async () => {
    const { deployment, full } = world;
    const before = deployment.received.length;
    await deployment.call({
      target: '/x',
      headers: [['X-Forwarded-Host', 'evil.example'], bearer(full)],
    });
    expect(deployment.received.slice(before)).toMatchObject([
      { target: '/x', headers: { 'x-forwarded-host': 'edge.test' } },
    ]);
  });
});
