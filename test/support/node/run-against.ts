/** Commands against a server that answers as a test says, and a key as such a server shows it. */

import { onTestFinished } from 'vitest';
import { type CliProcess, runCli } from './run-cli.ts';
import { type Answerer, standInEdge } from './stand-in-edge.ts';

/** Runs a command within a test. Returns what the server was asked, too. */
export async function runAgainst(
  answer: Answerer,
  args: readonly string[],
  given: CliProcess = {},
) {
  const server = await standInEdge(answer);
  onTestFinished(() => server.close());
  const env = { EDGE_AUTHORIZER_URL: server.url, EDGE_AUTHORIZER_TOKEN: 'secret', ...given.env };
  const result = await runCli([...args], { ...given, env });
  return { ...result, asked: server.asked };
}

/** A key as the API shows it: a backend key, unless a test says otherwise. */
export const keyDocument = {
  id: 'key_1',
  name: 'My page',
  owner: null,
  access: null,
  hint: 'ea_sk_abcd',
  createdAt: '2030-01-31T12:00:00.000Z',
  expiresAt: null,
  enabled: true,
  lastUsedAt: null,
  retiringTokens: [],
};
