import { describe, expect, it } from 'vitest';
import { restrictedRoutes } from '../../../src/core/routes/restricted-routes.ts';
import { readRouteList } from '../../../src/core/routes/route-list.ts';

const aRoute = (more: object = {}) => ({ methods: ['GET'], path: '/api/task/{task}', ...more });
const withRoutes = (...routes: unknown[]) => ({ routes });
const manyRoutes = (count: number) =>
  Array.from({ length: count }, (_, index) => aRoute({ path: `/api/${index}` }));

describe('readRouteList() refuses', () => {
  const rows: readonly [name: string, configured: unknown, path: string, reason: string][] = [
    ['text that is not JSON', '{"routes": [', '', 'not a JSON object'],
    ['a list in the place of the object', [], '', 'not a JSON object'],
    ['nothing', undefined, '', 'not a JSON object'],
    ['a document without routes', {}, 'routes', 'not a list of 1 to 2000 routes'],
    ['an empty list', withRoutes(), 'routes', 'not a list of 1 to 2000 routes'],
    ['2001 routes', withRoutes(...manyRoutes(2_001)), 'routes', 'not a list of 1 to 2000 routes'],
    ['a misspelt field', { ...withRoutes(aRoute()), reserved: {} }, 'reserved', 'no such field'],
    ['a route that is no object', withRoutes('GET /x'), 'routes[0]', 'not an object'],
    ['a route without methods', withRoutes({ path: '/x' }), 'routes[0].methods', 'not a list'],
    ['no method at all', withRoutes(aRoute({ methods: [] })), 'routes[0].methods', 'not a list'],
    [
      'a method that is no text',
      withRoutes(aRoute({ methods: ['GET', 5] })),
      'routes[0].methods',
      'not a list',
    ],
    [
      'a method in lower case',
      withRoutes(aRoute({ methods: ['get'] })),
      'routes[0].methods',
      'not a method',
    ],
    ['TRACE', withRoutes(aRoute({ methods: ['TRACE'] })), 'routes[0].methods', 'not a method'],
    ['any method', withRoutes(aRoute({ methods: ['*'] })), 'routes[0].methods', 'not a method'],
    ...[
      'api/task',
      '/',
      '/api/',
      '/api//task',
      '/api/../task',
      '/api/%2e',
      '/api/{Task}',
      '/api/{}',
      '/api/x{task}',
      '/api/:task',
      '/api/...',
      '/api/{task()}',
      '/api/{task(a)}',
      '/api/{task(;)}',
      '/api/{task(%)}',
      '/api/{task(.)}x',
      '/api/a;b',
      '/api/*/x',
      '/*',
      '/_edge/v1',
      '/_EDGE',
      '/api/a b',
      '/api/é',
      5,
      null,
    ].map((path): [string, unknown, string, string] => [
      `the path ${JSON.stringify(path)}`,
      withRoutes(aRoute({ path })),
      'routes[0].path',
      'not a path of plain segments',
    ]),
    [
      'the same row twice, whatever its ids are called',
      withRoutes(aRoute(), aRoute({ path: '/api/task/{job}' })),
      'routes[1]',
      'an earlier row says the same',
    ],
    [
      'an encoded id that declares characters',
      { ...withRoutes(aRoute({ path: '/api/{task(.)}' })), encodedIds: ['task'] },
      'encodedIds',
      'declares characters',
    ],
    [
      'reserved words of a kind that no route has',
      { ...withRoutes(aRoute()), reservedWords: { tsak: ['x'] } },
      'reservedWords.tsak',
      'no route has an id of this kind',
    ],
    [
      'a reserved word in capitals, which would match nothing',
      { ...withRoutes(aRoute()), reservedWords: { task: ['All'] } },
      'reservedWords.task',
      'not a word that an id could be',
    ],
    ...['a.b', 'x'.repeat(129), ''].map((word): [string, unknown, string, string] => [
      `the reserved word ${JSON.stringify(word)}, which is no id`,
      { ...withRoutes(aRoute()), reservedWords: { task: [word] } },
      'reservedWords.task',
      'not a word that an id could be',
    ]),
    [
      'reserved words in a list',
      { ...withRoutes(aRoute()), reservedWords: ['all'] },
      'reservedWords',
      'not an object',
    ],
    [
      'one encoded id outside of a list',
      { ...withRoutes(aRoute()), encodedIds: 'task' },
      'encodedIds',
      'not a list',
    ],
    [
      'an encoded id of a kind that no route has',
      { ...withRoutes(aRoute()), encodedIds: ['upload'] },
      'encodedIds',
      'no route has an id of this kind',
    ],
  ];
  it.each(rows)('%s', (_name, configured, path, reason) => {
    const result = readRouteList(configured);
    expect(result.ok).toBe(false);
    const problems = result.ok ? [] : result.problems;
    expect(problems).toContainEqual(
      expect.objectContaining({ path, reason: expect.stringContaining(reason) }),
    );
    for (const problem of problems) expect(problem.fix).not.toBe('');
  });

  const long = 'x'.repeat(1_000);
  it.each<[name: string, configured: unknown, value: unknown]>([
    ['the beginning of a text', long, long.slice(0, 100)],
    ['no value', [long], null],
    ['a path', withRoutes(aRoute({ path: 'a' })), 'a'],
    ['no path', withRoutes(aRoute({ path: undefined })), null],
    ['a row', withRoutes(aRoute(), aRoute({ path: '/api/task/{job}' })), 'GET /api/task/{job}'],
    ['a method', withRoutes(aRoute({ methods: ['GOT'] })), 'GOT'],
  ])('with %s as the value', (_name, configured, value) => {
    expect(readRouteList(configured)).toMatchObject({ ok: false, problems: [{ value }] });
  });

  it('every problem at once', () => {
    const result = readRouteList({
      routes: [{ methods: ['get'], path: 'x' }, aRoute({ methods: ['FOO'] })],
      reservedWords: { stream: ['A'] },
    });
    expect(result.ok ? [] : result.problems.map(({ path }) => path)).toEqual([
      'routes[0].methods',
      'routes[0].path',
      'routes[1].methods',
      'reservedWords.stream',
      'reservedWords.stream',
    ]);
  });
});

