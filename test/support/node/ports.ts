/** Ports for servers that cannot choose one themselves, and for servers that are not there. */

import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:net';

/** Ports without privilege, below those that a system gives to a server that asks for any (Linux: from 32768). */
const [LOWEST, END] = [10_000, 32_768];

/** Returns so many ports that no server has. None gets one of them later, unless it asks for it. */
export async function freePorts(count: number): Promise<number[]> {
  const ports = new Set<number>();
  while (ports.size < count) {
    const port = randomInt(LOWEST, END);
    if (await isFree(port)) ports.add(port);
  }
  return [...ports];
}

/** Returns one such port. */
export async function freePort(): Promise<number> {
  const [port = 0] = await freePorts(1);
  return port;
}

async function isFree(port: number): Promise<boolean> {
  const server = createServer();
  try {
    await once(server.listen(port, '127.0.0.1'), 'listening');
  } catch {
    return false;
  }
  await once(server.close(), 'close');
  return true;
}
