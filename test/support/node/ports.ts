/** Ports for servers that cannot choose one themselves. */

import { once } from 'node:events';
import { createServer } from 'node:net';
import { listen } from '../../support/node/upstream-server.ts';

/** So many ports that no server had a moment ago. */
export async function freePorts(count: number): Promise<number[]> {
  const servers = Array.from({ length: count }, () => createServer());
  const ports = await Promise.all(servers.map((server) => listen(server)));
  await Promise.all(servers.map((server) => once(server.close(), 'close')));
  return ports;
}
