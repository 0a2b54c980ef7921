/**
 * Plans of keys as callers see them: the addresses that a key may be used from. Refusals first, to the last
 * header, and who may read them.
 */

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { corsHeaders, expectNoCors, expectRefusal } from './answers.ts';
import type { Answer, CreatedKey, Deployment, HeaderLine, Prepare } from './deployment.ts';
import { bearer, origins } from './world.ts';

const allowedTarget = '/api/stream/abc';
const addresses = ['203.0.113.0/24', '2001:db8::/32', 'fe80::/10'];

/** Values of Cloudflare's header; `null`: it is absent, as elsewhere than on Cloudflare. */
const strangers: readonly (readonly [name: string, header: string | null, seen: string | null])[] =
  [
    ['another IPv4 address', '198.51.100.1', '198.51.100.1'],
    ['the address before the block', '203.0.112.255', '203.0.112.255'],
    ['the address after the block', '203.0.114.0', '203.0.114.0'],
    ['another address, IPv4-mapped', '::ffff:198.51.100.1', '198.51.100.1'],
    ['another IPv6 address', '2001:db9::1', '2001:db9::1'],
    ['another IPv6 address with a zone', '2001:DB9::1%eth0', '2001:db9::1'],
    ['no address', null, null],
    ['a word', 'unknown', null],
    ['two addresses, of which the first is listed', '203.0.113.7, 198.51.100.1', null],
    ['a listed address in octal', '0313.0.0161.07', null],
    ['a listed block', '203.0.113.0/24', null],
  ];

const residents: readonly (readonly [name: string, header: string])[] = [
  ['the first address of the block', '203.0.113.0'],
  ['the last address of the block', '203.0.113.255'],
  ['a listed address, IPv4-mapped', '::ffff:203.0.113.7'],
  ['a listed address, IPv4-mapped, in hexadecimal', '::FFFF:CB00:7107'],
  ['a listed IPv6 address', '2001:db8:ffff::1'],
  ['a listed IPv6 address in capital letters', '2001:DB8::1'],
  ['a listed IPv6 address with a zone', 'fe80::1%eth0'],
];

/** Runs the tables of plans. */
export function describePlans(prepare: Prepare): void {
  describeAddresses(prepare);
  describeDetails(prepare);
}

function describeDetails(prepare: Prepare): void {
  describe('metadata and tags of a key', () => {
    const deploy = prepare();
    let edge: Deployment;
    beforeAll(async () => {
      edge = await deploy();
    });
    afterAll(() => edge.dispose());

    const forged: readonly HeaderLine[] = [
      'X-Edge-Meta',
      'x-edge-meta',
      'X_Edge_Meta',
      'X-Edge-Tags',
      'X-EDGE.TAGS',
    ].map((name) => [name, '{"plan":"forged"}']);

    async function receivedBy(document: object): Promise<Readonly<Record<string, string>>> {
      const key = await edge.createKey({ name: 'a key', ...document });
      const answer = await edge.call({ target: '/api/x', headers: [bearer(key), ...forged] });
      expect(answer.status).toBe(200);
      // They are for the API alone.
      expect(Object.keys(answer.headers)).not.toContain('x-edge-meta');
      expect(Object.keys(answer.headers)).not.toContain('x-edge-tags');
      const headers = edge.received.at(-1)?.headers ?? {};
      expect(JSON.stringify(headers)).not.toContain('forged');
      const names = Object.keys(headers).filter((name) => /meta|tags/i.test(name));
      return Object.fromEntries(names.map((name) => [name, headers[name] ?? '']));
    }

    test('cannot be forged by the caller, whose headers are dropped', async () => {
      expect(await receivedBy({})).toEqual({});
      expect(await receivedBy({ tags: ['beta'] })).toEqual({ 'x-edge-tags': '["beta"]' });
      expect(await receivedBy({ meta: { plan: 'pro' } })).toEqual({
        'x-edge-meta': '{"plan":"pro"}',
      });
    });

    test('reach the API as JSON in ASCII, whatever they hold', async () => {
      const meta = { name: 'Zoë \u{1f511}', lines: 'a\r\nX-Injected: 1', quote: '"\\' };
      const tags = ['été', 'b, c'];
      const headers = await receivedBy({ meta, tags });
      expect(headers).toEqual({
        'x-edge-meta': String.raw`{"name":"Zo\u00eb \ud83d\udd11","lines":"a\r\nX-Injected: 1","quote":"\"\\"}`,
        'x-edge-tags': String.raw`["\u00e9t\u00e9","b, c"]`,
      });
      expect(JSON.parse(headers['x-edge-meta'] ?? '')).toEqual(meta);
      expect(JSON.parse(headers['x-edge-tags'] ?? '')).toEqual(tags);
    });
  });
}

