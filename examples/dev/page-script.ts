/** Bundles the script of a page, as the build of a project of one's own would. */

import { createRequire } from 'node:module';
import { join } from 'node:path';
import { PROJECT_DIR } from './options.ts';

/** The part of esbuild that is used. wrangler depends on it and brings it along. */
interface Esbuild {
  build(options: {
    entryPoints: string[];
    bundle: true;
    write: false;
    format: 'esm';
    platform: 'browser';
    target: string;
    logLevel: 'silent';
  }): Promise<{ outputFiles: { text: string }[] }>;
}

/** Returns the script and everything that it imports, in one module. Throws with esbuild's errors. */
export async function bundlePageScript(path: string): Promise<string> {
  const wrangler = createRequire(createRequire(import.meta.url).resolve('wrangler'));
  const esbuild: Esbuild = wrangler('esbuild');
  const { outputFiles } = await esbuild.build({
    entryPoints: [join(PROJECT_DIR, path)],
    bundle: true,
    write: false,
    format: 'esm',
    platform: 'browser',
    target: 'es2022',
    logLevel: 'silent',
  });
  return outputFiles[0]?.text ?? '';
}
