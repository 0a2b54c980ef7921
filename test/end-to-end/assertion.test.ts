/**
 * The example upstream's verifier, behind the production bundle: it lets in what the edge sent, for
 * the request that the edge authorised, and nothing else.
 */

import { randomUUID } from 'node:crypto';
import { createServer, type Server, connect as tcpConnect } from 'node:net';
import { importJWK, type JWK, SignJWT } from 'jose';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { newAssertionKeys } from '../../src/cli/assertion-keys.ts';
import { type ExampleUpstream, serveExampleUpstreams } from '../support/node/example-upstream.ts';
import { request } from '../support/node/raw-http.ts';
import {
  type CreatedKey,
  type Edge,
  type EdgeOptions,
  serveEdges,
} from '../support/node/serve-edge.ts';

type KeySet = { keys: JWK[] };
type Settings = Record<string, string>;

let keySets: { first: KeySet; overlap: KeySet; second: KeySet };
let worlds: Record<keyof ReturnType<typeof plannedWorlds>, World>;
beforeAll(async () => {
  const first = (await newAssertionKeys(undefined)) as KeySet;
  const overlap = (await newAssertionKeys(JSON.stringify(first))) as KeySet;
  keySets = { first, overlap, second: { keys: overlap.keys.slice(0, 1) } };
  worlds = await serveWorlds(plannedWorlds());
});
afterAll(() => Promise.all(Object.values(worlds ?? {}).map((world) => world.dispose())));

function plannedWorlds() {
  const routes = [{ methods: ['GET'], path: '/echo/public/{playback}' }];
  const perKey = { ASSERTION: 'key' };
  // One audience, as for one upstream over time.
  const audience = 'https://api.example';
  return {
    plain: { keys: keySets.first },
    open: { keys: keySets.first, vars: { PUBLIC_ROUTES: JSON.stringify({ routes }) } },
    /** The upstream expects bound assertions, which the edge does not send. */
    mismatched: { keys: keySets.first, vars: perKey },
    perKey: { keys: keySets.first, vars: perKey, bindings: { EDGE_ASSERTION: 'key' } },
    otherPerKey: { keys: keySets.second, vars: perKey },
    beforeRotation: { keys: keySets.first, audience },
    duringRotation: { keys: keySets.overlap, audience },
    afterRotation: { keys: keySets.second, audience },
  } satisfies Record<string, WorldOptions>;
}

/** An edge with the example behind it, which reads the key set of that edge or of another address. */
interface World {
  edge: Edge;
  key: CreatedKey;
  example: ExampleUpstream;
  audience: string;
  /** The address at which the example reads the key set. It may later point to another edge. */
  relay: Relay;
  dispose(): Promise<unknown>;
}

interface WorldOptions {
  keys: KeySet;
  /** Default: one that no other world has. */
  audience?: string;
  vars?: Settings;
  bindings?: Settings;
}

/** Serves the edges of all worlds in one process, and their examples in another. */
async function serveWorlds<Name extends string>(
  options: Record<Name, WorldOptions>,
): Promise<Record<Name, World>> {
  const planned = await Promise.all(
    Object.entries<WorldOptions>(options).map(async ([name, ofWorld]) => {
      const { audience = `https://${randomUUID()}.example` } = ofWorld;
      return { ...ofWorld, name, audience, relay: await startRelay() };
    }),
  );
  const examples = await serveExampleUpstreams(
    planned.map(({ audience, relay, bindings }) => ({
      EDGE_JWKS_URL: `http://127.0.0.1:${relay.port}/_edge/jwks.json`,
      EDGE_AUDIENCE: audience,
      ...bindings,
    })),
  );
  const deployments = planned.map(
    ({ name, keys, audience, vars }, index): [string, EdgeOptions] => [
      name,
      {
        upstreamUrl: examples[index]!.url,
        vars: { ASSERTION_KEYS: JSON.stringify(keys), ASSERTION_AUDIENCE: audience, ...vars },
      },
    ],
  );
  const edges = await serveEdges(Object.fromEntries(deployments));
  const served = planned.map(async ({ name, audience, relay }, index): Promise<[string, World]> => {
    const example = examples[index]!;
    const edge = edges[name]!;
    relay.target = edge.port;
    const key = await edge.createKey({ name: 'backend', owner: 'acct_1' });
    const dispose = () => Promise.all([edge.dispose(), example.dispose(), relay.dispose()]);
    return [name, { edge, key, example, audience, relay, dispose }];
  });
  return Object.fromEntries(await Promise.all(served)) as Record<Name, World>;
}

