/** Rule sets: how they are read, and what a key that refers to one may call. */

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { compileParent, rightsOf } from '../../../src/core/client-token/rights.ts';
import { decideWithKey } from '../../../src/core/decide/pipeline.ts';
import {
  compileKey,
  compileRules,
  ruleSetOf,
  rulesOfSet,
  type StoredKey,
} from '../../../src/core/key/key.ts';
import { readTarget } from '../../../src/core/routes/request-target.ts';
import { restrictedRoutes } from '../../../src/core/routes/restricted-routes.ts';
import { compileRoutes, type RouteList } from '../../../src/core/routes/route-table.ts';
import {
  BUILT_IN_RULE_SET,
  type RestrictedRoutes,
  readRuleSets,
  routeListFor,
  ruleSetTable,
} from '../../../src/core/routes/rule-sets.ts';
import { runs } from '../../support/runs.ts';
import { anOrigin, aStoredBackendKey, aStoredKey } from '../fixtures.ts';

const acme: RouteList = {
  routes: [
    { methods: ['GET'], path: '/items/{item}' },
    { methods: ['POST'], path: '/items' },
    { methods: ['GET'], path: '/files/*' },
  ],
  reservedWords: { item: ['admin'] },
};
const { sets } = readRuleSets({ 'acme@1': acme });
const deployment: RestrictedRoutes = { ...restrictedRoutes, sets };
const restrictedTable = compileRoutes(restrictedRoutes);

/** The rules that say the same as a list, as a person would write them. */
const writtenOut = ({ routes }: RouteList) =>
  routes.map(({ methods, path }) => ({
    methods: methods.map((method) => method.toLowerCase()),
    resources: [path.replace(/\{([\w-]+)\}/g, ':$1')],
  }));

function decide(stored: StoredKey, restricted: RestrictedRoutes, method: string, path: string) {
  const origin = stored.kind === 'cors' ? anOrigin('https://app.example') : null;
  const request = { method, target: readTarget(`https://edge.test${path}`), origin, address: null };
  return decideWithKey(compileKey(stored, restricted), request, { restrictedTable }, 0);
}

