/** The claims of a client token: shapes and times, as tables. */

import { describe, expect, test } from 'vitest';
import {
  CLIENT_TTL_DEFAULT_SECONDS,
  CLIENT_TTL_MAX_SECONDS,
  judgeTimes,
  readClaims,
} from '../../../src/core/client-token/claims.ts';

const times = '"iat":1000,"exp":1600';
const rule = '{"methods":["get"],"resources":["/a"]}';

describe('readClaims() refuses', () => {
  const rows: readonly (readonly [name: string, payload: string])[] = [
    ['no JSON', '{'],
    ['nothing', ''],
    ['a list', '[]'],
    ['null', 'null'],
    ['no times', '{}'],
    ['no exp', '{"iat":1000}'],
    ['no iat', '{"exp":1600}'],
    ['a claim twice', `{${times},"iat":1000}`],
    ['a claim twice, the other value first', `{"iat":1,${times}}`],
    ['blanks', `{ ${times}}`],
    ['a blank at the end', `{${times}} `],
    ['a number in another spelling', '{"iat":1e3,"exp":1600}'],
    ['an escape that is not needed', `{${times},"sub":"\\u0061"}`],
    ['a byte order mark', `\ufeff{${times}}`],
    ['an unknown claim', `{${times},"aud":"x"}`],
    ['a claim of the prototype', `{${times},"toString":"x"}`],
    ['__proto__', `{${times},"__proto__":{}}`],
    ['nbf', `{${times},"nbf":1000}`],
    ['iat 0', '{"iat":0,"exp":1600}'],
    ['iat below 0', '{"iat":-1,"exp":1600}'],
    ['iat as text', '{"iat":"1000","exp":1600}'],
    ['a fraction of a second', '{"iat":1000.5,"exp":1600}'],
    ['exp past all integers', '{"iat":1000,"exp":9007199254740992}'],
    ['exp null', '{"iat":1000,"exp":null}'],
    ['an empty jti', `{${times},"jti":""}`],
    ['a jti of 65 characters', `{${times},"jti":"${'j'.repeat(65)}"}`],
    ['a jti with a blank', `{${times},"jti":"a b"}`],
    ['an empty sub', `{${times},"sub":""}`],
    ['a sub of 65 characters', `{${times},"sub":"${'s'.repeat(65)}"}`],
    ['a sub beyond ASCII', `{${times},"sub":"zoë"}`],
    ['a sub that is a number', `{${times},"sub":1}`],
    ['no origins in a list', `{${times},"origins":[]}`],
    ['six origins', `{${times},"origins":["a","b","c","d","e","f"]}`],
    ['an origin that is no text', `{${times},"origins":[1]}`],
    ['an origin that is no text after a text', `{${times},"origins":["a",1]}`],
    ['an origin that is no text before a text', `{${times},"origins":[null,"a"]}`],
    ['origins as text', `{${times},"origins":"https://a.example"}`],
    ['origins null', `{${times},"origins":null}`],
    ['no rules in a list', `{${times},"rules":[]}`],
    ['rules null', `{${times},"rules":null}`],
    ['a rule without resources', `{${times},"rules":[{"methods":["get"]}]}`],
    ['a rule without methods', `{${times},"rules":[{"resources":["/a"]}]}`],
    ['a rule with more', `{${times},"rules":[{"methods":["get"],"resources":["/a"],"x":1}]}`],
    ['a rule with no methods in it', `{${times},"rules":[{"methods":[],"resources":["/a"]}]}`],
    ['a rule that is a text', `{${times},"rules":["get /a"]}`],
    ['a rule that is a text after a rule', `{${times},"rules":[${rule},"get /a"]}`],
    [
      'a rule with more before a rule',
      `{${times},"rules":[{"methods":["get"],"resources":["/a"],"x":1},${rule}]}`,
    ],
    [
      'a method that is no text after a text',
      `{${times},"rules":[{"methods":["get",1],"resources":["/a"]}]}`,
    ],
    [
      'a resource that is no text before a text',
      `{${times},"rules":[{"methods":["get"],"resources":[1,"/a"]}]}`,
    ],
    ['meta as a list', `{${times},"meta":[]}`],
    ['meta with a number', `{${times},"meta":{"a":1}}`],
    ['meta with a number after a text', `{${times},"meta":{"a":"b","c":1}}`],
    ['meta with more in it', `{${times},"meta":{"a":{"b":"c"}}}`],
    ['257 bytes of meta', `{${times},"meta":{"a":"${'x'.repeat(257 - 8)}"}}`],
    ['257 bytes of meta in few characters', `{${times},"meta":{"ab":"${'é'.repeat(124)}"}}`],
  ];
  test.each(rows)('%s', (_, payload) => {
    expect(readClaims(payload)).toBeNull();
  });
});

