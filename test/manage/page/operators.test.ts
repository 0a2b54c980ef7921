/** Named operators on the page: how they sign in, what ends their sessions, and what each scope opens. */

import { exportJWK, generateKeyPair, SignJWT } from 'jose';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { hashToken } from '../../../src/core/key/token.ts';
import type { OperatorScope } from '../../../src/core/operators/operator-scopes.ts';
import {
  makeOperatorToken,
  type OperatorToken,
} from '../../../src/core/operators/operator-tokens.ts';
import { operatorKey, operatorKeyId } from '../../../src/manage/page/access/session-key.ts';
import type { Answer, Deployment } from '../../contract/deployment.ts';
import { timeLeftInMinute } from '../../support/time-left.ts';
import { deploy } from '../../support/workers.ts';
import { snapshot } from '../client.ts';
import { hiddenFields, signIn, type Visitor, visitorOf } from './browser.ts';

const newToken = () => makeOperatorToken((bytes) => crypto.getRandomValues(bytes));
const tokens = { read: newToken(), keys: newToken(), everything: newToken() };
const nextToken = newToken();

let edge: Deployment;
beforeEach(async () => {
  edge = await deployWith(Object.keys(tokens).map((scope) => entryOf(scope as OperatorScope)));
});
afterEach(() => edge.dispose());

type Entry = Promise<OperatorToken>;
type Vars = Readonly<Record<string, string>>;

async function entryOf(
  scope: OperatorScope,
  token = tokens[scope],
  scopes: readonly OperatorScope[] = [scope],
): Entry {
  return { name: scope, sha256: await hashToken(token), scopes };
}

async function deployWith(entries: readonly Entry[], vars: Vars = {}): Promise<Deployment> {
  const adminTokens = await Promise.all(entries);
  return deploy({ vars: { ADMIN_TOKENS: JSON.stringify(adminTokens), ...vars } });
}

/**
 * Deploys with other entries, as a change of the setting does: another isolate, and the same D1. The test
 * deployment empties D1, so the secret of sessions is carried over.
 */
async function changeEntries(entries: readonly Entry[]): Promise<void> {
  const statement = "SELECT value FROM settings WHERE name = 'page_session_secret'";
  const [row] = await edge.query(statement);
  await edge.dispose();
  edge = await deployWith(entries);
  await edge.query(
    "INSERT INTO settings (name, value) VALUES ('page_session_secret', ?1)",
    String(row?.['value']),
  );
}

const isEnded = ({ status, headers }: Answer) =>
  status === 303 && (headers['location'] ?? '').includes('ended=');

