import { env } from 'cloudflare:workers';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { hashToken } from '../../src/core/key/token.ts';
import { LEAK_KEYS_REVOKED_MAX, LEAKS_MAX } from '../../src/manage/limits.ts';
import type { Deployment } from '../contract/deployment.ts';
import { deploy } from '../support/workers.ts';
import {
  type Client,
  clientOf,
  type Document,
  expectProblem,
  problemsOf,
  snapshot,
  tryToken,
} from './client.ts';
import { signIn } from './page/browser.ts';

const KEY_ID = 'bcb53661c06b4728e59d897fb6165d5c9cda0fd9cdf9d09ead458168deb7518c';
const URL_FOUND = 'https://github.com/octocat/Hello-World/blob/12345600/foo/bar.txt';
const ORIGIN = 'https://app.example';

/** The example of GitHub's documentation, which its own key signed. Every reader can send it. */
const documented = {
  text: '[{"source":"commit","token":"some_token","type":"some_type","url":"https://example.com/base-repo-url/"}]',
  signature:
    'MEQCIQDaMKqrGnE27S0kgMrEK0eYBmyG0LeZismAEz/BgZyt7AIfXt9fErtRS4XaeSt/AO1RtBY66YcAdjxji410VQV4xg==',
  key: '-----BEGIN PUBLIC KEY-----\nMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEYAGMWO8XgCamYKMJS6jc/qgvSlAd\nAjPuDPRcXU22YxgBrz+zoN19MzuRyW87qEt9/AmtoNP5GrobzUvQSyJFVw==\n-----END PUBLIC KEY-----\n',
};

let github: CryptoKeyPair;
let stranger: CryptoKeyPair;
let edge: Deployment;
let operator: Client;

beforeAll(async () => {
  github = await makePair();
  stranger = await makePair();
});

afterAll(() => edge.dispose());

async function makePair(): Promise<CryptoKeyPair> {
  const algorithm = { name: 'ECDSA', namedCurve: 'P-256' };
  // Asymmetric algorithms make pairs.
  return (await crypto.subtle.generateKey(algorithm, true, ['sign', 'verify'])) as CryptoKeyPair;
}

/** A deployment that knows GitHub's key. */
async function fresh(vars: Readonly<Record<string, unknown>> = {}): Promise<void> {
  const keys = { [KEY_ID]: await pemOf(github) };
  edge = await deploy({ vars: { GITHUB_SECRET_SCANNING_KEYS: JSON.stringify(keys), ...vars } });
  operator = clientOf(edge);
}

async function pemOf({ publicKey }: CryptoKeyPair): Promise<string> {
  const spki = (await crypto.subtle.exportKey('spki', publicKey)) as ArrayBuffer;
  const base64 = btoa(String.fromCharCode(...new Uint8Array(spki)));
  return `-----BEGIN PUBLIC KEY-----\n${base64}\n-----END PUBLIC KEY-----\n`;
}

/** The signature of a text as GitHub sends it: in DER, which is written here from what Web Crypto makes. */
async function sign(text: string, { privateKey }: CryptoKeyPair = github): Promise<string> {
  const algorithm = { name: 'ECDSA', hash: 'SHA-256' };
  const raw = await crypto.subtle.sign(algorithm, privateKey, new TextEncoder().encode(text));
  const integers = [raw.slice(0, 32), raw.slice(32)].flatMap((half) => {
    const bytes = [...new Uint8Array(half)];
    while (bytes[0] === 0) bytes.shift();
    if ((bytes[0] ?? 0) >= 128) bytes.unshift(0);
    return [2, bytes.length, ...bytes];
  });
  return btoa(String.fromCharCode(48, integers.length, ...integers));
}

interface Sending {
  readonly text?: string;
  readonly keyId?: string;
  readonly signature?: string;
  readonly pair?: CryptoKeyPair;
  readonly headers?: Readonly<Record<string, string>>;
}

/** Sends a report as GitHub does, or otherwise. */
async function send(reports: unknown, sending: Sending = {}) {
  const { text = JSON.stringify(reports), keyId = KEY_ID, headers = {} } = sending;
  const signature = sending.signature ?? (await sign(text, sending.pair));
  return clientOf(edge, {})('POST', '/leaks/github', {
    text,
    headers: {
      'Github-Public-Key-Identifier': keyId,
      'Github-Public-Key-Signature': signature,
      ...headers,
    },
  });
}

