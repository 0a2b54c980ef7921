/** Differences between route lists: which endpoints and ids a change adds or takes away. */

import { describe, expect, test } from 'vitest';
import { compareRoutes } from '../../../src/cli/routes/compare.ts';

describe('compareRoutes()', () => {
  const before = {
    routes: [{ methods: ['GET'], path: '/a/{id}' }],
    reservedWords: { id: ['all'] },
  };
  test('does not mind the names of ids', () => {
    const renamed = {
      routes: [{ methods: ['get'], path: '/a/{x}' }],
      reservedWords: { x: ['all'] },
    };
    expect(compareRoutes(before, renamed)).toEqual({
      added: [],
      removed: [],
      freedWords: [],
      newWords: [],
    });
  });

  test('reserves no words for an id that is named like a property of every object', () => {
    const routes = [{ methods: ['GET'], path: '/a/{constructor}' }];
    const changes = compareRoutes({ routes, reservedWords: {} }, { routes });
    expect(changes).toMatchObject({ freedWords: [], newWords: [] });
  });

  test('counts a word that becomes an id as a widening', () => {
    const after = { routes: [{ methods: ['GET', 'PATCH'], path: '/a/{id}' }], reservedWords: {} };
    expect(compareRoutes(before, after)).toEqual({
      added: ['PATCH /a/{id}'],
      removed: [],
      freedWords: ['"all" at {id} in /a/{id}'],
      newWords: [],
    });
  });
});

describe('compareRoutes() with the characters of ids', () => {
  const files = (path: string, reservedWords = {}) => ({
    routes: [{ methods: ['GET'], path }],
    reservedWords,
  });
  test.each([
    ['more of them', '/f/{x}', '/f/{x(.)}', ['GET /f/{x(.)}'], []],
    ['fewer of them', '/f/{x(.@)}', '/f/{x(.)}', [], ['GET /f/{x(.@)}']],
    ['the same in another order', '/f/{x(.@)}', '/f/{y(@.)}', [], []],
    [
      'others in the second id',
      '/{x(.)}/{y}',
      '/{x}/{y(.)}',
      ['GET /{x}/{y(.)}'],
      ['GET /{x(.)}/{y}'],
    ],
  ])('counts %s', (_, before, after, added, removed) => {
    expect(compareRoutes(files(before), files(after))).toMatchObject({ added, removed });
  });

  test('counts a word that becomes such an id as a widening', () => {
    const before = files('/f/{x(.)}', { x: ['all'] });
    expect(compareRoutes(before, files('/f/{x(.)}')).freedWords).toEqual([
      '"all" at {x} in /f/{x(.)}',
    ]);
  });
});
