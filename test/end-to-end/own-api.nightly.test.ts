/**
 * A newcomer with an API of their own: from the files of a fresh clone, with the commands of the README, to
 * a page in each engine that calls the API with a key. Prints how long each step took.
 */

import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { cp, mkdtemp, rm } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { projectRoot } from '../support/node/build-bundle.ts';
import { engineNames, startEngine } from '../support/node/engines.ts';
import { freePort } from '../support/node/ports.ts';
import { listen } from '../support/node/upstream-server.ts';

const run = promisify(execFile);

let folder: string;
let clone: string;
const started: Started[] = [];
const took: { readonly step: string; readonly seconds: string }[] = [];

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'edge-first-use-'));
  clone = join(folder, 'edge-authorizer');
});
afterAll(async () => {
  for (const { stop } of started.reverse()) await stop();
  await rm(folder, { recursive: true, force: true });
  console.log(['A newcomer waits for', ...took.map(said)].join('\n  '));
});

const said = ({ step, seconds }: (typeof took)[number]) => `${seconds.padStart(6)} s  ${step}`;

/** Does a step, and notes how long it took. */
async function timed<Result>(step: string, work: () => Promise<Result>): Promise<Result> {
  const beganMs = performance.now();
  const result = await work();
  took.push({ step, seconds: ((performance.now() - beganMs) / 1000).toFixed(1) });
  return result;
}

test('gets from a clone to a page that calls their own API', { timeout: 1_800_000 }, async () => {
  await timed('git clone', copyTree);
  await timed('npm ci', () => inClone('npm', ['ci', '--no-audit', '--no-fund']));

  const [apiPort, edgePort] = [await freePort(), await freePort()];
  const apiUrl = `http://127.0.0.1:${apiPort}`;
  await timed('their own API starts', () =>
    start(
      'npx wrangler dev'.split(' '),
      ['--config', 'examples/upstream/wrangler.toml', '--ip', '127.0.0.1', '--port', apiPort],
      /Ready on/,
    ),
  );
  const { stdout: written } = await timed('edge-authorizer init', () =>
    inClone('npx', [
      '--no-install',
      'edge-authorizer',
      'init',
      ...['--upstream', apiUrl, '--allow', 'POST /api/stream', '--allow', 'GET /api/stream/:id'],
    ]),
  );
  expect(written).toContain(`in front of ${apiUrl}; restricted keys may call 2 routes`);
  const { output } = await timed('npm run dev', () =>
    start('npm run dev --'.split(' '), ['--upstream', apiUrl, '--port', edgePort], /keys create/),
  );
  const edgeUrl = `http://127.0.0.1:${edgePort}`;
  expect(output()).toContain(`${edgeUrl}  in front of ${apiUrl}`);
  const adminToken = /Admin token\s+(\S+)/.exec(output())?.[1] ?? '';

  const { page, origin } = await servePage();
  const { stdout: created } = await timed('keys create', () =>
    inClone(
      'npx',
      [
        '--no-install',
        'edge-authorizer',
        'keys',
        'create',
        '--name',
        'My page',
        '--origin',
        origin,
      ],
      { EDGE_AUTHORIZER_URL: edgeUrl, EDGE_AUTHORIZER_TOKEN: adminToken },
    ),
  );
  const token = /ea_pk_\w+/.exec(created)?.[0] ?? '';
  expect(token).not.toBe('');

  const seen: Record<string, unknown> = {};
  for (const name of engineNames) {
    const engine = await startEngine(name);
    if (engine === null) {
      console.log(`${name}: not found, so nothing is tried with it`);
      continue;
    }
    try {
      seen[name] = await timed(`the page in ${name}`, async () => {
        const opened = await engine.openPage();
        await opened.goto(`${origin}/`);
        return opened.evaluate(callFromPage, { edgeUrl, token });
      });
    } finally {
      await engine.close();
    }
  }
  page.close();
  expect(Object.keys(seen)).toContain('chromium');
  for (const [name, answers] of Object.entries(seen)) {
    expect([name, answers]).toEqual([
      name,
      [
        [201, null, 'hello'],
        [403, 'route_not_allowed', null],
      ],
    ]);
  }
});

/** In the page: a call that the key allows, and one that it does not. */
async function callFromPage({ edgeUrl, token }: { edgeUrl: string; token: string }) {
  const call = async (method: string, path: string, body: string | null) => {
    const response = await fetch(edgeUrl + path, {
      method,
      headers: { Authorization: `Bearer ${token}`, 'Content-Type': 'application/json' },
      body,
    });
    const { name } = (await response.json()) as { name?: string };
    // As JSON has it, in which the driver of WebKit answers.
    return [response.status, response.headers.get('X-Edge-Reason'), name ?? null] as const;
  };
  return [
    await call('POST', '/api/stream', '{"name":"hello"}'),
    await call('GET', '/api/user/me', null),
  ];
}

/** The files that a clone has, with what is not committed yet. */
async function copyTree(): Promise<void> {
  const { stdout } = await run(
    'git',
    ['ls-files', '-z', '--cached', '--others', '--exclude-standard'],
    { cwd: projectRoot, maxBuffer: 16 * 1024 * 1024 },
  );
  for (const file of stdout.split('\0').filter((name) => name !== '')) {
    await cp(join(projectRoot, file), join(clone, file), { recursive: true });
  }
}

/** The environment of a terminal: without what this test run brings along. */
function terminal(more: Record<string, string> = {}): NodeJS.ProcessEnv {
  const own = Object.entries(process.env).filter(
    ([name]) => !/^(?:npm_|VITEST|NODE_ENV|DEV_|EDGE_AUTHORIZER_|NODE_OPTIONS)/i.test(name),
  );
  const path = [dirname(process.execPath), process.env['PATH'] ?? ''].join(delimiter);
  return { ...Object.fromEntries(own), PATH: path, NO_COLOR: '1', CI: '1', ...more };
}

function inClone(program: string, args: readonly string[], more: Record<string, string> = {}) {
  return run(program, args, { cwd: clone, env: terminal(more), maxBuffer: 16 * 1024 * 1024 });
}

interface Started {
  readonly output: () => string;
  readonly stop: () => Promise<void>;
}

/** Starts a program that keeps running, and waits until it says that it is ready. */
async function start(
  [program = '', ...first]: readonly string[],
  args: readonly (string | number)[],
  ready: RegExp,
): Promise<Started> {
  // A group of its own, so that all that npm starts can be ended.
  const child = spawn(program, [...first, ...args.map(String)], {
    cwd: clone,
    env: terminal(),
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let text = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (chunk: string) => {
      text += chunk;
    });
  }
  const one = { output: () => text, stop: () => endGroup(child) };
  started.push(one);
  await expect
    .poll(
      () => {
        if (child.exitCode !== null) throw new Error(`It ended: ${text}`);
        return text;
      },
      { timeout: 180_000, interval: 200 },
    )
    .toMatch(ready);
  return one;
}

async function endGroup(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.pid === undefined) return;
  const isOver = once(child, 'exit');
  process.kill(-child.pid, 'SIGTERM');
  await isOver;
}

/** Their page, on an origin of its own. */
async function servePage(): Promise<{ readonly page: Server; readonly origin: string }> {
  const page = createServer((_request, response) => {
    response.writeHead(200, { 'Content-Type': 'text/html' });
    response.end('<!doctype html><link rel="icon" href="data:,"><title>My page</title>');
  });
  return { page, origin: `http://localhost:${await listen(page)}` };
}
