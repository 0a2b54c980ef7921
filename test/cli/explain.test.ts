/** `keys explain`, against an edge that is played. */

import { describe, expect, test } from 'vitest';
import { runAgainst } from '../support/node/run-against.ts';
import { type Answerer, answerJson } from '../support/node/stand-in-edge.ts';

describe('keys explain --check', () => {
  const explained =
    (allowed: boolean): Answerer =>
    (response) =>
      answerJson(response, 200, {
        allowed,
        status: allowed ? null : 403,
        code: allowed ? null : 'route_not_allowed',
        detail: 'x',
        steps: [{ step: 'route', outcome: allowed ? 'passed' : 'failed', detail: 'x' }],
      });
  const args = ['keys', 'explain', '--key', 'key_1', '--path', '/x'];

  test('ends with 5 if the request would be refused, and without it with 0', async () => {
    expect((await runAgainst(explained(false), args)).exitCode).toBe(0);
    expect((await runAgainst(explained(true), [...args, '--check'])).exitCode).toBe(0);
    const refused = await runAgainst(explained(false), [...args, '--check', '--json']);
    expect(refused.exitCode).toBe(5);
    expect(JSON.parse(refused.stdout)).toMatchObject({ code: 'route_not_allowed' });
    expect(refused.stderr).toBe('');
  });

  test('says once that the request would be refused', async () => {
    const { exitCode, stdout, stderr } = await runAgainst(explained(false), [...args, '--check']);
    expect([exitCode, stderr]).toEqual([5, '']);
    expect(stdout.match(/Refused: 403 route_not_allowed/g)).toHaveLength(1);
  });
});
