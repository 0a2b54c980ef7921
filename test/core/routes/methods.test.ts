/** Which methods are forwarded at all. */

import { describe, expect, test } from 'vitest';
import { isForwardedMethod, ROUTE_METHODS } from '../../../src/core/routes/methods.ts';

describe('isForwardedMethod()', () => {
  test.each([
    'CONNECT',
    'TRACE',
    'TRACK',
    '',
    'get',
    'patch',
    'Get',
    'GEt',
    '1GET',
    '_GET',
    '-GET',
    'GET ',
    ' GET',
    'GET\n',
    'GET/',
    'GÉT',
    'M'.repeat(21),
  ])('refuses %j', (method) => {
    expect(isForwardedMethod(method)).toBe(false);
  });

  test.each([
    ...ROUTE_METHODS,
    'PROPFIND',
    'M-SEARCH',
    'VERSION_2',
    'X',
    'UPDATEREDIRECTREF',
    'TRACER',
    'M'.repeat(20),
  ])('admits %j', (method) => {
    expect(isForwardedMethod(method)).toBe(true);
  });
});

test('rules name these methods, and no others', () => {
  expect(ROUTE_METHODS.join(' ')).toBe('GET HEAD POST PUT PATCH DELETE OPTIONS');
});
