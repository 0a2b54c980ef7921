/**
 * Runs the production bundle under `workerd serve` itself, with D1 and KV but without Miniflare's
 * process: nothing stands between the socket and the Worker, nor between the Worker and the upstream.
 */

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { prepareEdge } from '../../../bench/edge.ts';
import { serveWorkerd } from '../../../bench/workerd.ts';
import { bundleFolder, projectRoot } from './build-bundle.ts';

export type ServedWorkerd = {
  host: string;
  port: number;
  /** The token of a restricted key. */
  restrictedToken: string;
  dispose(): Promise<void>;
};

/** Fills an empty D1 with a few keys and serves the bundle with it. */
export async function serveUnderWorkerd(upstreamUrl: string): Promise<ServedWorkerd> {
  const folder = await mkdtemp(join(tmpdir(), 'edge-authorizer-workerd-'));
  const { config, keys } = await prepareEdge({
    root: projectRoot,
    folder,
    bundleFolder: bundleFolder(),
    upstreamUrl,
    rotatingKeys: 0,
    registeredOrigins: 0,
  });
  // Tests leave it to the kernel where things run.
  const anyCore = { command: 'env', arguments: [] };
  const server = await serveWorkerd(join(folder, 'workerd'), config, anyCore);
  const { host, port } = new URL(server.url);
  return {
    host,
    port: Number(port),
    restrictedToken: keys.restricted,
    async dispose() {
      await server.dispose();
      await rm(folder, { recursive: true, force: true });
    },
  };
}