function leakOf(token: string, url = URL_FOUND): Document {
  return { token, type: 'edge_authorizer_key', url, source: 'content' };
}

async function create(document: object = {}): Promise<Document> {
  const answer = await operator('POST', '/keys', { body: { name: 'a key', ...document } });
  expect(answer.status, answer.text).toBe(201);
  return answer.body;
}

const createCors = () => create({ access: { cors: { allowedOrigins: [ORIGIN] } } });

const auditOf = async (id: string): Promise<readonly Document[]> =>
  (await operator('GET', `/audit?keyId=${id}`)).body.entries;

/** Returns the log's events of this name. */
const logged = (event: string): Document[] =>
  edge.logs.map((line) => JSON.parse(line)).filter((line) => line.event === event);

describe('without keys of GitHub', () => {
  it('the endpoint is not there, and a report does nothing', async () => {
    edge = await deploy();
    operator = clientOf(edge);
    const key = await create();
    const before = await snapshot();
    expectProblem(await send([leakOf(key.token)]), 404, 'not_found');
    expect(await snapshot()).toEqual(before);
    expect(await tryToken(edge, key.token)).toBe('200');
  });
});

describe('a report does nothing', () => {
  let key: Document;
  let before: unknown;

  beforeEach(async () => {
    await fresh();
    key = await create();
    before = await snapshot();
  });

  async function expectNothing(): Promise<void> {
    expect(await snapshot()).toEqual(before);
    expect(await tryToken(edge, key.token)).toBe('200');
    expect(edge.logs.join()).not.toContain(key.token);
    expect(logged('leak_reported')).toEqual([]);
  }

  const other = () => leakOf('ea_sk_other');
  const rows: readonly (readonly [
    name: string,
    sending: (text: string) => Sending | Promise<Sending>,
    cause: string,
  ])[] = [
    ['without a signature', () => ({ signature: '' }), 'not signed'],
    ['without a key identifier', () => ({ keyId: '' }), 'not signed'],
    [
      'with a key identifier that is not known',
      () => ({ keyId: KEY_ID.replace('b', 'c') }),
      'signed with a key that is not configured',
    ],
    [
      'with the identifier in other letters',
      () => ({ keyId: KEY_ID.toUpperCase() }),
      'signed with a key that is not configured',
    ],
    [
      'with a signature that is a word',
      () => ({ signature: 'good' }),
      'the signature is malformed',
    ],
    [
      'with a signature as Web Crypto writes it',
      async (text) => {
        const raw = await crypto.subtle.sign(
          { name: 'ECDSA', hash: 'SHA-256' },
          github.privateKey,
          new TextEncoder().encode(text),
        );
        return { signature: btoa(String.fromCharCode(...new Uint8Array(raw))) };
      },
      'the signature is malformed',
    ],
    ['that a stranger signed', () => ({ pair: stranger }), 'the signature is not that of the body'],
    [
      'with the signature of another body',
      async () => ({ signature: await sign(JSON.stringify([other()])) }),
      'the signature is not that of the body',
    ],
    [
      'with a blank that was not signed',
      async (text) => ({ signature: await sign(text), text: `${text} ` }),
      'the signature is not that of the body',
    ],
    [
      'with r and s of 1',
      () => ({ signature: btoa('\x30\x06\x02\x01\x01\x02\x01\x01') }),
      'the signature is not that of the body',
    ],
    [
      'with an s beyond the order of the curve',
      () => ({
        signature: btoa(`\x30\x26\x02\x01\x01\x02\x21\x00${'\xff'.repeat(32)}`),
      }),
      'the signature is not that of the body',
    ],
    [
      'that the admin token vouches for',
      () => ({
        pair: stranger,
        headers: { Authorization: `Bearer ${env.ADMIN_TOKEN}` },
      }),
      'the signature is not that of the body',
    ],
  ];
  it.each(rows)('%s', async (_, sending, cause) => {
    const text = JSON.stringify([leakOf(key.token)]);
    const answer = await send(null, { text, ...(await sending(text)) });
    expectProblem(answer, 403, 'invalid_signature');
    await expectNothing();
    const { requestId } = answer.body;
    expect(logged('management_refused')).toEqual([
      { event: 'management_refused', requestId, code: 'invalid_signature', cause },
    ]);
  });

  it('that is replayed for another token', async () => {
    const text = JSON.stringify([leakOf('ea_sk_unknown')]);
    const signature = await sign(text);
    expect((await send(null, { text, signature })).status).toBe(200);
    const changed = text.replace('ea_sk_unknown', key.token);
    expectProblem(await send(null, { text: changed, signature }), 403, 'invalid_signature');
    await expectNothing();
  });

  it('that is not signed and is no JSON: it is not parsed', async () => {
    expectProblem(await send(null, { text: '[{', pair: stranger }), 403, 'invalid_signature');
    await expectNothing();
  });

  it('that is larger than a MiB, though it is signed', async () => {
    const text = JSON.stringify([leakOf(key.token), ' '.repeat(1024 * 1024)]);
    expectProblem(await send(null, { text }), 413, 'body_too_large');
    await expectNothing();
  });

  it('that is signed, and is no JSON in UTF-8', async () => {
    expectProblem(
      await send(null, { text: `[${JSON.stringify(leakOf(key.token))}` }),
      400,
      'malformed_json',
    );
    await expectNothing();
  });

  it.each<[name: string, misshape: (leak: Document) => unknown, path: string]>([
    ['that is one object', (leak) => leak, ''],
    ['that is null', () => null, ''],
    ['with an entry that is a text', (leak) => [leak, leak.token], '[1]'],
    ['with an entry without a token', (leak) => [leak, { ...leak, token: undefined }], '[1].token'],
    ['with a token that is a list', (leak) => [{ ...leak, token: [leak.token] }], '[0].token'],
    ['without a type', (leak) => [{ ...leak, type: undefined }], '[0].type'],
    ['with an endless type', (leak) => [{ ...leak, type: 'x'.repeat(201) }], '[0].type'],
    ['whose URL is a number', (leak) => [{ ...leak, url: 1 }], '[0].url'],
    [
      'with too many tokens',
      (leak) => Array.from({ length: LEAKS_MAX + 1 }, () => ({ ...leak, url: '' })),
      '',
    ],
  ])('that is signed, and %s', async (_, misshape, path) => {
    const answer = await send(misshape(leakOf(key.token)));
    expectProblem(answer, 422, 'invalid_fields');
    expect(problemsOf(answer)).toMatchObject({ [path]: { value: null } });
    expect(answer.text).not.toContain(key.token);
    await expectNothing();
  });

  it('by another method', async () => {
    const answer = await clientOf(edge, {})('GET', '/leaks/github');
    expectProblem(answer, 405, 'method_not_allowed');
    expect(answer.headers['allow']).toBe('POST');
    await expectNothing();
  });

  it('about tokens that no key has, which all get the same answer', async () => {
    const tokens = [
      '',
      'some_token',
      `${key.token.slice(0, -1)}${key.token.endsWith('0') ? '1' : '0'}`,
      `${key.token} `,
      'ea_sk_EXAMPLEnotASecretEXAMPLE000000EXAMPLE03v8Ljr',
      'x'.repeat(10_000),
    ];
    const answer = await send(tokens.map((token) => leakOf(token)));
    expect(answer.status).toBe(200);
    expect(answer.body).toEqual(
      await Promise.all(
        tokens.map(async (token) => ({
          token_hash: await hashToken(token),
          token_type: 'edge_authorizer_key',
          label: 'false_positive',
        })),
      ),
    );
    await expectNothing();
    expect(logged('leak_unknown')).toEqual([
      { event: 'leak_unknown', requestId: answer.headers['x-request-id'], count: tokens.length },
    ]);
  });
});

