/**
 * `npm run dev` as a newcomer meets it: the real script in a process of its own, on free ports and
 * with a folder of its own, so that it leaves a running session alone.
 */

import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { appendFile, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { type IncomingHttpHeaders, request } from 'node:http';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { freePorts } from '../support/node/ports.ts';

const PROJECT_DIR = resolve(import.meta.dirname, '../..');
const READY_TIMEOUT_MS = 60 * 1000;

let persistTo: string;
let ports: Record<'edge' | 'upstream' | 'page' | 'otherPage' | 'tokensPage', number>;
let session: Session;

beforeAll(async () => {
  persistTo = await mkdtemp(join(tmpdir(), 'edge-dev-'));
  const [edge = 0, upstream = 0, page = 0, otherPage = 0, tokensPage = 0] = await freePorts(5);
  ports = { edge, upstream, page, otherPage, tokensPage };
  session = await start();
});

afterAll(async () => {
  await session.stop('SIGTERM');
  await rm(persistTo, { recursive: true, force: true });
});

// In the order of a session's life: each part leaves `session` as the next one needs it.
describe('npm run dev', () => {
  it('prints curl lines that do what is said of them', async () => {
    const calls = session.curlLines.map(parseCurl);
    const answers = [];
    for (const call of calls) answers.push(await send(call));

    const [backend, preflight, restricted, refusal] = answers;
    expect(answers).toHaveLength(4);
    expect(backend).toMatchObject({ status: 201, body: { name: 'hello' } });
    expect(backend?.headers['access-control-allow-origin']).toBeUndefined();
    expect(preflight?.status).toBe(204);
    expect(preflight?.headers['access-control-allow-origin']).toBe(pageOrigin());
    expect(restricted).toMatchObject({ status: 201, body: { name: 'hello' } });
    expect(restricted?.headers['access-control-allow-origin']).toBe(pageOrigin());
    expect(refusal).toMatchObject({ status: 403, body: { code: 'route_not_allowed' } });
    expect(refusal?.headers['x-edge-reason']).toBe('route_not_allowed');
  });

  it('prints the admin token and the three kinds of keys', async () => {
    const keysUrl = `http://127.0.0.1:${ports.edge}/_edge/v1/keys`;
    const list = await send({ url: keysUrl, headers: bearer(session.adminToken) });

    expect(session.adminToken).toMatch(/^[A-Za-z0-9_-]{43,}$/);
    expect(list).toMatchObject({ status: 200 });
    expect(session.tokens.backend).toMatch(/_sk_/);
    expect(session.tokens.restricted).toMatch(/_pk_/);
    const everything = { url: `http://127.0.0.1:${ports.edge}/api/user/me` };
    for (const [kind, status] of [
      ['backend', 200],
      ['restricted', 403],
      ['full access', 200],
    ] as const) {
      const answer = await send({ ...everything, headers: bearer(session.tokens[kind] ?? '') });
      expect(answer.status, kind).toBe(status);
    }
  });

  it('serves the example page with its settings, and to no other host name', async () => {
    const page = await send({ url: `${pageOrigin()}/`, headers: {} });
    const config = await send({ url: `${pageOrigin()}/config.json`, headers: {} });
    const rebound = await send({
      url: `${pageOrigin()}/config.json`,
      headers: { Host: 'rebound.example' },
    });

    expect(page.status).toBe(200);
    expect(page.headers['content-type']).toBe('text/html; charset=utf-8');
    expect(page.headers['content-security-policy']).toContain("script-src 'self'");
    expect(config.body).toEqual({
      edgeUrl: `http://127.0.0.1:${ports.edge}`,
      restrictedToken: session.tokens.restricted,
      backendToken: session.tokens.backend,
    });
    expect(rebound).toMatchObject({ status: 421, body: null });
  });

  it('serves the example with client tokens, whose page has no API key', async () => {
    const url = `http://127.0.0.1:${ports.tokensPage}`;
    expect(session.output()).toContain(`Client tokens  ${url}/`);
    const page = await send({ url: `${url}/`, headers: {} });
    const script = await send({ url: `${url}/page.js`, headers: {} });
    const token = await send({ url: `${url}/api-token`, method: 'POST', headers: { Origin: url } });
    expect([page.status, script.status, token.status]).toEqual([200, 200, 401]);
    expect(session.tokens.minting).toMatch(/_sk_/);
  });

  it('keeps tokens in files that only their owner can read', async () => {
    for (const file of ['dev-keys.json', '.dev.vars']) {
      const { mode } = await stat(join(persistTo, file));
      expect(mode & 0o777, file).toBe(0o600);
    }
    const devVars = await readFile(join(persistTo, '.dev.vars'), 'utf8');
    expect(devVars.split('\n').filter((line) => line !== '' && !line.startsWith('#'))).toEqual([
      `ADMIN_TOKEN=${session.adminToken}`,
    ]);
  });

  it('names every taken port and how to choose another', async () => {
    const second = run(['--port', ports.edge, '--upstream-port', ports.upstream]);
    const [code] = await once(second.process, 'exit');

    expect(code).toBe(1);
    expect(second.output()).toContain(`Cannot start the edge on 127.0.0.1:${ports.edge}`);
    expect(second.output()).toContain('npm run dev -- --port ');
    expect(second.output()).toContain(`the example upstream on 127.0.0.1:${ports.upstream}`);
    expect(second.output()).toContain('DEV_UPSTREAM_PORT=');
  });

  it('names every bad option before it starts anything', async () => {
    const refused = run(['--port', 'many', '--page-port', 70_000]);
    const [code] = await once(refused.process, 'exit');

    expect(code).toBe(2);
    expect(refused.output()).toContain('Cannot use "many" as the port of the edge');
    expect(refused.output()).toContain('Cannot use "70000" as the port of the example page');
    expect(refused.output()).toContain('Usage: npm run dev');
  });

  it('ends at once with what to correct in a configuration that the edge refuses', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'edge-dev-'));
    await writeFile(join(folder, '.dev.vars'), 'TOKEN_PREFIX="My Company"\n');
    const [port = 0] = await freePorts(1);
    const refused = run([
      ...['--upstream', 'http://127.0.0.1:9', '--port', port, '--persist-to', folder],
    ]);
    const [code] = await once(refused.process, 'exit');
    await rm(folder, { recursive: true, force: true });

    expect(code).toBe(1);
    expect(refused.output()).toContain(
      '  TOKEN_PREFIX "My Company": it is not a lower-case letter',
    );
    expect(refused.output()).not.toContain('configuration_broken');
  });

  it('ends on Ctrl-C, also on a repeated one, and leaves no process behind', async () => {
    const processes = session.processes();
    expect(processes.length).toBeGreaterThan(2);

    session.process.kill('SIGINT');
    const code = await session.stop('SIGINT');

    expect(code).toBe(0);
    expect(await stillAlive(processes)).toEqual([]);
  });

  it('finds its keys and its admin token again, and says that it does not use MANAGE_HOST', async () => {
    const before = session;
    expect(before.output()).not.toContain('MANAGE_HOST');
    await appendFile(join(persistTo, '.dev.vars'), 'MANAGE_HOST=manage.example.com\n');
    session = await start();
    expect(session.output()).toContain('MANAGE_HOST (manage.example.com) is not used here');
    // The page and the API are both there.
    const host = `http://127.0.0.1:${ports.edge}`;
    const page = await send({ url: `${host}/_edge/sign-in`, headers: {} });
    const api = await send({
      url: `${host}/api/user/me`,
      headers: bearer(session.tokens.backend ?? ''),
    });
    expect([page.status, api.status]).toEqual([200, 200]);

    expect(session.adminToken).toBe(before.adminToken);
    expect(session.tokens).toEqual(before.tokens);
    expect(session.curlLines).toEqual(before.curlLines);
    await session.stop('SIGTERM');
  });

  it('makes new CORS keys when the page is on another origin', async () => {
    const before = session;
    session = await start(ports.otherPage);

    expect(session.tokens.backend).toBe(before.tokens.backend);
    expect(session.tokens.restricted).not.toBe(before.tokens.restricted);
    expect(session.tokens['full access']).not.toBe(before.tokens['full access']);
  });

  it('says which process ended, ends the others and fails', async () => {
    const processes = session.processes();
    const upstream = processes.find(({ command }) => command.includes('upstream/wrangler.toml'));
    if (upstream === undefined) throw new Error('there is no upstream process');

    process.kill(upstream.pid, 'SIGKILL');
    const [code] = await once(session.process, 'exit');

    expect(code).toBe(1);
    expect(session.output()).toContain('The upstream process ended unexpectedly (signal SIGKILL)');
    expect(await stillAlive(processes)).toEqual([]);
  });
});

