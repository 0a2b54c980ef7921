/**
 * Secrets stay where they belong. Good, bad and hostile requests with known secrets go through the
 * production bundle, with upstreams and databases that fail; then everything that came out of it is
 * searched: every log line, every response, every header that the upstream received, every row of D1,
 * every value in KV, every entry of the Cache API, every message of the Queue, every event, and the files
 * of all stores, which hold what was overwritten and deleted, too.
 */

import { createHash, randomBytes, randomUUID } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { exportJWK, generateKeyPair, SignJWT } from 'jose';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { mintClientToken } from '../../src/client-tokens/client-tokens.ts';
import { mintingSecrets } from '../support/node/client-token-secrets.ts';
import { findSecrets, type Places, type Secrets } from '../support/node/find-secrets.ts';
import { keepConnections } from '../support/node/kept-connections.ts';
import { chunk, type RawRequest } from '../support/node/raw-http.ts';
import { type Edge, type EdgeOptions, serveEdge } from '../support/node/serve-edge.ts';
import {
  afterEarlyHints,
  byPath,
  garbage,
  halfBody,
  hang,
  reply,
  reset,
} from '../support/node/upstream-answers.ts';
import { startUpstream, type Upstream } from '../support/node/upstream-server.ts';

const pageOrigin = 'https://app.example';

/** The issuer of people who manage their own keys. */
const issuer = 'https://issuer.example';
const people = await generateKeyPair('ES256');
const keySet = { keys: [{ ...(await exportJWK(people.publicKey)), kid: 'k', alg: 'ES256' }] };

/** Signs events. */
const eventsSecret = randomBytes(32).toString('base64');
/** A named operator. */
const operatorToken = `ea_op_${randomBytes(22).toString('hex')}`;
const operatorHash = createHash('sha256').update(operatorToken).digest('hex');

/** Everything that one deployment was seen to give away. */
interface Watched {
  edge: Edge;
  upstream: Upstream;
  secrets: Secrets;
  /** Entries of the Cache API that were seen. They go within seconds. */
  cached: string[];
  /** Sends a request and keeps the answer. */
  send(rawRequest: RawRequest, meant?: Meant): Promise<string>;
  /** Calls the management API and keeps the answer. Returns the JSON, `null` without any. */
  manage(
    method: string,
    path: string,
    body?: unknown,
    headers?: [string, string][],
  ): Promise<Record<string, unknown> | null>;
  /** All that can be searched. Waits until logs and copies have arrived. */
  collect(): Promise<Places>;
  dispose(): Promise<void>;
}

/** Secrets that a response is there to hold, cut out of it before it is searched. */
type Meant = (response: string) => string[];

/** Serves the bundle and watches it. `mayReceive` says which headers the upstream may be sent. */
async function watch(
  options: Omit<EdgeOptions, 'upstreamUrl'>,
  secrets: Secrets,
  mayReceive: (name: string, value: string) => boolean,
): Promise<Watched> {
  const upstream = await startUpstream(
    byPath({
      garbage,
      half: halfBody,
      hang,
      certs: reply({ body: JSON.stringify(keySet) }),
      events: async (event, response) => {
        // Before the answer, since the sender stops with it.
        await event.body();
        await reply({ status: 204 })(event, response);
      },
      hints: afterEarlyHints(reply({})),
      reset,
      api: reply({ headers: [['Content-Type', 'application/json']], body: '{"ok":true}' }),
    }),
  );
  const edge = await serveEdge({
    upstreamUrl: upstream.url,
    tapQueue: true,
    ...options,
    vars: {
      MANAGE_JWT_ISSUER: issuer,
      MANAGE_JWT_AUDIENCE: 'edge',
      MANAGE_JWT_JWKS_URL: `${upstream.url}/certs`,
      EVENTS_URL: `${upstream.url}/events`,
      EVENTS_SECRET: `whsec_${eventsSecret}`,
      EVENTS_TO_LOOPBACK: 'true',
      PORTAL_RETURN_URLS: 'https://app.example',
      ADMIN_TOKENS: JSON.stringify([
        { name: 'named', sha256: operatorHash, scopes: ['everything'] },
      ]),
      ...options.vars,
    },
  });
  secrets['the secret of events'] = eventsSecret;
  secrets['the token of an operator'] = operatorToken;
  secrets['the hash of the token of an operator'] = operatorHash;
  const responses: string[] = [];
  const cached: string[] = [];
  const connections = keepConnections();

  const send: Watched['send'] = async (rawRequest, meant = () => []) => {
    const response = await connections.request(edge.port, rawRequest, { timeoutMs: 20_000 });
    const text = response.raw.toString('latin1');
    responses.push(meant(text).reduce((rest, secret) => rest.replace(secret, ''), text));
    return response.body.toString();
  };

  const manage: Watched['manage'] = async (method, path, body, headers = []) => {
    const text = await send(
      {
        method,
        target: `/_edge/v1${path}`,
        headers: [bearer(edge.adminToken), ['Content-Type', 'application/json'], ...headers],
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      },
      shownToken,
    );
    if (text === '') return null;
    const json = JSON.parse(text);
    if (typeof json.token === 'string') secrets[`the token of ${json.name}`] = json.token;
    return json;
  };

  return {
    edge,
    upstream,
    secrets,
    cached,
    send,
    manage,
    async collect() {
      await settle(edge);
      const received = upstream.requests.flatMap(({ headers }) =>
        headers.filter(([name, value]) => !mayReceive(name.toLowerCase(), value)),
      );
      return {
        'a response': responses,
        'the logs': edge.logs,
        'a header to the upstream': received.map((header) => header.join(': ')),
        'an event': await eventsTo(upstream),
        D1: await dumpDatabase(edge),
        KV: await dumpReplica(edge),
        'the Cache API': [...cached, ...(await dumpCache(edge))],
        'the Queue': edge.queued,
        ...(await dumpFiles(edge)),
      };
    },
    async dispose() {
      connections.close();
      await edge.dispose();
      await upstream.dispose();
    },
  };
}

