import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  readReturnUrl,
  readReturnUrlPrefix,
  type UrlReading,
} from '../../../src/core/portal/return-url.ts';
import { runs } from '../../support/runs.ts';

const edge = 'https://manage.example/_edge/v1/portal-sessions';
const localEdge = 'http://127.0.0.1:8787/_edge/v1/portal-sessions';

function prefix(text: string) {
  const reading = readReturnUrlPrefix(text);
  if (!reading.ok) throw new Error(`Cannot use ${text}: ${JSON.stringify(reading.faults)}`);
  return reading.value;
}

/** The reasons of a refusal, each of which has a remedy. */
function reasonsOf(reading: UrlReading<unknown>): readonly string[] {
  const faults = reading.ok ? [] : reading.faults;
  for (const { fix } of faults) expect(fix).toMatch(/^[A-Z].*\S$/);
  return faults.map(({ reason }) => reason);
}

describe('readReturnUrlPrefix()', () => {
  test.each([
    ['', /absolute/],
    ['app.example', /absolute/],
    ['//app.example', /absolute/],
    ['javascript:alert(1)', /absolute/],
    ['ftp://app.example', /absolute/],
    ['https://', /absolute/],
    ['https:app.example', /absolute/],
    ['https:/app.example', /absolute/],
    ['https://app.exa\tmple', /absolute/],
    ['https://app.example\\account', /absolute/],
    ['https://*.example', /in full/],
    ['http://app.example', /plain http/],
    ['http://localhost.example', /plain http/],
    ['https://user@app.example', /credentials/],
    ['https://:secret@app.example/account', /credentials/],
    ['https://@app.example', /credentials/],
    ['https://:@app.example', /credentials/],
    ['http://@localhost:3000', /credentials/],
    ['http://user@127.0.0.1:3000', /credentials/],
    ['https://app.example/?a', /query/],
    ['https://app.example/?', /query/],
    ['https://app.example/#a', /fragment/],
    ['https://app.example//a', /segment/],
    ['https://app.example/a/../b', /segment/],
    ['https://app.example/a/.', /segment/],
    ['https://app.example/a/.?b', /segment/],
    ['https://app.example/a/..#b', /segment/],
    ['https://app.example/%2E%2e/a', /segment/],
    ['https://app.example/a%2Fb', /segment/],
    ['https://app.example/a%5cb', /segment/],
    ['https://app.example/'.padEnd(2_001, 'a'), /longer/],
  ])('refuses %j', (text, reason) => {
    expect(reasonsOf(readReturnUrlPrefix(text)).join()).toMatch(reason);
  });

  test('reports all that is wrong with one entry', () => {
    const reading = readReturnUrlPrefix('http://user@app.example/a/../b?c');
    expect(reasonsOf(reading)).toHaveLength(4);
  });
});

