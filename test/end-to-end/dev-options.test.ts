/** `npm run dev` before it is ready: which API it chooses, and what it prints of wrangler and the edge. */

import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { type AddressInfo, createServer, type LookupFunction } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { configurationErrorIn } from '../../examples/dev/configuration.ts';
import { createLog } from '../../examples/dev/log.ts';
import { parseArguments } from '../../examples/dev/options.ts';
import { connectionFault } from '../../examples/dev/reach-upstream.ts';
import type { DevSession } from '../../examples/dev/start.ts';
import { summaryOf } from '../../examples/dev/summary.ts';
import { chooseUpstream } from '../../examples/dev/upstream.ts';
import { warningsOf } from '../../examples/dev/warnings.ts';
import { freePorts } from '../support/node/ports.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'edge-authorizer-dev-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

describe('the API that it is in front of', () => {
  const own = 'https://api.example.com';
  const other = 'https://other.example';

  test.each<[string, string[], Record<string, string>, string, object]>([
    ['the example', [], {}, '', { source: 'example', url: 'http://127.0.0.1:8788' }],
    ['an option', ['--upstream', own], {}, '', { source: 'option', url: own, overridden: null }],
    ['the environment', [], { DEV_UPSTREAM: own }, '', { source: 'option', url: own }],
    ['.dev.vars', [], {}, own, { source: 'file', from: '.dev.vars', url: own }],
    [
      'an option, which says what it overrides',
      ['--upstream', own],
      {},
      other,
      { source: 'option', url: own, overridden: `UPSTREAM_URL = ${other} in .dev.vars` },
    ],
  ])('comes from %s', async (_name, args, environment, devVars, expected) => {
    await writeFile(join(folder, '.dev.vars'), devVars && `UPSTREAM_URL="${devVars}"\n`);
    const parsed = parseArguments(['--persist-to', folder, ...args], environment);
    if (parsed.kind !== 'options') throw new Error(JSON.stringify(parsed));
    expect(await chooseUpstream(parsed.options)).toMatchObject(expected);
  });

  test.each(['api.example.com', 'ftp://api.example.com', 'nonsense'])('is not %j', (upstream) => {
    expect(parseArguments(['--upstream', upstream], {})).toMatchObject({
      kind: 'problems',
      problems: [expect.stringContaining(`Cannot use "${upstream}" as the upstream`)],
    });
  });
});

describe('a connection to the API', () => {
  test('fails if nothing listens on its port', async () => {
    const [port] = await freePorts(1);
    const url = `http://127.0.0.1:${port}`;
    const fault = 'does not accept connections: ECONNREFUSED. The edge answers 502 until it does';
    expect(await connectionFault(url)).toBe('ECONNREFUSED');
    const chosen = {
      url: url.replace('://', '://me:secret@'),
      from: '--upstream',
      overridden: null,
    } as const;
    expect(await warningsOf({ ...chosen, source: 'option' })).toEqual([
      `the upstream ${url} (from --upstream) ${fault}`,
    ]);
    expect(await warningsOf({ ...chosen, source: 'example' })).toEqual([]);
  });

  test('fails if its name is unknown, or if no answer comes in time', async () => {
    const url = 'https://api.example.com';
    const unknown = Object.assign(new Error('unknown'), { code: 'ENOTFOUND' });
    const faultIf = (resolveName: LookupFunction) => connectionFault(url, 20, resolveName);
    expect(await faultIf((_host, _options, done) => done(unknown, []))).toBe('ENOTFOUND');
    expect(await faultIf(() => undefined)).toBe('no answer within 0.02 s');
  });

  test('succeeds if its port is open, and sends nothing', async () => {
    const server = createServer();
    const received = once(server, 'connection').then(([socket]) => text(socket));
    await once(server.listen(0, '127.0.0.1'), 'listening');
    const { port } = server.address() as AddressInfo;
    expect(await connectionFault(`http://127.0.0.1:${port}/v1`)).toBeNull();
    expect(await received).toBe('');
    server.close();
  });

  test('is not tried if the address is no URL', async () => {
    expect(await connectionFault('api.example.com')).toBeNull();
  });
});

