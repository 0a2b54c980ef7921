/**
 * `npm run measure`: prints the lines of each folder of `src`, the longest files and functions, and the
 * functions with the highest complexity. A path as an argument measures another checkout.
 */

import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseAst } from 'vitest/node';
import {
  countLines,
  type FunctionMeasure,
  measureFunctions,
  type SyntaxNode,
} from './code-measures.ts';

/** How many rows each list has. */
const ROWS = 8;

const root = process.argv[2] ?? '.';
const folders = new Map<string, number>();
const files: { path: string; lines: number }[] = [];
const functions: (FunctionMeasure & { path: string })[] = [];

for (const path of globSync('src/**/*.{ts,tsx,js,css}', { cwd: root }).sort()) {
  const source = readFileSync(join(root, path), 'utf8');
  const lines = countLines(source);
  files.push({ path, lines });
  const folder = path.split('/').length > 2 ? path.split('/').slice(0, 2).join('/') : 'src/*.ts';
  folders.set(folder, (folders.get(folder) ?? 0) + lines);
  if (path.endsWith('.css') || path.endsWith('.d.ts')) continue;
  const lang = path.endsWith('x') ? 'tsx' : 'ts';
  const program = parseAst(source, { lang }) as unknown as SyntaxNode;
  for (const measure of measureFunctions(source, program)) functions.push({ ...measure, path });
}

print(
  'Lines of each folder',
  [...folders],
  ([folder, lines]) => `${lines} ${folder}`,
  folders.size,
);
console.log(`${files.reduce((sum, { lines }) => sum + lines, 0)} in all\n`);
print(
  'Longest files',
  sorted(files, ({ lines }) => lines),
  ({ path, lines }) => `${lines} ${path}`,
);
print(
  'Longest functions',
  sorted(functions, ({ lines }) => lines),
  (it) => `${it.lines} ${placeOf(it)}`,
);
print(
  'Highest cyclomatic complexity',
  sorted(functions, ({ complexity }) => complexity),
  (it) => `${it.complexity} ${placeOf(it)}`,
);

function sorted<Item>(items: readonly Item[], by: (item: Item) => number): readonly Item[] {
  return [...items].sort((a, b) => by(b) - by(a));
}

function print<Item>(
  title: string,
  items: readonly Item[],
  row: (item: Item) => string,
  rows = ROWS,
): void {
  console.log(title);
  for (const item of items.slice(0, rows)) console.log(`  ${row(item)}`);
}

function placeOf({ name, path, line }: FunctionMeasure & { path: string }): string {
  return `${name} (${path}:${line})`;
}
