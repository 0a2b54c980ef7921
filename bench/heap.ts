/**
 * Reads how much the isolates of a workerd hold in V8's heap, through its inspector: the part of a
 * process's memory that is in use, and not the allocator's.
 *
 * Protocol: https://chromedevtools.github.io/devtools-protocol/v8/Runtime/#method-getHeapUsage
 */

import { once } from 'node:events';

/** Bytes in use by isolate, which is named like its service. */
export type HeapUsage = Map<string, number>;

const answerTimeoutMs = 10_000;

/**
 * Reads the heap of every isolate that runs. Those of the services `collected` are read after a full
 * collection of their garbage, which they have to be busy for: an idle isolate collects only once an
 * event arrives. The others hold some. Buffers outside V8's heap count, too.
 */
export async function readHeaps(
  inspectorPort: number,
  collected: readonly string[],
): Promise<HeapUsage> {
  const usage: HeapUsage = new Map();
  const list = await fetch(`http://127.0.0.1:${inspectorPort}/json`);
  const targets = (await list.json()) as { id: string; webSocketDebuggerUrl: string }[];
  for (const { id, webSocketDebuggerUrl } of targets) {
    const session = await openSession(webSocketDebuggerUrl);
    try {
      if (collected.includes(id)) await session.call('HeapProfiler.collectGarbage');
      const heap = await session.call('Runtime.getHeapUsage');
      usage.set(id, Number(heap['usedSize']) + Number(heap['backingStorageSize']));
    } finally {
      session.close();
    }
  }
  return usage;
}

async function openSession(url: string) {
  const socket = new WebSocket(url);
  await once(socket, 'open', { signal: AbortSignal.timeout(answerTimeoutMs) });
  let lastId = 0;
  return {
    async call(method: string): Promise<Record<string, unknown>> {
      const id = ++lastId;
      const signal = AbortSignal.timeout(answerTimeoutMs);
      const answered = new Promise<Record<string, unknown>>((resolve, reject) => {
        signal.addEventListener('abort', () => reject(new Error(`No answer to ${method}`)));
        socket.addEventListener(
          'message',
          ({ data }) => {
            const message = JSON.parse(String(data));
            if (message.id !== id) return;
            if (message.error) reject(new Error(`${method}: ${message.error.message}`));
            else resolve(message.result);
          },
          { signal },
        );
      });
      socket.send(JSON.stringify({ id, method }));
      return answered;
    },
    close: () => socket.close(),
  };
}
