import { describe, expect, test } from 'vitest';
import { CLOCK_STEP_MS, FEED_MEMORY_LINES, FEED_WINDOW_LINES } from '../../../src/keys/limits.ts';
import { ChangeFeed } from '../../../src/keys/lookup/change-feed.ts';
import {
  type ChangeLine,
  type FeedSnapshot,
  LOG_START,
  type Subject,
} from '../../../src/keys/types.ts';

/** Line `seq` of a history. Every history has marks of its own. */
function line(seq: number, subject: Subject = `token:${seq}`, history = 1): ChangeLine {
  return { seq, mark: history * 1_000_000 + seq, subject };
}

/** Lines after one seq up to another, as a read of D1 tells them. */
function read(afterSeq: number, headSeq: number, history = 1): FeedSnapshot {
  const lines: ChangeLine[] = [];
  for (let seq = afterSeq + 1; seq <= headSeq; seq++) lines.push(line(seq, undefined, history));
  const after = afterSeq === 0 ? LOG_START : line(afterSeq, undefined, history);
  return {
    after,
    head: lines.at(-1) ?? after,
    lines,
    tagKeyHex: `tag key of history ${history}`,
    hasImportedTokens: false,
  };
}

/** A feed that took these reads in. They all began before the first of them was answered. */
function feedOf(...reads: FeedSnapshot[]): ChangeFeed {
  const feed = new ChangeFeed();
  for (const [at, snapshot] of reads.entries()) feed.apply(snapshot, at, 100 + at);
  return feed;
}

describe('a feed that never read the log', () => {
  const feed = new ChangeFeed();

  test('vouches for nothing', () => {
    expect(feed.isKnown).toBe(false);
    expect(feed.vouchesFor(LOG_START, [])).toBe(false);
    expect(feed.vouchesFor(line(1), ['token:1'])).toBe(false);
    expect(feed.hasChangedSince(0, [])).toBe(true);
  });

  test('has an infinitely old lease, and nothing to share', () => {
    expect(feed.ageMs(0)).toBe(Number.POSITIVE_INFINITY);
    expect(feed.snapshot()).toBeNull();
    expect({ tagKey: feed.tagKeyHex, imported: feed.hasImportedTokens }).toEqual({
      tagKey: null,
      imported: true,
    });
  });
});

describe('a feed vouches', () => {
  const feed = feedOf(read(10, 15));
  const cases = [
    {
      what: 'not for a copy older than its window',
      at: line(9),
      subject: 'token:x',
      vouches: false,
    },
    {
      what: 'for a copy at the start of its window',
      at: line(10),
      subject: 'token:x',
      vouches: true,
    },
    { what: 'for a copy at its head', at: line(15), subject: 'token:15', vouches: true },
    { what: 'not for one from before a change', at: line(12), subject: 'token:13', vouches: false },
    { what: 'for one from the very change', at: line(13), subject: 'token:13', vouches: true },
    { what: 'not for one from after its head', at: line(16), subject: 'token:x', vouches: false },
    {
      what: 'not for one at a line of another history',
      at: line(12, undefined, 2),
      subject: 'token:x',
      vouches: false,
    },
    {
      what: 'not for one at the start of another history',
      at: line(10, undefined, 2),
      subject: 'token:x',
      vouches: false,
    },
  ] as const;

  test.for(cases)('$what', ({ at, subject, vouches }) => {
    expect(feed.vouchesFor(at, [subject])).toBe(vouches);
  });

  test('for several subjects only if none of them changed', () => {
    expect(feed.vouchesFor(line(12), ['token:1', 'token:2'])).toBe(true);
    expect(feed.vouchesFor(line(12), ['token:1', 'token:14'])).toBe(false);
  });

  test('by the newest line about a subject', () => {
    const twice = feedOf({
      ...read(0, 0),
      head: line(3),
      lines: [line(1, 'pattern:*'), line(2), line(3, 'pattern:*')],
    });
    expect(twice.vouchesFor(line(2), ['pattern:*'])).toBe(false);
  });

  test('from the first line on, if it has read the whole log', () => {
    expect(feedOf(read(0, 3)).vouchesFor(LOG_START, ['token:x'])).toBe(true);
    expect(feedOf(read(0, 3)).vouchesFor(LOG_START, ['token:2'])).toBe(false);
  });
});

