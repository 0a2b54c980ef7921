/** From where a host can be reached. `receiver-url.test.ts` has every block of addresses. */

import { expect, test } from 'vitest';
import { reachOf } from '../../../src/core/addresses/reach.ts';

test.each([
  ['http://localhost/', 'loopback'],
  ['http://LOCALHOST./', 'loopback'],
  ['http://api.localhost:3000/', 'loopback'],
  ['http://127.9.8.7/', 'loopback'],
  ['http://127.1/', 'loopback'],
  ['http://[::1]:3000/', 'loopback'],
  ['http://10.0.0.1/', 'private'],
  ['http://192.168.1.1/', 'private'],
  ['http://0.0.0.0/', 'private'],
  ['http://[fd12:3456::1]/', 'private'],
  ['http://api:3000/', 'private'],
  ['http://nas.local/', 'private'],
  ['https://api.example.com/', 'public'],
  ['https://localhost.example.com/', 'public'],
  ['https://127.0.0.1.example.com/', 'public'],
  ['https://8.8.8.8/', 'public'],
  ['https://[2606:4700::1111]/', 'public'],
])('the host of %j is %s', (url, reach) => {
  expect(reachOf(new URL(url).hostname)).toBe(reach);
});
