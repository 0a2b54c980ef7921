/** Bundles TypeScript and packages in memory: scripts for test pages, and Workers that are no product. */

import { createRequire } from 'node:module';
import { join } from 'node:path';
import { projectRoot } from './build-bundle.ts';

/** The options that the bundles differ in. */
type Options =
  | { format: 'iife'; globalName: string; platform: 'browser' }
  | {
      format: 'esm';
      platform: 'neutral';
      mainFields: string[];
      conditions: string[];
      external: string[];
    };

/** The part of esbuild that is used. wrangler depends on it and brings it along. */
type Esbuild = {
  build(
    options: Options & {
      entryPoints: string[];
      bundle: true;
      write: false;
      target: string;
      logLevel: 'silent';
    },
  ): Promise<{ outputFiles: { text: string }[] }>;
};

/**
 * Bundles a module and everything it imports for a page, where its exports become the members of a
 * global of that name. `path` is below the project's folder. Throws with esbuild's errors.
 */
export function bundleForPage(path: string, globalName: string): Promise<string> {
  return bundle(path, { format: 'iife', globalName, platform: 'browser' });
}

/**
 * Bundles a Worker and everything it imports into one module, in a small part of the time that wrangler
 * takes. `path` is below the project's folder. Throws with esbuild's errors.
 */
export function bundleWorker(path: string): Promise<string> {
  const conditions = ['workerd', 'worker', 'import'];
  return bundle(path, {
    format: 'esm',
    platform: 'neutral',
    mainFields: ['module', 'main'],
    conditions,
    external: ['cloudflare:*'],
  });
}

async function bundle(path: string, options: Options): Promise<string> {
  const wrangler = createRequire(createRequire(import.meta.url).resolve('wrangler'));
  const esbuild: Esbuild = wrangler('esbuild');
  const { outputFiles } = await esbuild.build({
    ...options,
    entryPoints: [join(projectRoot, path)],
    bundle: true,
    write: false,
    target: 'es2022',
    logLevel: 'silent',
  });
  const [file] = outputFiles;
  if (file === undefined) throw new Error(`Cannot bundle "${path}": esbuild wrote nothing`);
  return file.text;
}
