/** Events: written with each change, sent in the order of each key, repeated and given up. */

import { env } from 'cloudflare:workers';
import { Webhook } from 'standardwebhooks';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { KEYS_PER_RUN, writeNotices } from '../../src/events/notices.ts';
import { sendEvents } from '../../src/events/sender.ts';
import { createEventStore } from '../../src/events/store.ts';
import type { LogEvent } from '../../src/log/events.ts';
import type { Deployment } from '../contract/deployment.ts';
import { type Client, clientOf, type Document, expectProblem } from '../manage/client.ts';
import { deploy } from '../support/workers.ts';

const HOUR_MS = 60 * 60 * 1000;
const SECRET = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw';
const NEW_SECRET = `whsec_${btoa('n'.repeat(32))}`;
const OTHER_SECRET = 'whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA';
const URL = 'https://hooks.example.com/edge';

interface Sent {
  readonly headers: Record<string, string>;
  readonly body: string;
}

let edge: Deployment;
let operator: Client;
let sent: Sent[];
let answer: (sent: Sent) => Response | Promise<Response>;
let logs: LogEvent[];
let nowMs: number;
let secrets: string[];

beforeEach(async () => {
  edge = await deploy({ vars: { EVENTS_URL: URL, EVENTS_SECRET: SECRET } });
  operator = clientOf(edge);
  sent = [];
  logs = [];
  answer = () => new Response();
  secrets = [SECRET];
  // A minute ahead, so that what the test writes is due.
  nowMs = Date.now() + 60_000;
});
afterEach(() => edge.dispose());

/** Sends what is due at `nowMs`. */
function send(now: () => number = () => nowMs) {
  return sendEvents({
    store: createEventStore(env.DB),
    receiver: { url: URL, secrets },
    fetch: async (url, init) => {
      expect(url).toBe(URL);
      expect(init.redirect).toBe('manual');
      const one = { headers: init.headers as Record<string, string>, body: String(init.body) };
      sent.push(one);
      return answer(one);
    },
    now,
    newId: () => crypto.randomUUID(),
    log: (event) => logs.push(event),
  });
}

const payloads = (): Document[] => sent.map(({ body }) => JSON.parse(body));
const create = async (more: object = {}): Promise<Document> =>
  (await operator('POST', '/keys', { body: { name: 'n', owner: 'acct_1', ...more } })).body;

describe('an event', () => {
  test('is written with each change, numbered within its key, and holds no token', async () => {
    const key = await create();
    const other = await create();
    await operator('PATCH', `/keys/${key.id}`, { body: { name: 'new' } });
    // Nothing changes, so nothing is reported.
    await operator('PATCH', `/keys/${key.id}`, { body: { name: 'new' } });
    const rolled = (await operator('POST', `/keys/${key.id}/roll`, { body: { graceSeconds: 60 } }))
      .body;
    await operator('DELETE', `/keys/${key.id}`);
    const rows = await edge.query('SELECT * FROM events ORDER BY id');
    expect(rows.map(({ key_id, number, type }) => [key_id, number, type])).toEqual([
      [key.id, 1, 'key.created'],
      [other.id, 1, 'key.created'],
      [key.id, 2, 'key.edited'],
      [key.id, 3, 'key.rolled'],
      [key.id, 4, 'key.revoked'],
    ]);
    const text = JSON.stringify(rows);
    for (const { token } of [key, other, rolled]) expect(text).not.toContain(token.slice(10));
    for (const { token_hash } of await edge.query('SELECT token_hash FROM tokens')) {
      expect(text).not.toContain(String(token_hash));
    }
  });

  test('is written for each key of an import, and for leaks', async () => {
    const keys = Array.from({ length: 30 }, (_, i) => ({
      name: `n${i}`,
      token: `token-of-some-length-${i}`,
    }));
    expect((await operator('POST', '/keys/import', { body: { keys } })).status).toBe(201);
    const rows = await edge.query('SELECT key_id, number, type, data FROM events');
    expect(rows).toHaveLength(30);
    expect(new Set(rows.map(({ key_id }) => key_id)).size).toBe(30);
    expect(JSON.stringify(rows)).not.toContain('token-of-some-length');
  });

  test('is not written by a change that came too late', async () => {
    const key = await create();
    const stale = { headers: { 'If-Match': '"0-0-0"' }, body: { name: 'b' } };
    expect((await operator('PATCH', `/keys/${key.id}`, stale)).status).toBe(412);
    expect(await edge.query('SELECT 1 FROM events')).toHaveLength(1);
  });

  test('of a change by an older version is collected by the next change', async () => {
    const key = await create();
    await env.DB.prepare(
      `INSERT INTO audit (at_ms, actor, action, key_id, owner, before, after, request_id)
       VALUES (?, 'operator', 'edit', ?, NULL, '{"name":"a"}', '{"name":"b"}', 'r')`,
    )
      .bind(nowMs, key.id)
      .run();
    await operator('PATCH', `/keys/${key.id}`, { body: { name: 'c' } });
    const rows = await edge.query('SELECT number, type FROM events ORDER BY id');
    expect(rows).toEqual([
      { number: 1, type: 'key.created' },
      { number: 2, type: 'key.edited' },
      { number: 3, type: 'key.edited' },
    ]);
  });

  test('is not written where no receiver is set', async () => {
    await edge.dispose();
    edge = await deploy();
    operator = clientOf(edge);
    await create();
    expect(await edge.query('SELECT 1 FROM events')).toEqual([]);
  });
});

