/** Serves `examples/upstream`, the Worker that replaces a real API, on bare workerd. */

import { bundleWorker } from './bundle-source.ts';
import { type ServedModule, serveModules } from './serve-edge.ts';

export type ExampleUpstream = ServedModule & {
  /** The requests so far, oldest first. `trap` names an endpoint that no restricted key may reach. */
  seenRequests(): Promise<{ method: string; url: string; trap: string | null; status: number }[]>;
};

/** Builds and serves the example. It starts empty. `bindings`: its `EDGE_*` settings; without any, it verifies nothing. */
export async function serveExampleUpstream(
  bindings: Record<string, string> = { EDGE_ASSERTION: 'off' },
): Promise<ExampleUpstream> {
  const [example] = await serveExampleUpstreams([bindings]);
  return example!;
}

/** Serves it once for each of these bindings, all in one process. They share `logs` and `dispose`. */
export async function serveExampleUpstreams(
  bindings: readonly Record<string, string>[],
): Promise<ExampleUpstream[]> {
  const script = await bundleWorker('examples/upstream/src/index.ts');
  const served = await serveModules(script, bindings);
  return served.map((example) => ({
    ...example,
    async seenRequests() {
      const response = await fetch(`${example.url}/requests`);
      return (await response.json()).requests;
    },
  }));
}
