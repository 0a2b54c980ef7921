/**
 * The page's style sheet, script and icon, served from the bundle.
 *
 * The hash of the content is in the address, so that browsers may keep a file for ever and still get
 * the next version at once.
 */

// For programs that take the edge as a library and do not list its declarations themselves.
/// <reference path="../text-modules.d.ts" />

import chart from '../browser/chart.js' with { type: 'text' };
import icon from '../browser/icon.svg' with { type: 'text' };
import make from '../browser/make.js' with { type: 'text' };
import origins from '../browser/origins.js' with { type: 'text' };
import rows from '../browser/rows.js' with { type: 'text' };
import rules from '../browser/rules.js' with { type: 'text' };
import script from '../browser/script.js' with { type: 'text' };
import snippets from '../browser/snippets.js' with { type: 'text' };
import style from '../browser/style.css' with { type: 'text' };

/** A file of the page. */
export interface Asset {
  readonly name: string;
  readonly extension: string;
  readonly contentType: string;
  readonly text: string;
  readonly url: string;
}

// Each module after those that it imports, whose addresses are written into it.
const modules = modulesOf([
  ['chart', chart],
  ['make', make],
  ['origins', origins],
  ['rows', rows],
  ['rules', rules],
  ['snippets', snippets],
  ['script', script],
]);

const assets = {
  style: asset('style', 'css', 'text/css; charset=utf-8', style),
  icon: asset('icon', 'svg', 'image/svg+xml', icon),
  ...modules,
};

/** The addresses to put into pages. */
export const styleUrl = assets.style.url;
export const scriptUrl = modules.script.url;
export const iconUrl = assets.icon.url;

/** Every asset, with the path at which the router finds it under any hash. */
export const assetPaths: readonly (readonly [asset: Asset, path: string])[] = Object.values(
  assets,
).map((found) => {
  const { name, extension } = found;
  return [found, `/_edge/assets/:file{${name}\\.(?:[^/]*\\.)?${extension}}`];
});

/** Answers a request for an asset under the name `file`. */
export function assetResponse(found: Asset, file: string): Response {
  // While a new version is rolled out, pages of the old one still ask for its files. They get the present
  // file, and must not keep it under the old name.
  const isCurrent = found.url.endsWith(`/${file}`);
  return new Response(found.text, {
    headers: {
      'Content-Type': found.contentType,
      'Cache-Control': isCurrent ? 'public, max-age=31536000, immutable' : 'no-store',
      'X-Content-Type-Options': 'nosniff',
      // The icon, opened on its own, is a document that could run scripts.
      'Content-Security-Policy': "default-src 'none'",
      'Cross-Origin-Resource-Policy': 'same-origin',
    },
  });
}

/** A file with the hash of its text in its address. */
export function asset(name: string, extension: string, contentType: string, text: string): Asset {
  const url = `/_edge/assets/${name}.${hashOf(text)}.${extension}`;
  return { name, extension, contentType, text, url };
}

/** The modules of the script. An import names the address of the module with its hash. */
function modulesOf<Name extends string>(
  files: readonly (readonly [name: Name, text: string])[],
): Readonly<Record<Name, Asset>> {
  const made: Partial<Record<Name, Asset>> = {};
  for (const [name, text] of files) {
    const linked = text.replaceAll(/ from '\.\/([a-z-]+)\.js';/g, (_, imported: Name) => {
      const found = made[imported];
      if (found === undefined)
        throw new Error(`Cannot link ${name}.js: ${imported}.js comes later`);
      return ` from '${found.url}';`;
    });
    made[name] = asset(name, 'js', 'text/javascript; charset=utf-8', linked);
  }
  // The loop has made one of each name.
  return made as Record<Name, Asset>;
}

/** FNV-1a: tells versions of a file apart, and protects nothing. http://www.isthe.com/chongo/tech/comp/fnv/ */
function hashOf(text: string): string {
  let hash = 0x811c9dc5;
  for (const byte of new TextEncoder().encode(text)) {
    hash = Math.imul(hash ^ byte, 0x01000193) >>> 0;
  }
  return hash.toString(16).padStart(8, '0');
}
