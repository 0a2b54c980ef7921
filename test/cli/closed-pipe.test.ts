/** Output that cannot be written: a reader that has seen enough, as in `keys list | head -1`, and a full disk. */

import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { projectRoot } from '../support/node/build-bundle.ts';
import { answerJson, standInEdge } from '../support/node/stand-in-edge.ts';

const list = `"${process.execPath}" "${join(projectRoot, 'src/cli/main.ts')}" keys list --json`;

/** Runs a script against a server with this many keys. Returns what it writes. */
async function runScript(script: string, count: number): Promise<[string, string]> {
  const keys = Array.from({ length: count }, (_, index) => ({ id: `key_${index}`, access: null }));
  const edge = await standInEdge((response) =>
    answerJson(response, 200, { keys, nextCursor: null }),
  );
  const env = { ...process.env, EDGE_AUTHORIZER_URL: edge.url, EDGE_AUTHORIZER_TOKEN: 'x' };
  return new Promise<[string, string]>((resolve, reject) => {
    execFile('bash', ['-c', script], { env }, (error, ...output) => {
      if (error) reject(error);
      else resolve(output);
    });
  }).finally(() => edge.close());
}

test('a closed pipe ends the command quietly', async () => {
  // Far more than a pipe holds.
  const output = await runScript(`${list} | head -c 8; echo; echo "\${PIPESTATUS[0]}"`, 20_000);
  expect(output).toEqual(['{"keys":\n0\n', '']);
});

test('a full disk ends the command with a sentence, as a failure', async () => {
  const [stdout, stderr] = await runScript(`${list} > /dev/full; echo "$?"`, 1);
  expect(stdout).toBe('1\n');
  expect(stderr).toMatch(/^Cannot write to standard output: ENOSPC: .*stays\n$/);
});
