/// <reference types="vite/types/importMeta.d.ts" />
import { describe, expect, test } from 'vitest';

/**
 * Who may import whom, and how a file looks from outside.
 *
 * `core <- keys, usage <- gateway, manage <- app <- isolate <- worker <- index`: the gateway and management
 * do not know each other, and `core` imports no other area. A new directory or dependency needs a line here first.
 */
const areas: Readonly<Record<string, { areas: readonly string[]; packages: readonly string[] }>> = {
  core: { areas: [], packages: [] },
  log: { areas: ['core'], packages: [] },
  problem: { areas: ['core'], packages: [] },
  config: { areas: ['core', 'leaks'], packages: [] },
  leaks: { areas: ['core'], packages: [] },
  keys: { areas: ['core', 'log'], packages: [] },
  events: { areas: ['core', 'log', 'keys'], packages: ['standardwebhooks'] },
  usage: { areas: ['core', 'log'], packages: ['valibot'] },
  'problem-page': { areas: ['core'], packages: [] },
  health: { areas: ['core', 'problem', 'problem-page'], packages: [] },
  gateway: { areas: ['core', 'log', 'keys', 'usage', 'problem', 'config'], packages: ['jose'] },
  // For backends of others: mints client tokens offline.
  'client-tokens': { areas: ['core'], packages: [] },
  // For the API behind the edge: verifies assertions.
  verify: { areas: [], packages: ['jose'] },
  manage: {
    areas: ['events', 'core', 'log', 'keys', 'usage', 'leaks', 'problem', 'problem-page', 'config'],
    packages: ['hono', 'valibot', '@valibot/to-json-schema', 'jose'],
  },
  'edge-paths': {
    areas: ['config', 'core', 'gateway', 'health', 'manage', 'problem', 'problem-page'],
    packages: [],
  },
  'edge-parts': {
    areas: [
      'config',
      'core',
      'edge-paths',
      'events',
      'gateway',
      'health',
      'keys',
      'manage',
      'runtime',
      'usage',
    ],
    packages: [],
  },
  app: { areas: ['core', 'gateway', 'problem', 'edge-paths'], packages: [] },
  runtime: { areas: ['core', 'log', 'gateway'], packages: [] },
  'upstream-option': { areas: ['config', 'gateway'], packages: [] },
  isolate: {
    areas: [
      'core',
      'keys',
      'usage',
      'gateway',
      'config',
      'app',
      'edge-parts',
      'edge-paths',
      'runtime',
    ],
    packages: [],
  },
  background: {
    areas: ['config', 'core', 'events', 'isolate', 'keys', 'manage', 'runtime', 'usage'],
    packages: [],
  },
  failures: {
    areas: ['config', 'core', 'gateway', 'health', 'keys', 'problem-page', 'runtime'],
    packages: [],
  },
  worker: {
    areas: ['background', 'config', 'failures', 'isolate', 'upstream-option'],
    packages: [],
  },
  index: { areas: ['worker', 'config'], packages: [] },
  // For programs of others: types, and a library that sends.
  'management-client': { areas: [], packages: ['openapi-fetch'] },
  // The command line is a user of that client. It shares pure rules with the Worker, and mints client tokens.
  cli: {
    areas: ['core', 'management-client', 'client-tokens'],
    packages: [
      'node:',
      'commander',
      'cli-table3',
      'cli-progress',
      'jose',
      'smol-toml',
      '@readme/openapi-parser',
    ],
  },
};

/** `hono/cors` answers every OPTIONS as a preflight, so no file may use it by habit. */
const forbiddenModules = ['hono/cors'];

/**
 * The impurities that the compiler lets through, because they are in the language. All others are names that
 * `src/core/platform.d.ts` does not have.
 */
const impurity = /\bDate\.now\b|\bnew Date\(\)|\bMath\.random\b/g;

/** The one file that the platform asks for a default export. */
const ENTRY = 'src/index.ts';
/** The files that pass on exports: what others import as `edge-authorizer` and its `/client`. */
const LIBRARIES = new Set(['src/worker.ts', 'src/management-client/index.ts']);

