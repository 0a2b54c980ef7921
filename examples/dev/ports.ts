/** Finds out whether ports are free before anything is started on them. */

import { createServer } from 'node:net';
import { type DevOptions, HOST, PORTS } from './options.ts';

/**
 * Throws if another program uses a port, naming every such port and how to choose another.
 *
 * A port may become busy between this check and its use; then wrangler says so in its own words.
 */
export async function assertPortsAreFree(
  options: DevOptions,
  names: readonly (keyof typeof PORTS)[],
): Promise<void> {
  const problems: string[] = [];
  for (const name of names) {
    const { what, flag, variable } = PORTS[name];
    const port = options[name];
    const failure = await failureToListen(port);
    if (failure !== null) {
      const other = port < 64_000 ? port + 1000 : port - 1000;
      problems.push(
        `Cannot start ${what} on ${HOST}:${port}: ${failure}\n` +
          `  Choose another port: npm run dev -- --${flag} ${other}   (or ${variable}=${other} npm run dev)`,
      );
    }
  }
  if (problems.length > 0) throw new Error(problems.join('\n'));
}

/** Returns `null` when one can listen on the port, the reason otherwise. */
function failureToListen(port: number): Promise<string | null> {
  const { promise, resolve } = Promise.withResolvers<string | null>();
  const server = createServer();
  server.once('error', (error: NodeJS.ErrnoException) => {
    resolve(error.code === 'EADDRINUSE' ? 'something else is listening there' : error.message);
  });
  server.listen(port, HOST, () => server.close(() => resolve(null)));
  return promise;
}