describe('a deployment that strips tokens', () => {
  const upstreamSecret = secret();
  let watched: Watched;
  let places: Places;

  beforeAll(async () => {
    watched = await watch(
      {
        adminToken: secret(),
        vars: {
          UPSTREAM_AUTHORIZATION: `Bearer ${upstreamSecret}`,
          UPSTREAM_TIMEOUT_MS: '500',
          USAGE_FLUSH_SECONDS: '1',
        },
      },
      { 'the authorization of the upstream': upstreamSecret },
      (name, value) => name === 'authorization' && value === `Bearer ${upstreamSecret}`,
    );
    watched.secrets['the admin token'] = watched.edge.adminToken;
    const db = await watched.edge.db();
    const { results } = await db
      .prepare("SELECT value FROM settings WHERE name = 'token_tag_key'")
      .all<{ value: string }>();
    watched.secrets['the key of the tags'] = results[0]?.value ?? '';
    await sampleOfTraffic(watched);
    await usageIsCounted(watched.edge);
    await sharedPoll(watched, 'token:');
    const rows = await db
      .prepare("SELECT value FROM settings WHERE name = 'page_session_secret'")
      .all<{ value: string }>();
    const sessionSecret = rows.results[0]?.value ?? '';
    watched.secrets['the secret of sessions'] = sessionSecret;
    places = withoutTagKey(await watched.collect(), watched.secrets['the key of the tags']);
    places = withoutSetting(places, 'page_session_secret', sessionSecret);
  });
  afterAll(() => watched.dispose());

  test('was seen doing all there is to see', async () => {
    expect(Object.keys(watched.secrets).length).toBeGreaterThan(15);
    const moreThan = (bytes: number) => expect.toSatisfy((size) => size > bytes);
    const sizes = Object.entries(places).map(([place, texts]) => [place, texts.join('').length]);
    expect(Object.fromEntries(sizes)).toEqual({
      'a response': moreThan(100_000),
      'the logs': moreThan(20_000),
      'a header to the upstream': moreThan(5_000),
      'an event': moreThan(5_000),
      D1: moreThan(10_000),
      KV: moreThan(1_000),
      'the Cache API': moreThan(500),
      'the Queue': moreThan(500),
      'the files of cache': moreThan(50_000),
      'the files of d1': moreThan(500_000),
      'the files of kv': moreThan(50_000),
      'the files of ratelimit': moreThan(50_000),
    });
    const reasons = places['a response']?.flatMap((text) => {
      const [, reason] = /x-edge-reason: (\w+)/i.exec(text) ?? [];
      return reason ?? [];
    });
    expect([...new Set(reasons)]).toEqual(
      expect.arrayContaining([
        'cors_not_enabled',
        'invalid_credentials',
        'invalid_fields',
        'invalid_key',
        'invalid_origin',
        'malformed_credentials',
        'malformed_json',
        'missing_credentials',
        'not_found',
        'origin_not_allowed',
        'origin_not_registered',
        'route_not_allowed',
        'upstream_timeout',
        'upstream_unreachable',
      ]),
    );
    expect(reasons).not.toContain('internal_error');
    expect(places['a response']?.some((text) => text.endsWith('# EOF\n'))).toBe(true);
    // Of every table but those of waiting copies, which are written by now, of the sender's lease, which it
    // gives back, and of times that the scheduled run reports.
    const passing = new Set(['replica_writes', 'event_leases', 'key_notices']);
    const tables = new Set(places['D1']?.map((row) => row.slice(0, row.indexOf(' '))));
    expect([...tables].filter((name) => !passing.has(name)).sort()).toEqual(
      (await tablesOf(watched.edge)).filter((name) => !passing.has(name)),
    );
    const requests = watched.upstream.requests.filter(
      ({ target }) => target !== '/certs' && target !== '/events',
    );
    const authorized = requests.filter(
      (received) => received.header('authorization') === `Bearer ${upstreamSecret}`,
    );
    expect(authorized).toHaveLength(requests.length);
  });

  test('logs lines of JSON that name their event, none longer than 4 KiB', () => {
    // workerd writes there too, about connections that break off; its lines are no JSON.
    const own = places['the logs']?.filter((line) => line.startsWith('{')) ?? [];
    expect(own.length).toBeGreaterThan(20);
    for (const line of own) {
      expect(JSON.parse(line)).toHaveProperty('event', expect.any(String));
      expect(Buffer.byteLength(line)).toBeLessThanOrEqual(4096);
    }
  });

  test('gives no secret away, in whole or in part', () => {
    expect(findSecrets(watched.secrets, places)).toEqual([]);
  });

  test('is searched so that a planted secret is found in every place: control case', async () => {
    // Lower-case letters and digits, which everything lets through unchanged.
    const planted = { 'the planted secret': randomBytes(16).toString('hex') };
    const text = planted['the planted secret'];
    expect(findSecrets(planted, await watched.collect())).toEqual([]);

    const created = await watched.edge.createKey({ name: text, owner: text });
    // The change log, which goes through the Cache API, names tokens by hashes, but origins in full.
    const cors = { allowedOrigins: [`https://page.${text}.example`] };
    const { token } = await watched.edge.createKey({
      name: 'of a planted origin',
      access: { cors },
    });
    // Refused origins go through the Queue.
    const refused = bearer(token);
    await watched.send({
      target: '/api/any',
      headers: [refused, ['Origin', `https://other.${text}.example`]],
    });
    await vi.waitUntil(() => watched.edge.queued.some((message) => message.includes(text)), {
      timeout: 30_000,
      interval: 100,
    });
    await sharedPoll(watched, text);
    await vi.waitUntil(
      async () => (await eventsTo(watched.upstream)).some((event) => event.includes(text)),
      { timeout: 30_000, interval: 100 },
    );
    await attemptToSignIn(watched, 'not the admin token', text);
    await watched.send({ target: '/api/any', headers: [bearer(created.token), ['X-Own', text]] });
    await watched.send({
      method: 'OPTIONS',
      target: '/api/any',
      headers: [
        ['Origin', `https://${text}.example`],
        ['Access-Control-Request-Method', 'GET'],
      ],
    });
    const found = findSecrets(planted, await watched.collect());
    expect(found.map((line) => line.split(':')[0])).toEqual([
      'the planted secret in a response',
      'the planted secret in the logs',
      'the planted secret in a header to the upstream',
      'the planted secret in an event',
      'the planted secret in D1',
      'the planted secret in KV',
      'the planted secret in the Cache API',
      'the planted secret in the Queue',
      'the planted secret in the files of cache',
      'the planted secret in the files of d1',
      'the planted secret in the files of kv',
      'the planted secret in the files of ratelimit',
    ]);
  });
});