/** Returns the assertion that the edge sends for a request, as the example echoes it. */
async function assertionOf({ edge, key }: World, path = '/echo/a'): Promise<string> {
  const headers: [string, string][] = [['Authorization', `Bearer ${key.token}`]];
  const response = await request(edge.port, { target: path, headers });
  expect(response.status).toBe(200);
  return JSON.parse(response.body.toString()).headers['x-edge-assertion'];
}

/** Sends a request past the edge. Answers the status and, for a 401, the reason. */
async function goPast(
  example: ExampleUpstream,
  assertion: string | null,
  { method = 'GET', target = '/echo/a' }: { method?: string; target?: string } = {},
): Promise<string> {
  const headers: [string, string][] = [
    ['X-Edge-Key-Id', 'key_forged'],
    ['X-Edge-Access', 'backend'],
  ];
  if (assertion !== null) headers.push(['X-Edge-Assertion', assertion]);
  if (method !== 'GET') headers.push(['Content-Length', '0']);
  const response = await request(example.port, { method, target, headers });
  const [reason = ''] = JSON.parse(response.body.toString()).errors ?? [];
  return `${response.status} ${reason}`.trim();
}

describe('the example upstream', () => {
  let world: World;
  beforeAll(() => {
    world = worlds.open;
  });

  test('refuses what did not come through the edge', async () => {
    expect(await goPast(world.example, null)).toBe(
      '401 Cannot verify the request: it has no X-Edge-Assertion header',
    );
    const target = '/api/stream';
    expect(await goPast(world.example, null, { target })).toMatch(/^401 /);
    for (const method of ['POST', 'PATCH', 'DELETE', 'OPTIONS']) {
      expect([method, await goPast(world.example, null, { method })]).toEqual([
        method,
        expect.stringMatching(/^401 /),
      ]);
    }
  });

  test('lets in what came through it, with who was let in', async () => {
    const { edge, key } = world;
    const headers: [string, string][] = [
      ['Authorization', `Bearer ${key.token}`],
      ['X-Edge-Assertion', 'forged'],
      ['X-Edge-Key-Id', 'key_forged'],
    ];
    const response = await request(edge.port, { target: '/echo/a?b=c', headers });
    expect(response.status).toBe(200);
    expect(JSON.parse(response.body.toString()).headers['x-edge-key-id']).toBe(key.id);
  });

  test('lets in what needs no key, if the edge sent it', async () => {
    const { edge, example } = world;
    const target = '/echo/public/a';
    expect(await goPast(example, null, { target })).toMatch(/^401 /);
    const response = await request(edge.port, { target });
    expect(response.status).toBe(200);
    const { headers } = JSON.parse(response.body.toString());
    expect(headers['x-edge-access']).toBe('public');
    expect(await goPast(example, headers['x-edge-assertion'])).toMatch(/another request$/);
  });

  test('takes an assertion for the request that it was signed for', async () => {
    expect(await goPast(world.example, await assertionOf(world))).toBe('200');
  });

  test.each([
    ['another method', { method: 'POST' }],
    ['another method without a body', { method: 'DELETE' }],
    ['another path', { target: '/echo/b' }],
    ['a path below it', { target: '/echo/a/b' }],
    ['the same path in another case', { target: '/Echo/a' }],
    ['the same path with a slash behind it', { target: '/echo/a/' }],
    ['the same path with another encoding', { target: '/echo/%61' }],
    ['a path that only its router reads as the same', { target: '/api/stream' }],
  ])('refuses it for %s', async (_, replayed) => {
    expect(await goPast(world.example, await assertionOf(world), replayed)).toBe(
      '401 Cannot verify the request: its assertion is for another request',
    );
  });

  test('verifies what was routed, not what was sent: a dot segment is resolved before', async () => {
    const assertion = await assertionOf(world, '/echo/x/%2e%2e/a');
    expect(await goPast(world.example, assertion)).toBe('200');
    const target = '/echo/x/a';
    expect(await goPast(world.example, assertion, { target })).toMatch(/^401 /);
  });

  test('refuses an assertion of which one character is another', async () => {
    const assertion = await assertionOf(world);
    const parts = assertion.split('.');
    for (let part = 0; part < 3; part++) {
      const text = parts[part] ?? '';
      const changed = text.slice(0, 5) + (text[5] === 'A' ? 'B' : 'A') + text.slice(6);
      const forged = parts.with(part, changed).join('.');
      expect(await goPast(world.example, forged)).toMatch(/^401 /);
    }
  });
});

