/**
 * Completion in real shells: what a press of Tab makes of a line. `help.test.ts` asks bash, which every
 * machine has. zsh and fish are asked where they are installed, and reported as skipped elsewhere.
 */

import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { findProgram } from '../support/node/programs.ts';
import { runCli } from '../support/node/run-cli.ts';

const run = promisify(execFile);
const zsh = await findProgram('zsh');
const fish = await findProgram('fish');

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'edge-authorizer-completion-'));
  for (const [shell, file] of [
    ['zsh', '_edge-authorizer'],
    ['fish', 'edge-authorizer.fish'],
  ] as const) {
    const { exitCode, stdout } = await runCli(['completion', shell]);
    expect(exitCode).toBe(0);
    await writeFile(join(folder, file), stdout);
  }
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** Lines before Tab, and the words that the command gets after it. */
const completed = [
  ['keys li', ['keys', 'list']],
  ['keys rev', ['keys', 'revoke']],
  ['keys rotate key_1 --gr', ['keys', 'rotate', 'key_1', '--grace-seconds']],
  [
    'keys list --url https://edge.example --allo',
    ['keys', 'list', '--url', 'https://edge.example', '--allow-http'],
  ],
  ['keys bulk --keys', ['keys', 'bulk', '--keys-per-call']],
  ['completion z', ['completion', 'zsh']],
  ['keys ls --all --kind co', ['keys', 'ls', '--all', '--kind', 'cors']],
  ['completion nothing-like-it', ['completion', 'nothing-like-it']],
] as const;

/** Lines before Tab, and words of which each is offered. */
const offered = [
  ['keys r', ['revoke', 'rm', 'roll', 'rotate']],
  ['', ['audit', 'keys', 'completion']],
  ['keys list --s', ['--state', '--search', '--sort']],
  ['usage --period ', ['24h', '7d', '30d', '90d']],
] as const;

describe.skipIf(zsh === null)('zsh', () => {
  /**
   * Types lines into a zsh with a terminal of its own, each followed by Tab and Enter. The command prints
   * its words between angle brackets. Returns what the terminal showed of each line.
   */
  const driver = String.raw`
    zmodload zsh/zpty
    shown_until() {
      local shown='' part
      local -i waits=0
      while [[ $shown != *$1* ]]; do
        if zpty -r -t shell part; then shown+=$part; continue; fi
        (( waits++ < 600 )) || { print -u2 -r -- "no $1 in: $shown"; exit 1 }
        sleep 0.05
      done
      print -rn -- "$shown"
    }
    # Enter must not follow before the matches are shown: what is typed ahead stops that.
    shown_until_quiet() {
      local part
      local -i waits=0
      while (( waits++ < 10 )); do
        if zpty -r -t shell part; then print -rn -- "$part"; waits=0; else sleep 0.05; fi
      done
    }
    zpty -b shell "$1 -f -i"
    zpty -w shell "stty -echo columns 250 rows 100; LISTMAX=1000; PROMPT=; PROMPT_EOL_MARK=; $2"
    zpty -w shell 'tabbed() { print -rn "{tab}" }; comppostfuncs=(tabbed)'
    zpty -w shell 'edge-authorizer() { comppostfuncs=(tabbed); print -r -- "<$\{(j:|:)@}>" }'
    zpty -w shell 'print -r -- rea"dy"'
    shown_until ready > /dev/null
    for line in "$\{@:3}"; do
      zpty -w -n shell "edge-authorizer $line"$'\t'
      shown_until '{tab}'
      shown_until_quiet
      zpty -w -n shell $'\r'
      shown_until '>'
    done
    zpty -d shell`.replaceAll(String.raw`$\{`, '${');

  const typed = async (load: string, lines: readonly string[]) => {
    const args = ['-f', '-c', driver, 'zsh', zsh ?? '', load, ...lines];
    const { stdout } = await run(zsh ?? '', args, { env: { ...process.env, HOME: folder } });
    return stdout.split('>').slice(0, lines.length);
  };
  const ways = () =>
    ({
      'as a function of a folder in fpath': `fpath=(${folder} $fpath); autoload -Uz compinit && compinit -u -D`,
      'as a file that is sourced': `autoload -Uz compinit && compinit -u -D; source ${folder}/_edge-authorizer`,
    }) as const;

  test.each(['as a function of a folder in fpath', 'as a file that is sourced'] as const)(
    'completes the only match, %s',
    async (way) => {
      const shown = await typed(
        ways()[way],
        completed.map(([line]) => line),
      );
      expect(shown.map((text) => text.slice(text.lastIndexOf('<') + 1).split('|'))).toEqual(
        completed.map(([, words]) => words),
      );
    },
  );

  test('offers several matches with what they are', async () => {
    const lines = offered.map(([line]) => line);
    const shown = await typed(ways()['as a function of a folder in fpath'], lines);
    for (const [index, [line, words]] of offered.entries()) {
      for (const word of words) expect(shown[index], line).toContain(word);
    }
    expect(shown[0]).toContain('Revokes a key for good');
    expect(shown[0]).not.toContain('create');
  });
});

describe.skipIf(fish === null)('fish', () => {
  const complete = async (line: string) => {
    const script = `source ${folder}/edge-authorizer.fish; complete -C "$argv[1]"`;
    const args = ['--no-config', '-c', script, `edge-authorizer ${line}`];
    const { stdout } = await run(fish ?? '', args, { env: { ...process.env, HOME: folder } });
    const lines = stdout.split('\n').filter((text) => text !== '');
    return lines.map((text) => text.split('\t'));
  };

  test.each(completed)('completes %j', async (line, words) => {
    const found = (await complete(line)).map(([word]) => word);
    expect(found).toEqual(line.endsWith('nothing-like-it') ? [] : words.slice(-1));
  });

  test.each(offered)('offers the matches of %j with what they are', async (line, words) => {
    const found = new Map((await complete(line)).map(([word, about]) => [word, about]));
    for (const word of words) expect(found.get(word), word).toMatch(/\w/);
    expect(found.has('create')).toBe(false);
  });
});
