/** Who gets a CORS grant, and the headers that say so: no grant first. */

import { describe, expect, test } from 'vitest';
import {
  grantHeaders,
  grantOnRefusal,
  grantTo,
  PREFLIGHT_VARY,
  preflightHeaders,
  refusalScope,
} from '../../../src/core/decide/grant.ts';
import type { Registration } from '../../../src/core/decide/preflight.ts';
import {
  type GrantScope,
  type RejectionCode,
  rejectionKinds,
} from '../../../src/core/decide/rejection.ts';
import { anOrigin } from '../fixtures.ts';

const app = anOrigin('https://app.example');
const sandbox = anOrigin('null');

describe('grantTo()', () => {
  test('gives nothing where there is no origin', () => {
    expect(grantTo(null)).toBeNull();
  });

  test('names an origin, and answers an opaque one with "*"', () => {
    expect(grantTo(app)).toBe('https://app.example');
    expect(grantTo(sandbox)).toBe('*');
  });
});

describe('grantOnRefusal()', () => {
  const registrations: readonly (Registration | null)[] = [
    'unregistered',
    'unsure',
    'registered',
    null,
  ];
  // Whether the refusal can be read from a page whose origin is each of these.
  test.each<[GrantScope, ...boolean[]]>([
    ['none', false, false, false, false],
    ['registered', false, true, true, true],
    ['key', true, true, true, true],
    ['any', true, true, true, true],
  ])('for the scope %s', (scope, ...readable) => {
    for (const origin of [app, sandbox]) {
      const grants = registrations.map((known) => grantOnRefusal(scope, origin, known));
      expect(grants).toEqual(readable.map((isReadable) => (isReadable ? grantTo(origin) : null)));
    }
    expect(registrations.map((known) => grantOnRefusal(scope, null, known))).toEqual(
      readable.map(() => null),
    );
  });
});

describe('refusalScope()', () => {
  // The first is the scope without a key, the second with one.
  const scopes: Readonly<Record<RejectionCode, readonly [GrantScope, GrantScope]>> = {
    subprotocol_required: ['none', 'none'],
    invalid_origin: ['none', 'none'],
    origin_required: ['none', 'none'],
    origin_not_registered: ['none', 'none'],
    https_required: ['none', 'none'],
    service_worker_not_allowed: ['none', 'none'],
    missing_credentials: ['registered', 'registered'],
    malformed_credentials: ['registered', 'registered'],
    invalid_key: ['registered', 'registered'],
    client_token_expired: ['registered', 'registered'],
    cors_not_enabled: ['registered', 'registered'],
    origin_not_allowed: ['registered', 'registered'],
    address_not_allowed: ['registered', 'key'],
    route_not_allowed: ['registered', 'key'],
    quota_exceeded: ['registered', 'key'],
    rate_limited: ['registered', 'key'],
    upstream_unreachable: ['registered', 'key'],
    upstream_timeout: ['registered', 'key'],
    unavailable: ['any', 'any'],
    not_configured: ['any', 'any'],
    internal_error: ['any', 'any'],
  };

  test.each(Object.keys(rejectionKinds) as RejectionCode[])('of %s', (code) => {
    const rejection = { code, detail: '' };
    expect([refusalScope(rejection, false), refusalScope(rejection, true)]).toEqual(scopes[code]);
  });
});

describe('the headers of a grant', () => {
  test('are absent where nothing is granted', () => {
    expect(grantHeaders(null, 'ETag')).toEqual({});
  });

  test('name the origin and what a page may read, and never credentials', () => {
    expect(grantHeaders('https://app.example', 'ETag, Link')).toEqual({
      'Access-Control-Allow-Origin': 'https://app.example',
      'Access-Control-Expose-Headers': 'ETag, Link',
    });
  });

  const granted = { allowMethods: 'GET', allowHeaders: 'authorization', maxAgeSeconds: 600 };
  const common = {
    'Access-Control-Allow-Methods': 'GET',
    'Access-Control-Allow-Headers': 'authorization',
    'Access-Control-Max-Age': '600',
    Vary: PREFLIGHT_VARY,
  };

  test('on a preflight without a grant name no origin', () => {
    expect(preflightHeaders(null, granted)).toEqual(common);
  });

  test('on a preflight name it, and vary by all that was asked', () => {
    expect(preflightHeaders('*', granted)).toEqual({
      'Access-Control-Allow-Origin': '*',
      ...common,
    });
    expect(PREFLIGHT_VARY.split(', ')).toEqual([
      'Origin',
      'Access-Control-Request-Method',
      'Access-Control-Request-Headers',
    ]);
  });
});
