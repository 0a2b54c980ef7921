/** `login`: a file that only its owner may read, and a token that goes nowhere else. */

import { chmod, mkdir, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { stripVTControlCharacters } from 'node:util';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { type CliProcess, runCli } from '../support/node/run-cli.ts';
import {
  answerJson,
  problem,
  type StandInEdge,
  standInEdge,
} from '../support/node/stand-in-edge.ts';

const TOKEN = 'admin-token-of-at-least-32-characters';
let home: string;
let file: string;
let edge: StandInEdge;
let other: StandInEdge;

beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), 'edge-authorizer-login-'));
  file = join(home, 'edge-authorizer/login.json');
  const answer: Parameters<typeof standInEdge>[0] = (response, { headers }) => {
    if (headers.authorization === `Bearer ${TOKEN}`) {
      answerJson(response, 200, { keys: [], nextCursor: null });
    } else answerJson(response, 401, problem(401, 'invalid_credentials'));
  };
  edge = await standInEdge(answer);
  other = await standInEdge(answer);
});
afterEach(async () => {
  await edge.close();
  await other.close();
  await rm(home, { recursive: true, force: true });
});

const run = (args: string[], given: CliProcess = {}) =>
  runCli(args, { ...given, env: { XDG_CONFIG_HOME: home, ...given.env } });
const login = (...options: string[]) =>
  run(['login', '--url', edge.url, ...options], { stdin: `${TOKEN}\n` });

test('keeps URL, token and headers, for its owner alone, and later commands need neither', async () => {
  const result = await login('--header', 'CF-Access-Client-Id: abc');
  expect(result).toMatchObject({ exitCode: 0, stdout: '' });
  expect(result.stderr).not.toContain(TOKEN);
  expect((await stat(file)).mode & 0o777).toBe(0o600);
  expect((await run(['keys', 'list'])).stdout).toBe('No keys\n');
  expect(edge.asked.at(-1)?.headers['cf-access-client-id']).toBe('abc');
});

test('gives a file with looser rights its own', async () => {
  await mkdir(dirname(file), { recursive: true });
  await writeFile(file, '{}');
  await chmod(file, 0o644);
  expect((await login()).exitCode).toBe(0);
  expect((await stat(file)).mode & 0o777).toBe(0o600);
});

test('sends neither the token nor the headers to another edge', async () => {
  await login('--header', 'CF-Access-Client-Id: abc');
  const refused = await run(['keys', 'list', '--url', other.url]);
  expect(refused).toMatchObject({ exitCode: 2, stdout: '' });
  expect(refused.stderr).toContain(`for ${edge.url} alone`);
  expect(other.asked).toEqual([]);
  const env = { EDGE_AUTHORIZER_TOKEN: TOKEN };
  expect((await run(['keys', 'list', '--url', other.url], { env })).exitCode).toBe(0);
  expect(other.asked[0]?.headers).not.toHaveProperty('cf-access-client-id');
});

describe('a token over plain http', () => {
  const env = { EDGE_AUTHORIZER_TOKEN: TOKEN };
  const unencrypted = /Cannot send a token to http:\/\/\S+: anyone on the way could read it/;

  test.each([
    'http://edge.invalid',
    'http://192.0.2.1:8787',
    'http://[2001:db8::1]/',
    'http://127.0.0.1.invalid',
    'http://localhost.invalid',
  ])('is not sent to %s, by any command, unless --allow-http is given', async (url) => {
    for (const args of [['keys', 'list'], ['self', 'show'], ['login']]) {
      const refused = await run([...args, '--url', url], { env, stdin: `${TOKEN}\n` });
      expect(refused).toMatchObject({ exitCode: 2, stdout: '' });
      expect(refused.stderr).toMatch(unencrypted);
    }
    const fetch = vi.fn(async () => new Response(null, { status: 401 }));
    const allowed = await run(['keys', 'list', '--url', url, '--allow-http'], { env, fetch });
    expect(fetch).toHaveBeenCalled();
    expect(allowed.stderr).not.toMatch(unencrypted);
  });

  test('is not sent to an address in the environment', async () => {
    const { exitCode, stderr } = await run(['keys', 'list'], {
      env: { ...env, EDGE_AUTHORIZER_URL: 'http://edge.invalid' },
    });
    expect(exitCode).toBe(2);
    expect(stderr).toContain('that you trust (EDGE_AUTHORIZER_URL)');
  });
});

test('gives way to the environment', async () => {
  await login();
  const env = { EDGE_AUTHORIZER_TOKEN: 'another' };
  expect((await run(['keys', 'list'], { env })).exitCode).toBe(3);
});

test.each([
  ['a token that the edge refuses', 'wrong\n', 3],
  ['no token', '\n', 2],
])('keeps nothing with %s', async (_name, stdin, exitCode) => {
  const result = await run(['login', '--url', edge.url], { stdin });
  expect(result.exitCode).toBe(exitCode);
  await expect(stat(file)).rejects.toThrow('ENOENT');
});

test('asks a terminal, which shows nothing of the token', async () => {
  const terminal = { stdin: `${TOKEN}\n`, isTerminal: true };
  const result = await run(['login', '--url', edge.url], terminal);
  expect(result.exitCode).toBe(0);
  expect(result.stderr).toContain(`The admin token of ${edge.url}`);
  expect(result.stdout + result.stderr).not.toContain(TOKEN);
  expect(JSON.parse(await readFile(file, 'utf8')).token).toBe(TOKEN);
});

test('ends with Ctrl-C at the question, and says no more than that', async () => {
  const terminal = { stdin: `${TOKEN}\u{3}`, isTerminal: true };
  const { exitCode, stderr } = await run(['login', '--url', edge.url], terminal);
  expect(exitCode).toBe(130);
  expect(stripVTControlCharacters(stderr)).toMatch(/then Enter: \nInterrupted\n$/);
  expect(edge.asked).toEqual([]);
});

test('is undone by logout', async () => {
  await login();
  expect((await run(['logout'])).stderr).toBe('Logged out\n');
  await expect(stat(file)).rejects.toThrow('ENOENT');
  expect((await run(['keys', 'list'])).stderr).toContain('Cannot tell where the edge is');
  expect((await run(['logout'])).stderr).toBe('There was no login\n');
});

test('says which file is broken', async () => {
  await mkdir(dirname(file), { recursive: true });
  await writeFile(file, 'not JSON');
  const { exitCode, stderr } = await run(['keys', 'list']);
  expect([exitCode, stderr]).toEqual([2, expect.stringContaining(`Cannot use ${file}`)]);
});
