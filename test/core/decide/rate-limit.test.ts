import { expect, it } from 'vitest';
import {
  clientNetwork,
  rateLimitHeaders,
  readRateLimit,
} from '../../../src/core/decide/rate-limit.ts';

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

it.each([
  ['', null],
  ['unknown', null],
  ['1.2.3', null],
  ['1.2.3.4, 5.6.7.8', null],
  ['2001:db8::1]/', null],
  ['2001:db8::1]/a', null],
  ['192.0.2.7', '192.0.2.7'],
  ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64'],
  ['2001:db8:1:2:ffff::9', '2001:db8:1:2::/64'],
  ['2001:DB8::1', '2001:db8:0:0::/64'],
  ['::1', '0:0:0:0::/64'],
  ['::', '0:0:0:0::/64'],
  // Groups behind the double colon belong to the network when the colon stands for few.
  ['2001::b:c:d:e:f:1', '2001:0:b:c::/64'],
  ['2001::d:e:f:1:2', '2001:0:0:d::/64'],
  ['::c:d:e:f:1:2', '0:0:c:d::/64'],
  ['::b:c:d:e:f:1:2', '0:b:c:d::/64'],
  ['2001:a:b::', '2001:a:b:0::/64'],
  ['123.123.123.123', '123.123.123.123'],
  // One client, whichever family its connection is reported in.
  ['::ffff:192.0.2.7', '192.0.2.7'],
  ['::ffff:c000:207', '192.0.2.7'],
  ['::fffe:c000:207', '0:0:0:0::/64'],
  ['fe80::1%eth0', 'fe80:0:0:0::/64'],
  ['192.0.2.256', null],
  ['zz2001:db8::1', null],
])('clientNetwork(%j) is %j', (address, network) => {
  expect(clientNetwork(address)).toBe(network);
});
