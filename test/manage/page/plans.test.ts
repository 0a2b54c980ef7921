/**
 * Plans of keys on the page: the fields of both forms, what is refused at which of them, what a key's page
 * shows, and the list by tag and metadata.
 */

import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { CreatedKey, Deployment } from '../../contract/deployment.ts';
import { deploy } from '../../support/workers.ts';
import { clientOf, snapshot } from '../client.ts';
import { type Form, signIn, type Visitor } from './browser.ts';

const limiters = [{ name: 'pro', binding: 'CLIENT_LIMITER', limit: '1000/60' }];
const plan = {
  limit: 'pro',
  limitBy: 'owner',
  quota: { requests: 100_000, period: 'day' },
  meta: { plan: 'pro', team: 'a "b"' },
  tags: ['beta', 'late riser'],
};
const planFields = {
  limit: 'pro',
  limit_by: 'owner',
  quota_requests: '100,000',
  quota_period: 'day',
  addresses: '10.1.2.3/8, 2001:DB8::1\n\n192.0.2.1',
  meta_name: ['plan', 'team', ' ', ''],
  meta_value: ['pro', 'a "b"', '', ''],
  tags: 'beta\n late riser ',
};
const addresses = ['10.0.0.0/8', '2001:db8::1/128', '192.0.2.1/32'];

let edge: Deployment;
let operator: Visitor;
beforeAll(async () => {
  const limiter = { limit: async () => ({ success: true }) };
  edge = await deploy({
    vars: { LIMITERS: JSON.stringify(limiters), CLIENT_LIMITER: limiter } as never,
  });
  operator = await signIn(edge);
});
afterAll(() => edge.dispose());

const keyCalled = async (name: string) => {
  const { body } = await clientOf(edge)('GET', `/keys?${new URLSearchParams({ search: name })}`);
  return body.keys[0];
};
const create = (fields: Form) => operator.submit('/_edge/keys/new', '/_edge/keys', fields);

/** The problems at the control of this id. */
function problemsAt(html: string, id: string): string[] {
  const [, list = ''] = html.split(`<ul class="error" id="${id}-error">`);
  return [...(list.split('</ul>')[0] ?? '').matchAll(/<li>(.*?)<\/li>/g)].map(([, text = '']) =>
    text.replaceAll('&quot;', '"'),
  );
}

const wrong = {
  limit: 'gold',
  quota_requests: '0',
  quota_period: 'week',
  addresses: '10.0.0.0/8 office\n\nfe80::1%eth0, 10.0.0.0/33',
  meta_name: ['plan', 'plan', '', 'a b'],
  meta_value: ['pro', 'free', 'lost', 'x'],
  tags: 'beta\n\nbell\u0007',
};

/** The problem that each field shows for `wrong`. */
function expectEveryProblem(body: string, id: string): void {
  expect(problemsAt(body, `${id}-limit`)).toEqual([
    'The setting LIMITERS has no limit of this name. Use one of "pro".',
  ]);
  expect(problemsAt(body, `${id}-quota`)).toEqual([
    expect.stringContaining('It is less than one request'),
  ]);
  expect(problemsAt(body, `${id}-quota-period`)).toEqual([expect.stringContaining('"day"')]);
  expect(problemsAt(body, `${id}-addresses`)).toEqual([
    expect.stringMatching(/^Line 1 "office": it is neither/),
    expect.stringMatching(/^Line 3 "fe80::1%eth0": it names a zone/),
    expect.stringMatching(/^Line 3 "10.0.0.0\/33": its prefix is longer/),
  ]);
  expect(problemsAt(body, `${id}-meta-1`)).toEqual([]);
  expect(problemsAt(body, `${id}-meta-2`)).toEqual([
    'Another row has the name "plan" as well. Give each text a name of its own.',
  ]);
  expect(problemsAt(body, `${id}-meta-3`)).toEqual([
    'The name is missing. Name the text, or empty its row.',
  ]);
  expect(problemsAt(body, `${id}-meta-4`)).toEqual([
    expect.stringMatching(/^Its name is not 1 to/),
  ]);
  expect(problemsAt(body, `${id}-tags`)).toEqual([expect.stringMatching(/^Line 3 /)]);
  // Nothing that was typed is lost, and the folded fields are open.
  expect(body).toContain('<details class="plan" open=""');
  for (const text of ['10.0.0.0/8 office\n\nfe80::1%eth0, 10.0.0.0/33</textarea>', 'value="0"']) {
    expect(body).toContain(text);
  }
  for (const value of ['pro', 'free', 'lost', 'x']) expect(body).toContain(`value="${value}"`);
  expect(body).toMatch(/<option value="gold" selected="">/);
}

