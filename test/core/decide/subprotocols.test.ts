/** A token in the subprotocols of a WebSocket: refusals first. */

import { describe, expect, test } from 'vitest';
import {
  readCredentials,
  readSubprotocols,
  subprotocolToAnswer,
} from '../../../src/core/decide/subprotocols.ts';

const bearer = 'edge-authorizer.bearer.ea_pk_abc';

describe('readCredentials() refuses', () => {
  test.each([
    ['two tokens', null, `edge-authorizer, ${bearer}, ${bearer}2`, 'malformed_credentials'],
    [
      'a token beside Authorization',
      'Bearer x',
      `edge-authorizer, ${bearer}`,
      'malformed_credentials',
    ],
    [
      'a token beside another scheme',
      'Basic x',
      `edge-authorizer, ${bearer}`,
      'malformed_credentials',
    ],
    ['an empty token', null, 'edge-authorizer, edge-authorizer.bearer.', 'malformed_credentials'],
    [
      'a token with a slash',
      null,
      'edge-authorizer, edge-authorizer.bearer.a/b',
      'malformed_credentials',
    ],
    ['the token alone', null, bearer, 'subprotocol_required'],
    ['no token', null, 'edge-authorizer', 'missing_credentials'],
    [
      'a token of another case',
      null,
      'edge-authorizer, Edge-Authorizer.Bearer.x',
      'missing_credentials',
    ],
    ['nothing', null, null, 'missing_credentials'],
  ])('%s', (_, authorization, offer, code) => {
    const result = readCredentials(authorization, readSubprotocols(offer));
    expect(result).toMatchObject({ ok: false, rejection: { code } });
    const detail = result.ok ? '' : result.rejection.detail;
    expect(detail).toMatch(/^Cannot [^\n]{30,}[^.]$/);
    expect(detail).not.toContain('ea_pk_abc');
  });
});

describe('readCredentials() reads', () => {
  test.each([
    ['the token beside the name of the edge', null, `edge-authorizer, ${bearer}`],
    ['the token first', null, `${bearer},edge-authorizer`],
    ['the token beside a protocol of the page', null, `graphql-ws, ${bearer}`],
    ['the token with a blank Authorization', ' ', `graphql-ws, ${bearer}`],
    ['Authorization beside other protocols', 'Bearer ea_pk_abc', 'graphql-ws'],
    ['Authorization beside the name of the edge', 'Bearer ea_pk_abc', 'edge-authorizer'],
  ])('%s', (_, authorization, offer) => {
    const result = readCredentials(authorization, readSubprotocols(offer));
    expect(result).toEqual({ ok: true, token: 'ea_pk_abc' });
  });
});

describe('readSubprotocols()', () => {
  test.each([
    [null, null],
    ['graphql-ws, mqtt', null],
    ['edge-authorizer2', null],
    ['my-edge-authorizer', null],
  ])('finds nothing for the edge in %j', (offer, expected) => {
    expect(readSubprotocols(offer)).toBe(expected);
  });

  test('keeps a name in another case from the upstream, and reads no token from it', () => {
    expect(readSubprotocols('a, Edge-Authorizer, EDGE-AUTHORIZER.bearer.ea_pk_abc')).toEqual({
      tokens: [],
      hasEdge: false,
      others: ['a'],
    });
  });

  test('leaves the others to the upstream, in their order', () => {
    expect(readSubprotocols(`a, ${bearer} ,,edge-authorizer,\tb`)).toEqual({
      tokens: ['ea_pk_abc'],
      hasEdge: true,
      others: ['a', 'b'],
    });
  });
});

describe('subprotocolToAnswer()', () => {
  test.each([
    [`edge-authorizer, ${bearer}`, null, 'edge-authorizer'],
    [`chat, edge-authorizer, ${bearer}`, null, 'edge-authorizer'],
    [`chat, edge-authorizer, ${bearer}`, 'chat', 'chat'],
    [`edge-authorizer, ${bearer}`, 'chat', 'edge-authorizer'],
    [`chat, edge-authorizer, ${bearer}`, 'Chat', 'edge-authorizer'],
    [`chat, mqtt, edge-authorizer, ${bearer}`, 'chat, mqtt', 'edge-authorizer'],
    [`edge-authorizer, ${bearer}`, bearer, 'edge-authorizer'],
    [`chat, ${bearer}`, 'chat', 'chat'],
    [`chat, ${bearer}`, null, null],
    [`chat, ${bearer}`, bearer, null],
  ])('is for the offer %j and the choice %j: %j', (offer, chosen, answer) => {
    const offered = readSubprotocols(offer);
    expect(offered && subprotocolToAnswer(offered, chosen)).toBe(answer);
  });
});
