import { describe, expect, test } from 'vitest';
import {
  isOperatorName,
  makeOperatorToken,
  OPERATOR_TOKENS_MAX,
  readOperatorTokens,
} from '../../../src/core/operators/operator-tokens.ts';

const hash = (digit: string) => digit.repeat(64);
const entry = (more: object = {}) => ({ name: 'ci', sha256: hash('a'), scopes: ['read'], ...more });
const reasonsOf = (written: unknown) =>
  readOperatorTokens(written).faults.map(({ reason }) => reason);

describe('readOperatorTokens() refuses', () => {
  test.each([
    ['what is not JSON', '[{"name": "ci"'],
    ['an object', '{}'],
    ['a token alone', 'a-token-of-some-length-that-is-no-json'],
    ['null', 'null'],
    ['a number', 7],
  ])('%s', (_, written) => {
    const { tokens, faults } = readOperatorTokens(written);
    expect(tokens).toEqual([]);
    expect(faults).toHaveLength(1);
    expect(faults[0]?.reason).toMatch(/^it is not a JSON list such as /);
  });

  test.each<[string, unknown, RegExp]>([
    ['an entry that is no object', 'ci', /entry 1: it is not an object/],
    ['no name', entry({ name: undefined }), /entry 1: "name"/],
    ['an empty name', entry({ name: '' }), /entry 1: "name"/],
    ['a long name', entry({ name: 'x'.repeat(65) }), /entry 1: "name"/],
    ['a name that could be a person', entry({ name: 'person:alice' }), /entry 1: "name"/],
    ['a name with a line break', entry({ name: 'ci\n' }), /entry 1: "name"/],
    ['a name with a blank at its end', entry({ name: 'ci ' }), /entry 1: "name"/],
    ['a token in the place of its hash', entry({ sha256: 'ea_op_x' }), /entry 1: "sha256" is not/],
    ['63 digits', entry({ sha256: 'a'.repeat(63) }), /entry 1: "sha256" is not/],
    ['65 digits', entry({ sha256: 'a'.repeat(65) }), /entry 1: "sha256" is not/],
    ['a sign before 64 digits', entry({ sha256: `x${hash('a')}` }), /entry 1: "sha256" is not/],
    ['a sign after them', entry({ sha256: `${hash('a')}x` }), /entry 1: "sha256" is not/],
    ['a line break after them', entry({ sha256: `${hash('a')}\n` }), /entry 1: "sha256" is not/],
    ['a hash in a list', entry({ sha256: [hash('a')] }), /entry 1: "sha256" is not/],
    ['a hash in base64', entry({ sha256: `${'A'.repeat(43)}=` }), /entry 1: "sha256" is not/],
    [
      'the hash of nothing',
      entry({ sha256: 'E3B0C44298FC1C149AFBF4C8996FB92427AE41E4649B934CA495991B7852B855' }),
      /entry 1: "sha256" is the hash of an empty text/,
    ],
    ['no scope', entry({ scopes: [] }), /entry 1: "scopes"/],
    ['a scope as a text', entry({ scopes: 'read' }), /entry 1: "scopes"/],
    ['a scope that is not known', entry({ scopes: ['read', 'write'] }), /entry 1: "scopes"/],
    ['a scope in capitals', entry({ scopes: ['READ'] }), /entry 1: "scopes"/],
    ['a member that is not known', entry({ scope: 'read' }), /entry 1: it has a member/],
  ])('%s', (_, one, reason) => {
    const { tokens, faults } = readOperatorTokens([one]);
    expect(tokens).toEqual([]);
    expect(faults).toHaveLength(1);
    expect(faults[0]?.reason).toMatch(reason);
    expect(faults[0]?.fix).toMatch(/./);
  });

  test('every problem of every entry at once, and quotes no value', () => {
    const secret = 'a-token-in-the-place-of-its-hash';
    const reasons = reasonsOf([
      { name: '', sha256: secret, scopes: [secret], [secret]: 1 },
      entry(),
      secret,
      entry({ name: 'other' }),
    ]);
    expect(reasons).toEqual([
      expect.stringMatching(/^entry 1: "name"/),
      expect.stringMatching(/^entry 1: "sha256"/),
      expect.stringMatching(/^entry 1: "scopes"/),
      expect.stringMatching(/^entry 1: it has a member/),
      expect.stringMatching(/^entry 3: it is not an object/),
      expect.stringMatching(/^entry 4: its "sha256" is that of entry 2/),
    ]);
    expect(JSON.stringify(readOperatorTokens([{ name: secret, sha256: secret }]))).not.toContain(
      secret,
    );
  });

  test('entries without a name or a hash for that alone, however many', () => {
    const reasons = reasonsOf([{}, {}, {}, 'ci', 'ci', 'ci']);
    expect(reasons.filter((reason) => /more than|that of entry/.test(reason))).toEqual([]);
  });

  test('each with the way to mend it', () => {
    const { faults } = readOperatorTokens([
      entry({ scope: 'read', scopes: [] }),
      entry(),
      entry({ sha256: hash('b') }),
    ]);
    expect(faults).toEqual([
      {
        reason: 'entry 1: "scopes" is not a list of "read", "keys", "everything"',
        fix: 'Give it at least one of them, for example ["read"]',
      },
      {
        reason: 'entry 1: it has a member that is not known',
        fix: 'Use "name", "sha256", "scopes" alone',
      },
      {
        reason: 'entry 2: its "sha256" is that of entry 1, so the audit could not tell them apart',
        fix: 'Make a token of its own for each operator',
      },
      {
        reason: 'entry 3: more than 2 entries have its name',
        fix: 'Keep the present entry and the one that replaces it',
      },
    ]);
  });

  test('a third entry of one name, and too many entries', () => {
    const many = (count: number, name: (index: number) => string) =>
      Array.from({ length: count }, (_, index) =>
        entry({ name: name(index), sha256: index.toString(16).padStart(64, '0') }),
      );
    expect(reasonsOf(many(2, () => 'ci'))).toEqual([]);
    expect(reasonsOf(many(4, () => 'ci'))).toEqual(['entry 3: more than 2 entries have its name']);
    expect(reasonsOf(many(OPERATOR_TOKENS_MAX, String))).toEqual([]);
    const tooMany = readOperatorTokens(many(OPERATOR_TOKENS_MAX + 1, String));
    expect(tooMany.faults).toEqual([
      {
        reason: `it has ${OPERATOR_TOKENS_MAX + 1} entries, and at most ${OPERATOR_TOKENS_MAX} are read`,
        fix: 'Remove those that are no longer used',
      },
    ]);
  });
});