describe('a forged assertion', () => {
  let world: World;
  beforeAll(() => {
    world = worlds.plain;
  });

  const nowSeconds = () => Math.floor(Date.now() / 1000);

  /** As the edge signs them, but for what is given. A claim that is `undefined` is left out. */
  async function sign({
    claims = {},
    header = {},
    jwk,
  }: {
    claims?: Record<string, unknown>;
    header?: Record<string, string>;
    jwk?: JWK;
  }): Promise<string> {
    const [edgeKey] = keySets.first.keys;
    const signingKey = await importJWK(jwk ?? edgeKey ?? {}, 'EdDSA');
    return new SignJWT({
      iss: 'edge-authorizer',
      aud: world.audience,
      sub: 'acct_1',
      key_id: world.key.id,
      access: 'backend',
      stale: false,
      jti: 'forged',
      iat: nowSeconds(),
      exp: nowSeconds() + 30,
      htm: 'GET',
      htu: `${world.example.url}/echo/a`,
      ...claims,
    })
      .setProtectedHeader({ alg: 'EdDSA', kid: edgeKey?.kid ?? '', ...header })
      .sign(signingKey);
  }

  const refused: [string, () => Parameters<typeof sign>[0]][] = [
    ['that expired', () => ({ claims: { iat: nowSeconds() - 60, exp: nowSeconds() - 30 } })],
    ['that never expires', () => ({ claims: { exp: undefined } })],
    ['that is not valid yet', () => ({ claims: { nbf: nowSeconds() + 60 } })],
    ['for another audience', () => ({ claims: { aud: 'https://other.example' } })],
    ['without an audience', () => ({ claims: { aud: undefined } })],
    ['of another issuer', () => ({ claims: { iss: 'stranger' } })],
    ['without an issuer', () => ({ claims: { iss: undefined } })],
    ['without a key', () => ({ claims: { key_id: undefined } })],
    ['without an access', () => ({ claims: { access: undefined } })],
    ['without an id', () => ({ claims: { jti: undefined } })],
    ['for another method', () => ({ claims: { htm: 'POST' } })],
    ['without a method', () => ({ claims: { htm: undefined } })],
    ['for another path', () => ({ claims: { htu: `${world.example.url}/echo/b` } })],
    ['without a path', () => ({ claims: { htu: undefined } })],
    ['that is bound to no request', () => ({ claims: { htm: undefined, htu: undefined } })],
    ['of a path that is no URL', () => ({ claims: { htu: '/echo/a' } })],
    ['of another key with the same id', () => ({ jwk: strangerOf() })],
    ['of another key', () => ({ jwk: strangerOf(), header: { kid: strangerOf().kid ?? '' } })],
  ];
  const strangerOf = () => keySets.second.keys[0] ?? {};

  test.each(refused)('%s is refused', async (_, options) => {
    expect(await goPast(world.example, await sign(options()))).toMatch(
      /^401 Cannot verify the request: /,
    );
  });

  test('that is unsigned, or signed with the public key as a secret, is refused', async () => {
    const [, claims = ''] = (await sign({})).split('.');
    const [edgeKey] = keySets.first.keys;
    const encode = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
    const none = `${encode({ alg: 'none', kid: edgeKey?.kid })}.${claims}.`;
    const hs256 = await new SignJWT(JSON.parse(Buffer.from(claims, 'base64url').toString()))
      .setProtectedHeader({ alg: 'HS256', kid: edgeKey?.kid ?? '' })
      .sign(Buffer.from(edgeKey?.x ?? '', 'base64url'));
    for (const forged of [none, hs256, 'x', 'a.b.c', '']) {
      expect([forged, await goPast(world.example, forged)]).toEqual([
        forged,
        expect.stringMatching(/^401 Cannot verify the request: /),
      ]);
    }
  });

  test('is refused for what is wrong with it: made in full, it passes', async () => {
    expect(await goPast(world.example, await sign({}))).toBe('200');
  });
});