interface Run {
  process: ChildProcess;
  output: () => string;
}

interface Session extends Run {
  /** As printed, from `curl` to the end of the line. */
  curlLines: string[];
  adminToken: string;
  tokens: Partial<Record<'backend' | 'restricted' | 'full access' | 'minting', string>>;
  /** The script itself and everything it has started, at this moment. */
  processes: () => RunningProcess[];
  /** Returns the exit code. Does nothing when it has ended. */
  stop: (signal: NodeJS.Signals) => Promise<number | null>;
}

/** Starts the script and waits for what it prints when everything answers. */
async function start(pagePort = ports.page): Promise<Session> {
  const started = run(
    [
      ...['--port', ports.edge, '--upstream-port', ports.upstream],
      ...['--page-port', pagePort, '--tokens-page-port', ports.tokensPage],
    ],
    { DEV_PERSIST_TO: persistTo },
  );
  const { process: script, output } = started;
  const deadline = Date.now() + READY_TIMEOUT_MS;
  // The summary is written at once, so its end is there when its start is.
  while (!output().includes('edge-authorizer is running')) {
    if (script.exitCode !== null || Date.now() > deadline) {
      script.kill('SIGTERM');
      throw new Error(`npm run dev did not get ready:\n${output()}`);
    }
    await sleep(50);
  }
  await sleep(50);

  const summary = output().slice(output().indexOf('edge-authorizer is running'));
  const word = (label: string) => new RegExp(`^ +${label} +(\\S+)`, 'm').exec(summary)?.[1] ?? '';
  return {
    ...started,
    curlLines: summary.split('\n').flatMap((line) => /^ +(curl .*)$/.exec(line)?.[1] ?? []),
    adminToken: word('Admin token'),
    tokens: {
      backend: word('backend'),
      restricted: word('restricted'),
      'full access': word('full access'),
      minting: word('minting'),
    },
    processes: () => familyOf(script.pid ?? -1),
    async stop(signal) {
      if (script.exitCode === null && script.signalCode === null) {
        script.kill(signal);
        await once(script, 'exit');
      }
      return script.exitCode;
    },
  };
}

