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
    ['HTTPS://api.example/v1/base/a', 'https://edge.example:8443/a'],
    ['/v1/base/a/_edge/b', '/a/_edge/b'],
    ['/v1/base/_edges', '/_edges'],
    [`/v1/base/${'a'.repeat(16_384 - 9)}`, `/${'a'.repeat(16_384 - 9)}`],
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
    'base/sign-in?next=https://app.example/',
    '?page=2',
    '#top',
    '',
    'https://elsewhere.example/v1/base/x',
    'http://api.example/v1/base/x',
    'https://api.example:8443/v1/base/x',
    'https://user@api.example/v1/base/x',
    'https://api.example',
    'https://:secret@api.example/v1/base/x',
    'a//api.example/v1/base/x',
    'a https://api.example/v1/base/x',
    `/v1/base/${'a'.repeat(16_385 - 9)}`,
    '/v1/base/_edge/v1/keys',
    '/v1/base/_edge',
    '/v1/base//_edge/v1/keys',
    '/v1/base///_EDGE',
    '//evil.example/v1/base/x',
    '/\\evil.example/v1/base/x',
    'mailto:a@api.example',
    'https://[',
  ])('leaves %j alone', (reference) => {
    expect(mapTarget(reference, mapping)).toBe(reference);
  });
});

test('mapTarget() follows the scheme of the upstream', () => {
  const plain = { ...mapping, upstreamUrl: 'http://api.example/v1' };
  expect(mapTarget('http://api.example/v1/a', plain)).toBe('https://edge.example:8443/a');
  expect(mapTarget('https://api.example/v1/a', plain)).toBe('https://api.example/v1/a');
  const broken = { ...mapping, upstreamUrl: 'nonsense' };
  expect(mapTarget('/v1/base/a', broken)).toBe('/v1/base/a');
});

describe('mapLinks()', () => {
  test('maps every target and no text in quotes', () => {
    const value =
      '</v1/base/a?p=2>; rel="next"; title="</v1/base/a>", <https://api.example/v1/base/z>;rel=last, </other>; rel="x"';
    expect(mapLinks(value, mapping)).toBe(
      '</a?p=2>; rel="next"; title="</v1/base/a>", <https://edge.example:8443/z>;rel=last, </other>; rel="x"',
    );
  });

  test.each([
    ['behind other text in quotes', '</other>; title="see </v1/base/a>"'],
    ['behind a quote that is escaped', '</other>; title="\\"</v1/base/a>"'],
    ['in quotes that are never closed', '</other>; title="</v1/base/a>'],
  ])('maps no text %s', (_, value) => {
    expect(mapLinks(value, mapping)).toBe(value);
  });

  test('maps a value of 16 KiB, and leaves a longer one alone', () => {
    const linkOf = (length: number) => {
      const link = '</v1/base/a>; title="';
      return `${link}${'x'.repeat(length - link.length - 1)}"`;
    };
    expect(mapLinks(linkOf(16_384), mapping)).toMatch(/^<\/a>/);
    expect(mapLinks(linkOf(16_385), mapping)).toBe(linkOf(16_385));
  });

  test('reads a target from its last "<" on, so that many of them take no time of their square', () => {
    const many = '<'.repeat(10_000);
    expect(mapLinks(`${many}</v1/base/a>`, mapping)).toBe(`${many}</a>`);
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
  ['https://api.example/', false],
  ['https://api.example/v1', true],
  ['HTTP://api.example/v1', true],
  ['/ https://api.example/v1', false],
])('hasBasePath(%j) is %j', (url, expected) => {
  expect(hasBasePath(url)).toBe(expected);
});
