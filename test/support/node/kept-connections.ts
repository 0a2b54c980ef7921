/** Connections that several requests use one after the other. A further connection costs as much as a request. */

import type { Socket } from 'node:net';
import { type RawRequest, type RawResponse, request, type SendOptions } from './raw-http.ts';

export type KeptConnections = {
  /** Sends a request, over a kept connection if it has no body and no header about its connection. */
  request(port: number, rawRequest: RawRequest, options?: SendOptions): Promise<RawResponse>;
  close(): void;
};

/** Headers that say what becomes of a connection, or frame a body. */
const ofConnections = /^(?:connection|upgrade|expect|te|transfer-encoding|content-length)$/i;

/** Keeps connections, to each port its own. */
export function keepConnections(): KeptConnections {
  const byPort = new Map<number, Set<Socket>>();
  return {
    request(port, rawRequest, options = {}) {
      if (!isPlain(rawRequest)) return request(port, rawRequest, options);
      const idle = byPort.get(port) ?? new Set();
      byPort.set(port, idle);
      return request(port, rawRequest, { ...options, idle });
    },
    close() {
      for (const idle of byPort.values()) for (const socket of idle) socket.destroy();
    },
  };
}

function isPlain({ body, headers = [] }: RawRequest): boolean {
  return (
    body === undefined &&
    headers.every(([name, value]) => {
      const saysNoBody = /^content-length$/i.test(name) && value === '0';
      return saysNoBody || !ofConnections.test(name);
    })
  );
}
