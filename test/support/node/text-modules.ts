/**
 * Imports `with { type: 'text' }` for Vitest, as esbuild does them for wrangler: the module's default
 * is the file's text. Vite itself would run the script and swallow the style sheet.
 */

import { readFile } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';

/** A Vite plugin. It knows such a file by its folder, because Vite does not show import attributes. */
export function textModules() {
  return {
    name: 'text-modules',
    enforce: 'pre' as const,
    resolveId(source: string, importer: string | undefined) {
      if (importer === undefined || !source.startsWith('../browser/')) return null;
      // The suffix keeps the file from what Vite does to style sheets.
      return `\0text:${resolve(dirname(importer), source)}.text`;
    },
    async load(id: string) {
      const [, path] = /^\0text:(.*)\.text$/.exec(id) ?? [];
      if (path === undefined) return null;
      return `export default ${JSON.stringify(await readFile(path, 'utf8'))};`;
    },
  };
}
