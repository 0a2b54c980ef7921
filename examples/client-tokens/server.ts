/** Serves the backend with Node, on the loopback address. */

import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { createAdaptorServer } from '@hono/node-server';
import { type BackendOptions, createBackend } from './backend.ts';

/** A backend that answers. */
export interface ServedBackend {
  readonly url: string;
  readonly close: () => Promise<void>;
}

/** Starts listening; port 0 is any free one. Rejects if another program uses the port. */
export async function serveBackend(port: number, options: BackendOptions): Promise<ServedBackend> {
  const server = createAdaptorServer({ fetch: createBackend(options).fetch });
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async close() {
      server.close();
      if ('closeAllConnections' in server) server.closeAllConnections();
      await once(server, 'close');
    },
  };
}