describe('readRuleSets()', () => {
  const set = { routes: [{ methods: ['GET'], path: '/a' }] };
  test.each([
    ['no JSON', '{', /not a JSON object/],
    ['a list', [], /not a JSON object/],
    ['a reference without a version', { acme: set }, /a version from 1/],
    ['version 0', { 'acme@0': set }, /a version from 1/],
    ['a version with more', { 'acme@1.2': set }, /a version from 1/],
    ['a name in capitals', { 'Acme@1': set }, /in lower case/],
    ['a name with a blank', { 'ac me@1': set }, /in lower case/],
    ['the built-in set', { 'livepeer@1': set }, /built-in/],
    ['no routes', { 'acme@1': {} }, /not a list/],
    ['an empty list', { 'acme@1': { routes: [] } }, /not a list/],
    [
      'a route of ours',
      { 'acme@1': { routes: [{ methods: ['GET'], path: '/_edge/v1' }] } },
      /path/,
    ],
    ['a cost', { 'acme@1': { routes: [{ methods: ['GET'], path: '/a', cost: 2 }] } }, /alone/],
    [
      'too many',
      Object.fromEntries(Array.from({ length: 51 }, (_, n) => [`a@${n + 1}`, set])),
      /51/,
    ],
  ])('refuses %s', (_name, configured, reason) => {
    const { problems } = readRuleSets(configured);
    expect(problems.map((problem) => problem.reason).join('\n')).toMatch(reason);
  });

  test('reports all that is wrong, each with its place', () => {
    const { problems } = readRuleSets({
      'acme@1': { routes: [{ methods: ['GOT'], path: 'a' }] },
      'Acme@2': { routes: [] },
      'acme@3': 'GET /a',
    });
    expect(problems.map(({ path }) => path)).toEqual([
      'acme@1.routes[0].methods',
      'acme@1.routes[0].path',
      'Acme@2',
      'Acme@2.routes',
      'acme@3',
    ]);
    expect(readRuleSets('{').problems.map(({ path }) => path)).toEqual(['']);
  });

  test('says how to mend each, and reads no more than there may be', () => {
    const fixesOf = (configured: unknown) =>
      readRuleSets(configured).problems.map(({ fix }) => fix);
    expect(fixesOf('{')).toEqual([
      'Write {"acme@1": {"routes": [{"methods": ["GET"], "path": "/items/{item}"}]}}',
    ]);
    expect(fixesOf({ Acme: acme })).toEqual(['Write it like "acme@1"']);
    expect(fixesOf({ 'livepeer@1': acme })).toEqual(['Use another name or version']);
    const costly = { routes: [...acme.routes, { methods: ['GET'], path: '/a', cost: 2 }] };
    expect(readRuleSets({ 'acme@1': costly }).problems).toMatchObject([
      { path: 'acme@1.routes[3].cost', value: 2, fix: 'Write the cost there' },
    ]);
    const sets = (count: number) =>
      Object.fromEntries(Array.from({ length: count }, (_, n) => [`a@${n + 1}`, acme]));
    expect(readRuleSets(sets(50)).problems).toEqual([]);
    const tooMany = readRuleSets(sets(51));
    expect(tooMany.problems).toMatchObject([
      { path: '', fix: 'Remove those that no key refers to' },
    ]);
    expect(tooMany.sets.has('a@50')).toBe(true);
    expect(tooMany.sets.has('a@51')).toBe(false);
  });

  test('reads text as it reads an object, and leaves out a set that is broken', () => {
    const configured = { 'acme@1': acme, 'acme@2': { routes: [] } };
    for (const written of [configured, JSON.stringify(configured)]) {
      const read = readRuleSets(written).sets;
      expect(read.get('acme@1')?.routes).toHaveLength(3);
      expect([...read.keys()]).toEqual(['livepeer@1', 'acme@1']);
    }
  });

  test('has the built-in table in every deployment', () => {
    expect(readRuleSets({}).sets.get(BUILT_IN_RULE_SET)).toBe(restrictedRoutes);
    expect([...sets.keys()]).toEqual(['livepeer@1', 'acme@1']);
  });
});

describe('a key that refers to a rule set', () => {
  test.each(['cors', 'backend'] as const)(
    'is decided about as one with those rules written out: %s',
    (kind) => {
      const make = kind === 'cors' ? aStoredKey : aStoredBackendKey;
      const segment = fc.constantFrom(
        'items',
        'files',
        'a',
        'Admin',
        'admin',
        '..',
        '',
        'x;y',
        '*',
      );
      const path = fc.oneof(
        fc.array(segment, { maxLength: 4 }).map((parts) => `/${parts.join('/')}`),
        fc.constantFrom('/items', '/items/a', '/items/ADMIN', '/files/a', '/files/a/b'),
      );
      const query = fc.constantFrom('', '', '?a=1', '?_method=DELETE');
      const method = fc.constantFrom(
        'GET',
        'GET',
        'GET',
        'POST',
        'HEAD',
        'DELETE',
        'OPTIONS',
        'TRACE',
      );
      let allowed = 0;
      fc.assert(
        fc.property(method, path, query, (verb, start, end) => {
          const byList = make({ rules: writtenOut(acme) });
          const bySet = make({ rules: rulesOfSet('acme@1') });
          // Rules take their reserved words from the restricted list, and a set brings its own.
          const written = decide(byList, acme, verb, start + end);
          const referred = decide(bySet, deployment, verb, start + end);
          expect(referred.allowed).toBe(written.allowed);
          if (!referred.allowed || !written.allowed) return;
          allowed += 1;
          expect([referred.path, referred.query]).toEqual([written.path, written.query]);
        }),
        { numRuns: runs(2_000) },
      );
      expect(allowed).toBeGreaterThan(5);
    },
  );

  test('of the built-in set is decided about as one without a set', () => {
    for (const { methods, path } of [...restrictedRoutes.routes, ...acme.routes]) {
      const filled = path.replace(/\{[^}]*\}/g, 'abc').replace('*', 'abc');
      for (const method of [...methods, 'DELETE']) {
        expect(
          decide(aStoredKey({ rules: rulesOfSet('livepeer@1') }), deployment, method, filled),
        ).toEqual(decide(aStoredKey(), deployment, method, filled));
      }
    }
  });

  test('may call nothing once the deployment has no such set, and says which', () => {
    const stored = aStoredKey({ rules: rulesOfSet('acme@2') });
    for (const restricted of [deployment, restrictedRoutes]) {
      for (const path of ['/items/abc', '/api/stream/abc', '/']) {
        const decision = decide(stored, restricted, 'GET', path);
        expect(decision).toMatchObject({
          allowed: false,
          rejection: {
            code: 'route_not_allowed',
            cause: 'the rule set acme@2 is not configured',
            detail: expect.stringContaining('refers to the rule set acme@2'),
          },
        });
      }
    }
  });

  test('may call nothing in a version that knows no sets, which reads its rules as they are', () => {
    const rules = JSON.parse(JSON.stringify(rulesOfSet('acme@1')));
    for (const list of [restrictedRoutes, acme]) {
      const table = compileRules(rules, list);
      for (const path of ['/items/abc', '/files/a/b', '/', '', '/api/stream/abc']) {
        expect(table.match('GET', path)).toBeNull();
      }
    }
    expect(ruleSetOf(rules)).toBe('acme@1');
  });
});

