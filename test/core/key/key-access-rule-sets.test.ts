/** The rule set that requested access refers to: refusals first. */

import { describe, expect, test } from 'vitest';
import {
  checkAccess,
  operatorBounds,
  type RequestedAccess,
} from '../../../src/core/key/key-access.ts';

const rule = { methods: ['get'], resources: ['/api/asset/:id'] };

describe('a rule set', () => {
  const bounds = { ...operatorBounds, ruleSets: ['acme@1', 'acme@2'] };

  test.each<[string, RequestedAccess, value: string, reason: RegExp, fix: RegExp]>([
    [
      'that the deployment does not have',
      { ruleSet: 'acme@3' },
      'acme@3',
      /^this deployment has no such rule set$/,
      /^Use one of "acme@1", "acme@2", or null for the restricted routes$/,
    ],
    [
      'of an endless name, quoting its beginning',
      { ruleSet: 'a'.repeat(1_000) },
      `${'a'.repeat(200)}…`,
      /no such rule set/,
      /^Use one of /,
    ],
    [
      'beside rules',
      { ruleSet: 'acme@2', rules: [rule] },
      'acme@2',
      /^there are rules of its own as well$/,
      /^Set access\.rules to null, or remove access\.ruleSet$/,
    ],
    [
      'under full access',
      { ruleSet: 'acme@2', cors: { allowedOrigins: ['*'], fullAccess: true } },
      'acme@2',
      /^the key has full access as well/,
      /^Set access\.cors\.fullAccess to false/,
    ],
  ])('is refused %s', (_, requested, value, reason, fix) => {
    const result = checkAccess(requested, bounds);
    expect(result).toMatchObject({ ok: false, problems: [{ path: 'access.ruleSet', value }] });
    const problems = result.ok ? [] : result.problems;
    expect(problems).toHaveLength(1);
    expect(problems[0]?.reason).toMatch(reason);
    expect(problems[0]?.fix).toMatch(fix);
  });

  test.each<[string, RequestedAccess]>([
    ['for a backend key', { ruleSet: 'acme@2' }],
    ['for a CORS key', { ruleSet: 'acme@2', cors: { allowedOrigins: ['*'] } }],
  ])('is stored as a rule that covers nothing by itself, %s', (_, requested) => {
    expect(checkAccess(requested, bounds)).toMatchObject({
      access: { rules: [{ methods: [], resources: [], ruleSet: 'acme@2' }] },
    });
  });

  test('is not one if it is null', () => {
    expect(checkAccess({ ruleSet: null }, bounds)).toMatchObject({ access: { rules: null } });
  });
});
