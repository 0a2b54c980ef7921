/**
 * nginx as an upstream: the real one if the machine has it, otherwise an emulation of how it reads a path.
 * `nginx-readings.json` holds what nginx itself made of more than a thousand targets. The emulation must
 * agree with every one of them, so the differential test needs no nginx and skips nothing.
 *
 * nginx matches locations with a path that it has decoded once and then resolved. Merging slashes is a
 * setting: https://nginx.org/en/docs/http/ngx_http_core_module.html#merge_slashes
 */

import { spawn } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { keepConnections } from '../../support/node/kept-connections.ts';
import { freePorts } from '../../support/node/ports.ts';
import { findProgram } from '../../support/node/programs.ts';

/** The path that nginx matches with, in both settings; `null` if nginx refuses the target. */
export type NginxReading = { merged: string | null; unmerged: string | null };

/** Something that reads targets as nginx does. Paths are Latin-1, a character for each byte. */
export type NginxReader = {
  read(target: string): Promise<NginxReading>;
  close(): Promise<void>;
};

/** The real nginx if it is installed, otherwise the emulation. */
export async function startNginxReader(): Promise<NginxReader> {
  const program = await findProgram('nginx');
  if (program !== null) return startNginx(program);
  return { read: async (target) => emulateNginx(target), close: async () => undefined };
}

/** Reads a target as nginx is known to do. */
export function emulateNginx(target: string): NginxReading {
  const path = pathOf(target);
  const decoded = path === null ? null : decodeOnce(path);
  if (decoded === null) return { merged: null, unmerged: null };
  return {
    merged: resolveDots(decoded.replace(/\/{2,}/g, '/')),
    unmerged: resolveDots(decoded),
  };
}

/** The path as it was sent. nginx refuses controls and blanks, and cuts off a query and a fragment. */
function pathOf(target: string): string | null {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are the characters it is about
  if (/[\x00-\x20\x7f]/.test(target)) return null;
  const [, rest] = /^[A-Za-z]+:\/\/[A-Za-z0-9.-]+(?::\d+)?([/?#].*|)$/.exec(target) ?? [];
  const path = rest ?? target;
  if (rest !== undefined && !path.startsWith('/')) return '/';
  return path.startsWith('/') ? path.replace(/[?#].*$/, '') : null;
}

/** `null` for a broken escape and for an escaped NUL. */
function decodeOnce(path: string): string | null {
  if (/%(?![0-9a-f]{2})|%00/i.test(path)) return null;
  return path.replace(/%([0-9a-f]{2})/gi, (_, hex: string) =>
    String.fromCharCode(Number.parseInt(hex, 16)),
  );
}

/** `null` if the path climbs above the root. */
function resolveDots(path: string): string | null {
  const resolved: string[] = [];
  const segments = path.slice(1).split('/');
  for (const [index, segment] of segments.entries()) {
    const isLast = index === segments.length - 1;
    if (segment === '..' && resolved.pop() === undefined) return null;
    if (segment !== '.' && segment !== '..') resolved.push(segment);
    else if (isLast) resolved.push('');
  }
  return `/${resolved.join('/')}`;
}

/** Starts nginx with a server for each setting of `merge_slashes`. */
export async function startNginx(program: string): Promise<NginxReader> {
  const folder = await mkdtemp(join(tmpdir(), 'edge-authorizer-nginx-'));
  const [mergedPort = 0, unmergedPort = 0] = await freePorts(2);
  const server = (port: number, mergeSlashes: 'on' | 'off') =>
    `server { listen 127.0.0.1:${port}; merge_slashes ${mergeSlashes};
      location / { default_type text/plain; return 200 "$uri"; } }`;
  const configuration = join(folder, 'nginx.conf');
  await writeFile(
    configuration,
    `daemon off; master_process off; pid ${folder}/pid; error_log ${folder}/error.log;
     events {}
     http { access_log off; client_body_temp_path ${folder}/a; proxy_temp_path ${folder}/b;
       fastcgi_temp_path ${folder}/c; uwsgi_temp_path ${folder}/d; scgi_temp_path ${folder}/e;
       ${server(mergedPort, 'on')} ${server(unmergedPort, 'off')} }`,
  );
  const child = spawn(program, ['-c', configuration, '-p', folder], { stdio: 'ignore' });
  const exited = new Promise((resolve) => child.once('exit', resolve));
  await Promise.all([mergedPort, unmergedPort].map(answers));
  const connections = keepConnections();
  const read = async (port: number, target: string) => {
    const response = await connections.request(port, { target });
    return response.status === 200 ? response.body.toString('latin1') : null;
  };
  return {
    async read(target) {
      return { merged: await read(mergedPort, target), unmerged: await read(unmergedPort, target) };
    },
    async close() {
      connections.close();
      child.kill();
      await exited;
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** Returns the recorded readings of nginx, by target (`record-nginx.ts`). */
export async function nginxReadings(): Promise<{
  version: string;
  readings: Record<string, NginxReading>;
}> {
  return JSON.parse(await readFile(new URL('nginx-readings.json', import.meta.url), 'utf8'));
}

async function answers(port: number): Promise<void> {
  for (let attempt = 0; attempt < 100; attempt++) {
    try {
      await fetch(`http://127.0.0.1:${port}/`);
      return;
    } catch {
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
  throw new Error(`Cannot reach nginx on port ${port}`);
}