test('a deployment that forwards tokens sends them in their own header alone', async () => {
  const watched = await watch(
    { adminToken: secret(), vars: { FORWARD_TOKEN: 'true', UPSTREAM_TIMEOUT_MS: '500' } },
    {},
    (name) => name === 'authorization' || name === 'cookie' || name === 'origin',
  );
  watched.secrets['the admin token'] = watched.edge.adminToken;
  await sampleOfTraffic(watched);
  expect(findSecrets(watched.secrets, await watched.collect())).toEqual([]);
  // Of a client token, only the signature is a secret.
  const isKnown = (token: string) =>
    Object.values(watched.secrets).some((known) => token === known || token.endsWith(`.${known}`));
  const forwarded = watched.upstream.requests.flatMap((received) => {
    const value = received.header('authorization');
    return value === null ? [] : [value.replace(/^bearer[ \t]+/i, '').trim()];
  });
  expect(forwarded.length).toBeGreaterThan(5);
  expect(forwarded.filter((token) => !isKnown(token))).toEqual([]);
  await watched.dispose();
});

test('a deployment whose configuration is broken quotes no secret of it', async () => {
  const secrets = {
    'the password in the URL': secret(),
    'the admin token': secret().slice(0, 24),
    'the authorization of the upstream': secret(),
    'a token': secret(),
  };
  const watched = await watch(
    {
      adminToken: secrets['the admin token'],
      vars: {
        UPSTREAM_URL: `https://user:${secrets['the password in the URL']}@api.example/v1?x`,
        UPSTREAM_AUTHORIZATION: `Bearer ${secrets['the authorization of the upstream']}\u0001`,
      },
    },
    secrets,
    () => false,
  );
  for (const target of ['/api/any', '/_edge/v1/keys', '/_edge/health']) {
    await watched.send({ target, headers: [bearer(secrets['a token'])] });
  }
  const places = await watched.collect();
  expect(places['the logs']?.join('\n')).toContain('UPSTREAM_AUTHORIZATION');
  expect(findSecrets(secrets, places)).toEqual([]);
  await watched.dispose();
});

