/**
 * Which paths reach the upstream, and as what. The assertion is on what the upstream saw: a status
 * alone would not show that something was forwarded before it was refused.
 */

import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { expectNoCors, expectNoSecrets, soon } from './answers.ts';
import type { Answer, Prepare, Received } from './deployment.ts';
import { secretsOf } from './refusals.ts';
import {
  badIds,
  goodIds,
  isRestrictedRoute,
  methods,
  neighbouringPaths,
  pathOf,
  routeFacts,
} from './routes.ts';
import { goodQueries, lookAlikes, methodQueries, ownTargets, targetRows } from './targets.ts';
import { bearer, createWorld, type World } from './world.ts';

type KeyName = Exclude<keyof World, 'deployment'>;

interface Sent {
  readonly answer: Answer;
  /** The request that the upstream received, if any: at most one. */
  readonly received: Received | null;
}

/** Runs the tables and properties against a deployment. */
export function describePaths(prepare: Prepare, { runs }: { readonly runs: number }): void {
  describe('paths', () => {
    const deploy = prepare();
    let world: World;
    beforeAll(async () => {
      world = await createWorld(await deploy());
    });
    afterAll(() => world.deployment.dispose());

    const send = (name: KeyName, method: string, target: string, seen?: string) =>
      sendTo(world, name, method, target, seen);

    describe.each(routeFacts.map((fact) => ({ ...fact, name: `${fact.methods} ${fact.path}` })))(
      'of the row $name, with a restricted key',
      (fact) => {
        const isWithId = fact.path.includes('{}');

        test('reach the upstream as they are', async () => {
          for (const method of fact.methods) {
            for (const id of isWithId ? goodIds : ['']) {
              for (const query of ['', '?a=1&b=%2e%2e']) {
                const target = pathOf(fact, id) + query;
                const { received } = await send('restricted', method, target);
                expect(received).toMatchObject({ method, target });
              }
            }
          }
        });

        test('do not reach it with another method, HEAD included', async () => {
          const path = pathOf(fact);
          const others = methods.filter((method) => !isRestrictedRoute(method, path));
          expect(others.length).toBeGreaterThan(0);
          for (const method of others)
            expectRefused(await send('restricted', method, path), method);
        });

        test('do not reach it from next to the row', async () => {
          for (const path of neighbouringPaths(fact)) {
            for (const method of new Set([...fact.methods, 'PATCH'])) {
              const sent = await send('restricted', method, path);
              if (isRestrictedRoute(method, path)) {
                expect(sent.received).toMatchObject({ method, target: path });
              } else {
                expectRefused(sent, method);
              }
            }
          }
        });

        if (!isWithId) return;
        test('do not reach it with what is no id', async () => {
          for (const id of badIds) {
            for (const method of fact.methods) {
              expectRefused(await send('restricted', method, pathOf(fact, id)), method);
            }
          }
        });
      },
    );

    test.each(targetRows)('are forwarded or refused as the table says: $name', async (row) => {
      const { target, seen } = row;
      expectFate(await send('restricted', 'GET', target, seen), row.restricted);
      expectFate(await send('full', 'GET', target, seen), row.full);
      expectFate(await send('backend', 'GET', target, seen), row.full);
    });

    test.each(ownTargets)(
      'under /_edge/ are never forwarded: $target',
      async ({ target, seen }) => {
        for (const name of ['backend', 'full', 'restricted', 'rules'] as const) {
          for (const method of ['GET', 'POST', 'DELETE', 'OPTIONS']) {
            const { answer, received } = await send(name, method, target, seen);
            expect(received).toBeNull();
            expectNoCors(answer);
            expect(answer.headers).not.toHaveProperty('x-edge-key-id');
          }
        }
      },
    );

    test.each(lookAlikes)("that only look like /_edge/ are the upstream's: %s", async (target) => {
      expectFate(await send('full', 'GET', target), target);
      expectFate(await send('backend', 'POST', target), target);
      expectRefused(await send('restricted', 'GET', target), 'GET');
    });

    test.each(goodQueries)('keep the query %j of a restricted key', async (query) => {
      const target = `/api/stream/abc${query}`;
      expectFate(await send('restricted', 'GET', target), target);
    });

    test.each(methodQueries)('are refused to a restricted key with the query %j', async (query) => {
      expectRefused(await send('restricted', 'GET', `/api/stream/abc${query}`), 'GET');
      expectFate(await send('full', 'GET', `/api/stream/abc${query}`), `/api/stream/abc${query}`);
    });

    const ruleRows = [
      ['GET', '/api/asset/abc', true],
      ['GET', '/api/asset/url', false],
      ['GET', '/api/asset/Import', false],
      ['HEAD', '/api/asset/abc', false],
      ['POST', '/api/asset/abc', false],
      ['GET', '/api/asset', false],
      ['GET', '/api/asset/', false],
      ['GET', '/api/asset/abc/', false],
      ['GET', '/api/asset/a%62c', false],
      ['GET', '/api/asset/a.b', false],
      ['GET', '/files/a', true],
      ['GET', '/files/a/b.c/~d', true],
      ['GET', '/files', false],
      ['GET', '/files/', false],
      ['GET', '/files/a/', false],
      ['GET', '/files/a//b', false],
      ['GET', '/files/a;b', false],
      ['GET', '/files/a%2fb', false],
      ['GET', '/files/%2e%2e/x', false],
      ['GET', '/files/a\\..\\x', false],
      ['GET', '/Files/a', false],
      ['PUT', '/files/a', false],
      ['GET', '/files/a+b.txt', true],
      ['GET', "/files/@scope/x:y,(z)!'=$&", true],
      ['GET', '/files/a*', false],
      ['GET', '/files/a|b', false],
      ['GET', '/files/:/..', false],
      ['GET', '/files/@;x', false],
      ['GET', '/v1beta/models/x:generateContent', true],
      ['GET', '/v1beta/models/x%3AgenerateContent', false],
      ['GET', '/v1beta/models/x:countTokens', false],
      ['GET', '/v1beta/models/x', false],
      ['GET', '/npm/@scope/pkg.js', true],
      ['GET', '/npm/@scope/...', false],
      ['GET', '/npm/@scope/a+b', false],
      ['GET', '/npm/@scope/a%2Eb', false],
      ['GET', '/npm/%40scope/pkg', false],
      ['GET', "/a+b,c(d)!'=$&", true],
      ['GET', "/a b,c(d)!'=$&", false],
      ['GET', '/any', true],
      ['DELETE', '/any', true],
      ['OPTIONS', '/any', true],
      ['HEAD', '/any', true],
      ['GET', '/any/', false],
      ['PATCH', '/api/stream/abc', true],
      ['PATCH', '/api/stream/deactivate-many', false],
      ['PATCH', '/api/stream/DEACTIVATE-MANY', false],
      ['PATCH', '/api/stream/hook', true],
      // In the restricted set, and not in the rules.
      ['GET', '/api/stream/abc', false],
      ['POST', '/api/stream', false],
    ] as const;
    test.each(ruleRows)(
      "follow the key's own rules: %s %s is %s",
      async (method, target, isAllowed) => {
        for (const name of ['rules', 'backendRules'] as const) {
          const sent = await send(name, method, target);
          if (isAllowed) expect(sent.received).toMatchObject({ method, target });
          else expectRefused(sent, method);
        }
      },
    );

    test('made of arbitrary segments reach the upstream for a restricted key only as a row', async () => {
      await fc.assert(
        fc.asyncProperty(fc.constantFrom(...methods), arbitraryPath, async (method, path) => {
          const { received } = await send('restricted', method, path);
          if (received !== null) {
            expect(isRestrictedRoute(received.method, received.target)).toBe(true);
            expect(received.method).toBe(method);
          }
          // workerd resolves literal dot segments of the path before the Worker sees them.
          if (hasDotSegments(path)) return;
          expect(received?.target ?? null).toBe(isRestrictedRoute(method, path) ? path : null);
        }),
        { numRuns: runs },
      );
    });

    test('leave no secret in logs or upstream, in the end', async () => {
      const { logs, received } = world.deployment;
      await expect.poll(() => logs.length, soon).toBeGreaterThan(runs);
      expectNoSecrets(logs, secretsOf(world));
      expectNoSecrets(
        received.map((request) => JSON.stringify(request)),
        secretsOf(world),
      );
    });
  });

  describe('paths below a path of the upstream', () => {
    const base = '/base/v1';
    const deploy = prepare({ upstreamPath: base });
    let world: World;
    beforeAll(async () => {
      world = await createWorld(await deploy());
    });
    afterAll(() => world.deployment.dispose());

    const names = ['backend', 'full', 'restricted'] as const;
    test.each(targetRows)('stay there: $name', async ({ target, seen, restricted, full }) => {
      for (const name of names) {
        const fate = name === 'restricted' ? restricted : full;
        const sent = await sendTo(world, name, 'GET', target, seen);
        expectFate(sent, fate === 'refused' ? fate : base + fate);
      }
    });

    test('stay there whatever they are made of', async () => {
      await fc.assert(
        fc.asyncProperty(fc.constantFrom('backend', 'full'), arbitraryPath, async (name, path) => {
          const { received } = await sendTo(world, name as KeyName, 'GET', path);
          if (received === null) return;
          expect(received.target.startsWith(`${base}/`)).toBe(true);
          expect(lowestDepth(received.target.slice(base.length))).toBeGreaterThanOrEqual(0);
        }),
        { numRuns: runs },
      );
    });
  });
}