describe('a session of a named operator', () => {
  it('is opened by the form of the admin token, names them, and is logged under their name', async () => {
    const visitor = await signIn(edge, tokens.read);
    const shown = await visitor.get('/_edge/');
    expect(shown.status).toBe(200);
    expect(shown.body).toContain('<span>read (read)</span>');
    expect(edge.logs.join('\n')).toContain('"actor":"operator:read"');
    expect(edge.logs.join('\n') + visitor.cookie).not.toContain(tokens.read);
    expect(visitor.cookie).not.toContain(await hashToken(tokens.read));
  });

  it('is opened without an admin token as well', async () => {
    await edge.dispose();
    edge = await deployWith([entryOf('keys')], { ADMIN_TOKEN: '' });
    const visitor = await signIn(edge, tokens.keys);
    expect((await visitor.get('/_edge/')).status).toBe(200);
    const answer = await visitorOf(edge).post('/_edge/sign-in', { form: { token: '' } });
    expect(answer.status).toBe(403);
    expect(answer.cookies).toEqual([]);
  });

  it('is not opened by the hash of a token, which is configured, nor by a name', async () => {
    for (const token of [await hashToken(tokens.read), 'read', nextToken, `${tokens.read}x`]) {
      const answer = await visitorOf(edge).post('/_edge/sign-in', { form: { token } });
      expect([token, answer.status, answer.cookies]).toEqual([token, 403, []]);
    }
  });

  it('is refused after too many attempts, with the right token too', async () => {
    await timeLeftInMinute();
    const headers = { 'CF-Connecting-IP': '192.0.2.141' };
    const attempt = (token: string) =>
      visitorOf(edge).post('/_edge/sign-in', { form: { token }, headers });
    for (let count = 1; count <= 10; count += 1) {
      expect((await attempt(nextToken)).status).toBe(403);
    }
    const limited = await attempt(tokens.everything);
    expect(limited.status).toBe(429);
    expect(limited.cookies).toEqual([]);
  });

  it('ends as soon as the token is removed', async () => {
    const { cookie } = await signIn(edge, tokens.read);
    await changeEntries([entryOf('keys')]);
    expect(isEnded(await visitorOf(edge, cookie).get('/_edge/'))).toBe(true);
  });

  it('ends with a rotation, and is not opened again by another entry of the name', async () => {
    const { cookie } = await signIn(edge, tokens.keys);
    await changeEntries([entryOf('keys'), entryOf('keys', nextToken)]);
    expect((await visitorOf(edge, cookie).get('/_edge/')).status).toBe(200);
    await changeEntries([entryOf('keys', nextToken)]);
    expect(isEnded(await visitorOf(edge, cookie).get('/_edge/'))).toBe(true);
    expect((await (await signIn(edge, nextToken)).get('/_edge/')).status).toBe(200);
  });

  it('follows its scopes as they are now, in both directions', async () => {
    const { cookie } = await signIn(edge, tokens.keys);
    await changeEntries([entryOf('keys', tokens.keys, ['read'])]);
    expect((await visitorOf(edge, cookie).get('/_edge/audit')).status).toBe(200);
    expect((await visitorOf(edge, cookie).get('/_edge/keys/new')).status).toBe(403);
    await changeEntries([entryOf('keys')]);
    expect((await visitorOf(edge, cookie).get('/_edge/audit')).status).toBe(403);
    expect((await visitorOf(edge, cookie).get('/_edge/keys/new')).status).toBe(200);
  });

  it('is over for copies of its cookie once it was signed out of', async () => {
    const visitor = await signIn(edge, tokens.read);
    await visitor.submit('/_edge/', '/_edge/sign-out');
    expect(isEnded(await visitorOf(edge, visitor.cookie).get('/_edge/'))).toBe(true);
  });

  const forgeries: readonly (readonly [
    name: string,
    forge: (entry: OperatorToken, secret: string) => Promise<readonly [string, Uint8Array]>,
  ])[] = [
    [
      'by the settings alone',
      async (entry) => [await operatorKeyId(entry), await operatorKey(entry, '')],
    ],
    [
      'by a copy of D1 alone',
      async (entry, secret) => [
        await operatorKeyId(entry),
        await operatorKey({ ...entry, sha256: '' }, secret),
      ],
    ],
    [
      'by the session of another operator, in this name',
      async (entry, secret) => [
        await operatorKeyId(entry),
        await operatorKey(await entryOf('read'), secret),
      ],
    ],
    [
      'under a key id that no entry has',
      async (entry, secret) => ['x', await operatorKey(entry, secret)],
    ],
  ];
  const readSecret = async () => {
    await signIn(edge, tokens.read);
    const rows = await edge.query("SELECT value FROM settings WHERE name = 'page_session_secret'");
    return String(rows[0]?.['value']);
  };
  const sign = (kid: string, key: Uint8Array) =>
    new SignJWT({ auth_time: Math.floor(Date.now() / 1000) })
      .setProtectedHeader({ alg: 'HS256', kid })
      .setAudience('edge-authorizer page')
      .setJti('a')
      .setIssuedAt()
      .setExpirationTime('30m')
      .sign(key);
  it.each(forgeries)('is not made %s', async (_name, forge) => {
    const secret = await readSecret();
    const entry = await entryOf('everything');
    const cookie = `__Host-edge-session=${await sign(...(await forge(entry, secret)))}`;
    expect(isEnded(await visitorOf(edge, cookie).get('/_edge/'))).toBe(true);
  });

  it('is made by both together: control case', async () => {
    const secret = await readSecret();
    expect(secret).toMatch(/^[0-9a-f]{64}$/);
    const entry = await entryOf('everything');
    const token = await sign(await operatorKeyId(entry), await operatorKey(entry, secret));
    const visitor = visitorOf(edge, `__Host-edge-session=${token}`);
    expect((await visitor.get('/_edge/')).status).toBe(200);
  });
});

