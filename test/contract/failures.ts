/**
 * When something of ours is wrong: a broken configuration, a D1 that is gone, a write that breaks off.
 * The caller learns a request id and nothing else, and the log learns everything but secrets.
 */

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type ExpectedRefusal, expectNoSecrets, expectRefusal, soon } from './answers.ts';
import type {
  Answer,
  CreatedKey,
  Deployment,
  HeaderLine,
  Prepare,
  Row,
  Vars,
} from './deployment.ts';
import { secretsOf } from './refusals.ts';
import { bearer, createWorld, origins, type World } from './world.ts';

/** The origins that may read a refusal with nothing to hide: every valid one. */
const anyOrigin: readonly (readonly [
  name: string,
  lines: readonly string[],
  grant: string | null,
])[] = [
  ['without Origin', [], null],
  ['a listed origin', [origins.app], origins.app],
  ['an origin that no key lists', [origins.stranger], origins.stranger],
  ['an origin with a blank after it', [`${origins.app} `], origins.app],
  ['an app', ['capacitor://localhost'], 'capacitor://localhost'],
  ['the opaque origin', [origins.opaque], '*'],
];
const noOrigin: typeof anyOrigin = [
  ['a malformed origin', ['https://app.example/'], null],
  ['two origins', [origins.app, origins.other], null],
];

const toLines = (values: readonly string[]): HeaderLine[] =>
  values.map((value) => ['Origin', value]);

const brokenConfigurations: readonly (readonly [
  name: string,
  vars: Vars,
  problems: readonly string[],
  refusal: { readonly code: 'unavailable' | 'not_configured'; readonly detail: string },
])[] = [
  [
    'no upstream',
    { UPSTREAM_URL: '' },
    ['UPSTREAM_URL'],
    {
      code: 'not_configured',
      detail:
        'Cannot answer requests: UPSTREAM_URL is not set. Set UPSTREAM_URL in wrangler.toml to the address of your API, then run "npm run deploy", or locally in .dev.vars',
    },
  ],
  [
    'many problems at once',
    {
      UPSTREAM_URL: 'ftp://user:secret-one@upstream.example',
      ADMIN_TOKEN: 'secret two',
      UPSTREAM_AUTHORIZATION: 'Bearer secret-three\u00e9',
      FORWARD_TOKEN: 'yes',
      UPSTREAM_TIMEOUT_MS: '0',
      TOKEN_PREFIX: 'No',
      OUTAGE_GRACE_SECONDS: '-1',
    },
    [
      'ADMIN_TOKEN',
      'FORWARD_TOKEN',
      'OUTAGE_GRACE_SECONDS',
      'TOKEN_PREFIX',
      'UPSTREAM_AUTHORIZATION',
      'UPSTREAM_TIMEOUT_MS',
      'UPSTREAM_URL',
    ],
    {
      code: 'unavailable',
      detail:
        'Cannot answer the request: the configuration of the edge has problems. "npx wrangler tail" lists them with the request id',
    },
  ],
];

/** Runs everything against deployments of its own. */
export function describeFailures(prepare: Prepare): void {
  describeBrokenConfigurations(prepare);
  describe('storage', () => describeStorage(prepare));
}

function describeBrokenConfigurations(prepare: Prepare): void {
  describe.each(brokenConfigurations)(
    'a broken configuration: %s',
    (_, vars, problems, refusal) => {
      const deploy = prepare({ vars });
      let deployment: Deployment;
      beforeAll(async () => {
        deployment = await deploy();
      });
      afterAll(() => deployment.dispose());

      const unavailable: Omit<ExpectedRefusal, 'grant'> = {
        ...refusal,
      };

      test.each([...anyOrigin, ...noOrigin])(
        'answers 503 and nothing else: %s',
        async (_, values, grant) => {
          for (const method of ['GET', 'POST', 'OPTIONS']) {
            const headers: HeaderLine[] = [
              ...toLines(values),
              ['Access-Control-Request-Method', 'GET'],
              ['Authorization', 'Bearer secret-of-a-caller'],
            ];
            const answer = await deployment.call({ method, target: '/api/stream', headers });
            expectRefusal(answer, { ...unavailable, grant });
          }
          expect(deployment.received).toEqual([]);
        },
      );

      test.each(['/_edge/health', '/_edge/health/live'])(
        'says at %s that it runs',
        async (target) => {
          const answer = await deployment.call({ target });
          expect([answer.status, JSON.parse(answer.body)]).toEqual([200, { status: 'ok' }]);
        },
      );

      test.each(['/_edge/health/ready', '/_edge/v1/keys', '/_edge/'])(
        'answers %s without CORS headers',
        async (target) => {
          const answer = await deployment.call({ target, headers: [['Origin', origins.app]] });
          expectRefusal(answer, { ...unavailable, grant: null });
        },
      );

      test('logs every problem with name, value, reason and fix, and no secret', async () => {
        const { headers } = await deployment.call({ target: '/x' });
        const [line] = await linesWith(deployment, headers['x-request-id']);
        expect(line).toMatchObject({ event: 'configuration_broken' });
        const logged = line?.['problems'] as { name: string; value: string | null }[];
        expect([...new Set(logged.map(({ name }) => name))].sort()).toEqual(problems);
        for (const problem of logged) {
          expect(problem).toEqual({
            name: expect.stringMatching(/^[A-Z_]+$/),
            // `null` for what is absent or secret.
            value: problem.value === null ? null : expect.any(String),
            reason: expect.stringMatching(/^.{10,}$/),
            fix: expect.stringMatching(/^.{10,}$/),
          });
        }
        expectNoSecrets(deployment.logs, ['secret-', 'secret two']);
      });
    },
  );
}

