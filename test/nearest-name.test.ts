/** The name that was meant by one that does not exist. */

import { expect, test } from 'vitest';
import { nearestName } from '../scripts/deploy/nearest-name.ts';

const names = [
  ...['UPSTREAM_URL', 'API_URL', 'UPSTREAM_TIMEOUT_MS', 'MAX_STALENESS_SECONDS'],
  ...['FEED_REFRESH_SECONDS', 'PORTAL_NAME', 'PORTAL_LOGO', 'KEY_LIMIT', 'KEY_LIMITS'],
];

test.each([
  ['DATABASE_URL', null],
  ['LOG_LEVEL', null],
  ['SENTRY_DSN', null],
  ['UPSTREAM', 'UPSTREAM_URL'],
  ['UP', null],
  ['', null],
  ['X', null],
  ['🙂', null],
  ['UPSTREAM_TIMEOUT_SECONDS', 'UPSTREAM_TIMEOUT_MS'],
  ['UPSTREAM_TIMEOUT', 'UPSTREAM_TIMEOUT_MS'],
  ['MAX_STALENESS', 'MAX_STALENESS_SECONDS'],
  ['MAX_STALENES_SECONDS', 'MAX_STALENESS_SECONDS'],
  ['FEED_REFERSH_SECONDS', 'FEED_REFRESH_SECONDS'],
  ['UPSTREAM_URI', 'UPSTREAM_URL'],
  ['upstream_url', 'UPSTREAM_URL'],
  ['PORTAL', 'PORTAL_NAME'],
  ['KEY_LIMIT_', 'KEY_LIMIT'],
])('the name nearest to %j is %j', (written, nearest) => {
  expect(nearestName(written, names)).toBe(nearest);
});

test('an empty list has no nearest name', () => {
  expect(nearestName('UPSTREAM_URL', [])).toBeNull();
});
