/** Events on the page: those that were not delivered, and how an operator has one sent again. */

import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { hashToken } from '../../../src/core/key/token.ts';
import { makeOperatorToken } from '../../../src/core/operators/operator-tokens.ts';
import type { Deployment } from '../../contract/deployment.ts';
import { deploy } from '../../support/workers.ts';
import { hiddenFields, signIn } from './browser.ts';

const newToken = () => makeOperatorToken((bytes) => crypto.getRandomValues(bytes));
const tokens = { read: newToken(), keys: newToken(), everything: newToken() };
const receiver = {
  EVENTS_URL: 'https://hooks.example.com/edge',
  EVENTS_SECRET: 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw',
};

let edge: Deployment;
beforeEach(async () => {
  edge = await deployWith(receiver);
});
afterEach(() => edge.dispose());

async function deployWith(vars: Readonly<Record<string, string>>): Promise<Deployment> {
  const entries = Object.entries(tokens).map(async ([scope, token]) => ({
    name: scope,
    sha256: await hashToken(token),
    scopes: [scope],
  }));
  return deploy({
    vars: { ADMIN_TOKENS: JSON.stringify(await Promise.all(entries)), ...vars },
  });
}

/** Makes a key whose only event has this state. Returns the ids of both. */
async function eventOf(
  name: string,
  state: 'waiting' | 'failed' | 'delivered',
  failure: string | null = null,
): Promise<{ readonly keyId: string; readonly eventId: string }> {
  const { id } = await edge.createKey({ name });
  await edge.query(
    `UPDATE events SET state = ?2, failure = NULLIF(?3, ''), attempts = 9,
                       due_at_ms = NULL, due_since_ms = NULL,
                       ended_at_ms = CASE WHEN ?2 = 'waiting' THEN NULL ELSE at_ms END
      WHERE key_id = ?1`,
    id,
    state,
    failure ?? '',
  );
  const [row] = await edge.query('SELECT event_id FROM events WHERE key_id = ?1', id);
  return { keyId: id, eventId: String(row?.['event_id']) };
}

const stateOf = async (eventId: string): Promise<unknown> => {
  const [row] = await edge.query('SELECT state FROM events WHERE event_id = ?1', eventId);
  return row?.['state'];
};