// A string variable keeps the types of Vite, and with them those of Node, out of the Workers' program.
const parserModule: string = 'vitest/node';
const { parseAst }: { parseAst: (code: string, options: { lang: 'ts' | 'tsx' }) => SyntaxNode } =
  await import(parserModule);

interface SyntaxNode {
  readonly type: string;
  readonly start: number;
  readonly end: number;
  readonly [field: string]: unknown;
}

type Sources = Readonly<Record<string, string>>;

const sources: Sources = Object.fromEntries(
  Object.entries(
    import.meta.glob<string>('../src/**/*.{ts,tsx}', {
      query: '?raw',
      import: 'default',
      eager: true,
    }),
  ).map(([path, source]) => [path.replace('../', ''), source]),
);

describe('src', () => {
  test('holds the files that these rules are for', () => {
    expect(Object.keys(sources)).toEqual(
      expect.arrayContaining([
        'src/index.ts',
        'src/core/decide/authorize.ts',
        'src/gateway/handle.ts',
      ]),
    );
  });

  test('keeps the rules of its architecture', () => {
    expect(violationsIn(sources)).toEqual([]);
  });
});

describe('violationsIn()', () => {
  const doc = '/** A file. */\n';
  const one = (path: string, code: string): Sources => ({ [path]: doc + code });
  const core = (code: string) => one('src/core/a.ts', code);

  test.each<[name: string, planted: Sources, violation: RegExp]>([
    ['an import', core("import { b } from '../keys/b.ts';"), /core does not know keys/],
    ['an import of types', core("import type { B } from '../keys/b.ts';"), /not know keys/],
    ['an import inside a type', core("type B = import('../keys/b.ts').B;"), /not know keys/],
    ['an import at run time', core("await import('../keys/b.ts');"), /core does not know keys/],
    ['an import of a computed name', core('await import(name);'), /imports what is not a string/],
    ['an import for its effect', core("import '../keys/b.ts';"), /core does not know keys/],
    ['an import by require', core("import b = require('../keys/b.ts');"), /not know keys/],
    ['a way up', one('src/app.ts', "import { b } from './index.ts';"), /app does not know index/],
    ['an import out of src', core("import { b } from '../../test/b.ts';"), /leads out of src/],
    ['a missing file', core("import { b } from './b.ts';"), /is not there/],
    ['an area of its own', one('src/other/a.ts', ''), /has no line in this test/],
    ['a package', core("import { Hono } from 'hono';"), /core does not use hono/],
    ['a module of Node', one('src/keys/a.ts', "import fs from 'node:fs';"), /not use node:fs/],
    ['a name like another', one('src/manage/a.ts', "import x from 'honor';"), /not use honor/],
    [
      "Hono's own CORS",
      one('src/manage/a.ts', "import { cors } from 'hono/cors';"),
      /not used here/,
    ],
    [
      'a circle',
      {
        ...core("import type { B } from './b.ts';"),
        ...one('src/core/b.ts', "import type { C } from './c.ts';"),
        ...one('src/core/c.ts', "import { a } from './a.ts';"),
      },
      /src\/core\/a\.ts -> .*b\.ts -> .*c\.ts -> .*a\.ts/,
    ],
    ['a file without a comment', { 'src/core/a.ts': 'const a = 1;' }, /opens with no comment/],
    ['an empty comment', { 'src/core/a.ts': '/** */\nconst a = 1;' }, /opens with no comment/],
    [
      'an export without a comment',
      core('let x;\nexport type A = 1;'),
      /a\.ts:3: an export without/,
    ],
    [
      'a comment of another kind',
      core('let x;\n// X.\nexport type A = 1;'),
      /:4: an export without/,
    ],
    [
      'the comment of the file',
      { 'src/core/a.ts': '/** A. */\nexport const a = 1;' },
      /:2: an exp/,
    ],
    [
      'constants apart',
      core('/** X. */\nexport const a = 1;\n\nexport const b = 2;'),
      /a\.ts:5: an export without a doc/,
    ],
    ['a barrel', one('src/keys/a.ts', "export * from '../core/b.ts';"), /passes on the exports/],
    ['a list of exports', core('const a = 1;\nexport { a };'), /exports in a list/],
    ['a default export', core('export default 1;'), /a default export/],
    ['a clock in core', core('const a = Date.now();'), /core is pure: Date\.now/],
    ['today in core', core('const a = new Date();'), /core is pure: new Date\(\)/],
    ['chance in core', core('const a = Math.random();'), /core is pure: Math\.random/],
  ])('finds %s', (_, planted, violation) => {
    const files = { 'src/keys/b.ts': doc, ...planted };
    expect(violationsIn(files).filter((text) => violation.test(text))).toHaveLength(1);
  });

  test.each<[name: string, planted: Sources]>([
    ['a neighbour', { ...core("import { b } from './b.ts';"), 'src/core/b.ts': doc }],
    ['a comment', core("// import { b } from '../keys/b.ts';")],
    ['a string', core(`const a = "import { b } from '../keys/b.ts'";`)],
    ['a package that is allowed', one('src/manage/a.tsx', "import { html } from 'hono/html';")],
    ['a documented export', core('let x;\n/** Like `https://*.a`. */\nexport const a = 1;')],
    ['constants in a row', core('/** Both. */\nexport const a = 1;\nexport const b = 2;')],
    ['the default export of the entry', one(ENTRY, 'export default {};')],
    ['a time that was passed in', core('const a = new Date(nowMs).toISOString();')],
    ['the clock outside core', one('src/keys/a.ts', 'const a = Date.now();')],
  ])('has no objection to %s', (_, planted) => {
    expect(violationsIn(planted)).toEqual([]);
  });
});

