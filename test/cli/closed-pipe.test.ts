/** A reader that has seen enough, as in `keys list | head -1`. */

import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { projectRoot } from '../support/node/build-bundle.ts';
import { answerJson, standInEdge } from '../support/node/stand-in-edge.ts';

test('a closed pipe ends the command quietly', async () => {
  // Far more than a pipe holds.
  const keys = Array.from({ length: 20_000 }, (_, index) => ({ id: `key_${index}`, access: null }));
  const edge = await standInEdge((response) =>
    answerJson(response, 200, { keys, nextCursor: null }),
  );
  const env = { ...process.env, EDGE_AUTHORIZER_URL: edge.url, EDGE_AUTHORIZER_TOKEN: 'x' };
  const list = `"${process.execPath}" "${join(projectRoot, 'src/cli/main.ts')}" keys list --json`;
  const script = `${list} | head -c 8; echo; echo "\${PIPESTATUS[0]}"`;
  const [stdout, stderr] = await new Promise<[string, string]>((resolve, reject) => {
    execFile('bash', ['-c', script], { env }, (error, ...output) => {
      if (error) reject(error);
      else resolve(output);
    });
  }).finally(() => edge.close());
  expect([stdout, stderr]).toEqual(['{"keys":\n0\n', '']);
});