describe('reads of the log', () => {
  test.for([
    { what: 'one after the other', reads: [read(0, 3), read(3, 5)] },
    { what: 'twice', reads: [read(0, 3), read(3, 5), read(3, 5)] },
    { what: 'overlapping', reads: [read(0, 3), read(1, 5), read(2, 4)] },
    { what: 'with the later one first', reads: [read(0, 3), read(3, 5), read(3, 4)] },
    { what: 'of nothing new', reads: [read(0, 5), read(5, 5)] },
    { what: 'in one piece after several', reads: [read(2, 3), read(0, 5)] },
  ])('may come $what', ({ reads }) => {
    const feed = feedOf(...reads);
    expect(feed.headSeq).toBe(5);
    expect(feed.vouchesFor(line(5), ['token:5'])).toBe(true);
    for (const seq of [1, 2, 3, 4, 5]) {
      expect(feed.vouchesFor(seq === 1 ? LOG_START : line(seq - 1), [`token:${seq}`])).toBe(false);
    }
    expect(feed.size).toBeLessThanOrEqual(5);
  });

  test('renew the lease of their head from their start, whichever comes last', () => {
    const feed = new ChangeFeed();
    feed.apply(read(0, 3), 5_000, 5_200);
    feed.apply(read(0, 3), 4_000, 5_300);
    expect(feed.ageMs(6_000)).toBe(1_000);
    feed.apply(read(3, 4), 5_500, 5_600);
    expect(feed.ageMs(6_000)).toBe(500);
  });

  test('that are overtaken leave the head where it is', () => {
    const feed = feedOf(read(0, 5));
    // Began before the head was learnt, and saw less.
    expect(feed.apply(read(0, 4), 50, 300)).toBe('continued');
    expect(feed.headSeq).toBe(5);
    expect(feed.vouchesFor(line(4), ['token:5'])).toBe(false);
  });

  test('that reach back further widen the window', () => {
    const feed = feedOf(read(10, 12), read(5, 13));
    expect(feed.vouchesFor(line(5), ['token:x'])).toBe(true);
    expect(feed.vouchesFor(line(5), ['token:7'])).toBe(false);
    expect(feed.vouchesFor(line(11), ['token:12'])).toBe(false);
    expect(feed.size).toBe(8);
  });

  test('tell the tag key, and whether tokens were imported', () => {
    const feed = feedOf(read(0, 1), { ...read(1, 2), tagKeyHex: 'new', hasImportedTokens: true });
    expect(feed.tagKeyHex).toBe('new');
    expect(feed.hasImportedTokens).toBe(true);
    feed.apply(read(0, 1), 50, 2_000);
    expect(feed.tagKeyHex).toBe('new');
  });

  test('that leave a gap restart the window', () => {
    const feed = feedOf(read(0, 5));
    expect(feed.apply(read(8, 9), 2_000, 2_100)).toBe('restarted');
    expect(feed.vouchesFor(line(5), ['token:x'])).toBe(false);
    expect(feed.hasChangedSince(5, [])).toBe(true);
    expect(feed.vouchesFor(line(8), ['token:x'])).toBe(true);
    expect(feed.ageMs(2_500)).toBe(500);
  });
});

