/** `routes import` and `routes check`: from an OpenAPI document to a table, and what a change means. */

import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { routesOf, type Selection } from '../../src/cli/routes/openapi.ts';
import { keyDocument, runAgainst } from '../support/node/run-against.ts';
import { runCli } from '../support/node/run-cli.ts';
import { answerJson, type StandInEdge, standInEdge } from '../support/node/stand-in-edge.ts';

const operation = (...tags: string[]) => ({ tags, responses: { 200: { description: 'ok' } } });
const api = {
  openapi: '3.1.0',
  info: { title: 'Streams', version: '1' },
  paths: {
    '/stream': { post: operation('public'), get: operation('admin') },
    '/stream/{streamId}': { get: operation('public'), patch: { ...operation(), 'x-public': true } },
    '/stream/{streamId}/sessions': { get: operation('public') },
    '/stream/Deactivate-Many': { patch: operation('admin') },
    '/stream/user/{userId}': { get: operation('admin') },
    '/streams': { get: operation('public') },
    '/files/{name}.json': { get: operation('public') },
  },
};

let folder: string;
let document: string;
let edge: StandInEdge;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'edge-authorizer-routes-'));
  document = await fileOf('openapi.json', api);
  const cors = { allowedOrigins: ['https://a.example'], fullAccess: false };
  const key = { enabled: true, expiresAt: null };
  const keys = [
    { ...key, access: { cors } },
    { ...key, access: { cors } },
    { ...key, access: { cors }, enabled: false },
    { ...key, access: { cors }, expiresAt: '2020-01-31T12:00:00Z' },
    { ...key, access: { cors: { ...cors, fullAccess: true } } },
    { ...key, access: { cors, rules: [{ methods: ['get'], resources: ['/x'] }] } },
    { ...key, access: null },
  ];
  edge = await standInEdge((response) => answerJson(response, 200, { keys, nextCursor: null }));
});
afterAll(async () => {
  await edge.close();
  await rm(folder, { recursive: true, force: true });
});

async function fileOf(name: string, json: unknown): Promise<string> {
  const file = join(folder, name);
  await writeFile(file, JSON.stringify(json));
  return file;
}

describe('routesOf()', () => {
  const streamWords = ['deactivate-many', 'user'];
  const byId = { methods: ['GET'], path: '/stream/{stream-id}' };
  const sessions = { methods: ['GET'], path: '/stream/{stream-id}/sessions' };
  test.each<[string, Selection, object]>([
    [
      'a tag',
      { tag: ['public'] },
      {
        routes: [
          { methods: ['POST'], path: '/stream' },
          byId,
          sessions,
          { methods: ['GET'], path: '/streams' },
        ],
        reservedWords: { 'stream-id': streamWords },
      },
    ],
    [
      'an extension',
      { extension: 'x-public' },
      {
        routes: [{ methods: ['PATCH'], path: '/stream/{stream-id}' }],
        reservedWords: { 'stream-id': streamWords },
      },
    ],
    [
      'a path, which is not the beginning of another word',
      { path: ['/stream'], tag: ['public'] },
      {
        routes: [{ methods: ['POST'], path: '/stream' }, byId, sessions],
        reservedWords: { 'stream-id': streamWords },
      },
    ],
    [
      'a prefix',
      { path: ['/streams'], prefix: '/v1' },
      { routes: [{ methods: ['GET'], path: '/v1/streams' }], reservedWords: {} },
    ],
  ])('selects by %s', (_name, selection, list) => {
    expect(routesOf(api, selection).list).toEqual(list);
  });

  test('reports paths that no route can stand for', () => {
    expect(routesOf(api, { tag: ['public'] }).skipped).toEqual(['/files/{name}.json']);
  });
});

