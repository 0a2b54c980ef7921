/** The response headers that a page may read: what is left out first. */

import { describe, expect, test } from 'vitest';
import { exposedHeaders, mergeExposed } from '../../../src/core/decide/exposed-headers.ts';

const own =
  'Location, Link, ETag, Retry-After, X-Total-Count, WWW-Authenticate, X-Edge-Reason, ' +
  'X-Edge-Dropped-Headers, X-Request-Id, RateLimit, RateLimit-Policy, Upload-Offset, ' +
  'Upload-Length, Content-Range, Accept-Ranges';

describe('exposedHeaders()', () => {
  test('is what every response exposes', () => {
    expect(exposedHeaders()).toBe(own);
  });

  test('adds those of the setting, and none that is there already', () => {
    expect(exposedHeaders(['X-Acme', 'etag', 'LINK', 'X-Other'])).toBe(`${own}, X-Acme, X-Other`);
  });
});

describe('mergeExposed() adds nothing of', () => {
  test.each([
    ['an empty value', ''],
    ['blanks', ' , ,\t'],
    ['the wildcard', '*'],
    ['what is exposed already, in any case', 'etag, X-BASE'],
    ['names of ours', 'X-Edge-Key-Id, x-edge-anything'],
    ['names of ours in another spelling', 'X_Edge_Key_Id, X-Edge_Owner, x_edge-owner'],
    ['names of CORS', 'Access-Control-Allow-Origin, access-control-max-age'],
    ['cookies', 'Set-Cookie, set-cookie2'],
    ['what is no name', 'a b, a:b, a"b, (a), a/b, a@b, é'],
    ['a value of more than 4,096 characters', `X-A, ${'x'.repeat(4_092)}`],
  ])('%s', (_, value) => {
    expect(mergeExposed('X-Base, ETag', value)).toBe('X-Base, ETag');
  });
});

describe('mergeExposed() adds', () => {
  test.each([
    ['one name', 'X-A', 'X-A'],
    ['names in their order, without blanks', ' X-B ,\tX-A', 'X-B, X-A'],
    ['a name once, in its first spelling', 'X-A, x-a, X-A', 'X-A'],
    ['what is good beside what is not', '*, X-A, X-Edge-Owner, a b, X-B', 'X-A, X-B'],
    ['every sign of a name', "a!#$%&'*+-.^_`|~9", "a!#$%&'*+-.^_`|~9"],
    [
      'names that only begin like ours',
      'X-Edgeless, Access-Controlled',
      'X-Edgeless, Access-Controlled',
    ],
    ['names that only end like ours', 'My-Set-Cookie, No-X-Edge-A', 'My-Set-Cookie, No-X-Edge-A'],
    ['a value of 4,096 characters', `X-A,${' '.repeat(4_092)}`, 'X-A'],
  ])('%s', (_, value, added) => {
    expect(mergeExposed('X-Base', value)).toBe(`X-Base, ${added}`);
  });

  test('no name that begins with the wildcard, which a browser would take for it', () => {
    expect(mergeExposed('X-Base', '*, *a, **')).toBe('X-Base');
  });

  test('32 names at most', () => {
    const names = Array.from({ length: 40 }, (_, index) => `X-${index}`);
    expect(mergeExposed('X-Base', names.join(','))).toBe(
      ['X-Base', ...names.slice(0, 32)].join(', '),
    );
  });
});