describe('without a complete configuration', () => {
  const unfinished: [missing: string, bindings: Settings][] = [
    ['EDGE_JWKS_URL', { EDGE_AUDIENCE: 'https://api.example' }],
    ['EDGE_AUDIENCE', { EDGE_JWKS_URL: 'https://edge.example/_edge/jwks.json' }],
    ['EDGE_JWKS_URL', {}],
    ['EDGE_AUDIENCE', { EDGE_JWKS_URL: 'https://edge.example/_edge/jwks.json', EDGE_AUDIENCE: '' }],
  ];
  let examples: ExampleUpstream[];
  beforeAll(async () => {
    examples = await serveExampleUpstreams(unfinished.map(([, bindings]) => bindings));
  });
  afterAll(() => examples?.[0]?.dispose());

  test.each(unfinished.map(([missing], index) => [missing, index] as const))(
    'an upstream without %s is closed to everybody',
    async (missing, index) => {
      for (const assertion of [null, 'x.y.z']) {
        expect(await goPast(examples[index]!, assertion)).toBe(
          `503 cannot verify assertions: ${missing} is not set`,
        );
      }
    },
  );
});

describe('with ASSERTION=key', () => {
  test('an upstream that expects bound assertions refuses all that the edge sends', async () => {
    const { edge, key } = worlds.mismatched;
    const headers: [string, string][] = [['Authorization', `Bearer ${key.token}`]];
    const response = await request(edge.port, { target: '/echo/a', headers });
    expect(response.status).toBe(401);
    expect(response.body.toString()).toContain('for another request');
  });

  test('an upstream that is configured so accepts one assertion for many requests, and no others', async () => {
    const { perKey: world, otherPerKey: other, plain: bound } = worlds;
    expect(await goPast(world.example, null)).toMatch(/^401 /);
    const assertion = await assertionOf(world);
    expect(await assertionOf(world, '/echo/b')).toBe(assertion);
    expect(await goPast(world.example, assertion)).toBe('200');
    // The price of the mode: a seen assertion can be used for any endpoint while it is valid.
    expect(await goPast(world.example, assertion, { target: '/echo/c' })).toBe('200');
    // One of another deployment has another audience, and one that is bound stays so.
    expect(await goPast(world.example, await assertionOf(bound))).toMatch(/^401 /);
    expect(await goPast(other.example, assertion)).toMatch(/^401 /);
  });
});

describe('when the signing key is rotated', () => {
  let before: World;
  let during: World;
  let after: World;
  beforeAll(() => {
    ({ beforeRotation: before, duringRotation: during, afterRotation: after } = worlds);
  });

  test('what the old key signed verifies while both are published, and so does the new', async () => {
    expect(await goPast(during.example, await assertionOf(before))).toBe('200');
    expect(await goPast(during.example, await assertionOf(during))).toBe('200');
    expect(await goPast(after.example, await assertionOf(during))).toBe('200');
  });

  test('what the old key signs is refused where it is not published any more', async () => {
    expect(await goPast(after.example, await assertionOf(before))).toMatch(
      /^401 Cannot verify the request: .*NO_MATCHING_KEY/,
    );
  });

  test('a running upstream finds the new key by itself within seconds', async () => {
    expect(await goPast(before.example, await assertionOf(before))).toBe('200');
    expect(await goPast(before.example, await assertionOf(during))).toMatch(/^401 /);
    before.relay.target = during.edge.port;
    // Both each time: the example closes a connection that is idle for five seconds, and a request may meet that.
    const answers = async () => [
      await goPast(before.example, await assertionOf(during)),
      await goPast(before.example, await assertionOf(before)),
    ];
    await expect.poll(answers, { timeout: 20_000, interval: 500 }).toEqual(['200', '200']);
  });
});

/** Passes connections on to a port of this machine that may change; so long it closes them. */
interface Relay {
  port: number;
  target: number | null;
  dispose(): Promise<void>;
}

async function startRelay(): Promise<Relay> {
  const server: Server = createServer((client) => {
    client.on('error', () => client.destroy());
    if (relay.target === null) {
      client.destroy();
      return;
    }
    const there = tcpConnect(relay.target, '127.0.0.1');
    there.on('error', () => client.destroy());
    client.on('close', () => there.destroy());
    client.pipe(there).pipe(client);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('Cannot relay: no port');
  const relay: Relay = {
    port: address.port,
    target: null,
    dispose: () => new Promise((resolve) => server.close(() => resolve())),
  };
  return relay;
}
