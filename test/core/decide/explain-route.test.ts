/** Explanations of refused routes: those without a near miss first. */

import { describe, expect, test } from 'vitest';
import { routeRefusalText } from '../../../src/core/decide/explain-route.ts';
import { rulesOfSet } from '../../../src/core/key/key.ts';
import { readTarget } from '../../../src/core/routes/request-target.ts';
import { restrictedRoutes } from '../../../src/core/routes/restricted-routes.ts';
import { compileRoutes } from '../../../src/core/routes/route-table.ts';
import { aBackendKey, aClientKey, aKey } from '../fixtures.ts';

const restrictedTable = compileRoutes(restrictedRoutes);
const withRule = (method: string, resource: string) =>
  aKey({ rules: [{ methods: [method], resources: [resource] }] });
const visitorOf = (key: ReturnType<typeof aKey>, bounds = restrictedTable) =>
  aClientKey({ bounds }, key);

const restricted = aKey();
const own = withRule('get', '/own/:id');
const every = withRule('get', '/api/*');

const textOf = (key: Parameters<typeof routeRefusalText>[1]['key'], request: string) => {
  const [method = '', path = ''] = request.split(' ');
  const target = readTarget(`https://edge.example${path}`);
  return routeRefusalText('Refused', { key, method, target, restrictedTable });
};

describe('routeRefusalText()', () => {
  test.each([
    ['an endpoint far away', restricted, 'GET /nothing'],
    ['a refused query', restricted, 'GET /api/stream/1?_method=PUT'],
    ['a key that may call everything', aBackendKey(), 'TRACE /api/stream/1'],
    ['full access', aKey({ fullAccess: true }), 'TRACE /api/stream/1'],
    ['a token without a key', { missing: 'unknown' }, 'HEAD /api/stream/1'],
    ['a rule set that is missing', aKey({ rules: rulesOfSet('acme@1') }), 'HEAD /api/stream/1'],
    [
      'a method that the key of a client token does not have',
      visitorOf(withRule('delete', '/api/*')),
      'GET /api/stream/1',
    ],
  ])('adds nothing for %s', (_, key, request) => {
    expect(textOf(key, request)).toBe('Refused');
  });

  test.each([
    [
      'of a restricted key',
      restricted,
      'GET /api/stream/1/',
      'The path without the slash at its end is allowed by /api/stream/{stream}',
    ],
    [
      'of another method',
      restricted,
      'HEAD /api/stream/1',
      'The key may call this path with GET or PATCH, but not with HEAD',
    ],
    [
      'of a path that is not plain',
      restricted,
      'GET /api/stream/%31',
      'The segment "%31" does not fit /api/stream/{stream}: it holds "%"',
    ],
    [
      'of a path with a query',
      restricted,
      'GET /api/stream/pull?a=1',
      'The segment "pull" does not fit /api/stream/{stream}: it is a reserved word',
    ],
    [
      'of rules of the key',
      own,
      'GET /own/a.b',
      'The segment "a.b" does not fit /own/{:id}: it holds "."',
    ],
    [
      'of the case of a literal in rules of the key',
      own,
      'GET /Own/1',
      'The path differs only in upper and lower case from "/own/1", which is allowed by /own/{:id}',
    ],
    [
      'of the rules of a client token',
      visitorOf(every),
      'POST /api/stream/1',
      'The key may call this path with GET, but not with POST',
    ],
    [
      'of a word that only the key of a client token reserves',
      visitorOf(every),
      'GET /api/stream/pull',
      'The segment "pull" does not fit /api/*: it is a reserved word',
    ],
  ])('adds the near miss %s', (_, key, request, miss) => {
    expect(textOf(key, request)).toBe(`Refused. ${miss}`);
  });
});