describe('client tokens of a rule set', () => {
  const parentOf = (reference: string) => {
    const clientTokens = {
      allowedOrigins: ['https://app.example'],
      rules: rulesOfSet(reference),
      maxTtlSeconds: 300,
      originOptional: false,
      endConnectionsAtExpiry: true,
    };
    const parent = compileParent(aStoredBackendKey({ clientTokens }), deployment, restrictedTable);
    if (parent === null) throw new Error('Cannot compile the parent of the test');
    return parent;
  };
  const claims = { iat: 1, exp: 300 };
  const call = (reference: string, more: object, path: string) => {
    const rights = rightsOf(parentOf(reference), { ...claims, ...more }, deployment);
    if (!rights.ok) return rights.cause;
    const target = readTarget(`https://edge.test${path}`);
    const request = {
      method: 'GET',
      target,
      origin: anOrigin('https://app.example'),
      address: null,
    };
    const decision = decideWithKey(rights.key, request, { restrictedTable }, 0);
    return decision.allowed ? decision.path : (decision.rejection.cause ?? decision.rejection.code);
  };
  const rule = (resource: string) => ({ rules: [{ methods: ['get'], resources: [resource] }] });

  test.each([
    ['the set itself', 'acme@1', {}, '/items/abc', '/items/abc'],
    ['a route outside of it', 'acme@1', {}, '/api/stream/abc', 'route_not_allowed'],
    ['a reserved word of it', 'acme@1', {}, '/items/admin', 'route_not_allowed'],
    ['a narrower token', 'acme@1', rule('/files/a'), '/files/a', '/files/a'],
    ['beyond a narrower token', 'acme@1', rule('/files/a'), '/files/b', 'route_not_allowed'],
    [
      'a token with its reserved word',
      'acme@1',
      rule('/items/:id'),
      '/items/admin',
      'route_not_allowed',
    ],
    [
      'a token that asks for more',
      'acme@1',
      rule('/other'),
      '/other',
      'client token: rules beyond the key',
    ],
    [
      'a set that is not there',
      'acme@2',
      {},
      '/items/abc',
      'the rule set acme@2 is not configured',
    ],
  ])('%s', (_name, reference, more, path, outcome) => {
    expect(call(reference, more, path)).toBe(outcome);
  });
});

test('without a reference, the list is that of the deployment', () => {
  expect(routeListFor(deployment, null)).toBe(deployment);
  expect(routeListFor(deployment, undefined)).toBe(deployment);
  expect(routeListFor(deployment, 'acme@1')).toBe(sets.get('acme@1'));
  expect(routeListFor(deployment, 'acme@2').routes).toEqual([]);
});

test('each set is compiled once', () => {
  expect(ruleSetTable(deployment, 'acme@1')).toBe(ruleSetTable({ ...deployment }, 'acme@1'));
});