describe('the log', () => {
  const noise = '⎔ Starting local server...';
  const request = '[wrangler:info] GET /api/stream 200 OK (5ms)';
  const failure = '✘ [ERROR] Uncaught Error: broken';

  test.each([
    [false, [], [request, failure]],
    [true, [noise], [noise, request, failure]],
  ])('of a session that is verbose: %s', (isVerbose, before, all) => {
    const printed: string[] = [];
    const log = createLog(isVerbose, (text) => printed.push(text));
    log.line('edge', noise);
    expect(printed).toHaveLength(before.length);
    log.line('edge', request);
    log.open();
    log.line('edge', noise);
    log.line('edge', failure);
    for (const line of all) expect(printed.some((text) => text.includes(line))).toBe(true);
    expect(printed.some((text) => text.includes(noise))).toBe(isVerbose);
  });

  test('prints a warning at once', () => {
    const printed: string[] = [];
    createLog(false, (text) => printed.push(text)).warn('A is no setting');
    expect(printed).toEqual([expect.stringContaining('Warning: A is no setting')]);
  });

  test('keeps what was said for when nothing gets ready', () => {
    const log = createLog(false, () => undefined);
    log.line('edge', noise);
    expect(log.kept()).toContain(noise);
  });
});

describe('a line of the edge', () => {
  const problems = [
    { name: 'UPSTREAM_URL', value: 'api', reason: 'it is no URL', fix: 'Set a URL' },
    { name: 'ADMIN_TOKEN', value: null, reason: 'it is too short', fix: 'Set a longer one' },
  ];

  test('about a broken configuration becomes a list of what to correct', () => {
    const line = JSON.stringify({ event: 'configuration_broken', requestId: 'r', problems });
    expect(configurationErrorIn(`\x1b[2m${line}\x1b[0m`)?.message.split('\n')).toEqual([
      expect.stringMatching(/^Cannot start the edge: its configuration has problems/),
      '  UPSTREAM_URL "api": it is no URL. Set a URL',
      '  ADMIN_TOKEN: it is too short. Set a longer one',
    ]);
  });

  test.each([
    '[wrangler:info] GET /_edge/health/ready 503 Service Unavailable (4ms)',
    '{"event":"refused","code":"unavailable"}',
    '{"event":"configuration_broken","problems":[]}',
    '{"event":',
  ])('%j is no such list', (line) => {
    expect(configurationErrorIn(line)).toBeNull();
  });
});

describe('the summary in front of your own API', () => {
  const key = { id: 'key_1', token: 'token' };
  const summary = summaryOf({
    options: { keysFile: 'keys.json' },
    edgeUrl: 'http://127.0.0.1:8787',
    upstream: {
      source: 'option',
      from: '--upstream',
      url: 'https://api.example',
      overridden: null,
    },
    pageUrl: null,
    tokensPageUrl: null,
    ignoredManageHost: null,
    adminToken: 'admin',
    keys: { backend: key, restricted: key, fullAccess: key, clientTokens: key },
    pageOrigins: { page: ['http://a.test', 'http://b.test'], tokensPage: ['http://c.test'] },
  } as DevSession);

  test('has calls that read a compressed body', () => {
    const calls = summary.match(/^ *curl .*$/gm) ?? [];
    expect(calls).toHaveLength(2);
    for (const call of calls) expect(call).toContain('curl -i --compressed http://127.0.0.1:8787/');
  });

  test.each([
    ['restricted', 'for pages on http://a.test and http://b.test'],
    ['full access', 'for pages on http://a.test and http://b.test'],
    ['minting', 'gives client tokens for pages on http://c.test'],
  ])('names every origin that the key "%s" lists', (name, words) => {
    expect(summary).toMatch(new RegExp(`^  ${name} +token  ${words}$`, 'm'));
  });
});