describe('readReturnUrl()', () => {
  const account = [prefix('https://app.example/account/')];
  const longest = 'https://app.example/account/'.padEnd(2_000, 'a');

  test.each([
    ['https://app.example/accounts', /does not begin/],
    ['https://app.example/Account', /does not begin/],
    ['https://app.example/accoun', /does not begin/],
    ['https://app.example/', /does not begin/],
    ['https://app.example', /does not begin/],
    ['https://app.example/other/account', /does not begin/],
    ['https://app.example/account;x', /does not begin/],
    ['https://app.example/account%20', /does not begin/],
    ['https://app.example?/account', /does not begin/],
    ['https://app.example#/account', /does not begin/],
    ['https://app.example:8443/account', /does not begin/],
    ['https://app.example./account', /does not begin/],
    ['https://sub.app.example/account', /does not begin/],
    ['https://app.example.evil.example/account', /does not begin/],
    ['https://evil.example/https://app.example/account', /does not begin|segment/],
    ['https://app.example@evil.example/account', /credentials/],
    ['https://user@app.example/account', /credentials/],
    ['https://:secret@app.example/account', /credentials/],
    ['https://:@app.example/account', /credentials/],
    ['https://evil.example\\@app.example/account', /absolute/],
    ['https://app.example/account/../admin', /segment/],
    ['https://app.example/account/%2e%2e/admin', /segment/],
    ['https://app.example/account/..%2fadmin', /segment/],
    ['https://app.example/account/a/..?b', /segment/],
    ['https://app.example/account/a/.#b', /segment/],
    ['https://app.example/account//evil.example', /segment/],
    ['http://app.example/account', /plain http/],
    ['javascript://app.example/account%0aalert(1)', /absolute/],
    ['data:text/html,https://app.example/account', /absolute/],
    [' https://app.example/account', /absolute/],
    ['https://app.example/account\n', /absolute/],
    ['https://app.example/account\u0000', /absolute/],
  ])('refuses %j for https://app.example/account/', (text, reason) => {
    expect(reasonsOf(readReturnUrl(text, account, edge)).join()).toMatch(reason);
  });

  test.each([
    ['https://app.example/account', 'https://app.example/account'],
    ['https://app.example/account/', 'https://app.example/account/'],
    [
      'https://APP.example:443/account/keys?tab=1#top',
      'https://app.example/account/keys?tab=1#top',
    ],
    ['https://app.example/account?next=/../..//x', 'https://app.example/account?next=/../..//x'],
    ['HTTPS://app.example/account/a"b', 'https://app.example/account/a%22b'],
    ['https://app.example/account/@me', 'https://app.example/account/@me'],
    [
      'https://app.example/account?next=https://a@b.example',
      'https://app.example/account?next=https://a@b.example',
    ],
    ['https://app%2Eexample/account', 'https://app.example/account'],
    [longest, longest],
  ])('accepts %j for https://app.example/account/', (text, url) => {
    expect(readReturnUrl(text, account, edge)).toEqual({ ok: true, value: url });
  });

  test('accepts every path of an origin that is listed without one', () => {
    const origin = [prefix('https://app.example')];
    expect(readReturnUrl('https://app.example/any/path', origin, edge).ok).toBe(true);
    expect(readReturnUrl('https://other.example/any/path', origin, edge).ok).toBe(false);
  });

  test('compares an origin in other letters in its one form', () => {
    const origin = [prefix('https://BÜCHER.example')];
    expect(readReturnUrl('https://xn--bcher-kva.example/', origin, edge).ok).toBe(true);
  });

  test('accepts plain http of this machine if it is listed, and the edge is on it as well', () => {
    const local = [prefix('http://localhost:3000')];
    expect(readReturnUrl('http://localhost:3000/a', local, localEdge).ok).toBe(true);
    expect(readReturnUrl('http://localhost:3000/a', local, edge).ok).toBe(false);
    expect(readReturnUrl('http://localhost:3001/a', local, localEdge).ok).toBe(false);
    expect(readReturnUrl('http://localhost:3000/a', account, localEdge).ok).toBe(false);
  });

  test('refuses everything without a prefix', () => {
    expect(readReturnUrl('https://app.example/', [], edge).ok).toBe(false);
  });

  test('returns only URLs of the origin and below the path, whatever it is given', () => {
    const pieces = [
      'https://',
      'app.example',
      '/account',
      '/',
      '..',
      '%2e',
      '\\',
      '@',
      ':',
      '?',
      '#',
      'evil.example',
      '\t',
      ' ',
      'a',
    ];
    const text = fc.array(fc.constantFrom(...pieces), { maxLength: 9 }).map((all) => all.join(''));
    let accepted = 0;
    fc.assert(
      fc.property(
        fc.oneof(
          text,
          text.map((end) => `https://app.example/account${end}`),
        ),
        (one) => {
          const reading = readReturnUrl(one, account, edge);
          if (!reading.ok) return;
          accepted += 1;
          const url = new URL(reading.value);
          expect(url.origin).toBe('https://app.example');
          expect(`${url.pathname}/`).toMatch(/^\/account\//);
          expect(url.username + url.password).toBe('');
        },
      ),
      { numRuns: runs(4_000) },
    );
    expect(accepted).toBeGreaterThan(5);
  });
});
