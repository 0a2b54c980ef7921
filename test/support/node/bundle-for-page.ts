/** Makes scripts for test pages out of TypeScript and packages, in memory. */

import { createRequire } from 'node:module';
import { join } from 'node:path';
import { projectRoot } from './build-bundle.ts';

/** What is used of esbuild, which wrangler depends on and brings along. */
type Esbuild = {
  build(options: {
    entryPoints: string[];
    bundle: true;
    write: false;
    format: 'iife';
    globalName: string;
    platform: 'browser';
    target: string;
    logLevel: 'silent';
  }): Promise<{ outputFiles: { text: string }[] }>;
};

/**
 * Bundles a module and everything it imports for a page, where its exports become the members of a
 * global of that name. `path` is below the project's folder. Throws with esbuild's errors.
 */
export async function bundleForPage(path: string, globalName: string): Promise<string> {
  const wrangler = createRequire(createRequire(import.meta.url).resolve('wrangler'));
  const esbuild: Esbuild = wrangler('esbuild');
  const { outputFiles } = await esbuild.build({
    entryPoints: [join(projectRoot, path)],
    bundle: true,
    write: false,
    format: 'iife',
    globalName,
    platform: 'browser',
    target: 'es2022',
    logLevel: 'silent',
  });
  const [bundle] = outputFiles;
  if (bundle === undefined) throw new Error(`Cannot bundle "${path}": esbuild wrote nothing`);
  return bundle.text;
}
