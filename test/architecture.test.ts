/// <reference types="vite/types/importMeta.d.ts" />
import { describe, expect, test } from 'vitest';

/**
 * Who may import whom, and how a file looks from outside.
 *
 * `core <- keys, usage <- gateway, manage <- app <- isolate <- worker <- index`: the gateway and management
 * do not know each other, and `core` knows nobody. A new directory or dependency needs a line here first.
 */
const areas: Readonly<Record<string, { areas: readonly string[]; packages: readonly string[] }>> = {
  core: { areas: [], packages: [] },
  log: { areas: ['core'], packages: [] },
  problem: { areas: ['core'], packages: [] },
  config: { areas: ['core', 'leaks'], packages: [] },
  leaks: { areas: ['core'], packages: [] },
  keys: { areas: ['core'], packages: [] },
  usage: { areas: ['core'], packages: ['valibot'] },
  gateway: { areas: ['core', 'keys', 'usage', 'problem', 'config'], packages: ['jose'] },
  // For backends of others: mints client tokens offline.
  'client-tokens': { areas: ['core'], packages: [] },
  manage: {
    areas: ['core', 'keys', 'usage', 'leaks', 'problem', 'config'],
    packages: ['hono', 'valibot', '@valibot/to-json-schema', 'jose'],
  },
  app: {
    areas: ['core', 'keys', 'usage', 'gateway', 'manage', 'problem', 'config'],
    packages: [],
  },
  runtime: { areas: ['core', 'log', 'gateway'], packages: [] },
  'upstream-option': { areas: ['config', 'gateway'], packages: [] },
  isolate: {
    areas: ['core', 'keys', 'usage', 'gateway', 'manage', 'config', 'app', 'runtime'],
    packages: [],
  },
  worker: {
    areas: [
      'keys',
      'usage',
      'gateway',
      'manage',
      'config',
      'isolate',
      'runtime',
      'upstream-option',
    ],
    packages: [],
  },
  index: { areas: ['worker', 'config'], packages: [] },
  // For programs of others: types, and a library that sends.
  'management-client': { areas: [], packages: ['openapi-fetch'] },
  // The command line is a client of the API. It shares pure rules with the Worker and nothing else.
  cli: { areas: ['core'], packages: ['node:', 'commander', 'cli-table3', 'cli-progress', 'jose'] },
};

/** `hono/cors` takes every OPTIONS for a preflight; nothing may come to use it by habit. */
const forbiddenModules = ['hono/cors'];

/** What a pure rule has no business with: I/O, the clock, randomness, and the Workers' own types. */
const impureNames = new Set([
  ...[
    'fetch',
    'caches',
    'console',
    'process',
    'performance',
    'navigator',
    'scheduler',
    'WebSocket',
  ],
  ...['setTimeout', 'setInterval', 'setImmediate', 'queueMicrotask'],
  ...['Request', 'Response', 'Headers', 'ReadableStream', 'TransformStream', 'AbortSignal'],
  ...['D1Database', 'D1DatabaseSession', 'KVNamespace', 'Queue', 'RateLimit', 'ExecutionContext'],
  ...['ExportedHandler', 'Cache', 'CacheStorage', 'Fetcher', 'DurableObjectNamespace'],
]);
const impureMembers = new Set([
  ...['Date.now', 'Math.random', 'crypto.getRandomValues', 'crypto.randomUUID'],
]);

/** The one file that the platform asks for a default export. */
const ENTRY = 'src/index.ts';
/** The one file that passes on exports: what others import as `edge-authorizer`. */
const LIBRARY = 'src/worker.ts';

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

