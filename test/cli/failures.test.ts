/** A command that fails: one line for people, an exit code for scripts, and nothing that should not be shown. */

import { describe, expect, test } from 'vitest';
import { runAgainst } from '../support/node/run-against.ts';
import { type Answerer, answerJson, problem } from '../support/node/stand-in-edge.ts';

describe('a token that no header can hold', () => {
  test('is a mistake of the command, and is not quoted', async () => {
    const env = { EDGE_AUTHORIZER_TOKEN: 'first\nsecond' };
    const { exitCode, stderr, asked } = await runAgainst(
      (response) => answerJson(response, 200, { keys: [], nextCursor: null }),
      ['keys', 'list'],
      { env },
    );
    expect([exitCode, asked]).toEqual([2, []]);
    expect(stderr).toBe(
      'Cannot send the token: it holds a line break or another character that no header can hold\n',
    );
  });
});

describe('an answer', () => {
  test.each(['keys list', 'audit', 'events list', 'usage'])(
    'that is a list is not of an edge: %s',
    async (command) => {
      const answer: Answerer = (response) => answerJson(response, 200, []);
      const result = await runAgainst(answer, command.split(' '));
      expect(result).toMatchObject({ exitCode: 1, stdout: '' });
      expect(result.stderr).toMatch(/^No edge answers at .*Check the URL\n$/);
    },
  );

  test('moves no cursor of a terminal, whatever the problem says', async () => {
    const detail = 'no\u{1b}]0;title\u{7} and \u{9b}2J';
    const refused = { ...problem(403, 'insufficient_scope'), detail };
    const { stderr } = await runAgainst(
      (response) => answerJson(response, 403, refused),
      ['audit'],
    );
    expect(stderr).toBe('no\u{fffd}]0;title\u{fffd} and \u{fffd}2J\n');
  });

  test('of a failing proxy leaves open whether a change was made', async () => {
    const { exitCode, stderr } = await runAgainst(
      (response) => response.writeHead(502, { 'Content-Type': 'text/html' }).end('<h1>502</h1>'),
      ['keys', 'create', '--name', 'a'],
    );
    expect(exitCode).toBe(1);
    expect(stderr).toContain('Check the URL, and whether the request was carried out');
  });
});

describe('keys bulk', () => {
  const named = { id: 'key_1', name: 'a', owner: null };
  const bulk = ['keys', 'bulk', 'revoke', '--owner', 'acct_1'];

  test('says what was done before a call failed', async () => {
    const { exitCode, stderr } = await runAgainst(
      (response, _asked, count) =>
        count === 0
          ? answerJson(response, 200, { changed: [named], nextCursor: 'next' })
          : answerJson(response, 409, problem(409, 'conflict')),
      [...bulk, '--yes'],
    );
    expect(exitCode).toBe(5);
    expect(stderr).toMatch(
      /^Cannot revoke all keys: stopped after 1 key\. Repeat the command .*\n/,
    );
  });

  test.each([
    [1, true, 'The filter leaves 1 key. Revoke it? [y/N] '],
    [2, true, 'The filter leaves 2 keys. Revoke them? [y/N] '],
    [1_000, false, 'The filter leaves at least 1000 keys. Revoke them? [y/N] '],
  ])('asks about %i in a sentence, exact: %s', async (total, totalIsExact, question) => {
    const { exitCode, stderr } = await runAgainst(
      (response) =>
        answerJson(response, 200, { changed: [], nextCursor: null, total, totalIsExact }),
      bulk,
      { isTerminal: true, stdin: 'n\n' },
    );
    expect(exitCode).toBe(5);
    expect(stderr).toContain(question);
  });
});

test('an import of an empty list names no rows', async () => {
  const { exitCode, stderr } = await runAgainst(
    (response) => answerJson(response, 422, problem(422, 'invalid_fields')),
    ['keys', 'import', '-'],
    { stdin: '[]' },
  );
  expect(exitCode).toBe(5);
  expect(stderr).toMatch(/^Imported nothing: the edge refused a list without rows\n/);
});