function describeAddresses(prepare: Prepare): void {
  describe('a key that may be used from some addresses', () => {
    const deploy = prepare();
    let edge: Deployment;
    let page: CreatedKey;
    let backend: CreatedKey;
    beforeAll(async () => {
      edge = await deploy();
      const cors = { allowedOrigins: [origins.app] };
      page = await edge.createKey({ name: 'page', access: { cors, addresses } });
      backend = await edge.createKey({ name: 'backend', access: { addresses } });
    });
    afterAll(() => edge.dispose());

    function call(
      key: CreatedKey,
      address: string | null,
      { target = allowedTarget, origin = null as string | null } = {},
    ): Promise<Answer> {
      const headers: HeaderLine[] = [bearer(key)];
      if (address !== null) headers.push(['CF-Connecting-IP', address]);
      if (origin !== null) headers.push(['Origin', origin]);
      return edge.call({ target, headers });
    }

    const detailFor = (seen: string | null) =>
      `Cannot use this API key from ${seen === null ? 'an address that the edge cannot read' : `the address "${seen}"`}: the key does not list it. Call from one of the addresses of the key, or add this one to them`;

    test.each(strangers)('refuses %s, so that its page can read it', async (_, address, seen) => {
      const before = edge.received.length;
      const code = 'address_not_allowed';
      const detail = detailFor(seen);
      expectRefusal(await call(page, address, { origin: origins.app }), {
        code,
        grant: origins.app,
        detail,
      });
      expectRefusal(await call(page, address), { code, grant: null, detail });
      expectRefusal(await call(backend, address, { target: '/anything' }), {
        code,
        grant: null,
        detail,
      });
      expect(edge.received.length).toBe(before);
    });

    test('refuses another page before it, which reads nothing about addresses', async () => {
      const answer = await call(page, '198.51.100.1', { origin: origins.stranger });
      expect(answer.headers['x-edge-reason']).toBe('origin_not_allowed');
      expectNoCors(answer);
      expect(answer.body).not.toContain('198.51.100.1');
    });

    test('refuses another address before the route, which says nothing about routes', async () => {
      const answer = await call(page, '198.51.100.1', { target: '/api/user', origin: origins.app });
      expect(answer.headers['x-edge-reason']).toBe('address_not_allowed');
      const listed = await call(page, '203.0.113.7', { target: '/api/user', origin: origins.app });
      expect(listed.headers['x-edge-reason']).toBe('route_not_allowed');
    });

    test('believes no header but that of Cloudflare', async () => {
      const headers = ['X-Forwarded-For', 'X-Real-IP', 'True-Client-IP', 'Forwarded'].map(
        (name): HeaderLine => [name, '203.0.113.7'],
      );
      const answer = await edge.call({
        target: '/anything',
        headers: [bearer(backend), ['CF-Connecting-IP', '198.51.100.1'], ...headers],
      });
      expect(answer.headers['x-edge-reason']).toBe('address_not_allowed');
    });

    test.each(residents)('lets %s in', async (_, address) => {
      const answer = await call(page, address, { origin: origins.app });
      expect([answer.status, answer.headers['x-edge-reason']]).toEqual([200, undefined]);
      expect(answer.headers).toMatchObject(corsHeaders(origins.app));
      expect((await call(backend, address, { target: '/anything' })).status).toBe(200);
    });
  });
}