describe('a D1 that was restored to an earlier time', () => {
  const other = 2;
  /** The log up to line 3 is common, line 4 on is new. */
  const restored = (headSeq: number): FeedSnapshot => {
    const { lines, ...common } = read(0, 3);
    const news = read(3, headSeq, other).lines;
    return { ...common, lines: [...lines, ...news], head: news.at(-1) ?? common.head };
  };

  test.for([
    { what: 'has fewer lines', snapshot: { ...read(3, 3), lines: [] } },
    { what: 'has as many lines again', snapshot: restored(5) },
    { what: 'has more lines again', snapshot: restored(9) },
    { what: 'tells its newest line alone', snapshot: { ...read(4, 4, other), lines: [] } },
  ])('restarts the window if it $what', ({ snapshot }) => {
    const feed = feedOf(read(0, 5));
    expect(feed.apply(snapshot, 2_000, 2_100)).toBe('restarted');
    expect(feed.headSeq).toBe(snapshot.head.seq);
    expect(feed.vouchesFor(line(5), ['token:x'])).toBe(false);
    expect(feed.ageMs(2_500)).toBe(500);
  });

  test('is heard of though the head that it went back to is known', () => {
    const feed = feedOf(read(0, 5));
    expect(feed.apply(read(0, 3), 2_000, 2_100)).toBe('restarted');
    expect(feed.vouchesFor(line(5), ['token:x'])).toBe(false);
    expect(feed.vouchesFor(line(3), ['token:x'])).toBe(true);
  });

  // The feed cannot know which of two concurrent reads D1 answered later. So each speaks for its own
  // head alone, and a lease never begins after a restore that the window does not know of.
  test('gains no lease from a read after it that looks overtaken', () => {
    const feed = feedOf(read(0, 5));
    feed.apply(read(0, 3), 80, 200);
    expect(feed.headSeq).toBe(5);
    expect(feed.ageMs(1_000)).toBe(1_000);
  });

  test('lends no lease to a later head that an earlier read saw before it', () => {
    const feed = new ChangeFeed();
    feed.apply(read(0, 3), 80, 200);
    feed.apply(read(0, 5), 0, 300);
    expect(feed.headSeq).toBe(5);
    expect(feed.ageMs(1_000)).toBe(1_000);
  });

  test('leaves nothing known when a read from before it comes after one from after it', () => {
    const feed = feedOf(read(0, 5));
    feed.apply(restored(6), 2_000, 2_100);
    expect(feed.apply(read(0, 7), 1_900, 2_200)).toBe('restarted');
    expect(feed.isKnown).toBe(false);
    expect(feed.ageMs(2_300)).toBe(Number.POSITIVE_INFINITY);
    expect(feed.vouchesFor(line(7), ['token:x'])).toBe(false);
    expect(feed.vouchesFor(line(6, undefined, other), ['token:x'])).toBe(false);
  });
});

describe('two reads that began in the same millisecond', () => {
  test('and tell two histories leave nothing known', () => {
    const feed = new ChangeFeed();
    feed.apply(read(7, 9), 1_000, 1_100);
    expect(feed.apply(read(0, 5), 1_000, 1_200)).toBe('restarted');
    expect(feed.isKnown).toBe(false);
    expect(feed.vouchesFor(line(5), ['token:x'])).toBe(false);
  });
});

describe('a clock', () => {
  test('that was read a little before a poll began makes no lease old', () => {
    const feed = new ChangeFeed();
    feed.apply(read(0, 1), 10_000, 10_100);
    expect(feed.ageMs(9_000)).toBeLessThan(0);
  });

  test('that was set back ends the lease, and the next read begins another', () => {
    const feed = new ChangeFeed();
    feed.apply(read(0, 1), 100_000, 100_100);
    const afterMs = 100_000 - 2 * CLOCK_STEP_MS;
    expect(feed.ageMs(afterMs)).toBe(Number.POSITIVE_INFINITY);
    expect(feed.apply(read(1, 2), afterMs, afterMs + 10)).toBe('continued');
    expect(feed.ageMs(afterMs + 100)).toBe(100);
  });
});

