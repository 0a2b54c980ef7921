/** The cookies that open the page are kept from the API, in whatever spelling it tries. */

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  LOCAL_PORTAL_COOKIE,
  LOCAL_SESSION_COOKIE,
  PORTAL_COOKIE,
  SESSION_COOKIE,
  setsOwnCookie,
  withoutOwnCookies,
} from '../../../src/core/isolation/own-cookies.ts';

const names = [
  '__Host-edge-session',
  'edge-session-local',
  '__Host-edge-portal',
  'edge-portal-local',
  '__Secure-edge-session',
  'CF_Authorization',
  'CF_AppSession',
  'CF_Binding',
  'CF_Session',
];

describe('setsOwnCookie()', () => {
  const spellings: readonly (readonly [name: string, spell: (name: string) => string])[] = [
    ['as usual', (name) => `${name}=x; Path=/; Secure`],
    ['without attributes', (name) => `${name}=x`],
    ['to delete it', (name) => `${name}=; Max-Age=0`],
    ['without a value', (name) => name],
    ['without a value, with attributes', (name) => `${name}; Path=/`],
    ['in capitals', (name) => `${name.toUpperCase()}=x`],
    ['in small letters', (name) => `${name.toLowerCase()}=x`],
    ['with blanks before it', (name) => ` \t ${name}=x`],
    ['with blanks after it', (name) => `${name} \t =x`],
    ['as the value of a cookie without a name', (name) => `=${name}=x`],
    ['the same with blanks', (name) => ` = ${name} =x`],
    ['as a nameless value alone', (name) => `=${name}`],
    ['with an equals sign in the value', (name) => `${name}=a=b=c`],
  ];
  for (const name of names) {
    test.each(spellings)(`finds ${name} %s`, (_spelling, spell) => {
      expect(setsOwnCookie(spell(name))).toBe(true);
    });
  }

  const others = [
    'session=1; Path=/',
    '',
    '=',
    ';',
    'a=edge-session-local',
    'a=__Host-edge-session=x',
    'a=b; __Host-edge-session=x',
    'my__Host-edge-session=x',
    '__Host-edge-session2=x',
    'edge-session=x',
    'edge-portal=x',
    '__Host-edge-portals=x',
    'CF_Auth=x',
    'cf_clearance=x',
    'CF_Sessions=x',
    '__cf_bm=x',
  ];
  test.each(others)('leaves %j alone', (setCookie) => {
    expect(setsOwnCookie(setCookie)).toBe(false);
  });
});

describe('withoutOwnCookies()', () => {
  const rows: readonly (readonly [header: string, expected: string | null])[] = [
    ['a=1', 'a=1'],
    ['a=1; b=2', 'a=1; b=2'],
    ['__Host-edge-session=x', null],
    ['__Host-edge-session=x; a=1', 'a=1'],
    ['a=1; __Host-edge-session=x', 'a=1'],
    ['a=1; __Host-edge-session=x; b=2', 'a=1; b=2'],
    ['__Host-edge-session=x; __Host-edge-session=y; edge-session-local=z', null],
    ['a=1;__Host-edge-session=x;b=2', 'a=1;b=2'],
    ['a=1; __HOST-EDGE-SESSION =x; b=2', 'a=1; b=2'],
    ['a=1; edge-session-local', 'a=1'],
    ['a=1; =edge-session-local=x', 'a=1'],
    ['a=1, __Host-edge-session=x', 'a=1'],
    ['__Host-edge-session=x, a=1; b=2', 'a=1; b=2'],
    ['a=1, __Host-edge-session=x, b=2; c=3', 'a=1, b=2; c=3'],
    ['__Host-edge-portal=x; a=1; edge-portal-local=y', 'a=1'],
    ['a="x; __Host-edge-session=y"; b=2', 'a="x; b=2'],
    ['a=1; CF_Authorization=jwt; CF_AppSession=y', 'a=1'],
    ['CF_Session=x; CF_Binding=y; __cf_bm=1', '__cf_bm=1'],
    ['a=__Host-edge-session', 'a=__Host-edge-session'],
    ['edge-sessions=1', 'edge-sessions=1'],
  ];
  test.each(rows)('%j is %j', (header, expected) => {
    expect(withoutOwnCookies(header)).toBe(expected);
  });

  test('keeps every other cookie and lets none of ours through, in any order', () => {
    const other = fc.stringMatching(/^[a-z]{1,5}=[A-Za-z0-9=+/]{0,10}$/);
    const own = fc.constantFrom(...names).map((name) => `${name}=secret`);
    fc.assert(
      fc.property(fc.array(fc.oneof(other, own), { minLength: 1 }), (pairs) => {
        const kept = pairs.filter((pair) => !pair.endsWith('=secret'));
        expect(withoutOwnCookies(pairs.join('; '))).toBe(kept.join('; ') || null);
      }),
    );
  });
});

test('the names are those that browsers enforce', () => {
  expect([SESSION_COOKIE, PORTAL_COOKIE]).toEqual(['__Host-edge-session', '__Host-edge-portal']);
  expect([LOCAL_SESSION_COOKIE, LOCAL_PORTAL_COOKIE]).toEqual([
    'edge-session-local',
    'edge-portal-local',
  ]);
});