describe('the page of an operator with the scope', () => {
  const forms = (id: string) => ({
    editKey: [
      `/_edge/keys/${id}`,
      `/_edge/keys/${id}/disable`,
      `/_edge/keys/${id}/enable`,
      `/_edge/keys/${id}/suspend`,
      `/_edge/keys/${id}/unsuspend`,
      `/_edge/keys/${id}/allow-origin`,
      `/_edge/keys/${id}/client-tokens`,
      `/_edge/keys/${id}/sign-out-everyone`,
    ],
    createKey: ['/_edge/keys'],
    rollKey: [`/_edge/keys/${id}/roll`],
    revokeKey: [`/_edge/keys/${id}/delete`],
  });

  async function formTokenOf(visitor: Visitor): Promise<string> {
    const { body } = await visitor.get('/_edge/');
    return hiddenFields(body, '/_edge/sign-out')['form_token'] ?? '';
  }

  it('read refuses every form that changes a key, and says which scope it needs', async () => {
    const { id } = await edge.createKey({ name: 'target' });
    const visitor = await signIn(edge, tokens.read);
    const form = { form_token: await formTokenOf(visitor), name: 'changed' };
    const before = await snapshot();
    for (const path of Object.values(forms(id)).flat()) {
      const answer = await visitor.post(path, { form });
      expect([path, answer.status]).toEqual([path, 403]);
      expect(answer.body).toContain('it needs &quot;keys&quot; or &quot;everything&quot;');
      expect(answer.headers['content-type']).toContain('text/html');
    }
    await expect(snapshot()).resolves.toEqual(before);
    expect(edge.logs.join('\n')).toContain('"cause":"operator:read: rollKey"');
  });

  it('read shows a key with all of its settings, and no way to change it', async () => {
    const allowedOrigins = ['https://app.example.com'];
    const { id } = await edge.createKey({
      name: 'target',
      access: { cors: { allowedOrigins, fullAccess: false } },
    });
    const visitor = await signIn(edge, tokens.read);
    const list = await visitor.get('/_edge/');
    const shown = await visitor.get(`/_edge/keys/${id}`);
    expect(shown.body).toContain('https://app.example.com');
    for (const path of Object.values(forms(id)).flat()) {
      expect(list.body + shown.body, path).not.toContain(`action="${path}"`);
    }
    for (const gone of ['/_edge/keys/new', '#roll', '#delete', '#settings', '#state']) {
      expect(list.body + shown.body, gone).not.toContain(gone);
    }
    expect(list.body).toContain('href="/_edge/audit"');
  });

  it('keys changes keys under the name of the operator, and neither shows nor opens the audit', async () => {
    const visitor = await signIn(edge, tokens.keys);
    const made = await visitor.submit('/_edge/keys/new', '/_edge/keys', { name: 'made by keys' });
    expect(made.status).toBe(201);
    const [audited] = await edge.query('SELECT actor, key_id FROM audit');
    expect(audited?.['actor']).toBe('operator:keys');
    const id = String(audited?.['key_id']);
    for (const path of ['/_edge/', '/_edge/overview', `/_edge/keys/${id}`]) {
      const shown = await visitor.get(path);
      expect(shown.status).toBe(200);
      expect(shown.body, path).not.toContain('/_edge/audit');
    }
    const refused = await visitor.get('/_edge/audit');
    expect(refused.status).toBe(403);
    expect(refused.body).toContain('it needs &quot;read&quot; or &quot;everything&quot;');
    const disabled = await visitor.submit(`/_edge/keys/${id}`, `/_edge/keys/${id}/disable`);
    expect(disabled.status).toBe(303);
  });

  it('everything is that of the admin token', async () => {
    const { id } = await edge.createKey({ name: 'target' });
    const visitor = await signIn(edge, tokens.everything);
    for (const path of ['/_edge/', '/_edge/audit', '/_edge/keys/new', `/_edge/keys/${id}`]) {
      expect((await visitor.get(path)).status, path).toBe(200);
    }
    const answer = await visitor.submit(`/_edge/keys/${id}`, `/_edge/keys/${id}/suspend`);
    expect(answer.status).toBe(303);
  });

  it('read does nothing with a form that everything was shown', async () => {
    const { id } = await edge.createKey({ name: 'target' });
    const other = await signIn(edge, tokens.everything);
    const action = `/_edge/keys/${id}/disable`;
    const form = hiddenFields((await other.get(`/_edge/keys/${id}`)).body, action);
    const visitor = await signIn(edge, tokens.read);
    const answer = await visitor.post(action, { form });
    expect(answer.status).toBe(403);
    expect(answer.body).toContain('Not from this page');
  });
});