test('a deployment whose database fails gives no secret away', async () => {
  const vars = { FEED_REFRESH_SECONDS: '1', MAX_STALENESS_SECONDS: '1', OUTAGE_GRACE_SECONDS: '0' };
  const watched = await watch({ adminToken: secret(), vars }, {}, () => false);
  watched.secrets['the admin token'] = watched.edge.adminToken;
  const key = await watched.manage('POST', '/keys', { name: 'made before it failed' });
  await settle(watched.edge);
  const db = await watched.edge.db();
  await db.exec('ALTER TABLE changes RENAME TO changes_elsewhere');
  const working = String(key?.['token']);
  await vi.waitUntil(
    async () => {
      const body = await watched.send({ target: '/api/any', headers: [bearer(working)] });
      return body.includes('unavailable');
    },
    { timeout: 20_000, interval: 100 },
  );
  watched.secrets['an unknown token'] = randomUUID() + randomUUID();
  for (const token of Object.values(watched.secrets)) {
    await watched.send({ target: '/api/any', headers: [bearer(token)] });
    await watched.send({ target: '/api/any', headers: [bearer(token), ['Origin', pageOrigin]] });
  }
  await watched.manage('POST', '/keys', { name: 'not made' });
  await watched.manage('GET', '/keys');
  const places = await watched.collect();
  expect(places['a response']?.filter((text) => / 50[03] /.test(text)).length).toBeGreaterThan(1);
  expect(findSecrets(watched.secrets, places)).toEqual([]);
  await watched.dispose();
});

/** Everything that callers do, with a secret wherever a caller may put one. */
async function sampleOfTraffic({ edge, secrets, send, manage }: Watched): Promise<void> {
  const backend = await manage('POST', '/keys', { name: 'backend', owner: 'acct_1' });
  const cors = { allowedOrigins: [pageOrigin] };
  const keys = [
    backend,
    await manage('POST', '/keys', { name: 'restricted', access: { cors } }),
    await manage('POST', '/keys', {
      name: 'full',
      access: { cors: { ...cors, fullAccess: true } },
    }),
    await manage('POST', '/keys', {
      name: 'rules',
      access: { cors, rules: [{ methods: ['get'], resources: ['/api/asset/:id'] }] },
    }),
    await manage('POST', '/keys', {
      name: 'of another origin',
      access: { cors: { allowedOrigins: ['https://other.example'] } },
    }),
    await manage('POST', '/keys', { name: 'expired', expiresAt: '2020-01-01T00:00:00Z' }),
  ];
  // The same twice: what is remembered of the answer must not hold the token, nor what opens it.
  secrets['an idempotency key'] = secret();
  const repeated: [string, string][] = [['Idempotency-Key', secrets['an idempotency key']]];
  await manage('POST', '/keys', { name: 'repeated' }, repeated);
  await manage('POST', '/keys', { name: 'repeated' }, repeated);
  const revoked = await manage('POST', '/keys', { name: 'revoked' });
  await manage('DELETE', `/keys/${revoked?.['id']}`);

  await openPortal({ secrets, send, manage });
  secrets['a cookie'] = secret();
  secrets['a password'] = Buffer.from(`user:${secret()}`).toString('base64').replace(/=+$/, '');
  secrets['a foreign token'] = randomUUID() + randomUUID();
  secrets['an invented token'] = `ea_sk_${randomBytes(22).toString('hex')}`;
  secrets['a mistyped token'] = `${String(backend?.['token']).slice(0, -1)}!`;
  secrets['an oversized token'] = secret().repeat(20);
  const cookie: [string, string] = ['Cookie', `session=${secrets['a cookie']}`];
  await sampleOfClientTokens({ secrets, send, manage });
  await sampleOfPeople({ edge, secrets, send });
  const tokens = Object.entries(secrets).filter(([name]) => /token/.test(name));

  for (const [, token] of tokens) {
    const authorization = bearer(token);
    for (const rawRequest of [
      { target: '/api/stream/1?page=2' },
      { method: 'POST', target: '/api/stream', body: '{"name":"x"}' },
      { method: 'PATCH', target: '/api/asset/1', body: '{}' },
      { method: 'DELETE', target: '/api/anything' },
      { target: '/api/asset/../user/me' },
    ]) {
      await send({ ...rawRequest, headers: [authorization, cookie] });
      await send({ ...rawRequest, headers: [authorization, cookie, ['Origin', pageOrigin]] });
    }
    for (const origin of ['https://unknown.example', 'null', 'app.example', `${pageOrigin}/path`]) {
      await send({ target: '/api/stream/1', headers: [authorization, ['Origin', origin]] });
    }
    // In places and in shapes where no token belongs.
    for (const headers of [
      [['Authorization', token]],
      [['Authorization', `Basic ${secrets['a password']}`]],
      [['Authorization', `Bearer "${token}"`]],
      [['Authorization', `Bearer ${token}, Bearer ${token}`]],
      [['Authorization', `bearer\t${token}  `]],
      [authorization, authorization],
      [authorization, ['Proxy-Authorization', `Bearer ${token}`]],
      [authorization, ['X-Forwarded-Authorization', `Bearer ${token}`]],
      [authorization, ['Connection', 'Authorization'], ['X-Edge-Token', token]],
      [authorization, ['Cookie', `token=${token}`], ['Cookie', `again=${token}`]],
      [authorization, ['Proxy_Authorization', token], ['X-Edge_Token', token]],
      [authorization, ['Origin', token]],
      [['Origin', `https://${token}@app.example`]],
      [['Cookie', `token=${token}`]],
    ] as [string, string][][]) {
      await send({ target: '/api/stream/1', headers });
    }
  }

  // Where a message quotes what was sent, a token of ours is recognised by its form.
  for (const key of keys) {
    const token = String(key?.['token']);
    for (const target of [
      `/_edge/${token}`,
      `/_edge/v1/keys/${token}`,
      `/a/%2e%2e/_edge/${token}`,
    ]) {
      await send({ target, headers: [bearer(token)] });
      await send({ target, headers: [bearer(edge.adminToken)] });
    }
  }
  // Only a restricted key is refused by its path: others may send theirs.
  const restricted = bearer(String(keys[1]?.['token']));
  await send({ target: `/api/user/${keys[1]?.['token']}`, headers: [restricted] });
  await send({
    method: 'TRACE',
    target: '/api/any',
    headers: [bearer(String(backend?.['token']))],
  });
  for (const name of ['garbage', 'half', 'hang', 'hints', 'reset']) {
    await send({ target: `/${name}`, headers: [bearer(String(backend?.['token'])), cookie] });
  }
  await send({
    method: 'OPTIONS',
    target: '/api/stream',
    headers: [
      ['Origin', 'https://unknown.example'],
      ['Access-Control-Request-Method', 'POST'],
      ['Access-Control-Request-Headers', `authorization, ${keys[1]?.['token']}`],
    ],
  });
  await mistakesOfOperators({ edge, secrets, send, manage }, keys);
}

