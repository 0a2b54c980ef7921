/** Links for customers on the command line. */

import { expect, test } from 'vitest';
import { runAgainst } from '../support/node/run-against.ts';
import { answerJson } from '../support/node/stand-in-edge.ts';

const link = {
  url: 'https://edge.example/_edge/portal/ea_pl_x',
  urlExpiresAt: '2030-01-31T12:00:00.000Z',
  owner: 'acct_1',
  returnUrl: 'https://app.example/',
  expiresInSeconds: 900,
};
const required = ['--owner', 'acct_1', '--return-url', 'https://app.example/'];

async function run(...args: string[]) {
  const { asked, ...result } = await runAgainst(
    (response) => answerJson(response, 201, link),
    ['portal-session', ...args],
  );
  return {
    ...result,
    sent: asked.map(({ method, path, body }) => [method, path, JSON.parse(body)]),
  };
}

test.each([
  [['--owner', 'acct_1'], '--return-url <url>'],
  [['--return-url', 'https://app.example/'], '--owner <owner>'],
  [[...required, '--expires-in', 'soon'], '--expires-in'],
])('portal-session %j is refused, and nothing is sent', async (args, named) => {
  const { exitCode, stderr, sent } = await run(...args);
  expect([exitCode, sent]).toEqual([2, []]);
  expect(stderr).toContain(named);
});

test('portal-session prints the URL alone, and says beside it how long it works', async () => {
  const { exitCode, stdout, stderr, sent } = await run(...required, '--expires-in', '15m');
  expect([exitCode, stdout]).toEqual([0, `${link.url}\n`]);
  expect(stderr).toContain('until 2030-01-31T12:00:00.000Z');
  const body = { owner: 'acct_1', returnUrl: 'https://app.example/', expiresInSeconds: 900 };
  expect(sent).toEqual([['POST', '/_edge/v1/portal-sessions', body]]);
});

test('portal-session leaves the default time to the edge, and prints JSON for machines', async () => {
  const { stdout, sent } = await run(...required, '--json');
  expect(JSON.parse(stdout)).toEqual(link);
  expect(sent[0]?.[2]).toEqual({ owner: 'acct_1', returnUrl: 'https://app.example/' });
});