describe('a person of the provider whom Cloudflare Access sent', () => {
  const people = {
    MANAGE_JWT_ISSUER: 'https://team.cloudflareaccess.example',
    MANAGE_JWT_AUDIENCE: 'edge',
    MANAGE_JWT_JWKS_URL: 'https://team.cloudflareaccess.example/certs',
    MANAGE_JWT_OWNER_CLAIM: 'account',
    MANAGE_JWT_OPERATOR_CLAIM: 'custom.edge_scopes',
  };

  async function personWith(scopes: readonly string[]): Promise<Visitor> {
    const pair = await generateKeyPair('ES256', { extractable: true });
    const keys = [{ ...(await exportJWK(pair.publicKey)), kid: 'one', alg: 'ES256' }];
    await edge.dispose();
    edge = await deployWith([], people);
    vi.mocked(fetch).mockImplementation(async () => Response.json({ keys }));
    const token = await new SignJWT({ sub: 'ann', custom: { edge_scopes: scopes } })
      .setProtectedHeader({ alg: 'ES256', kid: 'one' })
      .setIssuer(people.MANAGE_JWT_ISSUER)
      .setAudience('edge')
      .setExpirationTime('5m')
      .sign(pair.privateKey);
    return visitorOf(edge, null, { 'Cf-Access-Jwt-Assertion': token });
  }

  it('is an operator within their scopes, by name', async () => {
    const visitor = await personWith(['read']);
    const { id } = await edge.createKey({ name: 'of an owner', owner: 'acct_1' });
    const list = await visitor.get('/_edge/');
    expect(list.body).toContain('<span>ann (read)</span>');
    expect(list.body).toContain('of an owner');
    expect(list.body).not.toContain('/_edge/keys/new');
    expect((await visitor.get(`/_edge/keys/${id}`)).status).toBe(200);
    expect((await visitor.get('/_edge/keys/new')).status).toBe(403);
  });

  it('changes keys as themselves', async () => {
    const visitor = await personWith(['keys']);
    const made = await visitor.submit('/_edge/keys/new', '/_edge/keys', { name: 'made by ann' });
    expect(made.status).toBe(201);
    await expect(edge.query('SELECT actor FROM audit')).resolves.toEqual([
      { actor: 'operator:person:ann' },
    ]);
  });

  it('is no operator without a scope', async () => {
    const visitor = await personWith(['admin']);
    expect((await visitor.get('/_edge/')).status).toBe(303);
  });
});