/** Client tokens that the edge and a backend mint, good and bad, and what their holder asks. */
async function sampleOfClientTokens({
  secrets,
  send,
  manage,
}: Pick<Watched, 'secrets' | 'send' | 'manage'>): Promise<void> {
  const clientTokens = { allowedOrigins: [pageOrigin] };
  const minting = await manage('POST', '/keys', { name: 'minting', access: { clientTokens } });
  const parent = String(minting?.['token']);
  Object.assign(secrets, mintingSecrets(parent));
  const json: [string, string] = ['Content-Type', 'application/json'];
  const minted = await send(
    {
      method: 'POST',
      target: '/_edge/v1/client-tokens',
      headers: [bearer(parent), json],
      body: '{"sub":"visitor-1"}',
    },
    shownToken,
  );
  const ofTheEdge = String(JSON.parse(minted).token);
  const ofTheBackend = await mintClientToken(parent, { sub: 'visitor-2' });
  const signatureOf = (jwt: string) => jwt.slice(jwt.lastIndexOf('.') + 1);
  secrets['the signature that the edge made'] = signatureOf(ofTheEdge);
  secrets['the signature that a backend made'] = signatureOf(ofTheBackend);
  for (const token of [ofTheEdge, ofTheBackend, `${ofTheEdge}x`, parent]) {
    const origin: [string, string] = ['Origin', pageOrigin];
    for (const headers of [
      [bearer(token), origin],
      [bearer(token), ['Origin', 'https://other.example']],
      [['Authorization', token], origin],
      [['Authorization', `Bearer ${token}, Bearer ${token}`], origin],
      [bearer(token), ['X-Edge-Token', token], ['X_Token', token], origin],
    ] as [string, string][][]) {
      await send({ target: '/api/stream/1', headers });
      await send({ target: '/_edge/v1/self', headers });
    }
    await send({ target: `/_edge/${token}`, headers: [bearer(token)] });
    await send({
      method: 'POST',
      target: '/_edge/v1/client-tokens',
      headers: [bearer(token), json],
      body: JSON.stringify({ sub: `${token} `, origins: [token], ttlSeconds: token }),
    });
    await manage('POST', '/explain', { method: 'GET', path: '/api/stream/1', token });
  }
}