async function sendTo(
  { deployment, ...keys }: World,
  name: KeyName,
  method: string,
  target: string,
  seen?: string,
): Promise<Sent> {
  const before = deployment.received.length;
  const answer = await deployment.call({
    method,
    target,
    headers: [bearer(keys[name])],
    ...(seen === undefined ? {} : { seen }),
  });
  const arrived = deployment.received.slice(before);
  expect(arrived.length).toBeLessThanOrEqual(1);
  return { answer, received: arrived[0] ?? null };
}

function expectRefused({ answer, received }: Sent, method: string): void {
  expect(received).toBeNull();
  expect(answer.status).toBe(403);
  expect(answer.headers['x-edge-reason']).toBe('route_not_allowed');
  if (method !== 'HEAD')
    expect(JSON.parse(answer.body)).toMatchObject({ code: 'route_not_allowed' });
}

function expectFate(sent: Sent, fate: string): void {
  if (fate === 'refused') expectRefused(sent, 'GET');
  else expect(sent.received?.target ?? sent.answer).toBe(fate);
}

const words = [
  ...new Set(routeFacts.flatMap(({ path }) => path.slice(1).split('/'))),
  'abc',
  'hook',
  'Deactivate-Many',
  'user',
  'migrate2',
  'now',
  '_edge',
  '%5fedge',
];
const tricks = [
  '',
  '.',
  '..',
  '...',
  '%2e',
  '%2E%2e',
  '.%2e',
  '%252e%252e',
  '..%2f',
  '..%5c',
  '..;',
  '..\\',
  '\\',
  ';a',
  '#',
  '%00',
  '%61bc',
  'abc%20',
];
// Visible characters and bytes beyond ASCII; a question mark would end the path.
const character = fc
  .integer({ min: 0x21, max: 0xff })
  .filter((code) => code !== 0x3f)
  .map((code) => String.fromCharCode(code));