describe('routes import', () => {
  test('writes a file that the edge accepts, from JSON and from YAML', async () => {
    const out = join(folder, 'imported.json');
    const result = await runCli(['routes', 'import', document, '--tag', 'public', '--out', out]);
    expect(result).toMatchObject({ exitCode: 0 });
    expect(result.stderr).toContain('Left out /files/{name}.json');
    expect(JSON.parse(await readFile(out, 'utf8')).routes).toHaveLength(4);
    const yaml = join(folder, 'openapi.yaml');
    await writeFile(
      yaml,
      'openapi: 3.0.3\ninfo: {title: x, version: "1"}\npaths:\n  /a:\n    get: {responses: {}}\n',
    );
    expect(await runCli(['routes', 'import', yaml, '--out', out])).toMatchObject({ exitCode: 0 });
    expect(JSON.parse(await readFile(out, 'utf8')).routes).toEqual([
      { methods: ['GET'], path: '/a' },
    ]);
  });

  test.each<[string, object, string[], object]>([
    ['the command that reads the file', {}, ['--tag', 'public'], { stdout: /init --routes \S+/ }],
    ['one of a kind in the singular', {}, ['--path', '/streams'], { stdout: /1 route and 0 res/ }],
    ['that it took every operation', {}, [], { stderr: /Took every operation: choose with --tag/ }],
    [
      'the path of the server',
      { servers: [{ url: 'https://api.example.com/v2/' }] },
      ['--tag', 'public'],
      { stderr: /UPSTREAM_URL end with it, or give --prefix \/v2\n/ },
    ],
    [
      'the path of a relative server',
      { servers: [{ url: '/v2' }] },
      [],
      { stderr: /paths below \/v2: let/ },
    ],
  ])('names %s', async (_name, more, options, expected) => {
    const file = await fileOf('named.json', { ...api, ...more });
    const out = join(folder, 'named.out.json');
    const result = await runCli(['routes', 'import', file, '--out', out, ...options]);
    for (const [stream, text] of Object.entries(expected)) {
      expect(result[stream as 'stdout' | 'stderr']).toMatch(text);
    }
  });

  test('notes nothing if the choice and the prefix are given', async () => {
    const file = await fileOf('chosen.json', { ...api, servers: [{ url: '/v2' }, { url: '/v3' }] });
    const out = join(folder, 'chosen.out.json');
    const chosen = ['--path', '/streams', '--prefix', '/v2'];
    const result = await runCli(['routes', 'import', file, '--out', out, ...chosen]);
    expect(result).toMatchObject({ exitCode: 0, stderr: '' });
  });

  test.each([
    ['nothing that matches', api, ['--tag', 'nothing'], 5],
    ['no OpenAPI document', { hello: 1 }, [], 2],
  ])('refuses %s, and writes nothing', async (name, json, options, exitCode) => {
    const out = join(folder, `${name}.out.json`);
    const file = await fileOf(`${name}.json`, json);
    const result = await runCli(['routes', 'import', file, '--out', out, ...options]);
    expect(result.exitCode).toBe(exitCode);
    await expect(readFile(out)).rejects.toThrow('ENOENT');
  });
});