/** A person who manages their own keys, and operators who sign in at the page and out again. */
async function sampleOfPeople({
  edge,
  secrets,
  send,
}: Pick<Watched, 'edge' | 'secrets' | 'send'>): Promise<void> {
  const jwt = await new SignJWT({ sub: 'acct_person', exp: Math.floor(Date.now() / 1000) + 600 })
    .setProtectedHeader({ alg: 'ES256', kid: 'k' })
    .setIssuer(issuer)
    .setAudience('edge')
    .sign(people.privateKey);
  secrets['the signature of a person'] = jwt.slice(jwt.lastIndexOf('.') + 1);
  const json: [string, string] = ['Content-Type', 'application/json'];
  const keys = { method: 'POST', target: '/_edge/v1/keys', body: '{"name":"of a person"}' };
  await send({ ...keys, headers: [bearer(jwt), json] }, shownToken);
  await send({ ...keys, headers: [bearer(`${jwt}x`), json] });
  await send({ ...keys, headers: [['Cf-Access-Jwt-Assertion', jwt], json] }, shownToken);
  await send({ target: '/api/stream/1', headers: [bearer(jwt)] });

  for (const token of [edge.adminToken, operatorToken])
    await sampleOfPage(token, { secrets, send });
}

/** An operator who signs in at the page, looks at it, and signs out. */
async function sampleOfPage(
  token: string,
  { secrets, send }: Pick<Watched, 'secrets' | 'send'>,
): Promise<void> {
  const form: [string, string][] = [
    ['Sec-Fetch-Site', 'same-origin'],
    ['CF-Connecting-IP', '203.0.113.9'],
    ['Content-Type', 'application/x-www-form-urlencoded'],
  ];
  let session = '';
  await send(
    {
      method: 'POST',
      target: '/_edge/sign-in',
      headers: form,
      body: new URLSearchParams({ token }).toString(),
    },
    (response) => {
      [, session = ''] = /edge-session-local=([^;\s]+)/.exec(response) ?? [];
      return [session];
    },
  );
  secrets[`the signature of a session by ${token.slice(0, 5)}`] = session.slice(
    session.lastIndexOf('.') + 1,
  );
  const cookie: [string, string] = ['Cookie', `edge-session-local=${session}`];
  const page = await send({ target: '/_edge/', headers: [cookie] });
  for (const path of ['events', 'audit', 'overview']) {
    await send({ target: `/_edge/${path}`, headers: [cookie] });
  }
  const [, formToken = ''] = /name="form_token" value="([^"]+)"/.exec(page) ?? [];
  await send({
    method: 'POST',
    target: '/_edge/sign-out',
    headers: [...form, cookie],
    body: new URLSearchParams({ form_token: formToken }).toString(),
  });
  await send({ target: '/_edge/', headers: [cookie] });
  await send({ target: '/api/stream/1', headers: [cookie] });
}

/** Requests to the management API that are refused, each with a secret in it. */
async function mistakesOfOperators(
  { edge, send, manage }: Pick<Watched, 'edge' | 'secrets' | 'send' | 'manage'>,
  keys: (Record<string, unknown> | null)[],
): Promise<void> {
  const token = String(keys[0]?.['token']);
  const admin = bearer(edge.adminToken);
  const json: [string, string] = ['Content-Type', 'application/json'];

  for (const authorization of [
    `Bearer ${token}`,
    `Basic ${edge.adminToken}`,
    edge.adminToken,
    `Bearer ${edge.adminToken}x`,
    `Bearer ${edge.adminToken.slice(0, -1)}`,
    `Bearer ${edge.adminToken}, Bearer ${edge.adminToken}`,
  ]) {
    await send({ target: '/_edge/v1/keys', headers: [['Authorization', authorization]] });
  }
  await send({ target: `/_edge/v1/keys?limit=${token}&cursor=${token}`, headers: [admin] });
  await attemptToSignIn({ send }, token, '203.0.113.7');
  await attemptToSignIn({ send }, edge.adminToken, '203.0.113.7');
  await send({ target: `/_edge/v1/keys?token=${edge.adminToken}` });

  const bodies = [
    `{"name":"x","token":"${token}`,
    `{"name":"x","token":${token}}`,
    `{"name":"x" "${token}"}`,
    token,
    `"${token}"`,
    `["${token}"]`,
    JSON.stringify({ name: '', token }),
    JSON.stringify({ name: 'x', [token]: true }),
    JSON.stringify({ name: 'x', expiresAt: token }),
    JSON.stringify({ name: 'x', owner: `${token} ` }),
    JSON.stringify({ name: 'x', access: token }),
    JSON.stringify({ name: 'x', access: { cors: { allowedOrigins: [token] } } }),
    JSON.stringify({
      name: 'x',
      access: { cors: { allowedOrigins: [`https://a.example/${token}`] } },
    }),
    JSON.stringify({ name: 'x', access: { rules: [{ methods: [token], resources: [token] }] } }),
  ];
  for (const body of bodies) {
    await send({ method: 'POST', target: '/_edge/v1/keys', headers: [admin, json], body });
  }
  await send({
    method: 'POST',
    target: '/_edge/v1/keys',
    headers: [admin, json, ['Transfer-Encoding', 'chunked']],
    body: Buffer.concat([chunk(`{"token":"${token}"`.repeat(2000)), chunk('')]),
  });
  await send({
    method: 'POST',
    target: '/_edge/v1/keys',
    headers: [admin, ['Content-Type', `text/${token}`]],
    body: token,
  });

  const id = keys[1]?.['id'];
  await manage('GET', '/keys');
  await manage('GET', `/keys/${id}`);
  await manage('PATCH', `/keys/${id}`, { name: 'renamed', expiresAt: null });
  await manage('PATCH', `/keys/${id}`, { token });
  await manage('POST', `/keys/${id}/roll`, { graceSeconds: 3600 });
  await manage('GET', `/keys/${id}/usage?days=30`);
  await manage('GET', '/usage?period=24h');
  await manage('GET', '/events');
  await send({ target: '/_edge/metrics', headers: [admin] });
}

