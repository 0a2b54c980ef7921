/** The role of a host: no spelling of one may lead to the wrong side. */

import { describe, expect, test } from 'vitest';
import { canonicalHost, createHostRoles } from '../../../src/core/isolation/manage-host.ts';

describe('canonicalHost() takes for no host', () => {
  test.each([
    '',
    ' ',
    'a b.example',
    'keys.example/',
    'keys.example/path',
    'keys.example\\',
    'keys.example?',
    'keys.example#',
    'user@keys.example',
    'user:pass@keys.example',
    'https://keys.example',
    'keys.example:',
    'keys.example:port',
    'keys.example:123456',
    'keys.example:65536',
    'keys.example:0',
    'keys.example:80:80',
    'keys%2eexample',
    '*.example',
    '[::1',
    '::1',
    '[v1.x]',
    '[keys.example]',
    '[]',
    'keys..example',
    '.keys.example',
    'keys.example..',
    '.',
    '256.1.1.1',
    '1.2.3.4.5',
    'keys.example\n',
    '\tkeys.example',
  ])('%j', (host) => {
    expect(canonicalHost(host)).toBeNull();
  });
});

describe('canonicalHost() writes', () => {
  test.each([
    ['keys.example', 'keys.example'],
    ['KEYS.Example', 'keys.example'],
    ['keys.example.', 'keys.example'],
    ['keys.example:443', 'keys.example'],
    ['keys.example:80', 'keys.example'],
    ['keys.example.:443', 'keys.example'],
    ['keys.example:8443', 'keys.example:8443'],
    ['keys.example:08443', 'keys.example:8443'],
    ['keys.example:00080', 'keys.example'],
    ['schlüssel.example', 'xn--schlssel-95a.example'],
    ['SCHLÜSSEL.example', 'xn--schlssel-95a.example'],
    ['XN--SCHLSSEL-95A.example', 'xn--schlssel-95a.example'],
    ['ｋｅｙｓ.example', 'keys.example'],
    ['keys。example', 'keys.example'],
    ['127.1', '127.0.0.1'],
    ['0x7f.0.0.1:8787', '127.0.0.1:8787'],
    ['2130706433', '127.0.0.1'],
    ['[::1]', '[::1]'],
    ['[0:0:0:0:0:0:0:1]:443', '[::1]'],
    ['[2001:DB8::A]:8787', '[2001:db8::a]:8787'],
    ['localhost:8787', 'localhost:8787'],
  ])('%s as %s', (host, canonical) => {
    expect(canonicalHost(host)).toBe(canonical);
  });
});

describe('createHostRoles()', () => {
  test('knows one role if no host is set', () => {
    const roleOf = createHostRoles(null);
    expect(['keys.example', '', 'a b'].map(roleOf)).toEqual(['shared', 'shared', 'shared']);
  });

  const roleOf = createHostRoles('Keys.example:443');
  test.each([
    ['', 'unreadable'],
    ['keys.example@other.example', 'unreadable'],
    ['keys.example..', 'unreadable'],
    ['other.example', 'gateway'],
    ['keys.example:8443', 'gateway'],
    ['keys.example.other.example', 'gateway'],
    ['akeys.example', 'gateway'],
    ['keys.example,other.example', 'gateway'],
    ['keys.example', 'manage'],
    ['KEYS.EXAMPLE', 'manage'],
    ['keys.example.', 'manage'],
    ['keys.example:80', 'manage'],
  ])('says of %j: %s, each time', (authority, role) => {
    expect([roleOf(authority), roleOf(authority)]).toEqual([role, role]);
  });

  test('serves management on no host if the setting is no host, and forwards on readable ones alone', () => {
    const roles = createHostRoles('not a host');
    expect(['not a host', 'keys.example', ''].map(roles)).toEqual([
      'unreadable',
      'gateway',
      'unreadable',
    ]);
  });
});