test('readOperatorTokens() reads text and lists, and brings hashes into lower case', () => {
  const list = [
    entry({ sha256: hash('A') }),
    { name: 'Alice B', sha256: hash('b'), scopes: ['read', 'keys', 'read'] },
  ];
  const tokens = [entry(), { name: 'Alice B', sha256: hash('b'), scopes: ['read', 'keys'] }];
  expect(readOperatorTokens(list)).toEqual({ tokens, faults: [] });
  expect(readOperatorTokens(JSON.stringify(list))).toEqual({ tokens, faults: [] });
  expect(readOperatorTokens('[]')).toEqual({ tokens: [], faults: [] });
});

test('isOperatorName() accepts names of tools and people', () => {
  for (const name of ['ci', 'a', 'deploy-bot_2', 'alice@example.com', 'Alice B', 'a+b']) {
    expect([name, isOperatorName(name)]).toEqual([name, true]);
  }
});

test('makeOperatorToken() makes tokens that a Bearer header may hold, each of them new', () => {
  const fill = (bytes: Uint8Array<ArrayBuffer>) => crypto.getRandomValues(bytes);
  const tokens = new Set(Array.from({ length: 100 }, () => makeOperatorToken(fill)));
  expect(tokens.size).toBe(100);
  for (const token of tokens) expect(token).toMatch(/^ea_op_[0-9A-Za-z]{43}$/);
});
