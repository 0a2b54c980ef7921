/** Help texts, colours and completion: the command line as it presents itself. */

import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { describe, expect, test } from 'vitest';
import { runCli } from '../support/node/run-cli.ts';

const run = promisify(execFile);

/** The names of the commands below a path, as its help lists them. */
async function commandsIn(path: string[]): Promise<string[]> {
  const { stdout } = await runCli([...path, '--help']);
  const [, list = ''] = /^Commands:\n((?: {2}.*\n)*)/m.exec(stdout) ?? [];
  return [...list.matchAll(/^ {2}([a-z-]+)/gm)].map(([, name]) => name ?? '');
}

describe('every help text', () => {
  test('starts with examples, which name the command', async () => {
    const paths: string[][] = [[]];
    for (const path of paths) {
      const { exitCode, stdout } = await runCli([...path, '--help']);
      expect(exitCode).toBe(0);
      const [, examples = ''] = /^Examples:\n((?: {2}edge-authorizer .*\n)+)\n/.exec(stdout) ?? [];
      expect(examples, `help of ${path.join(' ')}:\n${stdout}`).toContain(
        ['edge-authorizer', ...path].join(' '),
      );
      for (const example of examples.trim().split('\n'))
        expect(example).not.toContain('  --undefined');
      const below = (await commandsIn(path)).filter((name) => name !== 'help');
      for (const name of below) paths.push([...path, name]);
    }
    expect(paths.map((path) => path.join(' '))).toEqual(
      expect.arrayContaining(['', 'keys', 'keys revoke', 'login', 'completion']),
    );
  });
});

describe('colours', () => {
  const sequence = '\u{1b}[';

  test.each([
    ['a terminal', { isTerminal: true }, true],
    ['a terminal with NO_COLOR', { isTerminal: true, env: { NO_COLOR: '1' } }, false],
    ['a terminal with an empty NO_COLOR', { isTerminal: true, env: { NO_COLOR: '' } }, true],
    ['a terminal that cannot', { isTerminal: true, env: { TERM: 'dumb' } }, false],
    ['a file', {}, false],
  ])('are for %s: %j %s', async (_name, given, expected) => {
    const { stderr } = await runCli(['keys', 'list', '--url', 'nonsense'], given);
    expect(stderr).toContain('Cannot use "nonsense" as the URL of the edge');
    expect(stderr.includes(sequence)).toBe(expected);
    const { stdout } = await runCli(['--help'], given);
    expect(stdout.includes(sequence)).toBe(expected);
  });
});

describe('completion', () => {
  /** The words that bash offers for the last one. */
  async function complete(...words: string[]): Promise<string[]> {
    const { stdout: script } = await runCli(['completion', 'bash']);
    const asked = `COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _edge_authorizer; echo "\${COMPREPLY[@]}"`;
    const args = ['-c', `${script}\n${asked}`, 'bash', 'edge-authorizer', ...words];
    return (await run('bash', args)).stdout.trim().split(' ');
  }

  test('of bash offers commands, their aliases, options and values', async () => {
    expect(await complete('')).toEqual(expect.arrayContaining(['keys', 'audit', 'completion']));
    expect(await complete('keys', 'r')).toEqual(['roll', 'rotate', 'revoke', 'rm']);
    expect(await complete('keys', 'rotate', 'key_1', '--gr')).toEqual(['--grace-seconds']);
    expect(await complete('keys', 'list', '--url', 'https://edge.example', '--al')).toEqual([
      '--allow-http',
      '--all',
    ]);
    expect(await complete('completion', '')).toEqual(['bash', 'zsh', 'fish']);
    expect(await complete('completion', 'nothing-like-it')).toEqual(['']);
    expect(await complete('keys', 'list', '--kind', '')).toEqual(['backend', 'cors']);
    expect(await complete('keys', 'ls', '--all', '--kind', 'c')).toEqual(['cors']);
    expect(await complete('keys', 'list', '--kind', 'cors', '')).toEqual(['']);
    expect(await complete('keys', 'list', '--owner', '')).toEqual(['']);
  });

  test.each(['bash', 'zsh', 'fish'])('of %s has every command', async (shell) => {
    const { exitCode, stdout } = await runCli(['completion', shell]);
    expect(exitCode).toBe(0);
    for (const name of await commandsIn(['keys'])) expect(stdout).toContain(name);
    expect(stdout).toContain('grace-seconds');
  });

  test('refuses another shell', async () => {
    expect((await runCli(['completion', 'csh'])).exitCode).toBe(2);
  });
});
