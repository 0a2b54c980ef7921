/** Near misses of refused paths: no sentence first, then each kind in the order of nearness. */

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { nearMiss } from '../../../src/core/routes/near-miss.ts';
import { readTarget } from '../../../src/core/routes/request-target.ts';
import { compileRoutes } from '../../../src/core/routes/route-table.ts';

const table = compileRoutes({
  routes: [
    { methods: ['GET', 'PATCH'], path: '/rooms/{room}' },
    { methods: ['POST'], path: '/rooms' },
    { methods: ['GET'], path: '/rooms/{room}/messages' },
    { methods: ['GET'], path: '/roomList/{room}' },
    { methods: ['GET'], path: '/files/{file}' },
    { methods: ['GET'], path: '/hooks/{hook(.@)}' },
    { methods: ['GET'], path: '/static/*' },
    { methods: ['GET'], path: '/twice/{room}' },
    { methods: ['GET'], path: '/Twice/{room}/{file}' },
    { methods: ['*'], path: '/any' },
  ],
  reservedWords: { room: ['search'], hook: ['admin'] },
});

/** The answer of the table to plain paths, as keys with a list of routes ask it. */
const match = (method: string, path: string) =>
  readTarget(`https://edge.example${path}`).isPlain ? table.match(method, path) : null;

const nearMissOf = (method: string, path: string) =>
  nearMiss({ method, path, match, spellings: table.spellings });

describe('nearMiss()', () => {
  test.each([
    ['a path that a row covers', 'GET', '/rooms/x'],
    ['another path', 'GET', '/nothing/x'],
    ['the root', 'GET', '/'],
    ['a misspelt literal', 'GET', '/romms/x'],
    ['a segment too many', 'GET', '/rooms/x/messages/1'],
    ['two segments that do not fit', 'GET', '/rooms/a.b/Messages'],
    ['another method and a slash', 'DELETE', '/rooms/x/'],
    ['a reserved word in a longer path that no row has', 'GET', '/rooms/search/nothing'],
    ['a segment of a very long path', 'GET', `/static/${'a/'.repeat(200)}a%20b`],
  ])('says nothing of %s', (_, method, path) => {
    expect(nearMissOf(method, path)).toBeNull();
  });

  test.each([
    ['HEAD', '/rooms/x', 'The key may call this path with GET or PATCH, but not with HEAD'],
    ['GET', '/rooms', 'The key may call this path with POST, but not with GET'],
    [
      'QUERY',
      '/any',
      'The key may call this path with GET or HEAD or POST or PUT or PATCH or DELETE or OPTIONS, but not with QUERY',
    ],
  ])('names the other methods of %s %s', (method, path, sentence) => {
    expect(nearMissOf(method, path)).toBe(sentence);
  });

  test.each([
    ['GET', '/rooms/x/', 'The path without the slash at its end is allowed by /rooms/{room}'],
    ['POST', '/rooms/', 'The path without the slash at its end is allowed by /rooms'],
    ['GET', '/static/a/', 'The path without the slash at its end is allowed by /static/*'],
    ['GET', '/rooms/x//', 'The path without its empty segments is allowed by /rooms/{room}'],
    ['GET', '/rooms//x', 'The path without its empty segments is allowed by /rooms/{room}'],
    ['GET', '//rooms/x', 'The path without its empty segments is allowed by /rooms/{room}'],
  ])('names the excess slash of %s %s', (method, path, sentence) => {
    expect(nearMissOf(method, path)).toBe(sentence);
  });

  test.each([
    ['/Rooms/xY', '"/rooms/xY", which is allowed by /rooms/{room}'],
    ['/rooms/xY/MESSAGES', '"/rooms/xY/messages", which is allowed by /rooms/{room}/messages'],
    ['/roomlist/x', '"/roomList/x", which is allowed by /roomList/{room}'],
    ['/STATIC/a/B', '"/static/a/B", which is allowed by /static/*'],
    ['/TWICE/a/b', '"/Twice/a/b", which is allowed by /Twice/{room}/{file}'],
    ['/TWICE/a', '"/twice/a", which is allowed by /twice/{room}'],
  ])('names the spelling of %s that is allowed', (path, rest) => {
    const sentence = `The path differs only in upper and lower case from ${rest}`;
    expect(nearMissOf('GET', path)).toBe(sentence);
  });

  test.each([
    ['/rooms/search', '"search" does not fit /rooms/{room}: it is a reserved word'],
    ['/rooms/SEARCH', '"SEARCH" does not fit /rooms/{room}: "search" is a reserved word'],
    [
      '/rooms/search/messages',
      '"search" does not fit /rooms/{room}/messages: it is a reserved word',
    ],
    [
      '/hooks/admin.json',
      '"admin.json" does not fit /hooks/{hook(.@)}: "admin" is a reserved word',
    ],
    ['/files/a.b', '"a.b" does not fit /files/{file}: it holds "."'],
    ['/files/a%2Eb', '"a%2Eb" does not fit /files/{file}: it holds "%"'],
    ['/files/a"b', '"a\\"b" does not fit /files/{file}: it holds "\\""'],
    ['/files/a😀', '"a😀" does not fit /files/{file}: it holds "😀"'],
    ['/files/..', '".." does not fit /files/{file}: it holds "."'],
    ['/files/', '"" does not fit /files/{file}: it is empty'],
    ['/rooms//messages', '"" does not fit /rooms/{room}/messages: it is empty'],
    ['/hooks/a.b+c', '"a.b+c" does not fit /hooks/{hook(.@)}: it holds "+"'],
    ['/hooks/..', '".." does not fit /hooks/{hook(.@)}: it consists of dots alone'],
    ['/static/a/b;c', '"b;c" does not fit /static/*: it holds ";"'],
    ['/static/a/../b', '".." does not fit /static/*: it consists of dots alone'],
    ['/static//a', '"" does not fit /static/*: it is empty'],
    [
      `/files/${'a'.repeat(129)}`,
      `"${'a'.repeat(100)}…" does not fit /files/{file}: it is longer than 128 characters`,
    ],
  ])('names the segment of %s that does not fit', (path, rest) => {
    expect(nearMissOf('GET', path)).toBe(`The segment ${rest}`);
  });

  test('says nothing of what is allowed, and at most one sentence of the rest', () => {
    const piece = fc.constantFrom(
      ...['rooms', 'Rooms', 'search', 'messages', 'files', 'hooks', 'static', 'twice', 'any'],
      ...['', 'x', 'a.b', '..', 'a%2f', 'admin.x', '0', '-'],
    );
    const path = fc.array(piece, { minLength: 1, maxLength: 5 }).map((all) => `/${all.join('/')}`);
    fc.assert(
      fc.property(fc.constantFrom('GET', 'HEAD', 'POST'), path, (method, path) => {
        const sentence = nearMissOf(method, path);
        if (match(method, path) !== null) expect(sentence).toBeNull();
        else if (sentence !== null) expect(sentence).toMatch(/^The [^\n]{10,200}[^.]$/);
      }),
    );
  });
});
