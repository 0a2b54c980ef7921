/**
 * The API behind everything that is measured: as fast as can be had, so that it is not what is
 * measured. nginx where there is one, else a Worker in a workerd of its own.
 */

import { spawnSync } from 'node:child_process';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { freePort } from '../test/support/node/ports.ts';
import { otherCores } from './cores.ts';
import { start, stop } from './processes.ts';
import { plainWorker, serveWorkerd } from './workerd.ts';

/** A running upstream. */
export type Upstream = { url: string; version: string; dispose(): Promise<void> };

/** The answer of an API: a small document, with the headers that such answers carry. */
const answer = {
  headers: {
    'Content-Type': 'application/json; charset=utf-8',
    ETag: 'W/"2b1-OWJlNTk4ZjMwZGFk"',
    'Cache-Control': 'private, no-cache',
    'X-Total-Count': '1',
    'Strict-Transport-Security': 'max-age=31536000',
  },
  body: JSON.stringify({
    id: 'f5eese9wwl88k4g8',
    name: 'Morning show',
    createdAt: 1_765_432_100_000,
    isActive: true,
    playbackId: 'f5eesleq8nvnqmzb',
    profiles: [{ name: '720p', width: 1280, height: 720, bitrate: 2_000_000, fps: 30 }],
  }),
};

/** Starts the upstream. `folder` is for its configuration. */
export async function serveUpstream(folder: string): Promise<Upstream> {
  await mkdir(folder, { recursive: true });
  const version = nginxVersion();
  return version === null ? serveWithWorkerd(folder) : serveWithNginx(folder, version);
}

async function serveWithNginx(folder: string, version: string): Promise<Upstream> {
  const port = await freePort();
  const headers = Object.entries(answer.headers)
    .filter(([name]) => name !== 'Content-Type')
    .map(([name, value]) => `add_header ${name} '${value}';`);
  const configPath = join(folder, 'nginx.conf');
  await writeFile(
    configPath,
    `daemon off;
master_process off;
pid ${join(folder, 'nginx.pid')};
error_log stderr crit;
events { worker_connections 4096; }
http {
  access_log off;
  keepalive_requests 1000000000;
  keepalive_timeout 1h;
  default_type '${answer.headers['Content-Type']}';
  client_body_temp_path ${folder}/body;
  proxy_temp_path ${folder}/proxy;
  fastcgi_temp_path ${folder}/fastcgi;
  uwsgi_temp_path ${folder}/uwsgi;
  scgi_temp_path ${folder}/scgi;
  server {
    listen 127.0.0.1:${port} backlog=4096;
    ${headers.join('\n    ')}
    location / { return 200 '${answer.body}'; }
  }
}
`,
  );
  const child = start(otherCores, 'nginx', ['-p', folder, '-c', configPath], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let errors = '';
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    errors += text;
  });
  const url = `http://127.0.0.1:${port}`;
  while (!(await answers(url))) {
    if (child.exitCode !== null) throw new Error(`Cannot start nginx\n${errors}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  return {
    url,
    version: `nginx ${version}`,
    dispose: () => stop(child),
  };
}

async function serveWithWorkerd(folder: string): Promise<Upstream> {
  const source = `
    const body = ${JSON.stringify(answer.body)};
    const headers = ${JSON.stringify(answer.headers)};
    export default { fetch() { return new Response(body, { headers }); } };`;
  const server = await serveWorkerd(folder, plainWorker(source, '2026-10-01'), otherCores);
  return { ...server, version: 'a Worker in a workerd of its own (nginx is not installed)' };
}

function nginxVersion(): string | null {
  const { error, stderr } = spawnSync('nginx', ['-v'], { encoding: 'utf8' });
  return error ? null : (/nginx\/(\S+)/.exec(stderr)?.[1] ?? 'of unknown version');
}

async function answers(url: string): Promise<boolean> {
  return fetch(url).then(
    (response) => response.ok,
    () => false,
  );
}
