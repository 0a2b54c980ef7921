/** The order of the rules before a key is known, and the callers that may call everything. */

import { describe, expect, test } from 'vitest';
import { decideBeforeKey, isOpen, type RequestFacts } from '../../../src/core/decide/pipeline.ts';
import { readTarget } from '../../../src/core/routes/request-target.ts';
import { compileRoutes } from '../../../src/core/routes/route-table.ts';
import { anOrigin } from '../fixtures.ts';

const aList = (path: string) => ({ routes: [{ methods: ['GET'], path }], reservedWords: {} });
const publicTable = compileRoutes(aList('/public/{id}'));
const restrictedTable = compileRoutes(aList('/api/asset/{id}'));
const app = anOrigin('https://app.example');

const cases: [
  name: string,
  request: Omit<RequestFacts, 'target'> & { path: string },
  step: string,
][] = [
  [
    'a malformed origin comes before a public route',
    { method: 'GET', path: '/public/a', origin: 'malformed', requestedMethod: null },
    'refuse invalid_origin',
  ],
  [
    'a malformed origin comes before a preflight',
    { method: 'OPTIONS', path: '/public/a', origin: 'malformed', requestedMethod: 'GET' },
    'refuse invalid_origin',
  ],
  [
    'a preflight is judged by the method that it asks for',
    { method: 'OPTIONS', path: '/public/a', origin: app, requestedMethod: 'GET' },
    'preflight public',
  ],
  [
    'a preflight for another method is not public',
    { method: 'OPTIONS', path: '/public/a', origin: app, requestedMethod: 'POST' },
    'preflight',
  ],
  [
    'OPTIONS without an origin is an ordinary request',
    { method: 'OPTIONS', path: '/api/asset/a', origin: null, requestedMethod: 'GET' },
    'find-key',
  ],
  [
    'a public route needs no key',
    { method: 'GET', path: '/public/a', origin: app, requestedMethod: null },
    'forward',
  ],
  [
    'any other request needs a key',
    { method: 'GET', path: '/api/asset/a', origin: app, requestedMethod: null },
    'find-key',
  ],
];

describe('decideBeforeKey()', () => {
  test.each(cases)('%s', (_name, { path, ...request }, step) => {
    const target = readTarget(`https://edge.example${path}`);
    const next = decideBeforeKey({ ...request, target }, { publicTable, restrictedTable });
    const detail =
      next.step === 'refuse'
        ? ` ${next.rejection.code}`
        : next.step === 'preflight' && next.isPublic
          ? ' public'
          : '';
    expect(next.step + detail).toBe(step);
  });

  test.each([null, app])('hands on the origin %o to the search for the key', (origin) => {
    const target = readTarget('https://edge.example/api/asset/a');
    const request = { method: 'GET', target, origin, requestedMethod: null };
    expect(decideBeforeKey(request, { publicTable, restrictedTable })).toEqual({
      step: 'find-key',
      origin,
    });
  });
});

describe('isOpen()', () => {
  test.each([
    [null, false],
    [{ access: 'restricted' }, false],
    [{ access: 'rules' }, false],
    [{ access: 'client' }, false],
    [{ access: 'backend' }, true],
    [{ access: 'full' }, true],
  ] as const)('of %o is %s', (key, expected) => {
    expect(isOpen(key)).toBe(expected);
  });
});