describe('the form for a new key', () => {
  it('shows every problem at its field, and creates nothing', async () => {
    const before = await snapshot();
    const answer = await create({ name: '', expires: 'at', expires_at: '', ...wrong });
    expect(answer.status).toBe(422);
    expectEveryProblem(answer.body, 'create');
    expect(problemsAt(answer.body, 'create-name')).toHaveLength(1);
    expect(problemsAt(answer.body, 'create-expires-at')).toHaveLength(1);
    await expect(snapshot()).resolves.toEqual(before);
  });

  it.each([
    [
      'more than 50 addresses',
      { addresses: Array.from({ length: 51 }, (_, n) => `10.0.0.${n}`).join(' ') },
      'create-addresses',
      'It must hold 1 to 50 entries',
    ],
    ['large metadata', { meta_name: 'a', meta_value: 'é'.repeat(200) }, '', 'Its JSON is longer'],
    [
      'large tags',
      { tags: Array.from({ length: 21 }, String).join('\n') },
      'create-tags',
      'at most 20',
    ],
  ])('refuses %s', async (_name, fields, id, text) => {
    const answer = await create({ name: 'Too much', ...fields });
    expect(answer.status).toBe(422);
    expect(id === '' ? answer.body : problemsAt(answer.body, id).join()).toContain(text);
  });

  it('folds the plan away until then, and shows no limits without LIMITERS', async () => {
    const { body } = await operator.get('/_edge/keys/new');
    expect(body).toContain('<details class="plan">');
    expect(body).toContain('<option value="pro">');
    const plain = await deploy();
    const { body: other } = await (await signIn(plain)).get('/_edge/keys/new');
    expect(other).not.toContain('name="limit"');
    expect(other).toContain('name="quota_requests"');
  });

  it('creates a key with a whole plan', async () => {
    const answer = await create({ name: 'Planned from the start', ...planFields });
    expect(answer.status, answer.body).toBe(201);
    await expect(keyCalled('Planned from the start')).resolves.toMatchObject({
      ...plan,
      access: { addresses },
    });
  });
});

