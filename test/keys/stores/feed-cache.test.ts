import { afterEach, describe, expect, test } from 'vitest';
import { FEED_CACHE_LONG_SECONDS, FEED_CACHE_SECONDS } from '../../../src/keys/limits.ts';
import { createFeedCache } from '../../../src/keys/stores/feed-cache.ts';
import { LOG_START, type SharedPoll } from '../../../src/keys/types.ts';

const open = () => caches.open('test');

function aPoll(overrides: Partial<SharedPoll['feed']> = {}): SharedPoll {
  return {
    startedAtMs: 1_700_000_000_123,
    feed: {
      after: { seq: 3, mark: 281_474_976_710_655 },
      head: { seq: 5, mark: 50, subject: 'pattern:*' } as SharedPoll['feed']['head'],
      lines: [
        { seq: 4, mark: 40, subject: 'token:00ff' },
        { seq: 5, mark: 50, subject: 'pattern:*' },
      ],
      tagKeyHex: 'ab'.repeat(32),
      hasImportedTokens: true,
      ...overrides,
    },
  };
}

const entries = ['short', 'long'] as const;

describe('a shared poll', () => {
  const deployments: string[] = [];
  afterEach(async () => {
    for (const [name, entry] of deployments.flatMap((name) =>
      entries.map((entry) => [name, entry]),
    )) {
      await (await open()).delete(`https://feed.edge-authorizer.internal/v2/${name}/${entry}`);
    }
  });
  const cacheOf = (name: string) => {
    deployments.push(name);
    return createFeedCache(open, name);
  };

  test('is null before the first poll', async () => {
    expect(await cacheOf('one').get('short')).toBeNull();
  });

  test.for([
    { what: 'with lines', poll: aPoll() },
    {
      what: 'without lines',
      poll: aPoll({ lines: [], head: { seq: 3, mark: 281_474_976_710_655 } }),
    },
    { what: 'of an empty log', poll: aPoll({ lines: [], after: LOG_START, head: LOG_START }) },
  ])('$what is returned as it was put', async ({ poll }) => {
    await cacheOf('one').put(poll);
    for (const entry of entries) expect(await cacheOf('one').get(entry)).toEqual(poll);
  });

  test('is not seen by another deployment in the same zone', async () => {
    await cacheOf('one').put(aPoll());
    expect(await cacheOf('two').get('short')).toBeNull();
  });

  test('is not shared if the deployment is unknown', async () => {
    const cache = createFeedCache(open, null);
    await cache.put(aPoll());
    expect(await cache.get('short')).toBeNull();
    expect(await cacheOf('null').get('short')).toBeNull();
  });

  test('may be kept for as long as the readers count', async () => {
    const lifetimes: Record<string, string | null> = {};
    const double = {
      put: async (url: string, response: Response) => {
        lifetimes[url.split('/').at(-1) ?? ''] = response.headers.get('cache-control');
      },
    };
    await createFeedCache(async () => double as unknown as Cache, 'one').put(aPoll());
    expect(lifetimes).toEqual({
      short: `max-age=${FEED_CACHE_SECONDS}`,
      long: `max-age=${FEED_CACHE_LONG_SECONDS}`,
    });
  });

  test('rejects when the cache does', async () => {
    const broken = createFeedCache(async () => {
      throw new Error('no cache');
    }, 'one');
    await expect(broken.get('short')).rejects.toThrow('no cache');
    await expect(broken.put(aPoll())).rejects.toThrow('no cache');
  });
});
