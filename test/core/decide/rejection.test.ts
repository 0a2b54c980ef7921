import { describe, expect, test } from 'vitest';
import {
  hasOwnHeaders,
  type RejectionCode,
  reject,
  rejectionHeaders,
  rejectionKinds,
} from '../../../src/core/decide/rejection.ts';

type Row = readonly [
  code: RejectionCode,
  status: number,
  grantScope: 'none' | 'registered' | 'key' | 'any',
  challenge: string | null,
];

// The table of the README and of the design, written out a second time on purpose.
const rows: readonly Row[] = [
  ['missing_credentials', 401, 'registered', 'Bearer'],
  ['malformed_credentials', 401, 'registered', 'Bearer error="invalid_request"'],
  ['invalid_key', 401, 'registered', 'Bearer error="invalid_token"'],
  ['subprotocol_required', 400, 'none', null],
  ['client_token_expired', 401, 'registered', 'Bearer error="invalid_token"'],
  ['invalid_origin', 403, 'none', null],
  ['cors_not_enabled', 403, 'registered', null],
  ['origin_not_allowed', 403, 'registered', null],
  ['origin_required', 403, 'none', null],
  ['address_not_allowed', 403, 'key', null],
  ['route_not_allowed', 403, 'key', null],
  ['origin_not_registered', 403, 'none', null],
  ['https_required', 403, 'none', null],
  ['service_worker_not_allowed', 403, 'none', null],
  ['quota_exceeded', 429, 'key', null],
  ['rate_limited', 429, 'key', null],
  ['upstream_unreachable', 502, 'key', null],
  ['upstream_timeout', 504, 'key', null],
  ['unavailable', 503, 'any', null],
  ['not_configured', 503, 'any', null],
  ['internal_error', 500, 'any', null],
];

test.each(rows)(
  '%s is answered with status %i and read by: %s',
  (code, status, scope, challenge) => {
    const kind = rejectionKinds[code];
    expect(kind).toMatchObject({ status, grantScope: scope });
    expect('challenge' in kind ? kind.challenge : null).toBe(challenge);
  },
);

test('every code has a row in this table', () => {
  expect(Object.keys(rejectionKinds).sort()).toEqual(rows.map(([code]) => code).sort());
});

test.each(rows)('%s has a title that tells a person what happened', (code) => {
  expect(rejectionKinds[code].title).toMatch(/^[A-Z][A-Za-z ]+[a-z]$/);
});

test('every 401 carries a challenge, and nothing else does', () => {
  for (const kind of Object.values(rejectionKinds)) {
    expect('challenge' in kind, kind.title).toBe(kind.status === 401);
  }
});

test('reject() puts a rejection together, with what only some of them have', () => {
  expect(reject('invalid_key', 'Cannot')).toEqual({ code: 'invalid_key', detail: 'Cannot' });
  expect(reject('unavailable', 'Cannot', { retryAfterSeconds: 5, cause: 'database' })).toEqual({
    code: 'unavailable',
    detail: 'Cannot',
    retryAfterSeconds: 5,
    cause: 'database',
  });
});

describe('rejectionHeaders()', () => {
  const limit = { name: 'key', requests: 100, seconds: 60 };
  test.each([
    ['none for most', reject('route_not_allowed', 'Cannot'), {}],
    [
      'the challenge of a 401',
      reject('invalid_key', 'Cannot'),
      { 'WWW-Authenticate': 'Bearer error="invalid_token"' },
    ],
    [
      "the rejection's own challenge before that of its kind",
      reject('malformed_credentials', 'Cannot', { challenge: 'Bearer' }),
      { 'WWW-Authenticate': 'Bearer' },
    ],
    [
      'when to try again',
      reject('unavailable', 'Cannot', { retryAfterSeconds: 5 }),
      { 'Retry-After': '5' },
    ],
    [
      'to try again at once',
      reject('unavailable', 'Cannot', { retryAfterSeconds: 0 }),
      { 'Retry-After': '0' },
    ],
    [
      'the limit that was reached',
      reject('rate_limited', 'Cannot', { limit }),
      { 'Retry-After': '60', RateLimit: '"key";r=0;t=60', 'RateLimit-Policy': '"key";q=100;w=60' },
    ],
    [
      'a time to wait before the one of the limit',
      reject('rate_limited', 'Cannot', { limit, retryAfterSeconds: 7 }),
      { 'Retry-After': '7', RateLimit: '"key";r=0;t=60', 'RateLimit-Policy': '"key";q=100;w=60' },
    ],
  ])('are %s', (_, rejection, headers) => {
    expect(rejectionHeaders(rejection)).toEqual(headers);
    const ofItsKind = rejectionHeaders(reject(rejection.code, rejection.detail));
    expect(hasOwnHeaders(rejection)).toBe(JSON.stringify(headers) !== JSON.stringify(ofItsKind));
  });
});
