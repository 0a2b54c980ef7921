/**
 * gunicorn with default settings, and what was recorded from it (20.1.0 of Debian 12): which path a
 * Python application is asked for, as headers say otherwise. The recording replaces it if it is not
 * installed, and is checked against it otherwise.
 */

import { spawn } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { findProgram } from '../../support/node/programs.ts';

/** A running server: where it listens, and how it ends. */
export interface PythonServer {
  name: string;
  port: number;
  close(): Promise<void>;
}

/** The variables that an application receives for a request. */
export interface WsgiRequest {
  SCRIPT_NAME: string;
  PATH_INFO: string;
}

/** Both servers; gunicorn itself only where it is installed. */
export async function startPythonServers(): Promise<PythonServer[]> {
  const program = await findProgram('gunicorn');
  return [await startRecorded(), ...(program === null ? [] : [await startGunicorn(program)])];
}

async function startRecorded(): Promise<PythonServer> {
  const server = createServer((request, response) => {
    const script = [request.headers['script_name'] ?? ''].flat().join(',');
    const path = decodeURIComponent((request.url ?? '').split('?')[0] ?? '');
    // As gunicorn does: what stands behind the first occurrence, wherever it is.
    const at = path.indexOf(script);
    if (at === -1) return void response.writeHead(500).end();
    const said: WsgiRequest = { SCRIPT_NAME: script, PATH_INFO: path.slice(at + script.length) };
    response.setHeader('Content-Type', 'application/json');
    response.end(JSON.stringify(said));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    name: 'what was recorded from gunicorn',
    port: (server.address() as AddressInfo).port,
    close: () =>
      new Promise((resolve) => {
        server.closeAllConnections();
        server.close(() => resolve());
      }),
  };
}

const application = `
import json
def app(environ, start_response):
    start_response('200 OK', [('Content-Type', 'application/json')])
    return [json.dumps({name: environ[name] for name in ('SCRIPT_NAME', 'PATH_INFO')}).encode()]
`;

async function startGunicorn(program: string): Promise<PythonServer> {
  const folder = await mkdtemp(join(tmpdir(), 'edge-authorizer-gunicorn-'));
  await writeFile(join(folder, 'app.py'), application);
  const child = spawn(program, ['--bind', '127.0.0.1:0', '--chdir', folder, 'app:app']);
  const port = await new Promise<number>((resolve, reject) => {
    let said = '';
    child.stderr.on('data', (data) => {
      said += String(data);
      const match = /Listening at: http:\/\/127\.0\.0\.1:(\d+).*Booting worker/s.exec(said);
      if (match) resolve(Number(match[1]));
    });
    child.once('exit', () => reject(new Error(`gunicorn ended: ${said}`)));
  });
  return {
    name: 'gunicorn',
    port,
    async close() {
      const exited = new Promise((resolve) => child.once('exit', resolve));
      child.kill();
      await exited;
      await rm(folder, { recursive: true, force: true });
    },
  };
}