describe('the sender', () => {
  test('signs what it sends as Standard Webhooks, for the verifier of the library', async () => {
    const key = await create();
    expect(await send()).toEqual({ delivered: 1 });
    const [{ headers, body } = { headers: {}, body: '' }] = sent;
    const verified = new Webhook(SECRET).verify(body, headers) as Document;
    expect(verified).toMatchObject({
      type: 'key.created',
      timestamp: expect.stringMatching(/Z$/),
      data: { keyId: key.id, number: 1, actor: 'operator', key: { name: 'n', owner: 'acct_1' } },
    });
    expect(headers['Webhook-Id']).toMatch(/^evt_[0-9a-f]{32}$/);
    expect(() => new Webhook(SECRET).verify(`${body} `, headers)).toThrow();
    expect(() => new Webhook(OTHER_SECRET).verify(body, headers)).toThrow();
    expect(body).not.toContain(key.token);
    expect(await send()).toEqual({ delivered: 0 });
  });

  test('signs each attempt with both secrets of a rotation, for receivers that have either', async () => {
    await create();
    secrets = [NEW_SECRET, SECRET];
    answer = () => new Response(null, { status: 500 });
    await send();
    nowMs += 5_000;
    await send();
    expect(sent).toHaveLength(2);
    for (const { headers, body } of sent) {
      for (const secret of secrets) {
        expect(new Webhook(secret).verify(body, headers)).toMatchObject({ type: 'key.created' });
      }
      expect(() => new Webhook(OTHER_SECRET).verify(body, headers)).toThrow();
      // In the order of the setting, as a receiver that has the new secret finds its signature first.
      const at = new Date(Number(headers['Webhook-Timestamp']) * 1000);
      const id = headers['Webhook-Id'] ?? '';
      expect(headers['Webhook-Signature']).toBe(
        secrets.map((secret) => new Webhook(secret).sign(id, at, body)).join(' '),
      );
    }
    // At the end of the rotation, an event that waits is signed with the new one alone.
    secrets = [NEW_SECRET];
    nowMs += 30_000;
    await send();
    const { headers, body } = sent[2] ?? { headers: {}, body: '' };
    expect(new Webhook(NEW_SECRET).verify(body, headers)).toMatchObject({ type: 'key.created' });
    expect(() => new Webhook(SECRET).verify(body, headers)).toThrow('No matching signature');
  });

  test('keeps the next event of a key back until the one before has ended, and no other key', async () => {
    const key = await create();
    await operator('PATCH', `/keys/${key.id}`, { body: { name: 'b' } });
    const other = await create();
    answer = ({ body }) => new Response(null, { status: body.includes(key.id) ? 500 : 204 });
    await send();
    expect(payloads().map(({ data }) => [data.keyId, data.number])).toEqual([
      [key.id, 1],
      [other.id, 1],
    ]);
    answer = () => new Response();
    await send();
    expect(sent).toHaveLength(2);
    nowMs += 5_000;
    await send();
    expect(
      payloads()
        .slice(2)
        .map(({ data }) => data.number),
    ).toEqual([1, 2]);
    // The same event has the same id, so that a receiver can tell that it had it.
    expect(sent[2]?.headers['Webhook-Id']).toBe(sent[0]?.headers['Webhook-Id']);
  });

  test.each<[string, () => Response | Promise<Response>, RegExp]>([
    ['fails', () => new Response('secret answer', { status: 500 }), /answered 500$/],
    ['refuses', () => new Response('no', { status: 410 }), /answered 410$/],
    ['redirects', () => Response.redirect('https://elsewhere.example/', 307), /redirects \(307\)/],
    [
      'cannot be reached',
      () => Promise.reject(new TypeError('connection lost')),
      /cannot be reached/,
    ],
    [
      'hangs',
      () => Promise.reject(new DOMException('The operation timed out', 'TimeoutError')),
      /did not answer within 10 s/,
    ],
  ])(
    'tries again for 24 hours if the receiver %s, and then gives up',
    async (_, respond, reason) => {
      const key = await create();
      await operator('PATCH', `/keys/${key.id}`, { body: { name: 'b' } });
      answer = respond;
      const startedMs = nowMs;
      while (nowMs < startedMs + 24 * HOUR_MS) {
        await send();
        const [row] = await edge.query(
          'SELECT due_at_ms, failure FROM events WHERE number = 1 AND state = ?',
          'waiting',
        );
        if (row === undefined) break;
        expect(row['failure']).toMatch(reason);
        nowMs = Number(row['due_at_ms']);
      }
      await send();
      const rows = await edge.query('SELECT number, state, failure FROM events ORDER BY number');
      expect(rows[0]).toMatchObject({ state: 'failed', failure: expect.stringMatching(reason) });
      expect(rows[1]).toMatchObject({ state: 'waiting' });
      // The next one had to wait, and has a day of its own.
      expect(payloads().at(-1)?.data.number).toBe(2);
      expect(sent.length).toBeGreaterThan(8);
      expect(logs.filter((event) => 'isGivenUp' in event && event.isGivenUp)).toHaveLength(1);
      expect(JSON.stringify(logs)).not.toContain('secret answer');
    },
  );

  test('lets no other sender in while it works, and gives the lease back', async () => {
    await create();
    let other: unknown = null;
    answer = async () => {
      other ??= await send();
      return new Response();
    };
    expect(await send()).toEqual({ delivered: 1 });
    expect(other).toEqual({ delivered: 0 });
    expect(sent).toHaveLength(1);
    expect(await edge.query('SELECT 1 FROM event_leases')).toEqual([]);
  });

  test('that lost its lease changes nothing more, so that the event is sent again', async () => {
    await create();
    answer = async () => {
      await env.DB.prepare("UPDATE event_leases SET holder = 'another'").run();
      return new Response();
    };
    await send();
    expect(await edge.query('SELECT state, attempts FROM events')).toEqual([
      { state: 'waiting', attempts: 0 },
    ]);
    nowMs += 61_000;
    answer = () => new Response();
    expect(await send()).toEqual({ delivered: 1 });
  });

  test('reads a bounded number of rows, however many wait behind one that fails', async () => {
    const key = await create();
    await env.DB.prepare(
      `INSERT INTO events (event_id, key_id, number, type, at_ms, data)
       SELECT 'evt_x' || value, ?, value, 'key.edited', 0, '{}'
         FROM (WITH RECURSIVE n(value) AS (SELECT 2 UNION ALL SELECT value + 1 FROM n WHERE value < 3000)
               SELECT value FROM n)`,
    )
      .bind(key.id)
      .run();
    const { meta } = await env.DB.prepare(
      'SELECT id FROM events WHERE due_at_ms IS NOT NULL AND due_at_ms <= ? ORDER BY due_at_ms, id LIMIT 6',
    )
      .bind(nowMs)
      .all();
    expect(meta.rows_read).toBeLessThan(10);
    expect(await send()).toEqual({ delivered: 40 });
    expect(payloads().map(({ data }) => data.number)).toEqual(
      Array.from({ length: 40 }, (_, index) => index + 1),
    );
  });
});