/** Makes a link for a customer, reads it as a scanner does, and uses it twice. */
async function openPortal({
  secrets,
  send,
  manage,
}: Pick<Watched, 'secrets' | 'send' | 'manage'>): Promise<void> {
  const shown = (text: string) => text.match(/ea_p[ls]_[0-9A-Za-z]{43}/g) ?? [];
  const body = { owner: 'acct_1', returnUrl: 'https://app.example/account' };
  const made = await manage('POST', '/portal-sessions', body);
  const link = shown(String(made?.['url']))[0] ?? '';
  secrets['the secret of a portal link'] = link;
  await send({ target: `/_edge/portal/${link}` }, shown);
  await send({ method: 'PUT', target: `/_edge/portal/${link}` });
  await send({ target: `/a/%2e%2e/_edge/portal/${link}` });
  await send({ target: `/_edge/v1/keys/${link}` });
  const press = {
    method: 'POST',
    target: '/_edge/portal',
    headers: [
      ['Sec-Fetch-Site', 'same-origin'],
      ['Content-Type', 'application/x-www-form-urlencoded'],
    ] as [string, string][],
    body: new URLSearchParams({ link }).toString(),
  };
  let cookie = '';
  await send(press, (text) => {
    cookie = shown(text)[0] ?? '';
    return shown(text);
  });
  secrets['the session of a customer'] = cookie;
  await send(press);
  await send({ target: `/_edge/portal/${link}` });
  await send({ target: '/_edge/', headers: [['Cookie', `edge-portal-local=${cookie}`]] });
  await send({ target: '/api/any', headers: [['Cookie', `edge-portal-local=${cookie}`]] });
}

/** Signs in at the page, as a visitor at this address, whom the limiter counts. */
async function attemptToSignIn(
  { send }: Pick<Watched, 'send'>,
  token: string,
  address: string,
): Promise<void> {
  await send({
    method: 'POST',
    target: '/_edge/sign-in',
    headers: [
      ['Sec-Fetch-Site', 'same-origin'],
      ['CF-Connecting-IP', address],
      ['Content-Type', 'application/x-www-form-urlencoded'],
    ],
    body: new URLSearchParams({ token }).toString(),
  });
}

/** The bodies of the events that were delivered. */
async function eventsTo({ requests }: Upstream): Promise<string[]> {
  const events = requests.filter(({ target }) => target === '/events');
  return Promise.all(events.map(async (event) => (await event.body()).bytes.toString()));
}

/** Waits until every line was logged, every due event was sent, and every key that changed has its copy in KV. */
async function settle(edge: Edge): Promise<void> {
  // Searching keeps this process busy for so long that a kept connection would be over.
  const { headers } = await fetch(`${edge.url}/settled`, { headers: { Connection: 'close' } });
  const requestId = headers.get('x-request-id') ?? '';
  await vi.waitUntil(
    async () => {
      const db = await edge.db();
      const due = await db
        .prepare(
          `SELECT (SELECT count(*) FROM replica_writes)
                + (SELECT count(*) FROM events WHERE due_at_ms <= ?1) AS due`,
        )
        .bind(Date.now())
        .first<number>('due');
      return due === 0 && edge.logs.some((line) => line.includes(requestId));
    },
    { timeout: 20_000, interval: 50 },
  );
}

/** The places without the row of a setting in D1, where it is kept. */
function withoutSetting(places: Places, name: string, value: string): Places {
  const { D1 = [], 'the files of d1': files = [] } = places;
  return {
    ...places,
    D1: D1.map((text) => text.replaceAll(`"name":"${name}","value":"${value}"`, '')),
    'the files of d1': files.map((text) => text.replaceAll(`${name}${value}`, '')),
  };
}

/**
 * Removes the key of the tags from the places where it is meant to be, by its name there: a row of D1,
 * which isolates read with the change log, and their shared poll of that log. Returns the rest.
 */