const segment = fc.oneof(
  { weight: 6, arbitrary: fc.constantFrom(...words) },
  { weight: 3, arbitrary: fc.constantFrom(...tricks) },
  { weight: 1, arbitrary: fc.string({ unit: character, maxLength: 12 }) },
);
const arbitrarySegments = fc.array(segment, { maxLength: 8 });
/** The segments of a row with one of them replaced, dropped, or put in beside it. */
const nearARow = fc
  .tuple(
    fc.constantFrom(...routeFacts),
    fc.constantFrom(...goodIds),
    fc.nat(8),
    fc.nat(1),
    fc.array(segment, { maxLength: 1 }),
  )
  .map(([fact, id, place, dropped, added]) =>
    pathOf(fact, id)
      .slice(1)
      .split('/')
      .toSpliced(place, dropped, ...added),
  );
const arbitraryPath = fc.oneof(arbitrarySegments, nearARow).map((parts) => `/${parts.join('/')}`);

function hasDotSegments(path: string): boolean {
  return path.split('/').some((part) => part === '.' || part === '..');
}

/** How far a path reaches below its start (or above: negative) to a server that decodes everything. */
function lowestDepth(path: string): number {
  let text = path.replace(/[?#].*$/s, '');
  for (let round = 0; round < 4; round++) {
    text = text.replace(/%([0-7][0-9a-f])/gi, (_, hex: string) =>
      String.fromCharCode(Number.parseInt(hex, 16)),
    );
  }
  let depth = 0;
  let lowest = 0;
  for (const part of text.split(/[/\\]/)) {
    const name = part.replace(/;.*$/s, '');
    if (name === '' || name === '.') continue;
    depth += name === '..' ? -1 : 1;
    lowest = Math.min(lowest, depth);
  }
  return lowest;
}