describe('readRouteList() reads', () => {
  it('the default restricted list, from a value and from text alike', () => {
    const expected = { ok: true, list: { ...restrictedRoutes, encodedIds: [] } };
    expect(readRouteList(restrictedRoutes)).toEqual(expected);
    expect(readRouteList(JSON.stringify(restrictedRoutes))).toEqual(expected);
  });

  it('every character of a path, and ids of a wider set', () => {
    const configured = {
      routes: [
        { methods: ['POST'], path: '/v1beta/models/x:generateContent' },
        { methods: ['GET'], path: "/a:b@c+d,e(f)!g'h=i$j&k/{file(.~:@+,!'=$&)}" },
        { methods: ['GET'], path: '/npm/@scope/{file}' },
        { methods: ['GET'], path: '/api/_edge' },
      ],
      reservedWords: { file: ['hook'] },
    };
    expect(readRouteList(configured)).toEqual({
      ok: true,
      list: { ...configured, encodedIds: [] },
    });
  });

  it('2000 routes', () => {
    expect(readRouteList(withRoutes(...manyRoutes(2_000))).ok).toBe(true);
  });

  it('routes with encoded ids and a tail', () => {
    const configured = {
      routes: [
        { methods: ['POST'], path: '/api/upload/tus' },
        { methods: ['HEAD', 'PATCH'], path: '/api/upload/tus/{upload}' },
        { methods: ['GET'], path: '/static/*' },
      ],
      encodedIds: ['upload'],
    };
    expect(readRouteList(configured)).toEqual({
      ok: true,
      list: { ...configured, reservedWords: {} },
    });
  });
});
