/**
 * A proxy in front of the edge, as Cloudflare is one: it can add headers to requests, as Cloudflare
 * Access does, and take headers away, to show what a single defence is worth without the others.
 */

import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders, request as sendRequest } from 'node:http';
import { listen } from './upstream-server.ts';

export type ProxyOptions = {
  /** Changes the headers of a request, in place. */
  request?: (headers: IncomingHttpHeaders, path: string) => void;
  /** Changes the headers of a response, in place. */
  response?: (headers: IncomingHttpHeaders, path: string) => unknown;
};

export type FrontProxy = {
  url: string;
  dispose(): Promise<void>;
};

/** Starts a proxy in front of a port of this machine. The host that browsers ask for is kept. */
export async function startProxy(port: number, options: ProxyOptions = {}): Promise<FrontProxy> {
  const server = createServer((incoming, outgoing) => {
    const path = incoming.url ?? '/';
    const headers = { ...incoming.headers };
    options.request?.(headers, path);
    const forwarded = sendRequest(
      { host: '127.0.0.1', port, method: incoming.method, path, headers },
      (answer) => {
        const answered = { ...answer.headers };
        options.response?.(answered, path);
        outgoing.writeHead(answer.statusCode ?? 502, answered);
        answer.pipe(outgoing);
      },
    );
    forwarded.on('error', () => outgoing.destroy());
    incoming.pipe(forwarded);
  });
  const own = await listen(server);
  return {
    url: `http://127.0.0.1:${own}`,
    async dispose() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

/** The value of a cookie in a request; `null` without it. */
export function cookieIn(headers: IncomingHttpHeaders, name: string): string | null {
  for (const pair of (headers.cookie ?? '').split(';')) {
    const [found, ...value] = pair.trim().split('=');
    if (found === name) return value.join('=');
  }
  return null;
}