describe('routes check', () => {
  const { list } = routesOf(api, { tag: ['public'] });
  const check = (routes: string, ...options: string[]) =>
    runCli(['routes', 'check', document, '--tag', 'public', '--routes', routes, ...options], {
      env: { EDGE_AUTHORIZER_URL: edge.url, EDGE_AUTHORIZER_TOKEN: 'x' },
    });

  test('is content with a file that is what the document says, and asks no edge', async () => {
    const result = await check(await fileOf('same.json', list));
    expect(result).toMatchObject({ exitCode: 0, stdout: 'No difference\n' });
    expect(edge.asked).toEqual([]);
  });

  test('is content with characters of ids, which no document can say', async () => {
    const routes = list.routes.map((row) => ({
      ...row,
      path: row.path.replace('-id}', '-id(.)}'),
    }));
    const result = await check(await fileOf('characters.json', { ...list, routes }));
    expect(result).toMatchObject({ exitCode: 0, stdout: 'No difference\n' });
  });

  test('reports drift in both directions', async () => {
    const [first, ...others] = list.routes;
    const drifted = [...others, { methods: ['GET'], path: '/gone' }];
    const file = await fileOf('drifted.json', { ...list, routes: drifted });
    const result = await check(file);
    expect(result.exitCode).toBe(5);
    expect(result.stdout).toContain(`POST ${first?.path}`);
    expect(result.stdout).toContain('GET /gone');
    const json = JSON.parse((await check(file, '--json')).stdout);
    expect(json.drift).toMatchObject({ added: ['POST /stream'], removed: ['GET /gone'] });
  });

  test('says how many published keys a change would widen', async () => {
    const now = await fileOf('now.json', list);
    const before = await fileOf('before.json', { ...list, routes: list.routes.slice(1) });
    const result = await check(now, '--before', before);
    expect(result.exitCode).toBe(5);
    expect(result.stdout).toContain('Endpoints that 2 published keys would gain:\n  POST /stream');
    expect(result.stderr).toContain('2 published keys would be able to call more');
    expect((await check(now, '--before', before, '--allow-widening')).exitCode).toBe(0);
    // Narrower is never a widening.
    expect((await check(now, '--before', await fileOf('wide.json', list))).exitCode).toBe(0);
  });

  describe('without a document', () => {
    const compare = (...options: string[]) =>
      runCli(['routes', 'check', ...options], {
        env: { EDGE_AUTHORIZER_URL: edge.url, EDGE_AUTHORIZER_TOKEN: 'x' },
      });

    test.each([
      ['nothing to compare with', [], '--before or --before-rule-sets'],
      ['a tag', ['--before', 'a.json', '--tag', 'public'], 'Cannot use --tag'],
      ['a path', ['--before-rule-sets', 'a.json', '--path', '/a'], 'Cannot use --path'],
      ['an extension', ['--before', 'a.json', '--extension', 'x-public'], 'Cannot use --extension'],
      ['a prefix', ['--before', 'a.json', '--prefix', '/v1'], 'Cannot use --prefix'],
    ])('refuses %s', async (_, options, reason) => {
      const asked = edge.asked.length;
      const result = await compare(...options);
      expect([result.exitCode, result.stdout]).toEqual([2, '']);
      expect(result.stderr).toContain(reason);
      expect(edge.asked).toHaveLength(asked);
    });

    test('says how many published keys a change would widen', async () => {
      const now = await fileOf('now.json', list);
      const before = await fileOf('before.json', { ...list, routes: list.routes.slice(1) });
      const result = await compare('--routes', now, '--before', before);
      expect(result.exitCode).toBe(5);
      expect(result.stdout).toBe('Endpoints that 2 published keys would gain:\n  POST /stream\n');
      const same = await compare('--routes', now, '--before', now);
      expect(same).toMatchObject({ exitCode: 0, stdout: 'No difference\n' });
    });

    test('compares rule sets alone, and reads no routes file', async () => {
      const sets = { 'acme@1': { routes: [{ methods: ['GET'], path: '/a' }], reservedWords: {} } };
      const before = await fileOf('sets-before.json', sets);
      const options = ['--before-rule-sets', before, '--routes', join(folder, 'absent.json')];
      const asked = edge.asked.length;
      const same = await compare(...options, '--rule-sets', before, '--json');
      expect(same.exitCode, same.stderr).toBe(0);
      expect(edge.asked).toHaveLength(asked);
      expect(JSON.parse(same.stdout)).toMatchObject({ drift: null, widening: null, ruleSets: [] });
      const without = await compare(...options, '--rule-sets', await fileOf('no-sets.json', {}));
      expect(without.stdout).toContain('acme@1');
      expect(edge.asked.length).toBeGreaterThan(asked);
    });
  });
});

