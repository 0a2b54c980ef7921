/** Plain http on this machine. */

import { expect, test } from 'vitest';
import { isLocalHttp } from '../../../src/core/isolation/local-http.ts';

test.each([
  ['https://localhost/', false],
  ['http://app.example/', false],
  ['http://localhost.example/', false],
  ['http://notlocalhost/', false],
  ['http://128.0.0.1/', false],
  ['http://127.0.0.1.example/', false],
  ['http://a127.0.0.1.example/', false],
  ['http://126.255.255.255/', false],
  ['http://0.0.0.0/', false],
  ['http://10.0.0.1/', false],
  ['http://[::]/', false],
  ['http://[::2]/', false],
  ['http://[fe80::1]/', false],
  ['http://localhost/', true],
  ['http://LOCALHOST:8787/', true],
  ['http://localhost./', true],
  ['http://app.localhost/', true],
  ['http://127.0.0.1:8787/', true],
  ['http://127.9.8.7/', true],
  ['http://127.10.20.30/', true],
  ['http://127.255.255.255/', true],
  ['http://127.1/', true],
  ['http://[::1]:8787/', true],
  ['http://[0:0::1]/', true],
])('isLocalHttp(%j) is %s', (url, isLocal) => {
  expect(isLocalHttp(url)).toBe(isLocal);
});
