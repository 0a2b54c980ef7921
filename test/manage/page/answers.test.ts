/**
 * Answers of the page that can be checked without a browser: headers, assets, text that looks like
 * markup, invalid forms, and failures of stores.
 */

import { env } from 'cloudflare:workers';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Answer, CreatedKey, Deployment } from '../../contract/deployment.ts';
import { deploy } from '../../support/workers.ts';
import { snapshot } from '../client.ts';
import { cookieOf, hiddenFields, signIn, type Visitor, visitorOf } from './browser.ts';

let edge: Deployment;
let operator: Visitor;
const open = async () => {
  edge = await deploy();
  operator = await signIn(edge);
};

/** Gives each test of a group an edge of its own. */
function onEdgesOfTheirOwn(): void {
  beforeEach(open);
  afterEach(() => edge.dispose());
}

/** Gives all tests of a group one edge, which none of them changes for the others. */
function onOneEdge(): void {
  beforeAll(open);
  afterAll(() => edge.dispose());
}

const corsKey = (name: string, allowedOrigins: string[], more: object = {}) =>
  edge.createKey({ name, access: { cors: { allowedOrigins, ...more } } });

describe('every answer', () => {
  onOneEdge();

  const answers: readonly (readonly [name: string, status: number, ask: () => Promise<Answer>])[] =
    [
      ['a list', 200, () => operator.get('/_edge/')],
      ['a sign-in page', 200, () => visitorOf(edge).get('/_edge/sign-in')],
      ['a redirect to it', 303, () => visitorOf(edge).get('/_edge/')],
      [
        'a refused sign-in',
        403,
        () => visitorOf(edge).post('/_edge/sign-in', { form: { token: 'a' } }),
      ],
      [
        'a sign-in',
        303,
        () => visitorOf(edge).post('/_edge/sign-in', { form: { token: edge.adminToken } }),
      ],
      [
        'a forged request',
        403,
        () => operator.post('/_edge/keys', { site: 'cross-site', form: {} }),
      ],
      [
        'a page on the way back from another site',
        200,
        () => visitorOf(edge).get('/_edge/', { site: 'cross-site' }),
      ],
      ['a token', 201, () => operator.submit('/_edge/keys/new', '/_edge/keys', { name: 'a' })],
      [
        'a refused form',
        422,
        () => operator.submit('/_edge/keys/new', '/_edge/keys', { name: '' }),
      ],
      ['a key that is not there', 404, () => operator.get('/_edge/keys/key_0')],
      ['a checked origin', 200, () => checkOrigin('https://a.example')],
      ['a sign-out', 303, () => operator.submit('/_edge/', '/_edge/sign-out')],
    ];
  it.each(answers)('to %s keeps the browser to what is ours', async (_name, status, ask) => {
    const answer = await ask();
    expect(answer.status, answer.body).toBe(status);
    expect(answer.headers).toMatchObject({
      'content-security-policy':
        "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
      'x-content-type-options': 'nosniff',
      'referrer-policy': 'no-referrer',
      'cross-origin-opener-policy': 'same-origin',
      'cross-origin-resource-policy': 'same-origin',
      'cache-control': 'no-store',
      'x-request-id': expect.stringMatching(/^[0-9a-f-]{36}$/),
    });
    const names = Object.keys(answer.headers);
    expect(names.filter((name) => name.startsWith('access-control-'))).toEqual([]);
    // That concerns the whole host, and is the operator's.
    expect(names).not.toContain('strict-transport-security');
    expect(names).not.toContain('x-no-page');
    // Nothing inline, which the policy would stop.
    expect(answer.body).not.toMatch(/<script(?![^>]* src=)|<style| style=| on[a-z]+=/);
  });

  it('to an address that does not exist is the problem that programs get', async () => {
    for (const path of ['/_edge/nothing', '/_edge/keys', '/_edge/keys/a/b/c']) {
      const answer = await operator.get(path);
      expect(answer.status, path).toBe(404);
      expect(JSON.parse(answer.body)).toMatchObject({ code: 'not_found' });
      expect(answer.headers['x-no-page']).toBeUndefined();
    }
    // A session is not asked for where there is nothing.
    expect((await visitorOf(edge).get('/_edge/nothing')).status).toBe(404);
  });
});