describe('the API', () => {
  test('lists events and failures, and sends one again', async () => {
    const key = await create();
    answer = () => new Response(null, { status: 500 });
    await send();
    nowMs += 24 * HOUR_MS;
    await send();
    const failed = await operator('GET', '/events?state=failed');
    expect(failed.body.events).toMatchObject([
      { keyId: key.id, number: 1, type: 'key.created', state: 'failed', attempts: 2 },
    ]);
    expect((await operator('GET', '/events?state=delivered')).body.events).toEqual([]);
    expect((await operator('GET', `/events?keyId=${key.id}`)).body.events).toHaveLength(1);
    const [{ id }] = failed.body.events;
    const replayed = await operator('POST', `/events/${id}/replay`);
    expect(replayed.body).toMatchObject({ id, state: 'waiting', attempts: 0, failure: null });
    answer = () => new Response();
    nowMs += HOUR_MS;
    expect(await send()).toEqual({ delivered: 1 });
    expect(sent.at(-1)?.headers['Webhook-Id']).toBe(id);
  });

  test('sends an event again before later ones of its key', async () => {
    const key = await create();
    await send();
    await operator('PATCH', `/keys/${key.id}`, { body: { name: 'b' } });
    const [{ id }] = (await operator('GET', '/events?state=delivered')).body.events;
    await operator('POST', `/events/${id}/replay`);
    nowMs += HOUR_MS;
    await send();
    expect(payloads().map(({ data }) => data.number)).toEqual([1, 1, 2]);
  });

  test('reports every wrong parameter at once, and events that are not there', async () => {
    const wrong = await operator('GET', '/events?state=lost&keyId=x&limit=0&more=1');
    expectProblem(wrong, 422, 'invalid_fields');
    expect(wrong.body.problems).toHaveLength(4);
    for (const id of ['x', `evt_${'0'.repeat(32)}`]) {
      expectProblem(await operator('POST', `/events/${id}/replay`), 404, 'not_found');
    }
  });
});