describe('a report', () => {
  it('that is signed as in the documentation of GitHub, by its own key, is believed', async () => {
    await fresh({ GITHUB_SECRET_SCANNING_KEYS: { [KEY_ID]: documented.key } });
    const { text, signature } = documented;
    const answer = await send(null, { text, signature });
    expect({ status: answer.status, body: answer.body }).toEqual({
      status: 200,
      body: [
        {
          token_hash: await hashToken('some_token'),
          token_type: 'some_type',
          label: 'false_positive',
        },
      ],
    });
    const changed = text.replace('some_token', 'same_token');
    expectProblem(await send(null, { text: changed, signature }), 403, 'invalid_signature');
  });

  it('may be signed with any of several keys', async () => {
    const keys = { [KEY_ID]: await pemOf(github), next: await pemOf(stranger) };
    await fresh({ GITHUB_SECRET_SCANNING_KEYS: JSON.stringify(keys) });
    expect((await send([], { keyId: 'next', pair: stranger })).status).toBe(200);
    expect((await send([])).status).toBe(200);
    expectProblem(await send([], { keyId: 'next' }), 403, 'invalid_signature');
  });

  it('of a backend key revokes it at once, for every isolate and copy, and is in the audit', async () => {
    await fresh();
    const key = await create({ owner: 'acct_1' });
    expect(await tryToken(edge, key.token)).toBe('200');
    const linesBefore = await edge.query('SELECT count(*) AS count FROM changes');

    const answer = await send([leakOf(key.token)]);
    expect({ status: answer.status, body: answer.body }).toEqual({
      status: 200,
      body: [
        {
          token_hash: await hashToken(key.token),
          token_type: 'edge_authorizer_key',
          label: 'true_positive',
        },
      ],
    });
    expect(answer.headers['cache-control']).toBe('no-store');
    expect(await tryToken(edge, key.token)).toBe('401 invalid_key');
    const { revokedAt } = (await operator('GET', `/keys/${key.id}`)).body;
    expect(revokedAt).toMatch(/Z$/);
    // The change log names the token, and the copy in KV is a tombstone.
    const linesAfter = await edge.query('SELECT count(*) AS count FROM changes');
    expect(linesAfter[0]?.['count']).toBe(Number(linesBefore[0]?.['count']) + 1);
    await expect
      .poll(async () => {
        const copies = Object.entries(await edge.copies());
        const hash = await hashToken(key.token);
        return copies.find(([name]) => name.includes(hash))?.[1];
      })
      .toContain('"value":null');

    const requestId = answer.headers['x-request-id'];
    expect((await auditOf(key.id))[0]).toEqual({
      id: expect.any(String),
      at: expect.any(String),
      actor: 'github secret scanning',
      action: 'revoke',
      keyId: key.id,
      before: expect.objectContaining({ id: key.id, owner: 'acct_1' }),
      after: null,
      requestId,
      leakUrl: URL_FOUND,
    });
    expect(logged('leak_reported')).toEqual([
      {
        event: 'leak_reported',
        requestId,
        keyId: key.id,
        owner: 'acct_1',
        kind: 'backend',
        fate: 'revoked',
        url: URL_FOUND,
        source: 'content',
      },
    ]);
    expect(logged('key_revoked')).toMatchObject([
      { keyId: key.id, actor: 'github secret scanning', requestId },
    ]);
    const everything = JSON.stringify([await snapshot(), edge.logs, await edge.copies()]);
    expect(everything).not.toContain(key.token);
  });

  it('that comes again, or names a token twice, revokes once and is in the audit once', async () => {
    await fresh();
    const key = await create();
    const report = [leakOf(key.token), leakOf(key.token), leakOf(key.token, `${URL_FOUND}#L7`)];
    const text = JSON.stringify(report);
    const signature = await sign(text);
    const first = await send(null, { text, signature });
    const audit = await auditOf(key.id);
    const after = await snapshot();
    const again = await send(null, { text, signature });
    expect(again.body).toEqual(first.body);
    expect(await snapshot()).toEqual(after);
    expect(audit.map(({ action }) => action)).toEqual(['revoke', 'create']);
    expect(logged('leak_reported').map(({ fate }) => fate)).toEqual([
      ...['revoked', 'revoked', 'revoked'],
      ...['revoked_before', 'revoked_before', 'revoked_before'],
    ]);
  });

  it('of which two arrive at the same time revokes once', async () => {
    await fresh();
    const key = await create();
    const answers = await Promise.all([send([leakOf(key.token)]), send([leakOf(key.token)])]);
    expect(answers.map(({ status }) => status)).toEqual([200, 200]);
    expect((await auditOf(key.id)).map(({ action }) => action)).toEqual(['revoke', 'create']);
    expect(await tryToken(edge, key.token)).toBe('401 invalid_key');
  });

  it('of a CORS key is noted once for each place, and the key remains valid', async () => {
    await fresh();
    const key = await createCors();
    const elsewhere = 'https://github.com/octocat/other';
    const report = [leakOf(key.token), leakOf(key.token), leakOf(key.token, elsewhere)];
    const answer = await send([...report, leakOf(key.token, '')]);
    await send(report);
    await send([leakOf(key.token, 'not a URL')]);

    expect(answer.body.map(({ label }: Document) => label)).toEqual(Array(4).fill('true_positive'));
    expect(await tryToken(edge, key.token, { origin: ORIGIN })).toBe('200');
    const { token, lastUsedAt, retiringTokens, updatedAt, revokedAt, ...document } = key;
    const lines = (await auditOf(key.id)).filter(({ action }) => action === 'leak');
    expect(lines.map(({ leakUrl }) => leakUrl).sort()).toEqual([URL_FOUND, elsewhere, null].sort());
    expect(lines[0]).toMatchObject({ before: document, after: document });
    expect(logged('leak_reported').map(({ fate }) => fate)).toEqual([
      ...['reported', 'reported', 'reported', 'reported'],
      ...['known', 'known', 'known', 'known'],
    ]);
  });

  it('of one key is noted for 20 places and no more, however often it comes', async () => {
    await fresh();
    const [key, other] = [await createCors(), await createCors()];
    for (let index = 0; index < 25; index++) {
      await send([leakOf(key.token, `${URL_FOUND}#L${index}`)]);
    }
    await send([leakOf(other.token)]);
    const count = async ({ id }: Document) =>
      (await auditOf(id)).filter(({ action }) => action === 'leak').length;
    expect([await count(key), await count(other)]).toEqual([20, 1]);
    expect(logged('leak_reported').filter(({ fate }) => fate === 'known')).toHaveLength(5);
  });

  it.each([
    [{ LEAKED_KEY_ACTION: 'report' }, '200', '200'],
    [{ LEAKED_CORS_KEY_ACTION: 'revoke' }, '401 invalid_key', '401 invalid_key'],
    [{ LEAKED_KEY_ACTION: 'report', LEAKED_CORS_KEY_ACTION: 'revoke' }, '200', '401 invalid_key'],
  ])('does what %j says', async (vars, backend, cors) => {
    await fresh(vars);
    const keys = [await create(), await createCors()];
    await send(keys.map(({ token }) => leakOf(token)));
    expect([
      await tryToken(edge, keys[0].token),
      await tryToken(edge, keys[1].token, { origin: ORIGIN }),
    ]).toEqual([backend, cors]);
    for (const { id } of keys) expect(await auditOf(id)).toHaveLength(2);
  });

  it('of a token that a roll has ended leaves the key with its new token alone', async () => {
    await fresh();
    const key = await create();
    const rolled = (await operator('POST', `/keys/${key.id}/roll`)).body;
    expect((await send([leakOf(key.token)])).body[0].label).toBe('true_positive');
    expect(await tryToken(edge, rolled.token)).toBe('200');
    expect((await auditOf(key.id)).map(({ action }) => action)).toEqual(['leak', 'roll', 'create']);
    expect(logged('leak_reported')).toMatchObject([{ fate: 'reported', hasTokenEnded: true }]);
  });

  it('of a token in its grace revokes the key: that token works', async () => {
    await fresh();
    const key = await create();
    const rolled = (await operator('POST', `/keys/${key.id}/roll`, { body: { graceSeconds: 60 } }))
      .body;
    await send([leakOf(key.token)]);
    for (const { token } of [key, rolled]) {
      expect(await tryToken(edge, token)).toBe('401 invalid_key');
    }
  });

  it('of a disabled key revokes it, so that it cannot be enabled again', async () => {
    await fresh();
    const key = await create();
    await operator('PATCH', `/keys/${key.id}`, { body: { enabled: false } });
    await send([leakOf(key.token)]);
    expectProblem(
      await operator('PATCH', `/keys/${key.id}`, { body: { enabled: true } }),
      404,
      'not_found',
    );
  });

  it('of a token that was imported finds it, and cuts it out of the URL', async () => {
    await fresh();
    const token = '4f8a6c1e-6c1b-4b62-9d3e-0f3f6f0c8d11';
    const imported = await operator('POST', '/keys/import', {
      body: { keys: [{ name: 'a', token }] },
    });
    const [{ id }] = imported.body.keys;
    expect(await tryToken(edge, token)).toBe('200');
    await send([leakOf(token, `https://a.example/?key=${token}`)]);
    expect(await tryToken(edge, token)).toBe('401 invalid_key');
    expect((await auditOf(id))[0].leakUrl).toBe('https://a.example/?key=…');
    expect(JSON.stringify([await snapshot(), edge.logs])).not.toContain(token);
  });

  it('keeps nothing of a URL that hides the token, and logs no invalid source', async () => {
    await fresh();
    const key = await create();
    const encoded = key.token.replaceAll('_', '%5f');
    const leak = { ...leakOf(key.token, `https://a.example/${encoded}`), source: key.token };
    await send([leak]);
    expect((await auditOf(key.id))[0].leakUrl).toBeNull();
    const everything = JSON.stringify([await snapshot(), edge.logs]);
    expect(everything).not.toContain(encoded);
    expect(everything).not.toContain(key.token);
  });

  it('may have unknown members, and omit the place of the token', async () => {
    await fresh();
    const key = await create();
    const { token, type } = leakOf(key.token);
    expect((await send([{ token, type, severity: 9 }])).status).toBe(200);
    expect(await tryToken(edge, token)).toBe('401 invalid_key');
  });

  it('is on the page, as text, also if the place is unknown', async () => {
    await fresh();
    const [key, other] = [await create(), await createCors()];
    await send([leakOf(key.token, `${URL_FOUND}?a=1&b='<i>'`), leakOf(other.token, '')]);
    const { body } = await (await signIn(edge)).get('/_edge/audit');
    expect(body).toContain('<strong>Found in public</strong>');
    expect(body).toContain('<strong>Deleted</strong>');
    expect(body.match(/github secret scanning/g)).toHaveLength(2);
    expect(body).toContain(`Token found at ${URL_FOUND}?a=1&amp;b=%27%3Ci%3E%27<`);
    expect(body.match(/Token found at/g)).toHaveLength(1);
    expect(body).not.toContain(`href="${URL_FOUND}`);
  });

  it('is in the audit of the owner, who did not make it', async () => {
    await fresh();
    const key = await create({ owner: 'acct_1' });
    await send([leakOf(key.token)]);
    const rows = await edge.query('SELECT owner FROM audit WHERE key_id = ?', key.id);
    expect(rows).toEqual([{ owner: 'acct_1' }, { owner: 'acct_1' }]);
  });

  it('works without anyone who can manage keys', async () => {
    await fresh();
    const key = await create();
    // The same storage, seen by a deployment without an operator.
    const keys = { [KEY_ID]: await pemOf(github) };
    const text = JSON.stringify([leakOf(key.token)]);
    const worker = (await import('../../src/index.ts')).default;
    const request = new Request('https://edge.test/_edge/v1/leaks/github', {
      method: 'POST',
      body: text,
      headers: {
        'Github-Public-Key-Identifier': KEY_ID,
        'Github-Public-Key-Signature': await sign(text),
      },
    });
    const { ADMIN_TOKEN: _, ...bindings } = env;
    const deployed = { ...bindings, GITHUB_SECRET_SCANNING_KEYS: keys };
    const ctx = { waitUntil: () => undefined, passThroughOnException: () => undefined, props: {} };
    const answer = await worker.fetch(request, deployed as never, ctx);
    expect(answer.status).toBe(200);
    const rows = await edge.query('SELECT revoked_at_ms FROM keys WHERE id = ?', key.id);
    expect(rows[0]?.['revoked_at_ms']).not.toBeNull();
  });

  it(`of more than ${LEAK_KEYS_REVOKED_MAX} keys is refused once those are revoked, and ends the rest when it comes again`, async () => {
    await fresh();
    const made = await operator('POST', '/keys/import', {
      body: {
        keys: Array.from({ length: LEAK_KEYS_REVOKED_MAX + 2 }, (_, index) => ({
          name: `n${index}`,
          token: `token-number-${index}`,
        })),
      },
    });
    const tokens = made.body.keys.map((_: Document, index: number) => `token-number-${index}`);
    const live = async () =>
      (await edge.query('SELECT count(*) AS live FROM keys WHERE revoked_at_ms IS NULL'))[0]?.[
        'live'
      ];
    const reports = tokens.map((token: string) => leakOf(token));
    const refused = await send(reports);
    expectProblem(refused, 503, 'leaks_left');
    expect(refused.headers['retry-after']).toBe('1');
    expect(await live()).toBe(2);
    expect(logged('leak_reported').filter(({ fate }) => fate === 'left')).toHaveLength(2);
    const again = await send(reports);
    expect(again.status).toBe(200);
    expect(again.body).toHaveLength(tokens.length);
    expect(await live()).toBe(0);
  });
});
