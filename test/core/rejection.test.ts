import { expect, test } from 'vitest';
import { type RejectionCode, reject, rejectionKinds } from '../../src/core/rejection.ts';

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
  ['invalid_origin', 403, 'none', null],
  ['cors_not_enabled', 403, 'registered', null],
  ['origin_not_allowed', 403, 'registered', null],
  ['route_not_allowed', 403, 'key', null],
  ['origin_not_registered', 403, 'none', null],
  ['rate_limited', 429, 'key', null],
  ['upstream_unreachable', 502, 'key', null],
  ['upstream_timeout', 504, 'key', null],
  ['unavailable', 503, 'any', null],
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