function withoutTagKey(places: Places, tagKey = ''): Places {
  const inPoll = `"tagKeyHex":"${tagKey}"`;
  const meant: Record<string, string> = {
    D1: `"name":"token_tag_key","value":"${tagKey}"`,
    'the files of d1': `token_tag_key${tagKey}`,
    'the Cache API': inPoll,
    'the files of cache': inPoll,
  };
  const rest = Object.entries(places).map(([place, texts]) => {
    const spelling = meant[place];
    return [place, spelling ? texts.map((text) => text.replaceAll(spelling, '')) : texts];
  });
  return Object.fromEntries(rest);
}

/** Waits until D1 holds what was counted of the requests, and the origins that were refused. */
async function usageIsCounted(edge: Edge): Promise<void> {
  const db = await edge.db();
  const counted =
    'SELECT min((SELECT count(*) FROM usage_daily), (SELECT count(*) FROM refused_origins)) AS rows';
  await vi.waitUntil(async () => ((await db.prepare(counted).first<number>('rows')) ?? 0) > 0, {
    timeout: 30_000,
    interval: 100,
  });
}

/** Every row of every table, one text each, with the table's name. */
async function dumpDatabase(edge: Edge): Promise<string[]> {
  const rows = await Promise.all(
    (await tablesOf(edge)).map(async (name) => {
      const db = await edge.db();
      const { results } = await db.prepare(`SELECT * FROM "${name}"`).all();
      return results.map((row) => `${name} ${JSON.stringify(row)}`);
    }),
  );
  return rows.flat();
}

/** The tables of D1, but for those of the simulator. */
async function tablesOf(edge: Edge): Promise<string[]> {
  const db = await edge.db();
  const { results } = await db
    .prepare(
      "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE '\\_cf\\_%' ESCAPE '\\' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' ORDER BY name",
    )
    .all<{ name: string }>();
  return results.map(({ name }) => name);
}

/** Every key and value in KV, with its metadata. */
async function dumpReplica(edge: Edge): Promise<string[]> {
  const texts: string[] = [];
  let cursor: string | undefined;
  do {
    const kv = await edge.kv();
    const page = await kv.list(cursor === undefined ? {} : { cursor });
    for (const { name, metadata } of page.keys) {
      texts.push(`${name} ${JSON.stringify(metadata ?? null)} ${await kv.get(name)}`);
    }
    cursor = page.list_complete ? undefined : page.cursor;
  } while (cursor !== undefined);
  return texts;
}

/**
 * Waits until isolates share a poll of the change log that holds this text, through the Cache API, and
 * keeps that entry. Requests are sent meanwhile that no isolate can answer without a poll.
 */
async function sharedPoll({ edge, cached, send }: Watched, text: string): Promise<void> {
  await vi.waitUntil(
    async () => {
      await send({
        method: 'OPTIONS',
        target: '/api/any',
        headers: [
          ['Origin', `https://${randomUUID()}.example`],
          ['Access-Control-Request-Method', 'GET'],
        ],
      });
      cached.push(...(await dumpCache(edge)));
      return cached.some((entry) => entry.includes(text));
    },
    { timeout: 20_000, interval: 100 },
  );
}

/** Every entry that the Cache API still answers with, under the address that its files name. */
async function dumpCache(edge: Edge): Promise<string[]> {
  const files = await dumpFolder(join(edge.storageFolder, 'cache'));
  const addresses = files.flatMap(
    (file) => file.match(/https:\/\/feed\.[\w.-]+\/v2\/[\da-f-]{36}\/(?:short|long)/g) ?? [],
  );
  const entries = await Promise.all(
    [...new Set(addresses)].map(async (address) => {
      const text = await edge.cachedText('edge-authorizer', address);
      return text === null ? [] : [`${address} ${text}`];
    }),
  );
  return entries.flat();
}

/** Every file that the stores keep, by the name of the store's folder. */
async function dumpFiles({ storageFolder }: Edge): Promise<Places> {
  const stores = (await readdir(storageFolder)).sort();
  const places = stores.map(async (store) => {
    return [`the files of ${store}`, await dumpFolder(join(storageFolder, store))] as const;
  });
  return Object.fromEntries(await Promise.all(places));
}

/** The files below a folder: where each is, and its bytes as Latin-1. */
async function dumpFolder(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile());
  const texts = files.map(async ({ parentPath, name }) => {
    const path = join(parentPath, name);
    // A value's file goes when another value takes its place.
    const bytes = await readFile(path, 'latin1').catch(() => null);
    return bytes === null ? [] : [`${relative(folder, path)}\n${bytes}`];
  });
  return (await Promise.all(texts)).flat();
}

/** The token, or the secret of a link, that an answer shows this once. */
function shownToken(response: string): string[] {
  const shown = response.matchAll(/"(?:token|url)":"(?:[^"]*\/)?([^"]+)"/g);
  return [...shown].map(([, token]) => token ?? '');
}

/** A secret that is not like any other text. */
function secret(): string {
  return randomBytes(33).toString('base64url').replaceAll(/[-_]/g, 'x');
}

function bearer(token: string): [name: string, value: string] {
  return ['Authorization', `Bearer ${token}`];
}
