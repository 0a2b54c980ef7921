/** The endpoints that each scope of an operator opens, and those for people: refusals first. */

import { describe, expect, test } from 'vitest';
import {
  admittedCallers,
  isForOwners,
  isOperatorScope,
  mayCall,
  type OperatorScope,
  operatorScopes,
  scopesFor,
} from '../../../src/core/operators/operator-scopes.ts';

/** Written out, so that a change of the product's table has to be made here as well. */
const table: readonly (readonly [operation: string, scopes: string, isForOwners: boolean])[] = [
  ['replayEvent', 'everything', false],
  ['anEndpointOfTomorrow', 'everything', false],
  ['', 'everything', false],
  ['toString', 'everything', false],
  ['__proto__', 'everything', false],
  ['hasOwnProperty', 'everything', false],
  ['createPortalSession', 'keys everything', false],
  ['createKey', 'keys everything', true],
  ['editKey', 'keys everything', true],
  ['revokeKey', 'keys everything', true],
  ['rollKey', 'keys everything', true],
  ['changeKeys', 'keys everything', true],
  ['importKeys', 'keys everything', true],
  ['listEvents', 'read everything', false],
  ['readMetrics', 'read everything', false],
  ['listAudit', 'read everything', true],
  ['listKeys', 'read keys everything', true],
  ['getKey', 'read keys everything', true],
  ['getUsage', 'read keys everything', true],
  ['getUsageOverview', 'read keys everything', true],
  ['listRefusedOrigins', 'read keys everything', true],
  ['explainRequest', 'read keys everything', true],
];

describe('of each endpoint', () => {
  test('a row is here', () => {
    const operations = table.map(([operation]) => operation);
    expect(operations).toEqual(expect.arrayContaining(Object.keys(admittedCallers)));
  });

  test.each(table)(
    '%j is for operators with %s; for people: %s',
    (operation, written, forOwners) => {
      const enough = written.split(' ');
      expect(scopesFor(operation)).toEqual(enough);
      expect(isForOwners(operation)).toBe(forOwners);
      expect(mayCall([], operation)).toBe(false);
      for (const scope of operatorScopes) {
        expect([scope, mayCall([scope], operation)]).toEqual([scope, enough.includes(scope)]);
      }
    },
  );

  test.each<[scopes: readonly OperatorScope[], operation: string, isAllowed: boolean]>([
    [['read', 'keys'], 'replayEvent', false],
    [['read', 'keys'], 'createKey', true],
    [['keys', 'read'], 'listEvents', true],
    [['read', 'everything'], 'replayEvent', true],
  ])('an operator with %j calls %s: %s', (scopes, operation, isAllowed) => {
    expect(mayCall(scopes, operation)).toBe(isAllowed);
  });
});

describe('isOperatorScope()', () => {
  test.each([undefined, null, 7, '', 'write', 'owner', 'Read', 'read ', ['read']])(
    'refuses %j',
    (value) => {
      expect(isOperatorScope(value)).toBe(false);
    },
  );

  test.each(['read', 'keys', 'everything'])('knows %s', (value) => {
    expect(isOperatorScope(value)).toBe(true);
  });
});
