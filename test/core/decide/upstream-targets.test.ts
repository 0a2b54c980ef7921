/** Which URLs of the upstream are mapped back to the edge, and which are left alone. */

import { describe, expect, test } from 'vitest';
import { hasBasePath, mapLinks, mapTarget } from '../../../src/core/decide/upstream-targets.ts';

const mapping = {
  upstreamUrl: 'https://api.example/v1/base',
  edgeOrigin: 'https://edge.example:8443',
};

describe('mapTarget()', () => {
  test.each([
    ['/v1/base/things/7?a=b#c', '/things/7?a=b#c'],
    ['/v1/base', '/'],
    ['/v1/base?page=2', '/?page=2'],
    ['https://api.example/v1/base/things/7', 'https://edge.example:8443/things/7'],
    ['https://API.example:443/v1/base/things', 'https://edge.example:8443/things'],
    ['//api.example/v1/base/things', 'https://edge.example:8443/things'],
    ['/v1/base/a/../b', '/b'],
    // `//evil.example` alone would be another host.
    ['/v1/base//evil.example/x', 'https://edge.example:8443//evil.example/x'],
  ])('maps %s to %s', (reference, mapped) => {
    expect(mapTarget(reference, mapping)).toBe(mapped);
  });

  test.each([
    '/v1/other',
    '/v1/basement/x',
    '/v1/base/../admin',
    '/v1/base/%2e%2e/admin',
    'things/7',
    '?page=2',
    '#top',
    '',
    'https://elsewhere.example/v1/base/x',
    'http://api.example/v1/base/x',
    'https://api.example:8443/v1/base/x',
    'https://user@api.example/v1/base/x',
    'https://api.example',
    '/v1/base/_edge/v1/keys',
    '//evil.example/v1/base/x',
    '/\\evil.example/v1/base/x',
    'mailto:a@api.example',
    'https://[',
  ])('leaves %j alone', (reference) => {
    expect(mapTarget(reference, mapping)).toBe(reference);
  });
});

describe('mapLinks()', () => {
  test('maps every target and no text in quotes', () => {
    const value =
      '</v1/base/a?p=2>; rel="next"; title="</v1/base/a>", <https://api.example/v1/base/z>;rel=last, </other>; rel="x"';
    expect(mapLinks(value, mapping)).toBe(
      '</a?p=2>; rel="next"; title="</v1/base/a>", <https://edge.example:8443/z>;rel=last, </other>; rel="x"',
    );
  });

  test.each(['<', '"', '<"', '"\\', '<'.repeat(10_000), '"\\'.repeat(5_000)])(
    'survives a broken value',
    (value) => {
      expect(mapLinks(value, mapping)).toBe(value);
    },
  );
});

test.each([
  ['https://api.example', false],
  ['https://api.example/v1', true],
])('hasBasePath(%j) is %j', (url, expected) => {
  expect(hasBasePath(url)).toBe(expected);
});