describe('notices', () => {
  const inDays = (days: number) => new Date(Date.now() + days * 24 * HOUR_MS).toISOString();

  test('tell once of each expiry, 7 days and 1 day ahead, and of the end', async () => {
    const key = await create({ expiresAt: inDays(6) });
    await create({ expiresAt: inDays(30) });
    const noticesNow = async () => {
      await writeNotices(env.DB, nowMs);
      await writeNotices(env.DB, nowMs);
      const rows = await edge.query(
        "SELECT type, number FROM events WHERE type <> 'key.created' ORDER BY id",
      );
      return rows.map(({ type, number }) => `${number} ${type}`);
    };
    expect(await noticesNow()).toEqual(['2 key.expiring']);
    nowMs += 5.5 * 24 * HOUR_MS;
    expect(await noticesNow()).toEqual(['2 key.expiring', '3 key.expiring']);
    nowMs += 24 * HOUR_MS;
    const three = ['2 key.expiring', '3 key.expiring', '4 key.expired'];
    expect(await noticesNow()).toEqual(three);
    // Another expiry is another notice.
    await operator('PATCH', `/keys/${key.id}`, { body: { expiresAt: inDays(8) } });
    await writeNotices(env.DB, nowMs);
    const rows = await edge.query(
      'SELECT number, type FROM events WHERE key_id = ? ORDER BY number',
      key.id,
    );
    expect(rows.at(-1)).toEqual({ number: 6, type: 'key.expiring' });
  });

  test('tell once of a key that was not used for 90 days, and again after it was used', async () => {
    const key = await create();
    const idle = async () => {
      await writeNotices(env.DB, nowMs);
      return (await edge.query("SELECT 1 FROM events WHERE type = 'key.idle'")).length;
    };
    expect(await idle()).toBe(0);
    nowMs += 90 * 24 * HOUR_MS;
    expect(await idle()).toBe(1);
    expect(await idle()).toBe(1);
    await env.DB.prepare('UPDATE keys SET last_used_at_ms = ? WHERE id = ?')
      .bind(nowMs, key.id)
      .run();
    nowMs += 91 * 24 * HOUR_MS;
    expect(await idle()).toBe(2);
  });

  test('reach every key, a bounded number in each run', async () => {
    const count = 3 * KEYS_PER_RUN;
    await env.DB.prepare(
      `INSERT INTO keys (id, name, kind, hint, created_at_ms, expires_at_ms)
       SELECT 'key_' || substr('0000000000000000000000' || value, -22), 'n', 'backend', 'h', ?2, ?3
         FROM (WITH RECURSIVE n(value) AS (SELECT 1 UNION ALL SELECT value + 1 FROM n WHERE value < ?1)
               SELECT value FROM n)`,
    )
      .bind(count, nowMs, nowMs + 3 * 24 * HOUR_MS)
      .run();
    for (let run = 0; run < 4; run++) await writeNotices(env.DB, nowMs + run);
    expect(await edge.query("SELECT 1 FROM events WHERE type = 'key.expiring'")).toHaveLength(
      count,
    );
  });
});
