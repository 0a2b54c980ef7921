import { expect, it } from 'vitest';
import { privateCacheControl } from '../../src/gateway/cache-control.ts';

const rows: readonly [said: string | null, becomes: string][] = [
  [null, 'private'],
  ['', 'private'],
  ['  ', 'private'],
  ['public', 'private'],
  ['Public, max-age=60', 'private, max-age=60'],
  ['max-age=60, PUBLIC', 'private, max-age=60'],
  ['s-maxage=60', 'private'],
  [
    'max-age=5, s-maxage=600, stale-while-revalidate=30',
    'private, max-age=5, stale-while-revalidate=30',
  ],
  ['max-age=5, must-revalidate', 'private, max-age=5, must-revalidate'],
  ['public, private', 'private'],
  ['public,, no-transform', 'private, no-transform'],
  ['private="x, public"', 'private'],
  ['s-maxage="1, public", max-age=5', 'private, max-age=5'],
  ['public, no-cache="set-cookie, x\\", public"', 'private, no-cache="set-cookie, x\\", public"'],
  ['public, ext="open, max-age=5', 'private, ext="open, max-age=5'],
  // What already keeps it out of shared caches, or leaves that to Authorization, is not ours to change.
  ['private', 'private'],
  ['private, max-age=60', 'private, max-age=60'],
  ['no-store', 'no-store'],
  ['no-cache', 'no-cache'],
  ['max-age=60', 'max-age=60'],
  ['x-publication=1, max-age=60', 'private, x-publication=1, max-age=60'],
];

it.each(rows)('privateCacheControl(%j) is %j', (said, becomes) => {
  expect(privateCacheControl(said)).toBe(becomes);
});
