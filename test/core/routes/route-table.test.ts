import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { compileRoutes, type RouteList } from '../../../src/core/routes/route-table.ts';
import { runs } from '../../support/runs.ts';

/** A route table from lines such as `GET,POST /a/{x}`. */
function aTable(lines: readonly string[], more: Partial<RouteList> = {}) {
  const routes = lines.map((line) => {
    const [methods = '', path = ''] = line.split(' ');
    return { methods: methods.split(','), path };
  });
  return compileRoutes({ routes, reservedWords: {}, ...more });
}

describe('match() of a compiled table', () => {
  const lines = [
    'GET /a',
    'GET,PATCH /a/{x}',
    'POST /a/list',
    'GET /a/list/{y}',
    'GET /a/{x}/b',
    'DELETE /a/{z}',
    'GET /a/{x}/{y}/c',
    '* /any/{x}',
    'HEAD /any/one',
    'GET /files/*',
    'GET /files/secret/{x}',
    'PUT /files/{x}',
    'patch /lower',
    'GET /npm/@scope/{x(.@)}',
    'GET /v1beta/models/x:generateContent',
    'GET /',
  ];
  const table = aTable(lines, { reservedWords: { x: ['hook', 'deactivate-many'], z: [] } });

  test.each([
    // Another method, case or number of segments
    ['POST', '/a'],
    ['HEAD', '/a'],
    ['get', '/a'],
    ['', '/a'],
    ['*', '/a'],
    ['GET', '/A'],
    ['GET', '/a/'],
    ['GET', '/a//b'],
    ['GET', '//a'],
    ['GET', 'a'],
    ['GET', ''],
    ['GET', '//'],
    ['GET', '/b'],
    ['GET', '/a/1/B'],
    ['GET', '/a/1/b/'],
    ['GET', '/a/1/b/2'],
    ['GET', '/a/1/2/3'],
    ['DELETE', '/a'],
    ['PATCH', '/a/1/b'],
    // No id
    ['GET', '/a/.'],
    ['GET', '/a/..'],
    ['GET', '/a/1.2'],
    ['GET', '/a/%31'],
    ['GET', '/a/{x}'],
    ['GET', '/a/*'],
    ['GET', '/a/é'],
    ['GET', `/a/${'1'.repeat(129)}`],
    // Reserved in any case
    ['GET', '/a/hook'],
    ['GET', '/a/HOOK'],
    ['PATCH', '/a/Deactivate-Many'],
    ['GET', '/a/hook/b'],
    ['*', '/any/hook'],
    // Any method is any that a row can name
    ['PROPFIND', '/any/1'],
    ['QUERY', '/any/1'],
    ['TRACE', '/any/1'],
    ['CONNECT', '/any/1'],
    ['*', '/any/1'],
    // Tails stand for one or more segments, none of which is empty or of dots alone
    ['GET', '/files'],
    ['GET', '/files/'],
    ['GET', '/files//a'],
    ['GET', '/files/a/'],
    ['GET', '/files/a//b'],
    ['GET', '/files/.'],
    ['GET', '/files/..'],
    ['GET', '/files/...'],
    ['GET', '/files/a/../b'],
    ['GET', '/files/a/%2e%2e/b'],
    ['GET', '/files/a;b'],
    ['GET', '/files/a b'],
    ['GET', '/files/é'],
    ['POST', '/files/a'],
    ['PUT', '/files/a/b'],
    // The wider set of an id is that of its row, without segments of dots alone and encoded ones
    ['GET', '/npm/a'],
    ['GET', '/npm/@scope/a+b'],
    ['GET', '/npm/@scope/..'],
    ['GET', '/npm/@scope/.'],
    ['GET', '/npm/@scope/...'],
    ['GET', '/npm/@scope/a%2Eb'],
    ['GET', '/npm/@scope/a;b'],
    ['GET', '/npm/@scope/a/b'],
    ['GET', `/npm/@scope/${'a.'.repeat(65)}`],
    // A reserved word is one in front of an extension, too
    ['GET', '/npm/@scope/hook'],
    ['GET', '/npm/@scope/Hook.json'],
    ['GET', '/npm/@scope/deactivate-many@x'],
    ['GET', '/v1beta/models/x:other'],
    ['GET', '/v1beta/models/x'],
    ['PATCH', '/LOWER'],
    ['patch', '/lower'],
  ])('is null for %s %j', (method, path) => {
    expect(table.match(method, path)).toBeNull();
  });

  test.each([
    ['GET', '/', '/'],
    ['GET', '/a', '/a'],
    ['GET', '/a/1', '/a/{x}'],
    ['PATCH', '/a/1', '/a/{x}'],
    ['GET', `/a/${'1'.repeat(128)}`, '/a/{x}'],
    ['GET', '/a/1/b', '/a/{x}/b'],
    ['GET', '/a/1/2/c', '/a/{x}/{y}/c'],
    // A literal comes before an id, whichever was listed first, and gives way where it has no row
    ['POST', '/a/list', '/a/list'],
    ['GET', '/a/list', '/a/{x}'],
    ['GET', '/a/list/b', '/a/list/{y}'],
    ['GET', '/a/list/2/c', '/a/{x}/{y}/c'],
    // Of two kinds of ids in one place each has its own words and methods
    ['DELETE', '/a/hook', '/a/{z}'],
    ['DELETE', '/a/1', '/a/{z}'],
    // A word is reserved for its kind alone
    ['GET', '/a/list/hook', '/a/list/{y}'],
    // Any method
    ['GET', '/any/1', '/any/{x}'],
    ['DELETE', '/any/1', '/any/{x}'],
    ['OPTIONS', '/any/1', '/any/{x}'],
    ['HEAD', '/any/one', '/any/one'],
    ['GET', '/any/one', '/any/{x}'],
    // Tails
    ['GET', '/files/a', '/files/*'],
    ['GET', '/files/a.b/~c/-/_d', '/files/*'],
    ['GET', '/files/..a/b..', '/files/*'],
    ['GET', '/files/secret', '/files/*'],
    ['GET', '/files/secret/1', '/files/secret/{x}'],
    ['GET', '/files/secret/hook', '/files/*'],
    ['GET', '/files/secret/1/2', '/files/*'],
    ['PUT', '/files/a', '/files/{x}'],
    // More characters
    ['GET', '/files/a+b.txt', '/files/*'],
    ['GET', "/files/@scope/x:y,(z)!/'=$&", '/files/*'],
    ['GET', '/npm/@scope/a.b', '/npm/@scope/{x(.@)}'],
    ['GET', '/npm/@scope/.@', '/npm/@scope/{x(.@)}'],
    ['GET', '/npm/@scope/..a', '/npm/@scope/{x(.@)}'],
    ['GET', '/npm/@scope/hooks.json', '/npm/@scope/{x(.@)}'],
    ['GET', '/v1beta/models/x:generateContent', '/v1beta/models/x:generateContent'],
    ['PATCH', '/lower', '/lower'],
  ])('for %s %s is the row %s', (method, path, template) => {
    expect(table.match(method, path)).toEqual({ template, path });
  });

  test('is null where there are no rows', () => {
    expect(aTable([]).match('GET', '/')).toBeNull();
  });

  test('knows nothing that every object has', () => {
    for (const name of ['__proto__', 'constructor', 'toString', 'hasOwnProperty']) {
      expect(table.match(name, '/a')).toBeNull();
      expect(table.match('GET', `/${name}`)).toBeNull();
      expect(aTable([`GET /{${name}}`]).match('GET', '/x')).not.toBeNull();
      expect(aTable(['GET /{x}']).match('GET', `/${name}`)).not.toBeNull();
    }
  });

  test('prefers the row that names the method to one for any', () => {
    const both = aTable(['* /a/{x}', 'GET /a/{x}']);
    expect(both.match('GET', '/a/1')).toEqual({ template: '/a/{x}', path: '/a/1' });
  });

  test('looks at every row that can fit no more than once', () => {
    // 2^20 ways through the table, were each of them tried to its end.
    const deep = Array.from({ length: 20 }, (_, depth) => {
      const front = '/a'.repeat(depth);
      return [`GET ${front}/{x}${'/a'.repeat(19 - depth)}/end`, `GET ${front}/{x}/b`];
    });
    const table = aTable(deep.flat());
    expect(table.match('GET', `${'/a'.repeat(20)}/no`)).toBeNull();
    expect(table.match('GET', `${'/a'.repeat(20)}/end`)).not.toBeNull();
  });
});