describe('violationsIn() finds', () => {
  const doc = '/** A file. */\n';
  const rows: readonly (readonly [name: string, planted: Sources, violation: RegExp])[] = [
    [
      'an import from core to keys',
      one('src/core/a.ts', "import { b } from '../keys/b.ts';"),
      /core does not know keys/,
    ],
    [
      'an import of a type from core to keys',
      one('src/core/a.ts', "import type { B } from '../keys/b.ts';"),
      /core does not know keys/,
    ],
    [
      'an import inside a type',
      one('src/core/a.ts', "let b: import('../keys/b.ts').B;"),
      /core does not know keys/,
    ],
    [
      'a dynamic import',
      one('src/core/a.ts', "await import('../keys/b.ts');"),
      /core does not know keys/,
    ],
    [
      'a dynamic import of who knows what',
      one('src/core/a.ts', 'await import(name);'),
      /not a string/,
    ],
    [
      'an import for its effect',
      one('src/core/a.ts', "import '../keys/b.ts';"),
      /core does not know keys/,
    ],
    [
      'an import over several lines',
      one('src/core/a.ts', "import {\n  b,\n} from '../keys/b.ts';"),
      /core does not know keys/,
    ],
    [
      'an import by require',
      one('src/core/a.ts', "import b = require('../keys/b.ts');"),
      /core does not know keys/,
    ],
    [
      'an import from keys to the gateway',
      one('src/keys/a.ts', "import { b } from '../gateway/b.ts';"),
      /keys does not know gateway/,
    ],
    [
      'an import from keys to usage',
      one('src/keys/a.ts', "import { b } from '../usage/b.ts';"),
      /keys does not know usage/,
    ],
    [
      'an import from the gateway to management',
      one('src/gateway/a.ts', "import { b } from '../manage/b.ts';"),
      /gateway does not know manage/,
    ],
    [
      'an import from management to the gateway',
      one('src/manage/page/a.tsx', "import { b } from '../../gateway/b.ts';"),
      /manage does not know gateway/,
    ],
    [
      'an import from management to the app',
      one('src/manage/a.ts', "import { b } from '../app.ts';"),
      /manage does not know app/,
    ],
    [
      'an import from the app to the entry',
      one('src/app.ts', "import { b } from './index.ts';"),
      /app does not know index/,
    ],
    [
      'an import from a leaf',
      one('src/problem.ts', "import { b } from './config/env.ts';"),
      /problem does not know config/,
    ],
    [
      'an import from core to the environment',
      one('src/core/a.ts', "import { b } from '../config/env.ts';"),
      /core does not know config/,
    ],
    [
      'an import from the Worker to the command line',
      one('src/index.ts', "import { b } from './cli/b.ts';"),
      /index does not know cli/,
    ],
    [
      'an import out of src',
      one('src/core/a.ts', "import { b } from '../../test/b.ts';"),
      /leads out of src/,
    ],
    [
      'an import of a file that is not there',
      one('src/core/a.ts', "import { b } from './b.ts';"),
      /is not there/,
    ],
    [
      'an import without an extension',
      { ...one('src/core/a.ts', "import { b } from './b';"), 'src/core/b.ts': doc },
      /is not there/,
    ],
    ['a file in an area of its own', one('src/other/a.ts', ''), /has no line in this test/],
    [
      'Hono in core',
      one('src/core/a.ts', "import { Hono } from 'hono';"),
      /core does not use hono/,
    ],
    [
      'Hono in the gateway',
      one('src/gateway/a.ts', "import { Hono } from 'hono';"),
      /gateway does not use hono/,
    ],
    [
      'a module of the platform in core',
      one('src/core/a.ts', "import { env } from 'cloudflare:workers';"),
      /core does not use cloudflare:workers/,
    ],
    [
      'a module of Node in the Worker',
      one('src/keys/a.ts', "import fs from 'node:fs';"),
      /keys does not use node:fs/,
    ],
    [
      'a package that only begins like another',
      one('src/manage/a.ts', "import x from 'honor';"),
      /manage does not use honor/,
    ],
    [
      "Hono's own CORS",
      one('src/manage/a.ts', "import { cors } from 'hono/cors';"),
      /hono\/cors is not used/,
    ],
    [
      'two files that import each other',
      {
        ...one('src/core/a.ts', "import { b } from './b.ts';"),
        ...one('src/core/b.ts', "import { a } from './a.ts';"),
      },
      /src\/core\/a\.ts -> src\/core\/b\.ts -> src\/core\/a\.ts/,
    ],
    [
      'a circle of three, by types',
      {
        ...one('src/core/a.ts', "import type { B } from './b.ts';"),
        ...one('src/core/b.ts', "import type { C } from './c.ts';"),
        ...one('src/core/c.ts', "import { a } from './a.ts';"),
      },
      /a\.ts -> .*b\.ts -> .*c\.ts -> .*a\.ts/,
    ],

    ['a file without a comment', { 'src/core/a.ts': 'const a = 1;' }, /opens with no comment/],
    [
      'a file with a comment that says nothing',
      { 'src/core/a.ts': '/** */\nconst a = 1;' },
      /opens with no comment/,
    ],
    [
      'an export without a comment',
      one('src/core/a.ts', 'let x;\nexport const a = 1;'),
      /a\.ts:3: an export without a doc comment/,
    ],
    [
      'a type without a comment',
      one('src/core/a.ts', 'let x;\nexport type A = 1;'),
      /a\.ts:3: an export without a doc comment/,
    ],
    [
      'an export with another comment',
      one('src/core/a.ts', 'let x;\n// This.\nexport function a() {}'),
      /a\.ts:4: an export without a doc/,
    ],
    [
      'an export whose comment is that of the file',
      { 'src/core/a.ts': '/** A file. */\nexport const a = 1;' },
      /a\.ts:2: an export without a doc/,
    ],
    [
      'an export whose comment stands further up',
      one('src/core/a.ts', '/** X. */\nlet x;\nexport interface A {}'),
      /a\.ts:4: an export without a doc/,
    ],
    [
      'a constant that stands apart from the one with the comment',
      one('src/core/a.ts', '/** X. */\nexport const a = 1;\n\nexport const b = 2;'),
      /a\.ts:5: an export without a doc/,
    ],
    [
      'a function right under a constant with a comment',
      one('src/core/a.ts', '/** X. */\nexport const a = 1;\nexport function b() {}'),
      /a\.ts:4: an export without a doc/,
    ],
    [
      'an export with a comment that says nothing',
      one('src/core/a.ts', '/** */\nexport const a = 1;'),
      /a\.ts:3: an export without a doc/,
    ],
    [
      'a barrel',
      one('src/keys/a.ts', "export * from '../core/b.ts';"),
      /passes on the exports of another file/,
    ],
    [
      'a part of a barrel',
      one('src/keys/a.ts', "export { b } from '../core/b.ts';"),
      /passes on the exports of another file/,
    ],
    ['a list of exports', one('src/core/a.ts', 'const a = 1;\nexport { a };'), /exports in a list/],
    ['a default export', one('src/core/a.ts', 'export default 1;'), /a default export/],

    ['a clock in core', one('src/core/a.ts', 'const a = Date.now();'), /core is pure: Date\.now/],
    ['today in core', one('src/core/a.ts', 'const a = new Date();'), /core is pure: new Date\(\)/],
    [
      'chance in core',
      one('src/core/a.ts', 'const a = Math.random();'),
      /core is pure: Math\.random/,
    ],
    [
      'randomness in core',
      one('src/core/a.ts', 'crypto.getRandomValues(a);'),
      /core is pure: crypto\.getRandomValues/,
    ],
    ['the network in core', one('src/core/a.ts', "await fetch('/');"), /core is pure: fetch/],
    ['a log in core', one('src/core/a.ts', "console.log('');"), /core is pure: console/],
    ['a timer in core', one('src/core/a.ts', 'setTimeout(a, 1);'), /core is pure: setTimeout/],
    [
      'a request in core',
      one('src/core/a.ts', 'function a(b: Request) {}'),
      /core is pure: Request/,
    ],
    [
      "a binding's type in core",
      one('src/core/a.ts', 'let a: { b: D1Database };'),
      /core is pure: D1Database/,
    ],
  ];

  test.each(rows)('%s', (_, planted, violation) => {
    const target = planted['src/core/b.ts']
      ? {}
      : { 'src/keys/b.ts': doc, 'src/gateway/b.ts': doc };
    const violations = violationsIn({ ...target, ...planted });
    expect(violations.filter((text) => violation.test(text))).toHaveLength(1);
  });

  test.each([
    [
      'an import of a neighbour',
      { ...one('src/core/a.ts', "import { b } from './b.ts';"), 'src/core/b.ts': doc },
    ],
    [
      'an import the right way',
      { ...one('src/gateway/a.ts', "import { b } from '../core/b.ts';"), 'src/core/b.ts': doc },
    ],
    [
      'an import that stands in a comment',
      one('src/core/a.ts', "// import { b } from '../keys/b.ts';"),
    ],
    [
      'an import that stands in a string',
      one('src/core/a.ts', `const a = "import { b } from '../keys/b.ts'";`),
    ],
    ['a package that is allowed', one('src/manage/a.tsx', "import { html } from 'hono/html';")],
    ['a module of Node in the command line', one('src/cli/a.ts', "import fs from 'node:fs';")],
    [
      'an export with its comment',
      one('src/core/a.ts', 'let x;\n/** What it is. */\nexport const a = 1;'),
    ],
    [
      'an export with a comment over lines',
      one('src/core/a.ts', '/**\n * What it is.\n */\nexport function a() {}'),
    ],
    [
      'constants that share a comment',
      one('src/core/a.ts', '/** Both. */\nexport const a = 1;\nexport const b = 2;'),
    ],
    [
      'a comment that holds a wildcard',
      one('src/core/a.ts', '/** Like `https://*.a.example`. */\nexport const a = 1;'),
    ],
    ['the default export of the entry', one(ENTRY, 'export default {};')],
    ['a time that was passed in', one('src/core/a.ts', 'const a = new Date(nowMs).toISOString();')],
    [
      'a member that is called like a global',
      one('src/core/a.ts', 'a.fetch(); const b = { fetch: c };'),
    ],
    ['the clock outside core', one('src/keys/a.ts', 'const a = Date.now();')],
    ['elements of a page', one('src/manage/a.tsx', 'const a = <p>{b}</p>;')],
  ] satisfies readonly (readonly [string, Sources])[])('no fault in %s', (_, planted) => {
    expect(violationsIn(planted)).toEqual([]);
  });

  function one(path: string, code: string): Sources {
    return { [path]: doc + code };
  }
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
    if (areaOf(path) === 'core') checkPurity(program, report);
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
    if (
      type === 'ExportAllDeclaration' ||
      (type === 'ExportNamedDeclaration' && statement['source'])
    ) {
      report(start, 'passes on the exports of another file');
    } else if (type === 'ExportDefaultDeclaration' && path !== ENTRY) {
      report(start, 'a default export');
    } else if (type === 'ExportNamedDeclaration' && !statement['declaration']) {
      if (path === LIBRARY) continue;
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

function checkPurity(program: SyntaxNode, report: Report): void {
  visit(program, (node, parent, field) => {
    const isName =
      (field === 'property' || field === 'key') && parent !== null && parent['computed'] !== true;
    if (node.type === 'Identifier' && !isName && impureNames.has(String(node['name']))) {
      report(node.start, `core is pure: ${node['name']}`);
    }
    if (node.type === 'MemberExpression') {
      const name = `${nameOf(node['object'])}.${nameOf(node['property'])}`;
      if (impureMembers.has(name)) report(node.start, `core is pure: ${name}`);
    }
    if (node.type === 'NewExpression' && nameOf(node['callee']) === 'Date') {
      if (Array.isArray(node['arguments']) && node['arguments'].length === 0) {
        report(node.start, 'core is pure: new Date()');
      }
    }
  });
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

function visit(
  node: SyntaxNode,
  see: (node: SyntaxNode, parent: SyntaxNode | null, field: string) => void,
  parent: SyntaxNode | null = null,
  ownField = '',
): void {
  see(node, parent, ownField);
  for (const [field, value] of Object.entries(node)) {
    for (const child of Array.isArray(value) ? value : [value]) {
      if (isNode(child)) visit(child, see, node, field);
    }
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

function nameOf(node: unknown): string {
  return isNode(node) && node.type === 'Identifier' ? String(node['name']) : '';
}
