/** The headers of refusals are made once and copied: what one refusal adds is not in the next one. */

import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Deployment, HeaderLine } from '../contract/deployment.ts';
import { deploy } from '../support/workers.ts';

const ORIGIN = 'https://app.example';
let edge: Deployment;
let other: Deployment;
beforeAll(async () => {
  edge = await deploy();
  other = await deploy({ vars: { EXPOSE_HEADERS: 'X-Of-The-Other' } });
});
afterAll(async () => {
  await edge.dispose();
  await other.dispose();
});

const refused = (deployment: Deployment, ...headers: HeaderLine[]) =>
  deployment.call({ target: '/api/x', headers });

test('a content type that one caller asked for is not that of the next', async () => {
  const asked = await refused(edge, ['Accept', 'application/problem+json']);
  const next = await refused(edge);
  expect(asked.headers['content-type']).toBe('application/problem+json');
  expect(next.headers['content-type']).toBe('application/json');
});

test('a request id is not that of the next', async () => {
  const ids = [await refused(edge), await refused(edge)].map(
    ({ headers }) => headers['x-request-id'],
  );
  expect(new Set(ids).size).toBe(2);
});

test('a challenge of its own is not that of the next', async () => {
  const scheme = await refused(edge, ['Authorization', 'Basic YTpi']);
  const broken = await refused(edge, ['Authorization', 'Bearer "a"']);
  expect(scheme.headers['www-authenticate']).toBe('Bearer');
  expect(broken.headers['www-authenticate']).toBe('Bearer error="invalid_request"');
});

test('a grant is not that of the next, and neither is the list of another deployment', async () => {
  await edge.createKey({ name: 'page', access: { cors: { allowedOrigins: [ORIGIN] } } });
  await other.createKey({ name: 'page', access: { cors: { allowedOrigins: [ORIGIN] } } });
  const granted = await refused(edge, ['Origin', ORIGIN]);
  const elsewhere = await refused(other, ['Origin', ORIGIN]);
  const stranger = await refused(edge, ['Origin', 'https://stranger.example']);
  expect(granted.headers['access-control-allow-origin']).toBe(ORIGIN);
  expect(granted.headers['access-control-expose-headers']).not.toContain('X-Of-The-Other');
  expect(elsewhere.headers['access-control-expose-headers']).toContain('X-Of-The-Other');
  for (const name of ['access-control-allow-origin', 'access-control-expose-headers']) {
    expect(stranger.headers[name]).toBeUndefined();
  }
});