describe('a kind whose ids may hold encoded slashes', () => {
  const table = aTable(['GET /up/{file}', 'GET /plain/{id}'], { encodedIds: ['file'] });

  test.each([
    '/plain/a%2Fb',
    '/up/',
    '/up/%2Fa',
    '/up/a%2F',
    '/up/a%2F%2Fb',
    '/up/a%2F..%2Fb',
    '/up/a%2F.%2Fb',
    '/up/..%2Fa',
    '/up/a%2e%2e',
    '/up/a%252Fb',
    '/up/a%5Cb',
    '/up/a/b',
    '/up/..',
    '/up/.a',
    '/up/a..b',
    `/up/${'a'.repeat(513)}`,
  ])('does not fit %j', (path) => {
    expect(table.match('GET', path)).toBeNull();
  });

  test.each(['/up/a', '/up/a%2Fb', '/up/a%2fb%2Fc.mp4', '/up/a.b', `/up/${'a'.repeat(512)}`])(
    'fits %j',
    (path) => {
      expect(table.match('GET', path)).toEqual({ template: '/up/{file}', path });
    },
  );
});

describe('properties', () => {
  const segment = fc.constantFrom('a', 'b', 'list', '1', 'x-_9', '{x}', '{y}');
  const row = fc
    .tuple(
      fc.constantFrom('GET', 'POST', '*'),
      fc.array(segment, { minLength: 1, maxLength: 4 }),
      fc.boolean(),
    )
    .map(([method, segments, hasTail]) => `${method} /${segments.join('/')}${hasTail ? '/*' : ''}`);
  const rows = fc.array(row, { maxLength: 12 });
  const path = fc
    .array(fc.constantFrom('a', 'b', 'list', '1', 'hook', '', '.', '..', 'c.d', 'é', '%2e'), {
      minLength: 1,
      maxLength: 6,
    })
    .map((segments) => `/${segments.join('/')}`);

  test('a table allows what one of its rows allows by itself, and nothing else', () => {
    fc.assert(
      fc.property(rows, fc.constantFrom('GET', 'POST', 'PUT'), path, (lines, method, text) => {
        const more = { reservedWords: { x: ['hook'] } };
        const isAllowed = lines.some((line) => patternOf(line, method)?.test(text));
        const match = aTable(lines, more).match(method, text);
        expect(match !== null).toBe(isAllowed);
        if (match === null) return;
        expect(match.path).toBe(text);
        expect(lines.map((line) => line.split(' ')[1])).toContain(match.template);
      }),
      { numRuns: runs(10_000) },
    );
  });

  test('nothing throws, whatever the method and the path', () => {
    const anyText = fc.array(fc.nat(0xffff)).map((units) => String.fromCharCode(...units));
    const table = aTable(['GET /a/{x}', '* /b/*', 'GET /{x}/{y}']);
    fc.assert(
      fc.property(anyText, fc.oneof(anyText, path), (method, text) => {
        const match = table.match(method, text);
        if (match !== null) expect(match.path).toBe(text);
      }),
    );
  });
});

/** A row by itself, as a pattern; `null` if it is for another method. */
function patternOf(line: string, method: string): RegExp | null {
  const [rowMethod, template = ''] = line.split(' ');
  if (rowMethod !== method && rowMethod !== '*') return null;
  const pattern = template
    .replace(/\/\*$/, '(?:/(?!\\.+(?:/|$))[A-Za-z0-9\\-._~]+)+')
    .replaceAll('{x}', '(?!hook(?:/|$))[A-Za-z0-9_-]{1,128}')
    .replaceAll('{y}', '[A-Za-z0-9_-]{1,128}');
  return new RegExp(`^${pattern}$`);
}