/** Everything in these files that breaks a rule, each as `path:line: what`. */
function violationsIn(files: Sources): readonly string[] {
  const violations: string[] = [];
  const graph = new Map<string, readonly string[]>();
  for (const [path, source] of Object.entries(files)) {
    // Declarations of modules that are no TypeScript.
    if (path.endsWith('.d.ts')) continue;
    const report = (at: number, what: string) => {
      violations.push(`${path}:${source.slice(0, at).split('\n').length}: ${what}`);
    };
    const program = parseAst(source, { lang: path.endsWith('x') ? 'tsx' : 'ts' });
    checkLooks(path, source, program, report);
    if (areaOf(path) === 'core') {
      for (const { 0: name, index } of source.matchAll(impurity))
        report(index, `core is pure: ${name}`);
    }
    graph.set(path, checkImports(path, program, files, report));
  }
  return [...violations, ...circlesIn(graph)];
}

type Report = (at: number, what: string) => void;

const docCommentPattern = /\/\*\*(?:(?!\*\/).)*\w(?:(?!\*\/).)*\*\/\s*$/s;

function checkLooks(path: string, source: string, program: SyntaxNode, report: Report): void {
  const opening = /^(?:#!.*\n)?\/\*\*(.*?)\*\//s.exec(source);
  if (!/\w/.test(opening?.[1] ?? '')) report(0, 'opens with no comment');
  const bodyStart = opening?.[0].length ?? 0;
  let documentedEnd: number | null = null;
  for (const statement of childrenOf(program)) {
    const { type, start } = statement;
    const isLibrary = LIBRARIES.has(path) && /^Export(All|Named)/.test(type);
    if (isLibrary && !statement['declaration']) continue;
    if (
      type === 'ExportAllDeclaration' ||
      (type === 'ExportNamedDeclaration' && statement['source'])
    ) {
      report(start, 'passes on the exports of another file');
    } else if (type === 'ExportDefaultDeclaration' && path !== ENTRY) {
      report(start, 'a default export');
    } else if (type === 'ExportNamedDeclaration' && !statement['declaration']) {
      report(start, 'exports in a list, away from what it exports');
    } else if (type === 'ExportNamedDeclaration') {
      const isDocumented = docCommentPattern.test(source.slice(bodyStart, start));
      // Constants that stand line by line share the comment above them.
      const isContinued = documentedEnd !== null && source.slice(documentedEnd, start) === '\n';
      if (!isDocumented && !(isContinued && isConstant(statement)))
        report(start, 'an export without a doc comment');
      documentedEnd = isConstant(statement) ? statement.end : null;
    }
  }
}

/** Checks what a file imports. Returns the files among it. */
function checkImports(
  path: string,
  program: SyntaxNode,
  files: Sources,
  report: Report,
): readonly string[] {
  const area = areaOf(path);
  const allowed = areas[area];
  if (!allowed) {
    report(0, `${area} has no line in this test`);
    return [];
  }
  const imported: string[] = [];
  for (const { start, specifier } of importsIn(program)) {
    if (specifier === null) {
      report(start, 'imports what is not a string');
    } else if (forbiddenModules.includes(specifier)) {
      report(start, `${specifier} is not used here`);
    } else if (!specifier.startsWith('.')) {
      const isAllowed = allowed.packages.some(
        (name) =>
          specifier === name || specifier.startsWith(name.endsWith(':') ? name : `${name}/`),
      );
      if (!isAllowed) report(start, `${area} does not use ${specifier}`);
    } else {
      const target = new URL(specifier, `file:///${path}`).pathname.slice(1);
      const targetArea = areaOf(target);
      if (!target.startsWith('src/')) report(start, `${specifier} leads out of src`);
      else if (targetArea !== area && !allowed.areas.includes(targetArea)) {
        report(start, `${area} does not know ${targetArea}`);
      } else if (target in files) imported.push(target);
      // Texts and styles are modules of the bundler.
      else if (/\.tsx?$|\/[^.]*$/.test(target)) report(start, `${specifier} is not there`);
    }
  }
  return imported;
}

/** Every module that a file names, however it imports it; `null` where that is only known at run time. */
function importsIn(program: SyntaxNode): { start: number; specifier: string | null }[] {
  const found: { start: number; specifier: string | null }[] = [];
  const kinds = [
    ...['ImportDeclaration', 'ExportAllDeclaration', 'ExportNamedDeclaration', 'ImportExpression'],
    ...['TSImportType', 'TSExternalModuleReference'],
  ];
  visit(program, (node) => {
    const source = node['source'] ?? node['expression'];
    if (!kinds.includes(node.type) || !isNode(source)) return;
    const { value } = source;
    found.push({ start: node.start, specifier: typeof value === 'string' ? value : null });
  });
  return found;
}

/** Each circle of imports once, as `a -> b -> a`, beginning with the name that sorts first. */
function circlesIn(graph: ReadonlyMap<string, readonly string[]>): readonly string[] {
  const circles = new Set<string>();
  const done = new Set<string>();
  const walk = (path: string, way: readonly string[]) => {
    const at = way.indexOf(path);
    if (at !== -1) {
      const circle = way.slice(at);
      const first = circle.indexOf([...circle].sort()[0] ?? '');
      const turned = [...circle.slice(first), ...circle.slice(0, first + 1)];
      circles.add(`a circle of imports: ${turned.join(' -> ')}`);
      return;
    }
    if (done.has(path)) return;
    for (const next of graph.get(path) ?? []) walk(next, [...way, path]);
    done.add(path);
  };
  for (const path of graph.keys()) walk(path, []);
  return [...circles];
}

/** `src/core/a.ts` is in `core`, `src/app.ts` is `app`. */
function areaOf(path: string): string {
  return path.replace(/^src\//, '').replace(/\/.*$|\.tsx?$/, '');
}

function visit(node: SyntaxNode, see: (node: SyntaxNode) => void): void {
  see(node);
  for (const value of Object.values(node)) {
    for (const child of Array.isArray(value) ? value : [value])
      if (isNode(child)) visit(child, see);
  }
}

function isConstant(statement: SyntaxNode): boolean {
  const { declaration } = statement;
  return isNode(declaration) && declaration['kind'] === 'const';
}

function childrenOf(program: SyntaxNode): readonly SyntaxNode[] {
  const { body } = program;
  return Array.isArray(body) ? body.filter(isNode) : [];
}

function isNode(value: unknown): value is SyntaxNode {
  return typeof value === 'object' && value !== null && 'type' in value && 'start' in value;
}