describe('a page', () => {
  const page = (from: number, to: number) => [line(from), ...read(from, to).lines];

  test('moves the head on and leaves the lease as it is', () => {
    const feed = feedOf(read(0, 10));
    const ageMs = feed.ageMs(5_000);
    expect(feed.applyPage(page(10, 500), 0)).toBe(true);
    expect(feed.headSeq).toBe(500);
    expect(feed.ageMs(5_000)).toBe(ageMs);
    expect(feed.vouchesFor(line(10), ['token:x'])).toBe(true);
  });

  test('may reach beyond the read that it is read for, which is then known', () => {
    const feed = feedOf(read(0, 10));
    const newest = read(500, 600);
    feed.noteAhead(newest, 6_000);
    expect(feed.applyPage(page(10, 700), 7_000)).toBe(true);
    expect(feed.apply(newest, 5_900, 7_000)).toBe('continued');
    expect(feed.headSeq).toBe(700);
    expect(feed.vouchesFor(line(10), ['token:x'])).toBe(true);
  });

  test('before a read with an earlier head is one of a D1 that was restored since', () => {
    const feed = feedOf(read(0, 10));
    feed.applyPage(page(10, 700), 7_000);
    expect(feed.apply(read(500, 600), 7_001, 7_100)).toBe('restarted');
  });

  test.for([
    { what: 'starts after the head', lines: page(11, 20) },
    { what: 'starts with another line of that seq', lines: [{ ...line(10), mark: -1 }, line(11)] },
    { what: 'is empty', lines: [] },
  ])('that $what changes nothing', ({ lines }) => {
    const feed = feedOf(read(0, 10));
    expect(feed.applyPage(lines, 0)).toBe(false);
    expect(feed.headSeq).toBe(10);
  });

  test('that was overtaken changes nothing', () => {
    const feed = feedOf(read(0, 10));
    feed.applyPage(page(10, 30), 0);
    expect(feed.applyPage(page(10, 20), 0)).toBe(true);
    expect(feed.headSeq).toBe(30);
    expect(feed.applyPage(page(10, 40), 0)).toBe(true);
    expect(feed.headSeq).toBe(40);
    expect(feed.size).toBe(40);
  });
});

describe('the memory of a feed', () => {
  test('is bounded, and what falls out of it counts no more', () => {
    const feed = feedOf(read(0, 1));
    for (let head = 1; head <= 3 * FEED_MEMORY_LINES; head += 500) {
      feed.apply(read(head, head + 500), 1_000 + head, 1_000 + head);
      expect(feed.size).toBeLessThanOrEqual(FEED_MEMORY_LINES);
    }
    const headSeq = feed.headSeq;
    expect(feed.vouchesFor(line(1), ['token:x'])).toBe(false);
    const startSeq = headSeq - feed.size;
    expect(feed.vouchesFor(line(startSeq), ['token:x'])).toBe(true);
    expect(feed.vouchesFor(line(startSeq - 1), ['token:x'])).toBe(false);
  });

  test('keeps the newest line about a subject when an older one about it falls out', () => {
    const twice = new Set([1_000, FEED_MEMORY_LINES - 1_000]);
    const snapshot = read(0, FEED_MEMORY_LINES + 1);
    const lines = snapshot.lines.map((known) =>
      twice.has(known.seq) ? line(known.seq, 'pattern:*') : known,
    );
    const feed = feedOf({ ...snapshot, lines });
    expect(feed.vouchesFor(line(1_000), ['token:x'])).toBe(false);
    const [, newestSeq = 0] = twice;
    expect(feed.vouchesFor(line(newestSeq - 1), ['pattern:*'])).toBe(false);
    expect(feed.vouchesFor(line(newestSeq), ['pattern:*'])).toBe(true);
  });

  test('is shared as the window of a fresh isolate', () => {
    const whole = feedOf(read(0, FEED_WINDOW_LINES + 100)).snapshot();
    expect(whole).toMatchObject({ after: { seq: 100 }, head: { seq: FEED_WINDOW_LINES + 100 } });
    expect(whole?.lines).toHaveLength(FEED_WINDOW_LINES);
    expect(feedOf(read(0, 3)).snapshot()).toMatchObject({ after: LOG_START, head: { seq: 3 } });
    expect(feedOf(read(3, 3)).snapshot()).toMatchObject({ after: { seq: 3 }, head: { seq: 3 } });
  });
});
