/// <reference types="vite/types/importMeta.d.ts" />
/**
 * The limits of code, without style sheets: lines of a file, lines of a function, and its cyclomatic
 * complexity. `npm run measure` prints the same figures. And the size of what every isolate has to read.
 */

import { describe, expect, test } from 'vitest';
import { countLines, measureFunctions, type SyntaxNode } from '../scripts/code-measures.ts';

const FILE_LINES_MAX = 400;
const FUNCTION_LINES_MAX = 80;
const COMPLEXITY_MAX = 15;

/** The files and functions that may be larger, by path, or path and name of the function, with the reason. */
const exceptions: Readonly<Record<string, string>> = {
  'src/management-client/schema.ts': 'generated',
};

// A string variable keeps the types of Vite, and with them those of Node, out of the Workers' program.
const parserModule: string = 'vitest/node';
const { parseAst }: { parseAst: (code: string, options: { lang: 'ts' | 'tsx' }) => SyntaxNode } =
  await import(parserModule);

const bundleModule: string = new URL('../bench/bundle.ts', import.meta.url).href;
const {
  gatewaySource,
  sizesOf,
  GATEWAY_MAX_BYTES,
}: {
  gatewaySource: () => Promise<string>;
  sizesOf: (source: string) => { gzipped: number };
  GATEWAY_MAX_BYTES: number;
} = await import(bundleModule);

const sources = import.meta.glob<string>('../src/**/*.{ts,tsx,js}', {
  query: '?raw',
  import: 'default',
  eager: true,
});

interface Excess {
  readonly name: string;
  readonly text: string;
}

describe('src', () => {
  const excesses = Object.entries(sources).flatMap(([path, source]) =>
    excessesOf(path.replace('../', ''), source),
  );

  test('keeps its limits', () => {
    const unexcused = excesses.filter(({ name }) => !Object.hasOwn(exceptions, name));
    expect(unexcused.map(({ name, text }) => `${name}: ${text}`)).toEqual([]);
  });

  test('needs every exception', () => {
    const needed = new Set(excesses.map(({ name }) => name));
    expect(Object.keys(exceptions).filter((name) => !needed.has(name))).toEqual([]);
  });
});

test("the gateway's part of the bundle is within its goal, gzipped", async () => {
  const source = await gatewaySource();
  // What makes decisions is in it, and what is loaded on demand is not.
  expect(source).toContain('X-Edge-Reason');
  expect(source).not.toContain('<!doctype');
  expect(sizesOf(source).gzipped).toBeLessThanOrEqual(GATEWAY_MAX_BYTES);
});

describe('excessesOf()', () => {
  const lines = (count: number) => 'f();\n'.repeat(count);
  const conditions = (count: number) => 'if (a) f();\n'.repeat(count);

  test.each<[name: string, source: string, text: string]>([
    ['a file', lines(401), '401 lines'],
    ['a function', `function f() {\n${lines(79)}}`, '81 lines'],
    ['an arrow function', `const f = () => {\n${lines(79)}};`, '81 lines'],
    ['a method', `class A { f() {\n${lines(79)}} }`, '81 lines'],
    ['conditions', `function f() {\n${conditions(15)}}`, 'complexity 16'],
    [
      'conditions in an expression',
      `const f = () => ${'(a && b || c) ?? '.repeat(5)}d;`,
      'complexity 16',
    ],
    [
      'loops and cases',
      `function f() { ${'for (;;) {} '.repeat(8)} switch (a) { ${"case 'a': ".repeat(7)} default: } }`,
      'complexity 16',
    ],
    ['assignments', `function f() { ${'a ??= b; '.repeat(15)} }`, 'complexity 16'],
  ])('finds %s', (_, source, text) => {
    expect(excessesOf('src/a.ts', source).map((excess) => excess.text)).toEqual([text]);
  });

  test.each<[name: string, source: string]>([
    ['a file of 400 lines', lines(400)],
    ['a function of 80 lines', `function f() {\n${lines(78)}}`],
    ['a complexity of 15', `function f() {\n${conditions(14)}}`],
    [
      'conditions of a function inside',
      `function f() {\n${conditions(8)} const g = () => {\n${conditions(8)}}; }`,
    ],
    ['optional members and defaults', `function f(a = b) { ${'a?.b; '.repeat(20)} }`],
  ])('has no objection to %s', (_, source) => {
    expect(excessesOf('src/a.ts', source)).toEqual([]);
  });
});

function excessesOf(path: string, source: string): readonly Excess[] {
  const lines = countLines(source);
  const ofFile = lines > FILE_LINES_MAX ? [{ name: path, text: `${lines} lines` }] : [];
  if (path.endsWith('.d.ts')) return ofFile;
  const program = parseAst(source, { lang: path.endsWith('x') ? 'tsx' : 'ts' });
  const ofFunctions = measureFunctions(source, program).flatMap((measure) => {
    const name = `${path} ${measure.name}`;
    return [
      ...(measure.lines > FUNCTION_LINES_MAX ? [{ name, text: `${measure.lines} lines` }] : []),
      ...(measure.complexity > COMPLEXITY_MAX
        ? [{ name, text: `complexity ${measure.complexity}` }]
        : []),
    ];
  });
  return [...ofFile, ...ofFunctions];
}