function run(args: (string | number)[], env: Record<string, string> = {}): Run {
  const { FORCE_COLOR: _, ...inherited } = process.env;
  const script = spawn(process.execPath, ['examples/dev.ts', ...args.map(String)], {
    cwd: PROJECT_DIR,
    env: { ...inherited, NO_COLOR: '1', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let text = '';
  for (const stream of [script.stdout, script.stderr]) {
    stream.setEncoding('utf8').on('data', (chunk: string) => {
      text += chunk;
    });
  }
  return { process: script, output: () => text };
}

interface HttpCall {
  method?: string;
  url: string;
  headers: Record<string, string>;
  body?: string;
}

interface HttpAnswer {
  status: number;
  headers: IncomingHttpHeaders;
  /** Parsed where it is JSON, `null` where it is not. */
  body: unknown;
}

/** Reads the options that the script prints, and throws on any other. */
function parseCurl(line: string): HttpCall {
  const words = [...line.matchAll(/'([^']*)'|(\S+)/g)].map(([, quoted, bare]) => quoted ?? bare);
  const call: HttpCall = { url: '', headers: {} };
  for (let i = 1; i < words.length; i++) {
    const word = words[i] ?? '';
    if (word === '-i') continue;
    if (!word.startsWith('-')) {
      call.url = word;
      continue;
    }
    const value = words[++i] ?? '';
    if (word === '-X') call.method = value;
    else if (word === '-d') call.body = value;
    else if (word === '-H') {
      const colon = value.indexOf(': ');
      call.headers[value.slice(0, colon)] = value.slice(colon + 2);
    } else throw new Error(`Cannot read the option ${word} in: ${line}`);
  }
  return call;
}

/** Sends exactly these headers, among them `Origin` and `Host`, which `fetch` may keep to itself. */
async function send({ method, url, headers, body }: HttpCall): Promise<HttpAnswer> {
  const outgoing = request(url, {
    method: method ?? (body === undefined ? 'GET' : 'POST'),
    headers,
    agent: false,
  });
  outgoing.end(body);
  const [incoming] = await once(outgoing, 'response');
  let text = '';
  for await (const chunk of incoming.setEncoding('utf8')) text += chunk;
  let parsed: unknown = null;
  try {
    parsed = JSON.parse(text);
  } catch {
    // Not JSON, which some answers need not be.
  }
  return { status: incoming.statusCode, headers: incoming.headers, body: parsed };
}

function bearer(token: string): Record<string, string> {
  return { Authorization: `Bearer ${token}` };
}

function pageOrigin(): string {
  return `http://127.0.0.1:${ports.page}`;
}

interface RunningProcess {
  pid: number;
  parentPid: number;
  state: string;
  command: string;
}

/** Lists all processes except those that have ended but were not collected yet (zombies). */
function runningProcesses(): RunningProcess[] {
  const table = execFileSync('ps', ['-A', '-ww', '-o', 'pid=,ppid=,stat=,args='], {
    encoding: 'utf8',
  });
  return table
    .split('\n')
    .flatMap((line) => {
      const [, pid, parentPid, state = '', command = ''] =
        /^ *(\d+) +(\d+) +(\S+) +(.*)$/.exec(line) ?? [];
      return pid === undefined
        ? []
        : [{ pid: Number(pid), parentPid: Number(parentPid), state, command }];
    })
    .filter(({ state }) => !state.startsWith('Z'));
}

function familyOf(pid: number): RunningProcess[] {
  const running = runningProcesses();
  const family = running.filter((process) => process.pid === pid);
  // The list grows while it is walked, until no member has a child that is not in it.
  for (const { pid } of family) {
    family.push(...running.filter(({ parentPid }) => parentPid === pid));
  }
  return family;
}

/** Returns those that are still there. What was killed gets a second to go. */
async function stillAlive(processes: RunningProcess[]): Promise<RunningProcess[]> {
  const pids = new Set(processes.map(({ pid }) => pid));
  const remaining = () => runningProcesses().filter(({ pid }) => pids.has(pid));
  for (let i = 0; i < 10 && remaining().length > 0; i++) await sleep(100);
  return remaining();
}
