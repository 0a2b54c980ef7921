import { expect, it } from 'vitest';
import { rateLimitHeaders, readRateLimit } from '../../src/core/rate-limit.ts';

it.each([
  '',
  '100',
  '0/60',
  '-1/60',
  '100/30',
  '100/600',
  '1e3/60',
  ' 100/60',
  '100/60 ',
  '100/10s',
  '99999999/60',
])('readRateLimit() refuses %j', (text) => {
  expect(readRateLimit('key', text)).toBeNull();
});

it.each([
  ['100/60', 100, 60],
  ['5/10', 5, 10],
])('readRateLimit() reads %j', (text, requests, seconds) => {
  expect(readRateLimit('key', text)).toEqual({ name: 'key', requests, seconds });
});

it('rateLimitHeaders() says when to come back, and what the limit is', () => {
  expect(rateLimitHeaders({ name: 'key', requests: 100, seconds: 60 })).toEqual({
    'Retry-After': '60',
    RateLimit: '"key";r=0;t=60',
    'RateLimit-Policy': '"key";q=100;w=60',
  });
});