function describeStorage(prepare: Prepare): void {
  const deploy = prepare();
  let world: World;
  beforeAll(async () => {
    world = await createWorld(await deploy());
  });
  afterAll(() => world.deployment.dispose());

  describe('a D1 that is gone', () => {
    beforeAll(async () => {
      await takeAway(world.deployment, ['changes', 'keys']);
    });

    test.each(anyOrigin)(
      'leaves a key that no store can confirm unavailable: %s',
      async (_, values, grant) => {
        const answer = await world.deployment.call({
          target: '/x',
          headers: [...toLines(values), bearer(world.full)],
        });
        expectRefusal(answer, { code: 'unavailable', grant });
      },
    );

    test.each(noOrigin)('refuses what it always refuses: %s', async (_, values, grant) => {
      const answer = await world.deployment.call({
        target: '/x',
        headers: [...toLines(values), bearer(world.full)],
      });
      expectRefusal(answer, { code: 'invalid_origin', grant });
    });

    test.each(anyOrigin.slice(1))(
      'grants preflights for five seconds: %s',
      async (_, values, grant) => {
        const answer = await world.deployment.call({
          method: 'OPTIONS',
          headers: [...toLines(values), ['Access-Control-Request-Method', 'POST']],
        });
        expect(answer).toEqual({
          status: 204,
          cookies: [],
          headers: {
            'access-control-allow-origin': grant,
            'access-control-allow-methods': 'GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS',
            'access-control-allow-headers': 'authorization, content-type',
            'access-control-max-age': '5',
            vary: 'Origin, Access-Control-Request-Method, Access-Control-Request-Headers',
          },
          body: '',
        });
      },
    );

    test.each(anyOrigin)('makes a missing key readable: %s', async (_, values, grant) => {
      const answer = await world.deployment.call({ target: '/x', headers: toLines(values) });
      expectRefusal(answer, { code: 'missing_credentials', grant });
    });

    test('leaves a mistyped key invalid', async () => {
      const headers: HeaderLine[] = [['Authorization', `${bearer(world.full)[1]}a`]];
      const answer = await world.deployment.call({ target: '/x', headers });
      expect(answer.status).toBeOneOf([401, 503]);
      expect(world.deployment.received).toEqual([]);
    });

    test.each(['GET', 'POST'])('fails management without a word: %s', async (method) => {
      const { deployment } = world;
      const answer = await manage(deployment, method, [['Origin', origins.app]]);
      expectRefusal(answer, { code: 'internal_error', grant: null });
      const lines = await linesWith(deployment, answer.headers['x-request-id']);
      expect(lines).toEqual([
        {
          event: 'failed',
          requestId: answer.headers['x-request-id'],
          error: expect.stringContaining('no such table'),
        },
      ]);
    });

    test('says so in the log as JSON, and no secret', async () => {
      const { deployment } = world;
      await expect.poll(() => deployment.logs.join('\n'), soon).toContain('"database_failed"');
      for (const line of deployment.logs.filter((text) => text.startsWith('{'))) {
        expect(JSON.parse(line)).toMatchObject({ event: expect.any(String) });
      }
      expectNoSecrets(deployment.logs, secretsOf(world));
      expect(deployment.received).toEqual([]);
    });

    test('is asked again when it is back', async () => {
      const { deployment, full } = world;
      await bringBack(deployment, ['changes', 'keys']);
      const ask = () => deployment.call({ target: '/x', headers: [bearer(full)] });
      await expect
        .poll(async () => (await ask()).status, { timeout: 10_000, interval: 250 })
        .toBe(200);
    });
  });

  describe('a write that breaks off', () => {
    const tables = ['keys', 'tokens', 'origins', 'changes'];
    const count = async () => {
      const { query } = world.deployment;
      const rows = tables.map((table) => query(`SELECT count(*) AS n FROM ${table}`));
      return (await Promise.all(rows)).map(([row]) => Number(row?.['n']));
    };

    test('leaves no half of a key', async () => {
      const before = await count();
      await takeAway(world.deployment, ['replica_writes']);
      const answer = await manage(world.deployment, 'POST');
      expectRefusal(answer, { code: 'internal_error', grant: null });
      expect(await count()).toEqual(before);
    });

    test('is not in the way of the next one', async () => {
      const before = await count();
      await bringBack(world.deployment, ['replica_writes']);
      expect((await manage(world.deployment, 'POST')).status).toBe(201);
      const [keys, tokens, origins] = (await count()).map((n, index) => n - (before[index] ?? 0));
      expect([keys, tokens, origins]).toEqual([1, 1, 1]);
    });
  });

  describe('what is stored', () => {
    test('holds hashes of tokens, and no token', async () => {
      const { deployment, ...keys } = world;
      for (const key of Object.values(keys)) {
        const headers: HeaderLine[] = [['Origin', origins.app], bearer(key)];
        await deployment.call({ target: '/api/stream/abc', headers });
      }
      const hashes = await Promise.all(Object.values(keys).map(hashOf));
      // A cold look-up leaves its copy in KV, so that what is looked through is not empty.
      await expect
        .poll(async () => Object.keys(await deployment.copies()).length, soon)
        .toBeGreaterThan(0);
      const copies = JSON.stringify(await deployment.copies());
      const database = JSON.stringify(await dump(deployment));
      expectNoSecrets([copies, database], secretsOf(world));
      for (const hash of hashes) expect(database).toContain(hash);
      expect(hashes.some((hash) => copies.includes(hash))).toBe(true);
      // Not even most of one.
      const halves = Object.values(keys).map(({ token }) => token.slice(0, token.length / 2));
      expectNoSecrets([copies, database], halves);
    });
  });
}