describe('the page of events', () => {
  it('is refused without the scope, and no page leads to it', async () => {
    const { keyId } = await eventOf('a key', 'failed');
    const visitor = await signIn(edge, tokens.keys);
    for (const path of ['/_edge/', '/_edge/overview', `/_edge/keys/${keyId}`]) {
      expect((await visitor.get(path)).body, path).not.toContain('/_edge/events');
    }
    const answer = await visitor.get('/_edge/events');
    expect(answer.status).toBe(403);
    expect(answer.body).toContain('it needs &quot;read&quot; or &quot;everything&quot;');
    expect(answer.body).not.toContain('a key');
  });

  it('is in no navigation without EVENTS_URL, and says how to have events sent', async () => {
    await edge.dispose();
    edge = await deployWith({});
    const visitor = await signIn(edge);
    const overview = await visitor.get('/_edge/overview');
    expect(overview.body).not.toContain('href="/_edge/events"');
    const off = await visitor.get('/_edge/events');
    expect(off.status).toBe(200);
    for (const { body } of [overview, off]) {
      expect(body).toContain('set <code>EVENTS_URL</code> and <code>EVENTS_SECRET</code>');
    }
    const other = await signIn(edge, tokens.keys);
    expect((await other.get('/_edge/overview')).body).not.toContain('EVENTS_URL');
  });

  it('shows what was given up and what waits, with the reason, and not what was delivered', async () => {
    await eventOf('Given <b>up</b>', 'failed', 'the receiver answered 500');
    await eventOf('On its way', 'waiting', 'the receiver cannot be reached');
    await eventOf('Arrived', 'delivered');
    const { body } = await (await signIn(edge, tokens.read)).get('/_edge/events');
    expect(body).toContain('Given &lt;b&gt;up&lt;/b&gt;');
    expect(body).toContain('The receiver answered 500. 9 attempts.');
    expect(body).toContain('On its way');
    expect(body).toContain('The receiver cannot be reached.');
    expect(body).not.toContain('Arrived');
    expect(body).toContain('<a href="/_edge/events" aria-current="page">');
  });

  it.each([
    ['state=failed', ['Given up key']],
    ['state=waiting', ['Waiting key']],
    ['state=delivered', ['Delivered key']],
    ['state=all', ['Given up key', 'Waiting key', 'Delivered key']],
    ['state=nonsense', ['Given up key', 'Waiting key']],
  ] as const)('shows for %s what was asked for', async (query, names) => {
    await eventOf('Given up key', 'failed');
    await eventOf('Waiting key', 'waiting');
    await eventOf('Delivered key', 'delivered');
    const { body } = await (await signIn(edge)).get(`/_edge/events?${query}`);
    const shown = ['Given up key', 'Waiting key', 'Delivered key'].filter((name) =>
      body.includes(`>${name}<`),
    );
    expect(shown).toEqual(names);
  });

  it('shows the events of one key, to which its page leads', async () => {
    const { keyId } = await eventOf('Mine', 'delivered');
    await eventOf('Other', 'delivered');
    const visitor = await signIn(edge);
    const href = `/_edge/events?state=all&keyId=${keyId}`;
    const { body } = await visitor.get(`/_edge/keys/${keyId}`);
    expect(body).toContain(`href="${href.replace('&', '&amp;')}"`);
    const events = await visitor.get(href);
    expect(events.body).toContain('>Mine<');
    expect(events.body).not.toContain('>Other<');
  });

  it('says what is wrong with the id of a key', async () => {
    const answer = await (await signIn(edge)).get('/_edge/events?keyId=%3Cb%3E');
    expect(answer.status).toBe(422);
    expect(answer.body).toContain('role="alert"');
    expect(answer.body).not.toContain('<b>');
  });

  it('leads to older events, 25 at once', async () => {
    for (let count = 1; count <= 27; count += 1) await eventOf(`Key ${count}.`, 'failed');
    const visitor = await signIn(edge);
    const first = await visitor.get('/_edge/events?state=failed');
    expect(first.body).toContain('Key 27.');
    expect(first.body).not.toContain('Key 2.');
    const [, href = ''] = /href="([^"]+)" rel="next"/.exec(first.body) ?? [];
    const older = await visitor.get(href.replaceAll('&amp;', '&'));
    expect(older.body).toContain('Key 2.');
    expect(older.body).not.toContain('Key 3.');
  });
});

describe('sending an event again', () => {
  it('is not offered to the scope read, and refused all the same', async () => {
    const { eventId } = await eventOf('a key', 'failed');
    const visitor = await signIn(edge, tokens.read);
    const { body } = await visitor.get('/_edge/events');
    const action = `/_edge/events/${eventId}/replay`;
    expect(body).not.toContain(action);
    const { form_token = '' } = hiddenFields(body, '/_edge/sign-out');
    const answer = await visitor.post(action, { form: { form_token } });
    expect(answer.status).toBe(403);
    expect(answer.body).toContain('it needs &quot;everything&quot;');
    await expect(stateOf(eventId)).resolves.toBe('failed');
  });

  it.each(['evt_00000000000000000000000000000000', 'x'])('is 404 for %s', async (id) => {
    const visitor = await signIn(edge, tokens.everything);
    const { body } = await visitor.get('/_edge/events');
    const { form_token = '' } = hiddenFields(body, '/_edge/sign-out');
    const answer = await visitor.post(`/_edge/events/${id}/replay`, { form: { form_token } });
    expect(answer.status).toBe(404);
    expect(answer.headers['content-type']).toContain('text/html');
  });

  it('makes it wait, and leads back to the same list', async () => {
    const { keyId, eventId } = await eventOf('a key', 'failed', 'the receiver answered 500');
    const visitor = await signIn(edge, tokens.everything);
    const list = `/_edge/events?state=failed&keyId=${keyId}`;
    const answer = await visitor.submit(list, `/_edge/events/${eventId}/replay`);
    expect(answer.status).toBe(303);
    expect(answer.headers['location']).toBe(`${list}&replayed=`);
    await expect(stateOf(eventId)).resolves.toBe('waiting');
    const shown = await visitor.get(answer.headers['location'] ?? '');
    expect(shown.body).toContain('The event waits to be sent again.');
    expect(shown.body).toContain('No event was given up.');
  });
});