describe('rule sets', () => {
  const set = (path: string) => ({ routes: [{ methods: ['GET'], path }], reservedWords: {} });
  const withKeys = (...keys: object[]) =>
    runAgainst(
      (response) => answerJson(response, 200, { keys, nextCursor: null }),
      ['routes', 'check', document, '--tag', 'public', '--routes', routesFile, ...setOptions],
    );
  const { list } = routesOf(api, { tag: ['public'] });
  let routesFile: string;
  let setOptions: string[];
  const keyOf = (access: object) => ({ ...keyDocument, access });
  const use = async (before: object, after: object) => {
    routesFile = await fileOf('for-sets.json', list);
    setOptions = [
      '--before-rule-sets',
      await fileOf('sets-before.json', before),
      '--rule-sets',
      await fileOf('sets-after.json', after),
      '--json',
    ];
  };

  test('are added to their file by an import, and a version never changes', async () => {
    const out = join(folder, 'sets.json');
    const add = (reference: string, ...more: string[]) =>
      runCli(['routes', 'import', document, '--rule-set', reference, '--out', out, ...more]);
    expect((await add('acme@1', '--tag', 'public')).exitCode).toBe(0);
    expect((await add('acme@2')).exitCode).toBe(0);
    const sets = JSON.parse(await readFile(out, 'utf8'));
    expect(Object.keys(sets)).toEqual(['acme@1', 'acme@2']);
    expect(sets['acme@1']).toEqual(list);
    const again = await add('acme@1');
    expect([again.exitCode, again.stderr]).toEqual([5, expect.stringContaining('new version')]);
    expect((await add('acme@1', '--tag', 'public')).exitCode).toBe(0);
    for (const reference of ['acme', 'livepeer@1', '__proto__']) {
      expect((await add(reference)).exitCode).toBe(2);
    }
    expect(JSON.parse(await readFile(out, 'utf8'))).toEqual(sets);
    const drift = ['routes', 'check', document, '--rule-sets', out, '--rule-set'];
    expect((await runCli([...drift, 'acme@1', '--tag', 'public'])).exitCode).toBe(0);
    expect((await runCli([...drift, 'acme@2', '--tag', 'public'])).exitCode).toBe(5);
    expect((await runCli([...drift, 'acme@3', '--tag', 'public'])).exitCode).toBe(2);
  });

  const cors = { allowedOrigins: ['https://app.example'], fullAccess: false };
  const changes = [
    ['removed', { 'acme@1': set('/a') }, {}],
    [
      'narrowed',
      { 'acme@1': { routes: [...set('/a').routes, ...set('/b').routes] } },
      { 'acme@1': set('/a') },
    ],
    [
      'widened',
      { 'acme@1': set('/a') },
      { 'acme@1': { routes: [...set('/a').routes, ...set('/b').routes] } },
    ],
    ['changed', { 'acme@1': set('/a') }, { 'acme@1': set('/b') }],
  ] as const;
  test.each(changes)(
    'that are %s are refused if published keys refer to them',
    async (change, before, after) => {
      await use(before, after);
      const unused = await withKeys(keyOf({ cors }), keyOf({ cors, ruleSet: 'other@1' }));
      expect(unused.exitCode, unused.stderr).toBe(0);
      const used = await withKeys(
        keyOf({ cors, ruleSet: 'acme@1' }),
        keyOf({ clientTokens: { allowedOrigins: ['*'], rules: null, ruleSet: 'acme@1' } }),
        { ...keyOf({ cors, ruleSet: 'acme@1' }), enabled: false },
      );
      expect(used.exitCode).toBe(5);
      expect(used.stderr).toContain('acme@1 (2 keys)');
      expect(JSON.parse(used.stdout).ruleSets).toEqual([
        expect.objectContaining({ ruleSet: 'acme@1', change, publishedKeys: 2 }),
      ]);
      setOptions.push('--allow-widening');
      const allowed = await withKeys(keyOf({ cors, ruleSet: 'acme@1' }));
      expect(allowed.exitCode).toBe(change === 'widened' ? 0 : 5);
    },
  );

  test('that are new concern no key', async () => {
    await use({ 'acme@1': set('/a') }, { 'acme@1': set('/a'), 'acme@2': set('/b') });
    const { exitCode, asked } = await withKeys();
    expect([exitCode, asked]).toEqual([0, []]);
  });
});
