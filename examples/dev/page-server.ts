/** Serves the example page, from an origin that is not the edge's, and the settings it starts with. */

import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { join } from 'node:path';
import { HOST, PROJECT_DIR } from './options.ts';

/** The content of `config.json`, for the page. */
export interface PageConfig {
  edgeUrl: string;
  restrictedToken: string;
  /** Only to show what happens when such a token ends up in a page, which it never should. */
  backendToken: string;
}

export interface PageServer {
  url: string;
  close: () => Promise<void>;
}

// A list, not a folder: nothing else can be asked for, whatever the path looks like.
const FILES: Record<string, { file: string; contentType: string }> = {
  '/': { file: 'index.html', contentType: 'text/html; charset=utf-8' },
  '/index.html': { file: 'index.html', contentType: 'text/html; charset=utf-8' },
  '/app.js': { file: 'app.js', contentType: 'text/javascript; charset=utf-8' },
  '/style.css': { file: 'style.css', contentType: 'text/css; charset=utf-8' },
};

const HEADERS = {
  'Cache-Control': 'no-store',
  'X-Content-Type-Options': 'nosniff',
  'Referrer-Policy': 'no-referrer',
  // The page calls whatever edge and upload address it is given, hence any host in connect-src.
  'Content-Security-Policy':
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src data:; " +
    "connect-src 'self' http: https:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
};

/** Starts listening. Rejects if another program uses the port. */
export async function servePage(port: number, config: PageConfig): Promise<PageServer> {
  const server = createServer((request, response) => {
    answer(request, response, port, config).catch((error) => {
      console.error(error);
      response.writeHead(500).end();
    });
  });
  server.listen(port, HOST);
  await once(server, 'listening');
  return {
    url: `http://${HOST}:${port}`,
    async close() {
      server.close();
      server.closeAllConnections();
      await once(server, 'close');
    },
  };
}

async function answer(
  request: IncomingMessage,
  response: ServerResponse,
  port: number,
  config: PageConfig,
): Promise<void> {
  // config.json holds tokens. A foreign page that has its own name resolve to 127.0.0.1 would be of
  // our origin to the browser (DNS rebinding), but it cannot change what name the browser sends.
  const { host } = request.headers;
  if (host !== `${HOST}:${port}` && host !== `localhost:${port}`) {
    response.writeHead(421, HEADERS).end();
    return;
  }
  if (request.method !== 'GET' && request.method !== 'HEAD') {
    response.writeHead(405, { ...HEADERS, Allow: 'GET, HEAD' }).end();
    return;
  }
  const path = request.url?.split('?', 1)[0] ?? '/';
  if (path === '/config.json') {
    const body = JSON.stringify(config);
    response.writeHead(200, { ...HEADERS, 'Content-Type': 'application/json' }).end(body);
    return;
  }
  const found = Object.hasOwn(FILES, path) ? FILES[path] : undefined;
  if (found === undefined) {
    response.writeHead(404, HEADERS).end();
    return;
  }
  // Read each time, so that a reload shows an edit.
  const body = await readFile(join(PROJECT_DIR, 'examples/browser', found.file));
  response.writeHead(200, { ...HEADERS, 'Content-Type': found.contentType }).end(body);
}
