/** Requests to mint, with each problem in words: refusals first. */

import { describe, expect, test } from 'vitest';
import { claimsOf, type MintRequest } from '../../../src/core/client-token/mint-request.ts';
import { compileBounds } from '../../../src/core/client-token/rights.ts';
import { ProblemList } from '../../../src/core/field-problem.ts';
import { restrictedRoutes } from '../../../src/core/routes/restricted-routes.ts';
import { compileRoutes } from '../../../src/core/routes/route-table.ts';

const parent = compileBounds(
  {
    allowedOrigins: ['https://app.example', 'https://*.shop.example'],
    rules: [{ methods: ['get'], resources: ['/items/:id', '/files/*'] }],
    maxTtlSeconds: 600,
    originOptional: false,
    endConnectionsAtExpiry: true,
  },
  restrictedRoutes,
  compileRoutes(restrictedRoutes),
);

function mint(requested: MintRequest) {
  const problems = new ProblemList();
  const claims = claimsOf(requested, parent, 1000, problems);
  return { claims, problems: problems.problems };
}

const many = Array.from({ length: 6 }, (_, index) => `https://a${index}.shop.example`);
const get = (...resources: string[]) => ({ methods: ['get'], resources });

describe('claimsOf() refuses', () => {
  test.each<[string, MintRequest, path: string, reason: RegExp]>([
    [
      'more seconds than the key allows',
      { ttlSeconds: 601 },
      'ttlSeconds',
      /longer than the 600 s/,
    ],
    ['no origins in a list', { origins: [] }, 'origins', /1 to 5/],
    ['six origins', { origins: many }, 'origins', /1 to 5/],
    ['an origin of others', { origins: ['https://other.example'] }, 'origins[0]', /exact origin/],
    ['a wildcard', { origins: ['https://*.shop.example'] }, 'origins[0]', /exact origin/],
    ['the second of two', { origins: [many[0] ?? '', 'null'] }, 'origins[1]', /exact origin/],
    ['a path of others', { rules: [get('/other')] }, 'rules[0]', /reaches more/],
    [
      'another method',
      { rules: [{ ...get('/items/:id'), methods: ['post'] }] },
      'rules[0]',
      /more/,
    ],
    ['the second of two rules', { rules: [get('/items/1'), get('/other')] }, 'rules[1]', /more/],
    ['a path without a slash', { rules: [get('items')] }, 'rules[0].resources[0]', /./],
    ['a number in meta', { meta: { plan: 1 } }, 'meta.plan', /./],
    ['257 bytes of meta', { meta: { a: 'x'.repeat(249) } }, 'meta', /longer than 256 bytes/],
    ['as many in fewer characters', { meta: { ab: 'é'.repeat(124) } }, 'meta', /longer than 256/],
  ])('%s', (_, requested, path, reason) => {
    const { problems } = mint(requested);
    expect(problems.map((problem) => problem.path)).toEqual([path]);
    expect(problems[0]?.reason).toMatch(reason);
    expect(problems[0]?.fix).toMatch(/^[A-Z]/);
  });

  test('all that is wrong at once', () => {
    const { problems } = mint({
      ttlSeconds: 601,
      origins: ['null', 'https://app.example', '*'],
      meta: { a: 1, b: 'b', c: null },
      rules: [get('/other'), get('/items/:id'), get('/more')],
    });
    expect(problems.map(({ path }) => path)).toEqual([
      'ttlSeconds',
      'origins[0]',
      'origins[2]',
      'meta.a',
      'meta.c',
      'rules[0]',
      'rules[2]',
    ]);
  });

  test.each<[string, MintRequest, value: string]>([
    ['no origins', { origins: [] }, '0 origins'],
    ['six origins', { origins: many }, '6 origins'],
    ['long meta', { meta: { a: 'x'.repeat(300), b: '' } }, '2 members'],
  ])('%s with how many there are', (_, requested, value) => {
    expect(mint(requested).problems[0]?.value).toBe(value);
  });

  test('long values without quoting all of them', () => {
    const { problems } = mint({
      origins: [`https://${'a'.repeat(500)}.example`],
      rules: [get(`/${'b'.repeat(500)}`)],
    });
    expect(problems.map(({ value }) => value)).toEqual([
      expect.stringMatching(/^https:\/\/a{192}…$/),
      expect.stringMatching(/^get \/b{195}…$/),
    ]);
  });

  test('a rule that is beyond the key in the words of the rule', () => {
    const rules = [{ methods: ['get', 'post'], resources: ['/a', '/b'] }];
    expect(mint({ rules }).problems[0]?.value).toBe('get, post /a, /b');
  });
});

describe('claimsOf() makes', () => {
  test('nothing of what is absent, for as long as the key allows', () => {
    const { claims, problems } = mint({});
    expect(problems).toEqual([]);
    expect(claims).toEqual({ iat: 1000, exp: 1600 });
    expect(Object.keys(claims)).toEqual(['iat', 'exp']);
  });

  test('what was asked for', () => {
    const asked = {
      sub: 'visitor',
      origins: ['https://app.example', 'https://a.shop.example'],
      rules: [get('/items/latest'), get('/files/a')],
      meta: { plan: 'free' },
    };
    const { claims, problems } = mint({ ttlSeconds: 60, ...asked });
    expect(problems).toEqual([]);
    expect(claims).toEqual({ iat: 1000, exp: 1060, ...asked });
  });

  test.each<[string, MintRequest]>([
    ['the longest lifetime', { ttlSeconds: 600 }],
    ['five origins', { origins: many.slice(0, 5) }],
    ['256 bytes of meta', { meta: { a: 'x'.repeat(248) } }],
    ['no meta in an object', { meta: {} }],
    ['all that the key allows', { rules: [get('/items/:id', '/files/*')] }],
  ])('a token of %s', (_, requested) => {
    expect(mint(requested).problems).toEqual([]);
  });
});