/** Asks the management API as the operator: for a list, or for a new key that lists `app`. */
function manage(
  deployment: Deployment,
  method: string,
  more: readonly HeaderLine[] = [],
): Promise<Answer> {
  return deployment.call({
    method,
    target: '/_edge/v1/keys',
    headers: [
      ['Authorization', `Bearer ${deployment.adminToken}`],
      ['Content-Type', 'application/json'],
      ...more,
    ],
    ...(method === 'POST'
      ? { body: JSON.stringify({ name: 'a', access: { cors: { allowedOrigins: [origins.app] } } }) }
      : {}),
  });
}

async function takeAway(deployment: Deployment, tables: readonly string[]): Promise<void> {
  for (const table of tables)
    await deployment.query(`ALTER TABLE ${table} RENAME TO ${table}_gone`);
}

async function bringBack(deployment: Deployment, tables: readonly string[]): Promise<void> {
  for (const table of tables)
    await deployment.query(`ALTER TABLE ${table}_gone RENAME TO ${table}`);
}

/** The log's lines about a request, once there are some. */
async function linesWith(deployment: Deployment, requestId = 'none'): Promise<Row[]> {
  const lines = () => deployment.logs.filter((line) => line.includes(requestId));
  await expect.poll(() => lines().length, soon).toBeGreaterThan(0);
  return lines().map((line) => JSON.parse(line) as Row);
}

/** Every row of every table. */
async function dump(deployment: Deployment): Promise<readonly Row[]> {
  const tables = await deployment.query(
    `SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT GLOB '_cf_*'`,
  );
  const rows = tables.map(({ name }) => deployment.query(`SELECT * FROM ${name}`));
  return (await Promise.all(rows)).flat();
}

async function hashOf({ token }: CreatedKey): Promise<string> {
  const digest = await crypto.subtle.digest('SHA-256', new TextEncoder().encode(token));
  return Array.from(new Uint8Array(digest), (byte) => byte.toString(16).padStart(2, '0')).join('');
}
