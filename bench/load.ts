/** Puts load on a server with `wrk`, and reads off what came of it. */

import { spawnSync } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { otherCores } from './cores.ts';
import { start } from './processes.ts';

/** A request to repeat. */
export type LoadRequest = {
  method: string;
  path: string;
  headers: Record<string, string>;
  /** Values that take turns in one header, whose value holds `%s` for them. */
  rotation?: { header: string; values: readonly string[] };
  /** The one status that every response must have. */
  status: number;
};

/** The result of one run of the load generator. */
export type LoadResult = {
  requests: number;
  seconds: number;
  perSecond: number;
  /** Latencies in microseconds. */
  p50: number;
  p99: number;
};

/** wrk's version; `null` if wrk is not installed. */
export function wrkVersion(): string | null {
  const { error, stdout } = spawnSync('wrk', ['-v'], { encoding: 'utf8' });
  return error ? null : (/wrk (\S+)/.exec(stdout)?.[1] ?? 'unknown');
}

/**
 * Repeats a request over so many connections for so many seconds. Throws when a response has another
 * status than the one wanted, or when a connection breaks: such a number would mean nothing.
 */
export async function load(options: {
  url: string;
  request: LoadRequest;
  connections: number;
  seconds: number;
  folder: string;
}): Promise<LoadResult> {
  const { request } = options;
  const script = join(options.folder, 'load.lua');
  const valuesFile = join(options.folder, 'load.txt');
  await writeFile(script, luaScript(request, valuesFile));
  if (request.rotation) await writeFile(valuesFile, `${request.rotation.values.join('\n')}\n`);
  const child = start(
    otherCores,
    'wrk',
    [
      '--threads=1',
      `--connections=${options.connections}`,
      `--duration=${options.seconds}s`,
      '--timeout=10s',
      `--script=${script}`,
      options.url,
    ],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  );
  let output = '';
  for await (const chunk of child.stdout ?? []) output += String(chunk);
  const line = /^RESULT (.*)$/m.exec(output)?.[1];
  if (line === undefined) throw new Error(`Cannot read what wrk says:\n${output}`);
  const result = JSON.parse(line) as {
    requests: number;
    microseconds: number;
    p50: number;
    p99: number;
    failures: number;
    statuses: number;
  };
  const unwanted = request.status >= 400 ? result.requests - result.statuses : result.statuses;
  if (result.failures > 0 || unwanted > 0 || result.requests === 0) {
    throw new Error(
      `Cannot measure ${request.method} ${request.path}: ${unwanted} of ${result.requests} responses were not ${request.status}, and ${result.failures} connections broke`,
    );
  }
  const seconds = result.microseconds / 1e6;
  return { ...result, seconds, perSecond: result.requests / seconds };
}

/** wrk tells apart only statuses below and from 400 on, so one request is looked at closely first. */
export async function check(url: string, request: LoadRequest): Promise<void> {
  const response = await fetch(new URL(request.path, url), {
    method: request.method,
    headers: headersOf(request, 0),
    redirect: 'manual',
  });
  const body = await response.text();
  if (response.status !== request.status) {
    throw new Error(
      `Cannot measure ${request.method} ${request.path}: answered ${response.status} instead of ${request.status}\n${body}`,
    );
  }
}

/** Sends one request with each token, so that an isolate knows them all. */
export async function warm(url: string, tokens: readonly string[]): Promise<void> {
  const rest = tokens[Symbol.iterator]();
  const sendRest = async () => {
    for (const token of rest) {
      const response = await fetch(new URL('/api/stream/f5eese9wwl88k4g8', url), {
        headers: { Authorization: `Bearer ${token}` },
      });
      await response.arrayBuffer();
      if (response.status !== 200) throw new Error(`Cannot warm up: answered ${response.status}`);
    }
  };
  await Promise.all(Array.from({ length: 64 }, sendRest));
}

function headersOf({ headers, rotation }: LoadRequest, turn: number): Record<string, string> {
  const value = rotation?.values[turn];
  if (rotation === undefined || value === undefined) return headers;
  return { ...headers, [rotation.header]: (headers[rotation.header] ?? '').replace('%s', value) };
}

function luaScript(request: LoadRequest, valuesFile: string): string {
  const { method, path, headers, rotation } = request;
  const table = Object.entries(headersOf(request, 0)).map(
    ([name, value]) => `[${lua(name)}] = ${lua(value)}`,
  );
  const setup = [
    `wrk.method = ${lua(method)}`,
    `wrk.path = ${lua(path)}`,
    `wrk.headers = { ${table.join(', ')} }`,
  ];
  // Made once, so that a turn costs wrk no more than a look-up.
  const turns = rotation && [
    'local requests, turn = {}, 0',
    'function init()',
    `  for value in io.lines(${lua(valuesFile)}) do`,
    `    wrk.headers[${lua(rotation.header)}] = string.format(${lua(headers[rotation.header] ?? '')}, value)`,
    '    requests[#requests + 1] = wrk.format()',
    '  end',
    'end',
    'function request()',
    '  turn = turn % #requests + 1',
    '  return requests[turn]',
    'end',
  ];
  const report = [
    'function done(summary, latency)',
    '  local errors = summary.errors',
    '  io.write("RESULT {", string.format(',
    '    [["requests":%d,"microseconds":%d,"p50":%d,"p99":%d,"failures":%d,"statuses":%d]],',
    '    summary.requests, summary.duration, latency:percentile(50), latency:percentile(99),',
    '    errors.connect + errors.read + errors.write + errors.timeout, errors.status), "}\\n")',
    'end',
  ];
  return [...setup, ...(turns ?? []), ...report, ''].join('\n');
}

function lua(text: string): string {
  return JSON.stringify(text);
}
