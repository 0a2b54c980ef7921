/** Which of our own paths each host serves, and which are the page's. */

import { describe, expect, test } from 'vitest';
import { isOnEveryHost, isPagePath } from '../../../src/core/isolation/own-paths.ts';

describe('of our own paths,', () => {
  // On every host; of the page.
  test.each<[string, boolean, boolean]>([
    ['/_edge/v1', false, false],
    ['/_edge/v1/', false, false],
    ['/_edge/v1/keys', false, false],
    ['/_edge/v1/leaks', false, false],
    ['/_edge/v1/selfish', false, false],
    ['/_edge/v1/client-token', false, false],
    ['/_edge/metrics', false, false],
    ['/_edge', false, true],
    ['/_edge/', false, true],
    ['/_edge/keys', false, true],
    ['/_edge/v11', false, true],
    ['/_edge/v1.css', false, true],
    ['/_edge/metrics/', false, true],
    ['/_edge/healthy', false, true],
    ['/_edge/error', false, true],
    ['/_edge/jwks.jsonp', false, true],
    ['/_edge/health', true, false],
    ['/_edge/health/', true, false],
    ['/_edge/jwks.json', true, false],
    ['/_edge/errors', true, false],
    ['/_edge/errors/invalid_key', true, false],
    ['/_edge/v1/client-tokens', true, false],
    ['/_edge/v1/client-tokens/', true, false],
    ['/_edge/v1/self', true, false],
    ['/_edge/v1/leaks/github', true, false],
  ])('%s: on every host %s, of the page %s', (path, everywhere, page) => {
    expect([isOnEveryHost(path), isPagePath(path)]).toEqual([everywhere, page]);
  });
});
