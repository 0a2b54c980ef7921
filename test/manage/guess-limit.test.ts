/** Guesses of the admin token at the API count as those at the sign-in form of the page. */

import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Answer, Deployment, HeaderLine } from '../contract/deployment.ts';
import { timeLeftInMinute } from '../support/time-left.ts';
import { deploy } from '../support/workers.ts';
import { signIn, visitorOf } from './page/browser.ts';

let edge: Deployment;
let addresses = 0;
let address: string;
beforeEach(async () => {
  await timeLeftInMinute();
  edge = await deploy();
  // One of its own for each test, since the limiter is the real one and outlives them.
  addresses += 1;
  address = `198.18.0.${addresses}`;
});
afterEach(async () => {
  vi.useRealTimers();
  await edge.dispose();
});

function ask(token: string, from = address, more: readonly HeaderLine[] = []): Promise<Answer> {
  return edge.call({
    target: '/_edge/v1/keys',
    headers: [['CF-Connecting-IP', from], ['Authorization', `Bearer ${token}`], ...more],
  });
}

const guess = (count: number) => `guess-${count}-of-an-admin-token-of-some-length`;

async function exhaust(): Promise<void> {
  for (let count = 1; count <= 10; count += 1) expect((await ask(guess(count))).status).toBe(401);
  expect((await ask(guess(11))).status).toBe(429);
}

function passTime(ms: number): void {
  const nowMs = Date.now();
  vi.useFakeTimers({ toFake: ['Date'] });
  vi.setSystemTime(nowMs + ms);
}

describe('guessing the admin token at the API', () => {
  it('is over after ten wrong ones in a minute, and then the right one is refused too', async () => {
    await exhaust();
    const answer = await ask(edge.adminToken);
    expect(answer.status).toBe(429);
    expect(answer.headers).toMatchObject({ 'x-edge-reason': 'rate_limited', 'retry-after': '60' });
    expect(answer.headers).not.toHaveProperty('www-authenticate');
    expect(JSON.parse(answer.body)).toMatchObject({ code: 'rate_limited', status: 429 });
    // Another address is still accepted, and this one is again after a minute.
    expect((await ask(edge.adminToken, '198.18.1.1')).status).toBe(200);
    passTime(61_000);
    expect((await ask(edge.adminToken)).status).toBe(200);
  });

  it('counts together with the sign-in form', async () => {
    await exhaust();
    const answer = await visitorOf(edge).post('/_edge/sign-in', {
      form: { token: edge.adminToken },
      headers: { 'CF-Connecting-IP': address },
    });
    expect(answer.status).toBe(429);
    expect(answer.cookies).toEqual([]);
  });

  it('counts a /64 network of IPv6 as one', async () => {
    for (let count = 1; count <= 11; count += 1) {
      await ask(guess(count), `2001:db8:${addresses}:2::${count}`);
    }
    expect((await ask(edge.adminToken, `2001:db8:${addresses}:2:f::1`)).status).toBe(429);
    expect((await ask(edge.adminToken, `2001:db8:${addresses}:3::1`)).status).toBe(200);
  });

  it('does not count the right token, however often, nor requests without one', async () => {
    for (let count = 1; count <= 15; count += 1) {
      expect((await ask(edge.adminToken)).status).toBe(200);
      const headers: HeaderLine[] = [['CF-Connecting-IP', address]];
      const bare = await edge.call({ target: '/_edge/v1/keys', headers });
      expect(bare.status).toBe(401);
    }
  });

  it('does not keep from their work those who are signed in to the page', async () => {
    const visitor = await signIn(edge);
    await exhaust();
    const answer = await visitor.get('/_edge/', { headers: { 'CF-Connecting-IP': address } });
    expect(answer.status).toBe(200);
  });

  it('is counted by each isolate for itself without a limiter', async () => {
    edge = await deploy({ vars: { SIGN_IN_LIMITER: undefined } as never });
    await exhaust();
    expect((await ask(edge.adminToken)).status).toBe(429);
  });

  it('is not what an expired JWT of a person does', async () => {
    edge = await deploy({
      vars: {
        MANAGE_JWT_ISSUER: 'https://issuer.example',
        MANAGE_JWT_AUDIENCE: 'edge',
        MANAGE_JWT_JWKS_URL: 'https://issuer.example/jwks',
      },
    });
    vi.mocked(fetch).mockImplementation(async () => Response.json({ keys: [] }));
    const jwt = `${btoa('{"alg":"ES256"}').replaceAll('=', '')}.e30.AAAA`;
    for (let count = 1; count <= 15; count += 1) expect((await ask(jwt)).status).toBe(401);
    expect((await ask(edge.adminToken)).status).toBe(200);
    // Anything else is one.
    await exhaust();
    expect((await ask(edge.adminToken)).status).toBe(429);
  });
});