describe('the page of a key', () => {
  let key: CreatedKey;
  let page: string;
  beforeEach(async () => {
    key = await edge.createKey({ name: 'Planned', owner: 'acct_1' });
    page = `/_edge/keys/${key.id}`;
  });
  const save = (fields: Form) => operator.submit(page, page, { name: 'Planned', ...fields });
  const read = async () => (await clientOf(edge)('GET', `/keys/${key.id}`)).body;

  it('shows every problem at its field, and changes nothing', async () => {
    const before = await snapshot();
    const answer = await save({ ...wrong, name: '' });
    expect(answer.status).toBe(422);
    expectEveryProblem(answer.body, 'edit');
    expect(problemsAt(answer.body, 'edit-name')).toHaveLength(1);
    await expect(snapshot()).resolves.toEqual(before);
  });

  it('edits each member by itself, and clears it', async () => {
    expect((await save(planFields)).headers['location']).toBe(`${page}?done=saved`);
    await expect(read()).resolves.toMatchObject({ ...plan, access: { addresses } });
    await save({ quota_requests: '200000' });
    await save({ meta_name: ['plan'], meta_value: ['free'] });
    await expect(read()).resolves.toMatchObject({
      ...plan,
      quota: { requests: 200_000, period: 'day' },
      meta: { plan: 'free' },
      access: { addresses },
    });
    // A form without the fields, as an earlier version shows it, changes nothing about them.
    expect((await save({})).headers['location']).toBe(`${page}?done=unchanged`);
    await save({
      limit: '',
      quota_requests: '',
      addresses: '',
      meta_name: '',
      meta_value: '',
      tags: '',
    });
    const cleared = await read();
    expect(cleared.access).toBeNull();
    for (const member of ['limit', 'limitBy', 'quota', 'quotaUse', 'meta', 'tags']) {
      expect(cleared).not.toHaveProperty(member);
    }
  });

  it('says what the key has, what is left of its quota, and who has the same', async () => {
    expect((await operator.get(page)).body).not.toContain('plan-facts');
    await save(planFields);
    const day = new Date().toISOString().slice(0, 10);
    await edge.query('INSERT INTO usage_daily VALUES (?1, ?2, ?3, 1204)', key.id, day, 'allowed');
    const { body } = await operator.get(page);
    const [, facts = ''] = body.split('plan-facts');
    const text = (facts.split('</dl>')[0] ?? '')
      .replaceAll(/<[^>]+>/g, ' ')
      .replaceAll(/\s+/g, ' ');
    expect(text).toContain('pro, counted by owner');
    expect(text).toContain('100,000 requests a day');
    expect(text).toMatch(/1,204 used, 98,796 left. Renews \d{4}-\d\d-\d\d 00:00 UTC \(in /);
    for (const block of addresses) expect(text).toContain(block);
    expect(facts).toContain('href="/_edge/?meta.plan=pro"');
    expect(facts).toContain('href="/_edge/?tag=late+riser"');
  });

  it('shows each change of it in the audit, and all of it once the key is revoked', async () => {
    await save(planFields);
    await save({ limit: '', quota_requests: '5', addresses: '', tags: 'gold' });
    const { body } = await operator.get(`/_edge/audit?keyId=${key.id}`);
    for (const change of [
      'Limit: <del>pro, counted by owner</del> <ins>none of its own</ins>',
      'Quota: <del>100,000 requests a day</del> <ins>5 requests a day</ins>',
      `Addresses: <del>${addresses.join(', ')}</del> <ins>any</ins>`,
      'Metadata: <del>none</del> <ins>plan=pro, team=a &quot;b&quot;</ins>',
      'Tags: <del>beta, late riser</del> <ins>gold</ins>',
    ]) {
      expect(body).toContain(change);
    }
    await clientOf(edge)('DELETE', `/keys/${key.id}`);
    const revoked = await operator.get(page);
    expect(revoked.body).toContain('5 requests a day');
    expect(revoked.body).not.toContain('name="quota_requests"');
  });

  it('explains a request from the visitor, and from an address to try', async () => {
    await save({ addresses: '198.51.100.0/24\n2001:db8::/32' });
    const ask = (query: object, headers = {}) =>
      operator.get(`${page}?${new URLSearchParams({ method: 'GET', path: '/a', ...query })}`, {
        headers,
      });
    const own = await ask({}, { 'CF-Connecting-IP': '::ffff:198.51.100.7' });
    expect(own.body).toContain('This request is forwarded.');
    expect(own.body).toContain('<code>198.51.100.7</code>');
    const other = await ask({ address: ' ::ffff:192.0.2.9 ' });
    expect(other.body).toContain('#address_not_allowed');
    expect(other.body).toContain('<code>192.0.2.9</code>');
    expect(other.body).toContain('value="::ffff:192.0.2.9"');
    const zone = await ask({ address: '2001:db8::1%eth0' });
    expect(zone.body).toContain('This request is forwarded.');
    expect(zone.body).toContain('<code>2001:db8::1</code>');
    expect((await ask({}, { 'CF-Connecting-IP': 'nothing' })).body).toContain(
      'The edge cannot read the address of the client.',
    );
    const malformed = await ask({ address: '192.0.2.0/24' });
    expect(problemsAt(malformed.body, 'explain-address')).toEqual([
      expect.stringContaining('It is not one IPv4 or IPv6 address'),
    ]);
  });
});

describe('the list', () => {
  beforeAll(async () => {
    const members = [
      ['Listed pro beta', { plan: 'pro', team: 'x' }, ['beta']],
      ['Listed pro', { plan: 'pro' }, null],
      ['Listed free beta', { plan: 'free' }, ['beta', 'gold']],
    ] as const;
    for (const [name, meta, tags] of members) {
      await clientOf(edge)('POST', '/keys', { body: { name, meta, tags } });
    }
  });
  const namesIn = (body: string) =>
    [...body.matchAll(/Listed [a-z ]+(?=<)/g)].map(([name]) => name).sort();

  it.each([
    ['meta.plan=pro&q=Listed', ['Listed pro', 'Listed pro beta']],
    ['tag=beta&q=Listed', ['Listed free beta', 'Listed pro beta']],
    ['tag=beta&meta.plan=pro&q=Listed', ['Listed pro beta']],
    ['meta.plan=pro&meta.team=x&q=Listed', ['Listed pro beta']],
    ['meta.plan=none', []],
  ])('by %s has %j', async (query, names) => {
    const { body } = await operator.get(`/_edge/?${query}`);
    expect([...new Set(namesIn(body))]).toEqual(names);
  });

  it('keeps the filters in its form and its links, each with a way to remove it', async () => {
    const { body } = await operator.get('/_edge/?tag=beta&meta.plan=pro&sort=name');
    expect(body).toContain('<input type="hidden" name="tag" value="beta"/>');
    expect(body).toContain('<input type="hidden" name="meta.plan" value="pro"/>');
    expect(body).toContain(
      'href="/_edge/?sort=name&amp;meta.plan=pro" aria-label="Remove tag beta"',
    );
    expect(body).toContain('href="/_edge/?tag=beta&amp;sort=name" aria-label="Remove plan=pro"');
  });

  it.each(['meta.%20=a', 'meta.plan=', `tag=${'x'.repeat(65)}`])(
    'shows the refusal of %s',
    async (query) => {
      const answer = await operator.get(`/_edge/?${query}`);
      expect(answer.status).toBe(422);
      expect(answer.body).toContain('role="alert"');
    },
  );
});