describe('an asset', () => {
  onOneEdge();

  const urls = async () => {
    const { body } = await visitorOf(edge).get('/_edge/sign-in');
    return [...new Set(body.match(/\/_edge\/assets\/[^"]+/g))].sort();
  };

  it('needs no session, and is kept for ever under the hash of its content', async () => {
    const found = await urls();
    expect(found).toEqual([
      expect.stringMatching(/^\/_edge\/assets\/icon\.[0-9a-f]{8}\.svg$/),
      expect.stringMatching(/^\/_edge\/assets\/script\.[0-9a-f]{8}\.js$/),
      expect.stringMatching(/^\/_edge\/assets\/style\.[0-9a-f]{8}\.css$/),
    ]);
    const types = ['image/svg+xml', 'text/javascript; charset=utf-8', 'text/css; charset=utf-8'];
    for (const [index, url] of found.entries()) {
      const answer = await visitorOf(edge).get(url);
      expect(answer.status).toBe(200);
      expect(answer.headers).toMatchObject({
        'content-type': types[index],
        'cache-control': 'public, max-age=31536000, immutable',
        'x-content-type-options': 'nosniff',
      });
      expect(answer.cookies).toEqual([]);
      expect(answer.body.length).toBeGreaterThan(100);
    }
  });

  it('of another version is the present one, and is not kept under that name', async () => {
    const answer = await visitorOf(edge).get('/_edge/assets/style.00000000.css');
    expect(answer.status).toBe(200);
    expect(answer.headers['cache-control']).toBe('no-store');
  });

  it('that there is not is not found', async () => {
    for (const file of ['style.css.map', 'other.00000000.js', 'style', 'script.ts']) {
      expect((await visitorOf(edge).get(`/_edge/assets/${file}`)).status, file).toBe(404);
    }
  });
});

describe('text of others', () => {
  onEdgesOfTheirOwn();

  const markup = `"><script>alert(1)</script>'&lt;<img src=x onerror=alert(1)>`;

  it('is text on every view', async () => {
    const key = await corsKey(markup, ['https://a.example']);
    await edge.query(
      `INSERT INTO refused_origins (key_id, origin, code, last_at_ms, count)
       VALUES (?, ?, 'origin_not_allowed', 1, 1)`,
      key.id,
      `https://${markup}.example`,
    );
    const search = new URLSearchParams({ q: markup });
    const explain = new URLSearchParams({ method: markup, path: markup, origin: markup });
    for (const path of [
      '/_edge/',
      `/_edge/?${search}`,
      `/_edge/?q=none${search}`,
      `/_edge/keys/${key.id}`,
      `/_edge/keys/${key.id}?${explain}`,
      `/_edge/keys/${key.id}?done=${encodeURIComponent(markup)}`,
      '/_edge/audit',
      `/_edge/audit?${new URLSearchParams({ keyId: markup })}`,
      `/_edge/sign-in?${new URLSearchParams({ to: markup })}`,
    ]) {
      const { body } = await operator.get(path);
      expect(body, path).not.toContain('<script>alert');
      expect(body, path).not.toContain('<img src=x');
    }
    const refused = await operator.submit('/_edge/keys/new', '/_edge/keys', {
      name: 'a',
      owner: markup,
      cors: 'on',
      origins: markup,
      expires: markup,
      expires_at: markup,
      idempotency_key: markup,
    });
    expect(refused.body).not.toContain('<script>alert');
    expect(refused.body).not.toContain('<img src=x');
  });
});

describe('checking an origin', () => {
  onOneEdge();

  it('needs a person who is signed in, and a form that we showed', async () => {
    const stranger = await visitorOf(edge).post('/_edge/origins', { form: { origin: 'a' } });
    expect(stranger.status).toBe(303);
    const withoutToken = await operator.post('/_edge/origins', { form: { origin: 'a' } });
    expect(withoutToken.status).toBe(403);
  });

  const checks = [
    ['nonsense', [], { pattern: null, reason: /scheme/ }],
    ['https://a.com,https://b.com', [], { pattern: null, reason: /Cannot allow/ }],
    ['https://*.co.uk', [], { pattern: null, reason: /public suffix/ }],
    ['HTTPS://App.Example:443/', [], { pattern: 'https://app.example', warnings: [] }],
    ['*', [], { pattern: '*', warnings: ['*'] }],
    ['http://app.example', [], { pattern: 'http://app.example', warnings: ['http://app.example'] }],
    ['http://localhost:3000', [], { pattern: 'http://localhost:3000', warnings: [] }],
    [
      'http://localhost:3000',
      ['https://app.example'],
      { pattern: 'http://localhost:3000', warnings: ['http://localhost:3000'] },
    ],
    [
      'https://app.example',
      ['http://localhost:3000'],
      { pattern: 'https://app.example', warnings: ['http://localhost:3000'] },
    ],
    ['', ['*', 'nonsense'], { pattern: null, warnings: ['*'] }],
  ] as const;
  it.each(checks)('%j beside %j', async (origin, others, expected) => {
    const answer = await checkOrigin(origin, others);
    expect(answer.status).toBe(200);
    const { pattern, problem, warnings } = JSON.parse(answer.body);
    expect(pattern).toBe(expected.pattern);
    if ('reason' in expected) {
      expect(problem).toMatchObject({
        value: origin,
        reason: expect.stringMatching(expected.reason),
        fix: expect.stringMatching(/./),
      });
    } else {
      expect(problem).toBeNull();
      expect(warnings.map((warning: { pattern: string }) => warning.pattern)).toEqual(
        expected.warnings,
      );
    }
  });
});

describe('an action on a key', () => {
  onEdgesOfTheirOwn();

  let key: CreatedKey;
  beforeEach(async () => {
    key = await corsKey('Player', ['https://a.example']);
  });
  const page = () => `/_edge/keys/${key.id}`;
  const stored = async () => {
    const [row] = await edge.query('SELECT * FROM keys WHERE id = ?', key.id);
    return row;
  };

  const stale: readonly (readonly [action: string, fields: Record<string, string>])[] = [
    ['', { name: 'Renamed', origins: 'https://a.example', expires_at: '' }],
    ['/disable', {}],
    ['/allow-origin', { origin: 'https://new.example' }],
    ['/roll', { grace: '0' }],
    ['/delete', { confirmation: 'Player' }],
  ];
  it.each(stale)('%j is not done if another operator has changed it', async (action, fields) => {
    const other = await signIn(edge);
    // The form for an origin is there only once one was refused; its hidden fields are the same.
    const form = page() + (action === '/allow-origin' ? '' : action);
    const hidden = hiddenFields((await operator.get(page())).body, form);
    await other.submit(page(), page(), {
      name: 'Player',
      origins: 'https://a.example\nhttps://of.others.example',
    });
    const before = await snapshot();
    const answer = await operator.post(page() + action, { form: { ...hidden, ...fields } });
    expect(answer.status).toBe(412);
    expect(answer.body).toContain('somebody else has changed this key'); // cspell:disable-line
    expect(answer.body).toContain('https://of.others.example');
    await expect(snapshot()).resolves.toEqual(before);
  });

  it('that allows an origin adds it to the others', async () => {
    await operator.submit(page(), `${page()}/disable`);
    await edge.query(
      `INSERT INTO refused_origins (key_id, origin, code, last_at_ms, count)
       VALUES (?, 'https://preview.example', 'origin_not_allowed', 1, 3), (?, 'null', 'origin_not_allowed', 1, 1)`,
      key.id,
      key.id,
    );
    const shown = await operator.get(page());
    // An opaque origin cannot be listed, so that there is nothing to click.
    expect(shown.body.match(/\/allow-origin"/g)).toHaveLength(1);
    const answer = await operator.submit(page(), `${page()}/allow-origin`);
    expect(answer.headers['location']).toBe(`${page()}?done=allowed`);
    expect(JSON.parse(String((await stored())?.['allowed_origins']))).toEqual([
      'https://a.example',
      'https://preview.example',
    ]);
  });

  it('that edits keeps what no field shows: rules, and the seconds of an expiry', async () => {
    const ruled = await edge.createKey({
      name: 'Ruled',
      access: {
        cors: { allowedOrigins: ['https://a.example'] },
        rules: [{ methods: ['get'], resources: ['/api/asset/:id'] }],
      },
      expiresAt: '2031-02-03T04:05:06.789Z',
    });
    const address = `/_edge/keys/${ruled.id}`;
    const { body } = await operator.get(address);
    expect(body).toContain('value="2031-02-03T04:05:06"');
    const saved = await operator.submit(address, address, {
      name: 'Ruled',
      origins: 'https://a.example\r\nhttps://b.example',
      expires_at: '2031-02-03T04:05:06',
    });
    expect(saved.headers['location']).toBe(`${address}?done=saved`);
    const [row] = await edge.query('SELECT * FROM keys WHERE id = ?', ruled.id);
    expect(row).toMatchObject({
      rules: JSON.stringify([{ methods: ['get'], resources: ['/api/asset/:id'] }]),
      expires_at_ms: Date.parse('2031-02-03T04:05:06.789Z'),
      full_access: 0,
      allowed_origins: JSON.stringify(['https://a.example', 'https://b.example']),
    });
  });

  it('that changes nothing changes nothing', async () => {
    const before = await snapshot();
    const answer = await operator.submit(page(), page(), {
      name: 'Player',
      origins: 'https://a.example',
      expires_at: '',
    });
    expect(answer.headers['location']).toBe(`${page()}?done=unchanged`);
    await expect(snapshot()).resolves.toEqual(before);
  });

  it('shows what is wrong with a field, and everything that was typed', async () => {
    const before = await snapshot();
    const answer = await operator.submit(page(), page(), {
      name: ' ',
      origins: 'https://typed.example\nnot an origin',
      expires_at: 'someday',
    });
    expect(answer.status).toBe(422);
    for (const text of ['not an origin', 'https://typed.example', 'someday']) {
      expect(answer.body).toContain(text);
    }
    for (const field of ['edit-name', 'edit-origins', 'edit-expires-at']) {
      expect(answer.body).toMatch(new RegExp(`id="${field}"[^>]* aria-invalid="true"`));
      expect(answer.body).toContain(`id="${field}-error"`);
    }
    await expect(snapshot()).resolves.toEqual(before);
  });

  it('that takes every origin away is refused in words that hold for it', async () => {
    const answer = await operator.submit(page(), page(), {
      name: 'Player',
      origins: '',
      expires_at: '',
    });
    expect(answer.status).toBe(422);
    expect(answer.body).toContain('a key for backends is one that is made without CORS access');
    expect(answer.body).not.toContain('remove access.cors');
  });

  it('that rolls says until when the token before can be used, there and on its page', async () => {
    const rolled = await operator.submit(page(), `${page()}/roll`, { grace: '86400' });
    const [row] = await edge.query('SELECT expires_at_ms FROM tokens WHERE expires_at_ms > 0');
    const end = `<time datetime="${new Date(Number(row?.['expires_at_ms'])).toISOString()}">`;
    for (const body of [rolled.body, (await operator.get(page())).body]) {
      expect(body).toContain(`can be used until ${end}`);
    }
    const ended = await operator.submit(page(), `${page()}/roll`, { grace: '0' });
    expect(ended.body).toContain('Every earlier one stops within seconds');
    expect((await operator.get(page())).body).not.toContain('can be used until');
  });

  it('deletes only when its name was typed', async () => {
    for (const confirmation of ['', 'player', 'Playe', 'Player 2']) {
      const answer = await operator.submit(page(), `${page()}/delete`, { confirmation });
      expect(answer.status, confirmation).toBe(422);
      expect(await stored()).toMatchObject({ revoked_at_ms: null });
      // Said at the field, with what was typed still in it, and nowhere else.
      const [field = ''] = /<input id="confirmation"[^>]*>/.exec(answer.body) ?? [];
      for (const attribute of [
        'aria-invalid="true"',
        'aria-describedby="confirmation-error"',
        'autofocus=""',
        `value="${confirmation}"`,
      ]) {
        expect(field).toContain(attribute);
      }
      expect(answer.body.match(/key was not deleted/g)).toHaveLength(1);
    }
    const answer = await operator.submit(page(), `${page()}/delete`, { confirmation: 'Player' });
    expect(answer.headers['location']).toBe('/_edge/?deleted');
    expect(await stored()).toMatchObject({ revoked_at_ms: expect.any(Number) });
    // It is there to be read: nothing on its page does anything to it.
    const revoked = await operator.get(page());
    expect(revoked.status).toBe(200);
    expect(revoked.body).toContain('This key was revoked');
    expect(revoked.body).toContain(`/_edge/audit?keyId=${key.id}`);
    expect(revoked.body).toContain('https://a.example');
    expect(revoked.body.match(/action="[^"]*"/g)).toEqual(['action="/_edge/sign-out"']);
    const listed = (await operator.get('/_edge/?state=revoked')).body;
    expect(listed).toContain(`href="${page()}"`);
    expect(listed).not.toContain(`href="${page()}#`);
    // House-keeping deletes it.
    for (const table of ['tokens', 'origins', 'replica_writes']) {
      await edge.query(`DELETE FROM ${table}`);
    }
    await edge.query('DELETE FROM keys WHERE id = ?', key.id);
    const gone = await operator.get(page());
    expect(gone.status).toBe(404);
    expect(gone.body).toContain(`/_edge/audit?keyId=${key.id}`);
    // With links to the other views, as on every page of a person who is signed in.
    expect(gone.body).toContain('<nav aria-label="Sections">');
    expect(gone.body).toContain('action="/_edge/sign-out"');
    expect((await operator.get(`/_edge/audit?keyId=${key.id}`)).body).toContain('Deleted');
  });

  it('deletes when what shows of its name was typed, blanks and all that is invisible apart', async () => {
    await operator.submit('/_edge/keys/new', '/_edge/keys', {
      name: 'Web\u00a0 player\u00ad \u2764\ufe0f',
    });
    const [row] = await edge.query("SELECT id FROM keys WHERE name LIKE 'Web%'");
    const address = `/_edge/keys/${row?.['id']}`;
    const refused = await operator.submit(address, `${address}/delete`, {
      confirmation: 'Webplayer \u2764',
    });
    expect(refused.status).toBe(422);
    const answer = await operator.submit(address, `${address}/delete`, {
      confirmation: ' Web player \u2764',
    });
    expect(answer.headers['location']).toBe('/_edge/?deleted');
  });

  it('that deletes it leaves no link to its page, in none of its lines', async () => {
    const other = await corsKey('Other', ['https://a.example']);
    await operator.submit(page(), `${page()}/disable`);
    const link = `href="${page()}"`;
    expect((await operator.get('/_edge/audit')).body.split(link)).toHaveLength(3);
    await operator.submit(page(), `${page()}/delete`, { confirmation: 'Player' });
    const all = (await operator.get('/_edge/audit')).body;
    expect(all).not.toContain(link);
    expect(all.match(/\(deleted\)/g)).toHaveLength(3);
    expect(all).toContain(`href="/_edge/audit?keyId=${key.id}"`);
    expect(all).toContain(`href="/_edge/keys/${other.id}"`);
    const alone = (await operator.get(`/_edge/audit?keyId=${key.id}`)).body;
    expect(alone).not.toContain(key.id);
    expect(alone.match(/\(deleted\)/g)).toHaveLength(3);
  });

  const broken: readonly (readonly [name: string, fields: Record<string, string>])[] = [
    ['no memory of the key', { was: '' }],
    ['a memory that is no JSON', { was: '{' }],
    ['a memory of something else', { was: '{"name":1}' }],
    [
      'a memory with strange origins',
      { was: '{"name":"a","enabled":true,"access":{"cors":{"allowedOrigins":[1]}}}' },
    ],
  ];
  it.each(broken)('with %s is refused in words', async (_name, fields) => {
    const before = await snapshot();
    for (const action of ['', '/allow-origin', '/delete']) {
      const hidden = hiddenFields((await operator.get(page())).body, page());
      const answer = await operator.post(page() + action, {
        form: { ...hidden, origin: 'https://a.example', confirmation: 'Player', ...fields },
      });
      expect(answer.status, action).toBe(400);
      expect(answer.body).toContain('Nothing was changed');
    }
    await expect(snapshot()).resolves.toEqual(before);
  });

  it('is explained by the rules of the gateway', async () => {
    const refused = await operator.get(
      `${page()}?${new URLSearchParams({ method: 'GET', path: '/api/stream', origin: 'https://a.example' })}`,
    );
    expect(refused.body).toContain('This request is refused.');
    expect(refused.body).toContain('href="/_edge/errors#route_not_allowed"');
    const allowed = await operator.get(
      `${page()}?${new URLSearchParams({ method: 'POST', path: '/api/stream', origin: 'https://a.example' })}`,
    );
    expect(allowed.body).toContain('This request is forwarded.');
    expect(allowed.body.toLowerCase()).toContain('access-control-allow-origin');
    const malformed = await operator.get(`${page()}?method=GET&path=api`);
    expect(malformed.status).toBe(200);
    // At the field that it is about, by no name that the page does not show.
    expect(malformed.body).toMatch(
      /<input id="explain-path" aria-describedby="explain-path-error" aria-invalid="true"/,
    );
    expect(malformed.body).toContain('<li>It does not begin with a slash. Write it like');
    expect(malformed.body).not.toContain('path: it does not');
  });
});

describe('the choice of full access', () => {
  onEdgesOfTheirOwn();

  it('lists what a key may call without it, for a new key and for one that has the choice', async () => {
    const line = 'GET, PATCH /api/stream/{id}</code>';
    const page = await corsKey('Page', ['https://a.example']);
    for (const path of ['/_edge/', '/_edge/keys/new', `/_edge/keys/${page.id}`]) {
      expect((await operator.get(path)).body, path).toContain(line);
    }
    const backend = await edge.createKey({ name: 'Backend' });
    expect((await operator.get(`/_edge/keys/${backend.id}`)).body).not.toContain(line);
  });
});

describe('a form for a new key', () => {
  onEdgesOfTheirOwn();

  it('is not larger than a form can be', async () => {
    const answer = await operator.submit('/_edge/keys/new', '/_edge/keys', {
      name: 'a',
      origins: 'x'.repeat(300 * 1024),
    });
    expect(answer.status).toBe(413);
  });

  it('that is no form is refused', async () => {
    const answer = await operator.post('/_edge/keys', {
      form: {},
      headers: { 'Content-Type': 'application/json' },
    });
    expect(answer.status).toBe(413);
  });

  it('takes origins as people paste them', async () => {
    const answer = await operator.submit('/_edge/keys/new', '/_edge/keys', {
      name: 'a',
      cors: 'on',
      origins: 'https://a.example, https://b.example;https://c.example\r\n\thttps://a.example',
    });
    expect(answer.status).toBe(201);
    await expect(edge.query('SELECT allowed_origins FROM keys')).resolves.toEqual([
      { allowed_origins: '["https://a.example","https://b.example","https://c.example"]' },
    ]);
  });

  it('with a box that is not ticked, and nothing behind it, makes a backend key', async () => {
    const answer = await operator.submit('/_edge/keys/new', '/_edge/keys', {
      name: 'Backend',
      origins: ' \r\n',
    });
    expect(answer.status).toBe(201);
    expect(answer.body).toContain('ea_sk_');
  });

  const contradictions = [
    ['origins', { origins: 'https://a.example' }, 'Origins are listed'],
    ['full access', { reach: 'full' }, 'Full API access is chosen'],
    ['both', { origins: 'https://a.example', reach: 'full' }, 'Origins are listed'],
  ] as const;
  it.each(contradictions)(
    'that asks for %s without the box is refused there',
    async (_, fields, text) => {
      const answer = await operator.submit('/_edge/keys/new', '/_edge/keys', {
        name: 'a',
        ...fields,
      });
      expect(answer.status).toBe(422);
      expect(answer.body).toContain(`${text}, but CORS access is not allowed`);
      expect(answer.body).toMatch(/<input id="create-cors"[^>]* aria-invalid="true"/);
      await expect(edge.query('SELECT id FROM keys')).resolves.toEqual([]);
    },
  );

  it('for pages of no origin is answered in terms of its own boxes', async () => {
    const answer = await operator.submit('/_edge/keys/new', '/_edge/keys', {
      name: 'a',
      cors: 'on',
      origins: '',
    });
    expect(answer.status).toBe(422);
    expect(answer.body).toContain('a key for backends is one that is made without CORS access');
    expect(answer.body).not.toContain('access.cors');
  });

  it.each(['bogus', '12', '1e9', '-1', 'Infinity'])(
    'that is forged to expire in %j is refused, with all else that is wrong',
    async (expires) => {
      const answer = await operator.submit('/_edge/keys/new', '/_edge/keys', { name: '', expires });
      expect(answer.status).toBe(422);
      expect(answer.body).toContain('It is none of the choices'); // cspell:disable-line
      expect(answer.body).toContain('id="create-name-error"');
      await expect(edge.query('SELECT id FROM keys')).resolves.toEqual([]);
    },
  );

  const expiries = [
    [{ expires: 'never' }, () => null],
    [{ expires: '30' }, (nowMs: number) => (Math.floor(nowMs / 86_400_000) + 31) * 86_400_000],
    [{ expires: 'at', expires_at: '2031-02-03T04:05' }, () => Date.parse('2031-02-03T04:05:00Z')],
    [{ expires: 'never', expires_at: '2031-02-03T04:05' }, () => null],
  ] as const;
  it.each(expiries)('with %j expires then', async (fields, expected) => {
    const nowMs = Date.now();
    const answer = await operator.submit('/_edge/keys/new', '/_edge/keys', {
      name: 'a',
      ...fields,
    });
    expect(answer.status).toBe(201);
    await expect(edge.query('SELECT expires_at_ms FROM keys')).resolves.toEqual([
      { expires_at_ms: expected(nowMs) },
    ]);
  });

  it('without the time that it announces is refused at that field', async () => {
    const answer = await operator.submit('/_edge/keys/new', '/_edge/keys', {
      name: 'a',
      expires: 'at',
      expires_at: '',
    });
    expect(answer.status).toBe(422);
    expect(answer.body).toContain('id="create-expires-at-error"');
    expect(answer.body).toContain('A date and a time must be filled in');
    expect(answer.body).not.toContain('ISO 8601');
  });

  it('sent twice shows the same token, and a token is on no later page', async () => {
    const { body } = await operator.get('/_edge/keys/new');
    const form = { ...hiddenFields(body, '/_edge/keys'), name: 'Twice' };
    const first = await operator.post('/_edge/keys', { form });
    const second = await operator.post('/_edge/keys', { form });
    const [token = ''] = /ea_sk_[0-9A-Za-z]+/.exec(first.body) ?? [];
    expect(token.length).toBeGreaterThan(30);
    expect(second.body).toContain(token);
    await expect(edge.query('SELECT count(*) AS n FROM keys')).resolves.toEqual([{ n: 1 }]);
    for (const path of ['/_edge/', '/_edge/audit']) {
      expect((await operator.get(path)).body).not.toContain(token);
    }
    expect(edge.logs.join('\n')).not.toContain(token);
  });
});

describe('rules on the page', () => {
  onEdgesOfTheirOwn();

  const access = { cors: { allowedOrigins: ['https://a.example'], fullAccess: false } };
  const rules = [{ methods: ['get', 'patch'], resources: ['/api/asset/:id', '/api/task/:id'] }];
  const text = 'GET, patch /api/asset/:id, /api/task/:id';

  it('are made with a key, for a page and for a backend', async () => {
    for (const [kind, fields] of [
      ['cors', { cors: 'on', origins: 'https://a.example', ...{ reach: 'rules', rules: text } }],
      ['backend', { reach: 'rules', rules: text }],
    ] as const) {
      const fieldsOf = { name: kind, ...fields };
      const answer = await operator.submit('/_edge/keys/new', '/_edge/keys', fieldsOf);
      expect(answer.status, answer.body).toBe(201);
    }
    await expect(edge.query('SELECT name, rules FROM keys ORDER BY name')).resolves.toEqual([
      { name: 'backend', rules: JSON.stringify(rules) },
      { name: 'cors', rules: JSON.stringify(rules) },
    ]);
  });

  it('are refused with their number, and stay as they were typed', async () => {
    const typed = 'GET /api/asset/:id\r\nFETCH /api/a b';
    const answer = await operator.submit('/_edge/keys/new', '/_edge/keys', {
      name: 'a',
      reach: 'rules',
      rules: typed,
    });
    expect(answer.status).toBe(422);
    expect(answer.body).toContain('Rule 2 &quot;fetch&quot;: it is not a method');
    expect(answer.body).toContain('Rule 2 &quot;b&quot;: it is not a path');
    expect(answer.body).toContain('FETCH /api/a b</textarea>');
    await expect(edge.query('SELECT id FROM keys')).resolves.toEqual([]);
  });

  const edits = [
    ['are added', {}, { reach: 'rules', rules: text }, { rules: JSON.stringify(rules), full: 0 }],
    ['give way to full access', { rules }, { reach: 'full', rules: '' }, { rules: null, full: 1 }],
    ['are removed', { rules }, { reach: 'standard' }, { rules: null, full: 0 }],
    [
      'stay without the choice',
      { rules },
      { name: 'b' },
      { rules: JSON.stringify(rules), full: 0 },
    ],
  ] as const;
  it.each(edits)('%s', async (_name, before, fields, expected) => {
    const { id } = await edge.createKey({ name: 'a', access: { ...access, ...before } });
    const address = `/_edge/keys/${id}`;
    const saved = await operator.submit(address, address, {
      name: 'a',
      origins: 'https://a.example',
      ...fields,
    });
    expect(saved.headers['location'], saved.body).toBe(`${address}?done=saved`);
    await expect(edge.query('SELECT rules, full_access AS "full" FROM keys')).resolves.toEqual([
      expected,
    ]);
  });

  const trials = [
    ['GET', '/api/asset/abc', 0],
    ['GET', '/api/asset/abc?x=1', 0],
    ['PATCH', '/api/task/abc', 0],
    ['GET', '/files/a/b', 1],
    ['DELETE', '/files/a', 1],
    ['DELETE', '/api/asset/abc', -1],
    ['GET', '/api/asset/abc?_method=DELETE', -1],
    ['GET', '/api/asset/upload', -1],
    ['GET', '/api/asset/a%2Fb', -1],
    ['GET', '/files/../api', -1],
    ['GET', 'api/asset/abc', -1],
    ['GET', '', null],
  ] as const;
  it.each(trials)(
    'that are tried with %s %s are covered by rule %j',
    async (method, path, rule) => {
      const answer = await checkRules(`${text}\n* /files/*`, method, path);
      expect(JSON.parse(answer.body)).toEqual({ mistakes: [], coveredBy: rule });
    },
  );

  it('that are wrong say where, and cover nothing', async () => {
    const answer = await checkRules('GET /a\nFETCH nowhere/', 'GET', '/a');
    expect(JSON.parse(answer.body)).toMatchObject({
      mistakes: [{ rule: 1 }, { rule: 1 }],
      coveredBy: null,
    });
  });

  async function checkRules(text: string, method: string, path: string): Promise<Answer> {
    const fields = hiddenFields((await operator.get('/_edge/keys/new')).body, '/_edge/keys');
    const form = { form_token: fields['form_token'] ?? '', rules: text, method, path };
    return operator.post('/_edge/rules', { form });
  }
});

describe('a form that is sent after the session has ended', () => {
  onEdgesOfTheirOwn();

  it('comes back after signing in, and is carried out then', async () => {
    const late = visitorOf(edge);
    const { body } = await operator.get('/_edge/keys/new');
    const typed = { ...hiddenFields(body, '/_edge/keys'), name: 'Typed "late" <b>' };
    const ended = await late.post('/_edge/keys', { form: typed });
    expect(ended.status).toBe(403);
    expect(ended.body).toContain('Nothing was carried out yet');
    await expect(edge.query('SELECT id FROM keys')).resolves.toEqual([]);

    // A wrong token keeps it as well.
    const kept = hiddenFields(ended.body, '/_edge/sign-in');
    const wrong = await late.post('/_edge/sign-in', { form: { ...kept, token: 'wrong' } });
    expect(hiddenFields(wrong.body, '/_edge/sign-in')['resume']).toBe(kept['resume']);

    const back = await late.post('/_edge/sign-in', { form: { ...kept, token: edge.adminToken } });
    expect(back.status).toBe(200);
    expect(back.body).toContain('Create the key');
    late.cookie = cookieOf(back);
    const again = hiddenFields(back.body, '/_edge/keys');
    expect(again['form_token']).not.toBe(hiddenFields(body, '/_edge/keys')['form_token']);
    expect((await late.post('/_edge/keys', { form: again })).status).toBe(201);
    await expect(edge.query('SELECT name FROM keys')).resolves.toEqual([
      { name: 'Typed "late" <b>' },
    ]);
  });

  const others = [
    ['another site', '["https://evil.example/",[]]'],
    ['a path that is no form of ours', '["/_edge/sign-out",[]]'],
    ['a way up', '["/_edge/keys/../sign-out",[]]'],
    ['what is no list of fields', '["/_edge/keys",[["name"]]]'],
    ['what is not JSON', '["/_edge/keys"'],
    ['too much', JSON.stringify(['/_edge/keys', [['name', 'x'.repeat(70_000)]]])],
  ] as const;
  it.each(others)('is not shown for %s', async (_name, resume) => {
    const form = { token: edge.adminToken, to: '/_edge/', resume };
    const answer = await visitorOf(edge).post('/_edge/sign-in', { form });
    expect(answer.status).toBe(303);
    expect(answer.headers['location']).toBe('/_edge/');
  });

  it('is not kept for another site', async () => {
    const answer = await visitorOf(edge).post('/_edge/keys', {
      site: 'cross-site',
      form: { name: 'a' },
    });
    expect(answer.status).toBe(403);
    expect(answer.body).not.toContain('resume');
  });
});

describe('the overview', () => {
  onEdgesOfTheirOwn();

  it('names live keys that expire soon, and those that are not used', async () => {
    const dayMs = 86_400_000;
    const now = Date.now();
    for (const [name, createdAtMs, expiresAtMs, lastUsedAtMs] of [
      ['Soon', now, now + 3 * dayMs, now],
      ['Later', now, now + 60 * dayMs, now],
      ['Over', now - 5 * dayMs, now - dayMs, now - dayMs],
      ['Unused', now - 100 * dayMs, 0, 0],
      ['Idle', now - 200 * dayMs, 0, now - 91 * dayMs],
      ['Busy', now - 200 * dayMs, 0, now - dayMs],
    ] as const) {
      const { id } = await edge.createKey({ name });
      // 0 stands for NULL, which is no parameter of a query here.
      await edge.query(
        `UPDATE keys SET created_at_ms = ?, expires_at_ms = nullif(?, 0),
                         last_used_at_ms = nullif(?, 0)
          WHERE id = ?`,
        createdAtMs,
        expiresAtMs,
        lastUsedAtMs,
        id,
      );
    }
    const { status, body } = await operator.get('/_edge/overview');
    expect(status).toBe(200);
    const [expiring = '', unused = ''] = body.split('id="unused-heading"');
    const names = (part: string) =>
      [...part.matchAll(/class="key-name"[^>]*>([^<]*)</g)].map(([, name]) => name).sort();
    expect(names(expiring)).toEqual(['Soon']);
    expect(names(unused)).toEqual(['Idle', 'Unused']);
  });

  it('is for people who are signed in', async () => {
    expect((await visitorOf(edge).get('/_edge/overview')).status).toBe(303);
  });

  it('shows the usage of all keys, or of an owner, in the period of the address', async () => {
    const today = new Date().toISOString().slice(0, 10);
    for (const [scope, allowed] of [
      ['all', 1000],
      ['owner:acct_1', 77],
    ] as const) {
      await edge.query(
        'INSERT INTO usage_days VALUES (?, ?, ?, ?, ?)',
        scope,
        today,
        JSON.stringify({
          '00 allowed': allowed,
          '00 denied:origin_not_allowed': 3,
          '00 preflight_granted': 9,
        }),
        JSON.stringify({ 'GET /v1/<items>/{id}': allowed - 1, PUT: 1 }),
        JSON.stringify({ 'https://refused.example': 2, other: 1 }),
      );
    }
    const text = async (query: string) => (await operator.get(`/_edge/overview${query}`)).body;
    const all = await text('');
    expect(all).toContain('Requests in the last 7 days');
    expect(all).toContain(`data-values="${today}: allowed 1,000, preflights granted 9, refused 3"`);
    expect(all.match(/data-values=/g)).toHaveLength(7);
    expect(all).toContain('errors#origin_not_allowed');
    expect(all).toContain('GET /v1/&lt;items&gt;/{id}');
    expect(all).toContain('PUT, no listed route');
    expect(all).toContain('https://refused.example');
    expect(all).toContain('All others');

    const owned = await text('?owner=acct_1&period=30d');
    expect(owned).toContain('Requests with the keys of acct_1.');
    expect(owned).toContain('allowed 77,');
    expect(owned.match(/data-values=/g)).toHaveLength(30);
    expect(owned).toContain('href="/_edge/overview?period=24h&amp;owner=acct_1#usage"');

    for (const query of ['?period=1y', '?owner=a%20b', '?owner=']) {
      expect(await text(query), query).toContain('allowed 1,000');
    }
    expect(await text('?owner=acct_9')).toContain('No requests in the last 7 days.');
  });
});

describe('the usage of a key', () => {
  onEdgesOfTheirOwn();

  it('is shown for the days that the address names, with the reasons of refusals', async () => {
    const { id } = await corsKey('Player', ['https://a.example']);
    const day = (ago: number) => new Date(Date.now() - ago * 86_400_000).toISOString().slice(0, 10);
    for (const [ago, outcome, requests] of [
      [2, 'allowed', 1234],
      [2, 'denied:origin_not_allowed', 5],
      [60, 'denied:route_not_allowed', 7],
    ] as const) {
      await edge.query(
        'INSERT INTO usage_daily (key_id, day, outcome, requests) VALUES (?, ?, ?, ?)',
        id,
        day(ago),
        outcome,
        requests,
      );
    }
    for (const [query, days, codes] of [
      ['', 30, ['origin_not_allowed']],
      ['?period=7d', 7, ['origin_not_allowed']],
      ['?period=90d', 90, ['route_not_allowed', 'origin_not_allowed']],
      ['?period=1000d', 30, ['origin_not_allowed']],
    ] as const) {
      const { body } = await operator.get(`/_edge/keys/${id}${query}`);
      expect(body).toContain(`Usage in the last ${days} days`);
      expect(body.match(/data-values=/g)).toHaveLength(days);
      expect(body).toContain(`data-values="${day(2)}: allowed 1,234, refused 5"`);
      const [table = ''] = /<table class="refusals[\s\S]*?<\/table>/.exec(body) ?? [];
      expect([...table.matchAll(/errors#(\w+)/g)].map(([, code]) => code)).toEqual(codes);
    }
  });
});

describe('the last 24 hours of a key', () => {
  onEdgesOfTheirOwn();

  it('are shown by hour, with the endpoints and the origins that it refused', async () => {
    const { id } = await corsKey('Player', ['https://a.example']);
    const now = new Date().toISOString();
    await edge.query(
      'INSERT INTO usage_days VALUES (?, ?, ?, ?, ?)',
      `key:${id}`,
      now.slice(0, 10),
      JSON.stringify({ [`${now.slice(11, 13)} allowed`]: 1234 }),
      JSON.stringify({ 'GET /api/asset/{asset}': 1200, other: 34 }),
      JSON.stringify({ 'https://refused.example': 5 }),
    );
    const { body } = await operator.get(`/_edge/keys/${id}?period=24h`);
    expect(body).toContain('Usage in the last 24 hours');
    expect(body.match(/data-values=/g)).toHaveLength(24);
    expect(body).toContain(`${now.slice(5, 10)} ${now.slice(11, 13)}:00: allowed 1,234`);
    expect(body).toContain('<code>GET /api/asset/{asset}</code>');
    expect(body).toContain('<code>https://refused.example</code>');
    expect(body).toContain(`Kept by day: since`);
    const other = await corsKey('Other', ['https://a.example']);
    expect((await operator.get(`/_edge/keys/${other.id}?period=24h`)).body).toContain(
      'No requests in the last 24 hours.',
    );
  });
});

describe('the first request of a key', () => {
  onEdgesOfTheirOwn();

  const ask = async (id: string, headers: Record<string, string> = {}) => {
    const answer = await operator.get(`/_edge/keys/${id}/first-request`, { headers });
    return { status: answer.status, body: answer.body };
  };
  const script = { 'Sec-Fetch-Mode': 'cors', 'Sec-Fetch-Dest': 'empty' };

  it('is not reported to a script without the token of a form', async () => {
    const { id } = await edge.createKey({ name: 'a' });
    expect((await ask(id, script)).status).toBe(403);
    expect((await ask(id, { ...script, 'X-Edge-Form-Token': 'guessed' })).status).toBe(403);
    expect((await ask('key_0')).status).toBe(404);
  });

  it('is awaited, with a refusal before it, until it was counted', async () => {
    const { id } = await edge.createKey({ name: 'a' });
    const { body } = await operator.get('/_edge/keys/new');
    const { form_token: token = '' } = hiddenFields(body, '/_edge/keys');
    const state = async () =>
      JSON.parse((await ask(id, { ...script, 'X-Edge-Form-Token': token })).body);
    await expect(state()).resolves.toEqual({ isUsed: false, refusal: null });
    await edge.query(
      "INSERT INTO usage_daily (key_id, day, outcome, requests) VALUES (?, ?, 'denied:origin_not_allowed', 1)",
      id,
      new Date().toISOString().slice(0, 10),
    );
    await expect(state()).resolves.toEqual({ isUsed: false, refusal: 'origin_not_allowed' });
    await edge.query('UPDATE keys SET last_used_at_ms = 1 WHERE id = ?', id);
    await expect(state()).resolves.toMatchObject({ isUsed: true });
  });
});

describe('the list', () => {
  onEdgesOfTheirOwn();

  it('shows what a key is, and what happened to it in seven days', async () => {
    const key = await corsKey('Player', ['https://a.example', 'https://b.example', '*'], {
      fullAccess: true,
    });
    const day = (ago: number) => new Date(Date.now() - ago * 86_400_000).toISOString().slice(0, 10);
    for (const [ago, requests] of [
      [0, 700],
      [6, 34],
      [7, 10_000],
    ] as const) {
      await edge.query(
        "INSERT INTO usage_daily (key_id, day, outcome, requests) VALUES (?, ?, 'allowed', ?)",
        key.id,
        day(ago),
        requests,
      );
    }
    const { body } = await operator.get('/_edge/');
    for (const text of ['Player', 'ea_pk_', 'Full', 'https://a.example', '+2', 'Live', '734']) {
      expect(body).toContain(text);
    }
    expect(body.match(/<rect class="allowed"/g)).toHaveLength(2);
  });

  it('refuses a filter that there is not', async () => {
    for (const query of ['state=bogus', 'access=bogus', 'sort=bogus']) {
      const { status, body } = await operator.get(`/_edge/?${query}`);
      expect(status, query).toBe(422);
      expect(body).toContain('role="alert"');
    }
  });

  it('says what is wrong with an invalid place in it', async () => {
    const answer = await operator.get('/_edge/?cursor=nonsense');
    expect(answer.status).toBe(422);
    expect(answer.body).toContain('it is not a cursor of this list');
  });
});

describe('the list of four keys', () => {
  onOneEdge();
  beforeAll(async () => {
    const dayMs = 86_400_000;
    const backend = await edge.createKey({ name: 'Backend' });
    await edge.createKey({
      name: 'Full',
      owner: 'acct_2',
      access: { cors: { allowedOrigins: ['https://full.example'], fullAccess: true } },
      expiresAt: new Date(Date.now() + 3 * dayMs).toISOString(),
    });
    const off = await corsKey('Off', ['https://off.example']);
    await edge.query('UPDATE keys SET enabled = 0 WHERE id = ?', off.id);
    const gone = await edge.createKey({ name: 'Gone' });
    await edge.query('UPDATE keys SET revoked_at_ms = ? WHERE id = ?', Date.now(), gone.id);
    // Newest first, and one of them old.
    for (const [id, agoMs] of [
      [backend.id, 40 * dayMs],
      [off.id, -1000],
    ] as const) {
      await edge.query('UPDATE keys SET created_at_ms = ? WHERE id = ?', Date.now() - agoMs, id);
    }
  });

  const filters = [
    ['q=backe', ['Backend']],
    ['q=acct_2', ['Full']],
    ['q=https%3A%2F%2Ffull.example', ['Full']],
    ['state=disabled', ['Off']],
    ['state=revoked', ['Gone']],
    ['access=full', ['Full']],
    ['access=backend&state=live', ['Backend']],
    ['age=unused-30', ['Backend']],
    ['age=expires-7', ['Full']],
    ['sort=name', ['Backend', 'Full', 'Off']],
    ['', ['Off', 'Full', 'Backend']],
    ['q=nothing', []],
  ] as const;
  it.each(filters)('shows for %j what was asked for', async (query, names) => {
    const { status, body } = await operator.get(`/_edge/?${query}`);
    expect(status, body).toBe(200);
    const shown = [...body.matchAll(/class="key-name"[^>]*>([^<]*)</g)].map(([, name]) => name);
    expect(shown).toEqual(names);
    // The form shows the filters that the address holds.
    for (const [name, value] of new URLSearchParams(query)) {
      const field = name === 'q' ? `name="q" value="${value}"` : `value="${value}" selected`;
      expect(body).toContain(field);
    }
  });
});

describe('a page that cannot be shown', () => {
  onEdgesOfTheirOwn();

  it('says so in words, with the request id, and logs the reason', async () => {
    await env.DB.exec('DROP TABLE usage_daily');
    const answer = await operator.get('/_edge/');
    expect(answer.status).toBe(500);
    expect(answer.headers['content-type']).toContain('text/html');
    expect(answer.body).toContain('Something went wrong');
    expect(answer.body).toContain(answer.headers['x-request-id'] ?? 'no request id');
    expect(answer.body).not.toContain('usage_daily');
    expect(edge.logs.join('\n')).toMatch(/"event":"page_failed".*usage_daily/);
  });
});

async function checkOrigin(origin: string, others: readonly string[] = []): Promise<Answer> {
  const fields = hiddenFields((await operator.get('/_edge/keys/new')).body, '/_edge/keys');
  return operator.post('/_edge/origins', {
    form: { form_token: fields['form_token'] ?? '', origin, others: others.join('\n') },
  });
}