describe('readClaims() reads', () => {
  const rows: readonly (readonly [name: string, payload: string])[] = [
    ['two times', `{${times}}`],
    ['them in another order', '{"exp":1600,"iat":1000}'],
    [
      'a jti and a sub of 64 characters',
      `{${times},"jti":"${'j'.repeat(64)}","sub":"${'~'.repeat(64)}"}`,
    ],
    ['five origins', `{${times},"origins":["a","b","c","d","e"]}`],
    ['rules', `{${times},"rules":[{"methods":["get"],"resources":["/a/:id"]}]}`],
    ['two rules', `{${times},"rules":[${rule},${rule}]}`],
    ['no meta in an object', `{${times},"meta":{}}`],
    ['256 bytes of meta', `{${times},"meta":{"a":"${'x'.repeat(256 - 8)}"}}`],
  ];
  test.each(rows)('%s', (_, payload) => {
    expect(readClaims(payload)).toEqual(JSON.parse(payload));
  });
});

test('a key may allow an hour, and allows ten minutes if it says nothing', () => {
  expect([CLIENT_TTL_MAX_SECONDS, CLIENT_TTL_DEFAULT_SECONDS]).toEqual([3_600, 600]);
});

interface Judged {
  readonly iat: number;
  readonly exp: number;
  readonly verdict: 'current' | 'expired' | RegExp;
  readonly validFromSeconds?: number;
}

describe('judgeTimes()', () => {
  const rows: readonly (readonly [name: string, judged: Judged])[] = [
    // The time is 1,000,000 s and the parent allows 600 s.
    ['exp before iat', { iat: 1_000_000, exp: 999_999, verdict: /not after/ }],
    ['exp at iat', { iat: 1_000_000, exp: 1_000_000, verdict: /not after/ }],
    ['a lifetime of 601 s', { iat: 1_000_000, exp: 1_000_601, verdict: /too long/ }],
    ['a long lifetime that has ended', { iat: 900_000, exp: 950_000, verdict: /too long/ }],
    ['iat 11 s ahead', { iat: 1_000_011, exp: 1_000_100, verdict: /ahead/ }],
    ['exp now', { iat: 999_500, exp: 1_000_000, verdict: 'expired' }],
    ['exp a second ago', { iat: 999_500, exp: 999_999, verdict: 'expired' }],
    [
      'voided after it was issued',
      { iat: 999_900, exp: 1_000_100, verdict: 'expired', validFromSeconds: 999_901 },
    ],
    [
      'issued as the others are voided',
      { iat: 999_900, exp: 1_000_100, verdict: 'expired', validFromSeconds: 999_900 },
    ],
    [
      'issued 9 s after that',
      { iat: 999_909, exp: 1_000_100, verdict: 'expired', validFromSeconds: 999_900 },
    ],
    [
      'issued 10 s after that',
      { iat: 999_910, exp: 1_000_100, verdict: 'current', validFromSeconds: 999_900 },
    ],
    [
      'issued while others are voided ahead',
      { iat: 1_000_000, exp: 1_000_100, verdict: 'expired', validFromSeconds: 1_000_060 },
    ],
    ['a lifetime of 600 s', { iat: 1_000_000, exp: 1_000_600, verdict: 'current' }],
    ['iat 10 s ahead', { iat: 1_000_010, exp: 1_000_100, verdict: 'current' }],
    ['a second left', { iat: 999_500, exp: 1_000_001, verdict: 'current' }],
  ];
  test.each(rows)('judges %s', (_, judgement) => {
    const { iat, exp, verdict, validFromSeconds } = judgement;
    const judged = judgeTimes(
      { iat, exp },
      {
        maxTtlSeconds: 600,
        validFromMs: validFromSeconds === undefined ? null : validFromSeconds * 1000,
        nowMs: 1_000_000_000,
      },
    );
    if (typeof verdict === 'string') expect(judged).toBe(verdict);
    else expect(judged).toEqual({ cause: expect.stringMatching(verdict) });
  });
});
