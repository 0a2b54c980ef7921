/** The plans of keys on the command line: what their options send. */

import { describe, expect, test } from 'vitest';
import { keyDocument, runAgainst } from '../support/node/run-against.ts';
import { answerJson } from '../support/node/stand-in-edge.ts';

const key = {
  ...keyDocument,
  access: { addresses: ['203.0.113.0/24'] },
  meta: { plan: 'pro', note: 'a\u001b[2Jb' },
  tags: ['beta'],
  limit: 'pro',
  limitBy: 'owner',
  quota: { requests: 1000, period: 'day' },
};

/** Runs a command about keys. Returns the documents that it sent as well. */
async function run(...args: string[]) {
  const { asked, ...result } = await runAgainst(
    (response) => answerJson(response, 200, { ...key, token: 'ea_sk_x' }),
    ['keys', ...args],
  );
  const sent = asked.filter(({ body }) => body !== '').map(({ body }) => JSON.parse(body));
  return { ...result, sent };
}

describe('an option of a plan is refused', () => {
  test.each([
    [['--meta', 'plan']],
    [['--meta', '=pro']],
    [['--quota', '1000']],
    [['--quota', '1000/week']],
    [['--quota', '-1/day']],
    [['--limit-by', 'ip']],
  ])('%j, and nothing is sent', async (options) => {
    for (const command of [
      ['create', '--name', 'n'],
      ['edit', 'key_1'],
    ]) {
      const { exitCode, stderr, sent } = await run(...command, ...options);
      expect([exitCode, sent]).toEqual([2, []]);
      expect(stderr).toContain(options[0]);
    }
  });

  test.each([
    [['--meta', 'a=b', '--no-meta']],
    [['--limit', 'pro', '--no-limit']],
    [['--no-quota', '--quota', '5/day']],
    [['--tag', 'a', '--no-tag']],
    [['--address', '::1', '--any-address']],
  ])('%j together', async (options) => {
    const { exitCode, stderr } = await run('edit', 'key_1', ...options);
    expect([exitCode, stderr]).toEqual([2, expect.stringContaining('cannot be used with')]);
  });
});

describe('metadata and tags', () => {
  const options = ['--meta', 'plan=pro', '--meta', 'equation=a=b', '--tag', 'beta'];

  test('filter the list', async () => {
    const { asked } = await runAgainst(
      (response) => answerJson(response, 200, { keys: [key], nextCursor: null }),
      ['keys', 'list', ...options],
    );
    const { searchParams } = new URL(asked[0]?.path ?? '', 'http://edge');
    searchParams.delete('limit');
    expect(Object.fromEntries(searchParams)).toEqual({
      'meta.plan': 'pro',
      'meta.equation': 'a=b',
      tag: 'beta',
    });
  });

  test('filter bulk changes', async () => {
    const { asked } = await runAgainst(
      (response) => answerJson(response, 200, { changed: [], nextCursor: null }),
      ['keys', 'bulk', 'disable', '--yes', ...options],
    );
    expect(JSON.parse(asked[0]?.body ?? '')).toMatchObject({
      filter: { meta: { plan: 'pro', equation: 'a=b' }, tag: 'beta' },
    });
  });

  test('are refused without a text, and nothing is sent', async () => {
    for (const command of [['list'], ['bulk', 'disable', '--yes']]) {
      const { exitCode, sent } = await run(...command, '--meta', 'plan');
      expect([exitCode, sent]).toEqual([2, []]);
    }
  });
});

describe('keys create', () => {
  test('sends the members that the options name, and shows what the key got', async () => {
    const { sent, stdout } = await run(
      ...['create', '--name', 'n', '--address', '203.0.113.0/24', '::1', '--meta', 'plan=pro'],
      ...[
        '--meta',
        'equation=a=b',
        '--tag',
        'beta',
        'web',
        '--limit',
        'pro',
        '--limit-by',
        'owner',
      ],
      ...['--quota', '1000/day'],
    );
    expect(sent).toEqual([
      {
        name: 'n',
        owner: null,
        access: { addresses: ['203.0.113.0/24', '::1'] },
        expiresAt: null,
        meta: { plan: 'pro', equation: 'a=b' },
        tags: ['beta', 'web'],
        limit: 'pro',
        limitBy: 'owner',
        quota: { requests: 1000, period: 'day' },
      },
    ]);
    expect(stdout).toMatch(/addresses +203\.0\.113\.0\/24/);
    expect(stdout).toMatch(/limit +pro by owner/);
    expect(stdout).toMatch(/quota +1000 a day/);
    // Anybody's text cannot move the cursor.
    expect(stdout).not.toContain('\u001b[2J');
  });
});

describe('keys edit', () => {
  test.each([
    [['--meta', 'plan=free'], { meta: { plan: 'free' } }],
    [['--no-meta'], { meta: null }],
    [['--tag', 'a'], { tags: ['a'] }],
    [['--no-tag'], { tags: null }],
    [['--limit', 'pro'], { limit: 'pro' }],
    [['--limit-by', 'address'], { limitBy: 'address' }],
    [['--no-limit'], { limit: null }],
    [['--quota', '5/month'], { quota: { requests: 5, period: 'month' } }],
    [['--no-quota'], { quota: null }],
    [['--address', '::1'], { access: { addresses: ['::1'] } }],
    [['--any-address'], { access: { addresses: null } }],
  ])('%j sends %j', async (options, body) => {
    const { sent, exitCode } = await run('edit', 'key_1', ...options);
    expect([exitCode, sent]).toEqual([0, [body]]);
  });
});

describe('keys explain', () => {
  test('sends the address of the client', async () => {
    const options = ['--key', 'key_1', '--path', '/x', '--address', '203.0.113.7'];
    const { sent } = await run('explain', ...options);
    expect(sent).toEqual([{ method: 'GET', path: '/x', keyId: 'key_1', address: '203.0.113.7' }]);
  });
});
