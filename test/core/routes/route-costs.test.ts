import { describe, expect, test } from 'vitest';
import { readTarget } from '../../../src/core/routes/request-target.ts';
import { compileCosts } from '../../../src/core/routes/route-costs.ts';
import { readRouteList } from '../../../src/core/routes/route-list.ts';

const routes = [
  { methods: ['POST'], path: '/api/asset/{asset}/transcode', cost: 10 },
  { methods: ['GET'], path: '/api/asset/{asset}', cost: 2 },
  { methods: ['POST'], path: '/api/Upload/*', cost: 100 },
  { methods: ['GET'], path: '/api/task/{task}' },
];

describe('a cost is refused', () => {
  // Only a number or a text is quoted.
  test.each([
    [0, 0],
    [101, 101],
    [1.5, 1.5],
    [-1, -1],
    ['10', '10'],
    [null, null],
    [Number.NaN, Number.NaN],
    [[10], null],
    [{ cost: 10 }, null],
  ])('of %j', (cost, value) => {
    const result = readRouteList({ routes: [{ methods: ['GET'], path: '/a', cost }] });
    const reason = 'it is not a whole number from 1 to 100';
    const fix = 'Write what a request counts towards a quota, such as 10';
    const problems = [{ path: 'routes[0].cost', value, reason, fix }];
    expect(result).toEqual({ ok: false, problems });
  });
});

test.each([1, 2, 100])('a cost of %i is read', (cost) => {
  const list = { routes: [{ methods: ['GET'], path: '/a', cost }] };
  expect(readRouteList(list)).toMatchObject({ ok: true, list });
});

describe('compileCosts()', () => {
  const costs = compileCosts({ routes, reservedWords: {} });
  test.each([
    ['POST', '/api/asset/a1/transcode', 10],
    ['GET', '/api/asset/a1', 2],
    ['POST', '/api/asset/a1', 1],
    ['GET', '/api/task/t1', 1],
    ['GET', '/elsewhere', 1],
    ['POST', '/api/upload/x/y', 100],
    // Spellings that a server may read as a costly route.
    ['POST', '/API/Asset/A1/Transcode', 10],
    ['POST', '/api/asset/a1/transcode/', 10],
    ['POST', '/api/asset/a1/%74ranscode', 100],
    ['POST', '/api//asset/a1/transcode', 100],
    ['GET', '/', 1],
  ])('%s %s costs %i', (method, path, cost) => {
    expect(costs?.(method, readTarget(`https://edge.example${path}`))).toBe(cost);
  });

  test('counts the dearest of the rows that a request fits, in whichever order they are', () => {
    const both = [
      { methods: ['GET'], path: '/files/*', cost: 3 },
      { methods: ['GET'], path: '/files/{file}', cost: 20 },
      { methods: ['GET'], path: '/files/small', cost: 5 },
    ];
    for (const rows of [both, both.toReversed()]) {
      const ofBoth = compileCosts({ routes: rows, reservedWords: {} });
      const costOf = (path: string) => ofBoth?.('GET', readTarget(`https://edge.example${path}`));
      expect(['/files/small', '/files/a', '/files/a/b', '/'].map(costOf)).toEqual([20, 20, 3, 1]);
      // However a server reads it.
      expect(costOf('/files/%61/b')).toBe(20);
    }
  });

  test('is null if no row costs more than 1', () => {
    const cheap = [{ methods: ['GET'], path: '/a', cost: 1 }, routes[3]!];
    expect(compileCosts({ routes: cheap, reservedWords: {} })).toBeNull();
  });
});
