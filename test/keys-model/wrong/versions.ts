/**
 * Deliberately wrong versions of the protocol, each a mistake that a developer could make. The model has
 * to catch every one of them: a test that lets one pass would let the mistake pass too.
 */

import { isClientToken } from '../../../src/core/client-token/client-token.ts';
import {
  createKeyDirectory,
  type DirectoryOptions,
  type KeyDirectory,
} from '../../../src/keys/lookup/directory.ts';
import type { FoundKey, KeyLookup } from '../../../src/keys/lookup/key-target.ts';
import {
  type DatabaseAnswer,
  type FeedCache,
  LOG_START,
  type LogPosition,
  type NearReplica,
  type SharedPoll,
} from '../../../src/keys/types.ts';
import { readVersion, type Version } from '../truth.ts';
import type { MakeDirectory } from '../world.ts';

/** KV is read through as if what it holds were as new as the log: no `seqAt`. */
const trustsReplica: MakeDirectory = (options) => {
  let head: LogPosition = LOG_START;
  const { database, replica } = options;
  return createKeyDirectory({
    ...options,
    database: {
      ...database,
      async read(request) {
        const answer = await database.read(request);
        head = answer.feed.head;
        return answer;
      },
    },
    replica: {
      ...replica,
      async getKey(tokenHash) {
        const copy = await replica.getKey(tokenHash);
        return copy && { ...copy, at: head };
      },
      async getParent(kid) {
        const copy = await replica.getParent(kid);
        return copy && { ...copy, at: head };
      },
      async getOrigins(patterns) {
        const copies = await replica.getOrigins(patterns);
        return copies.map((copy) => ({ ...copy, at: head }));
      },
    },
  });
};

/** While D1 is out of reach, memory is asked before the log. */
const asksMemoryBeforeLog: MakeDirectory = (options) => {
  const last = new Map<string, KeyLookup>();
  const directory = createKeyDirectory(options);
  return {
    ...directory,
    async find(token, origin, scope) {
      const lookedUp = await directory.find(token, origin, scope);
      if (lookedUp.outcome === 'unavailable') return last.get(token) ?? lookedUp;
      if (lookedUp.outcome === 'found') last.set(token, lookedUp);
      return lookedUp;
    },
  };
};

/** Look-ups go to D1's read replicas, which are behind by some time. */
const readsReplicas: MakeDirectory = (options, world) =>
  withAnswers(options, (_answer, request) => {
    const behindMs = 30_000;
    const { versions } = world.truth;
    const seenMs = world.time.nowMs - behindMs;
    const version = versions.findLast(({ committedAtMs }) => committedAtMs <= seenMs);
    return readVersion(version ?? world.truth.current, request);
  });

/** Lines are distinguished by their seq alone, which a restored D1 gives out again. */
const ignoresMarks: MakeDirectory = (options) => {
  const { replica } = options;
  const unmarked = <Position extends LogPosition>(at: Position) => ({ ...at, mark: 0 });
  return createKeyDirectory({
    ...optionsWithAnswers(options, (answer) => {
      const { after, head, lines } = answer.feed;
      const feed = { after: unmarked(after), head: unmarked(head), lines: lines.map(unmarked) };
      return { ...answer, feed: { ...answer.feed, ...feed } };
    }),
    replica: {
      ...replica,
      async getKey(tokenHash) {
        const copy = await replica.getKey(tokenHash);
        return copy && { ...copy, at: unmarked(copy.at) };
      },
    },
  });
};

/** The data centre's shared poll counts as new, however long the cache kept it. */
const keepsSharedPolls: MakeDirectory = (options) => {
  const { feedCache } = options;
  let kept: Awaited<ReturnType<typeof feedCache.get>> = null;
  return withFeedCache(options, {
    async get(entry) {
      kept = (await feedCache.get(entry)) ?? kept;
      return kept && { ...kept, startedAtMs: options.now() };
    },
  });
};

/** Misses are remembered for good. */
const neverForgetsMisses: MakeDirectory = (options) => {
  const missing = new Map<string, KeyLookup>();
  const directory = createKeyDirectory(options);
  return {
    ...directory,
    recall: (token, scope) => missing.get(token) ?? directory.recall(token, scope),
    async find(token, origin, scope) {
      const lookedUp = await directory.find(token, origin, scope);
      if (lookedUp.outcome === 'unknown') missing.set(token, lookedUp);
      return lookedUp;
    },
  };
};

/** Changes of origins are not in the log. */
const leavesOutOrigins: MakeDirectory = (options) =>
  withAnswers(options, (answer) => {
    const lines = answer.feed.lines.map((line) => ({ ...line, subject: 'pattern:none' as const }));
    const named = answer.feed.lines.map((line, at) =>
      line.subject.startsWith('pattern:') ? (lines[at] ?? line) : line,
    );
    return { ...answer, feed: { ...answer.feed, lines: named } };
  });

/** D1 out of reach counts as "there is no such key". */
const answersUnknownInOutage: MakeDirectory = (options) => {
  const directory = createKeyDirectory(options);
  return {
    ...directory,
    async find(token, origin, scope) {
      const lookedUp = await directory.find(token, origin, scope);
      return lookedUp.outcome === 'unavailable' ? { outcome: 'unknown', cause: '' } : lookedUp;
    },
  };
};

/** D1 out of reach stops everybody at once. */
const grantsNoGrace: MakeDirectory = (options) =>
  createKeyDirectory({ ...options, outageGraceMs: 0 });

/** More new lines than one answer holds make it forget everything. */
const forgetsInFlood: MakeDirectory = (options) =>
  createKeyDirectory({
    ...options,
    database: { ...options.database, readLines: async () => [] },
  });

/** The longer entry of the cache lives for longer than it is counted. */
const outlivesLongEntry: MakeDirectory = (options) => {
  const { feedCache } = options;
  let kept: { poll: SharedPoll; ms: number } | null = null;
  return withFeedCache(options, {
    async get(entry) {
      const poll = await feedCache.get(entry);
      if (entry === 'short') return poll;
      if (poll) kept = { poll, ms: options.now() };
      if (kept === null || options.now() - kept.ms > 20_000) return null;
      return { ...kept.poll, startedAtMs: options.now() - 6_000 };
    },
  });
};

/** The entry is replaced before it expires by itself instead of by a read of D1. */
const replacesEntryUnread: MakeDirectory = (options) => {
  const { feedCache } = options;
  return withFeedCache(options, {
    async get(entry) {
      const poll = await feedCache.get(entry);
      const again = poll && { ...poll, startedAtMs: options.now() };
      if (again) await feedCache.put(again);
      return again;
    },
  });
};

/** Of two entries that are read side by side, the long one is counted as the short one. */
const countsLongEntryAsShort: MakeDirectory = (options) => {
  const { feedCache } = options;
  return withFeedCache(options, {
    async get() {
      const poll = await feedCache.get('long');
      return poll && { ...poll, startedAtMs: options.now() };
    },
  });
};

/** A relay between the isolates and D1 hands on what it read, and does not tell how old that is. */
const relaysWithoutAge: MakeDirectory = (options) => {
  const relayed = new Map<number | null, { answer: DatabaseAnswer; ms: number }>();
  const { database } = options;
  return createKeyDirectory({
    ...options,
    database: {
      ...database,
      async read(request) {
        const known = relayed.get(request.fromSeq);
        const isPoll = request.tokenHash === undefined && request.patterns === undefined;
        if (isPoll && known && options.now() - known.ms < 20_000) return known.answer;
        const answer = await database.read(request);
        if (isPoll) relayed.set(request.fromSeq, { answer, ms: options.now() });
        return answer;
      },
    },
  });
};

/** Of two reads of D1 at once, the second answer is kept, and is the answer to the next such read. */
const keepsSecondAnswer: MakeDirectory = (options) => {
  const { database, now } = options;
  const kept = new Map<string, DatabaseAnswer>();
  const lastMs = new Map<string, number>();
  return createKeyDirectory({
    ...options,
    database: {
      ...database,
      async read(request) {
        const { fromSeq, ...asked } = request;
        const name = JSON.stringify(asked);
        const isSecond = lastMs.get(name) === now();
        lastMs.set(name, now());
        const known = kept.get(name);
        if (known && !isSecond) {
          kept.delete(name);
          return known;
        }
        const answer = await database.read(request);
        if (isSecond) kept.set(name, answer);
        return answer;
      },
    },
  });
};

/** A response to an unconfirmed key is let go at once. */
const letsGoUnconfirmed: MakeDirectory = (options) => {
  const directory = createKeyDirectory(options);
  return {
    ...directory,
    find: (token, origin, scope) =>
      new Promise((resolve) => {
        void directory.find(token, origin, scope, resolve).then(resolve);
      }),
  };
};

/** A replica's copy counts as the head's although a later line names its token. */
const ignoresLaterLines: MakeDirectory = (options) => {
  const near = options.near as NearReplica;
  return createKeyDirectory({
    ...options,
    near: { read: async (request) => ({ ...(await near.read(request)), at: request.head }) },
  });
};

/** Verified client tokens stay in memory although the log names their key: only the lease is asked. */
const trustsVerifiedTokens: MakeDirectory = (options) => {
  const verified = new Map<string, FoundKey>();
  const directory = createKeyDirectory(options);
  return {
    ...directory,
    recall: (token, scope) =>
      (directory.isLeaseCurrent() ? verified.get(token) : undefined) ??
      directory.recall(token, scope),
    async find(token, origin, scope) {
      const lookedUp = await directory.find(token, origin, scope);
      const isVerified = isClientToken(token) && lookedUp.outcome === 'found' && !lookedUp.isStale;
      if (isVerified) verified.set(token, lookedUp);
      return lookedUp;
    },
  };
};

/** Client tokens and their parents are vouched for under the `kid`, which no line of the log names. */
const vouchesForKids: MakeDirectory = (options) => {
  const { database, replica } = options;
  const renamed = <Named extends { readonly tokenHash: string }>(parent: Named, kid: string) => ({
    ...parent,
    tokenHash: kid,
  });
  return createKeyDirectory({
    ...options,
    near: null,
    database: {
      ...database,
      async read(request) {
        const answer = await database.read(request);
        const { parent } = answer;
        return parent ? { ...answer, parent: renamed(parent, request.kid ?? '') } : answer;
      },
    },
    replica: {
      ...replica,
      async getParent(kid) {
        const copy = await replica.getParent(kid);
        return copy?.value ? { ...copy, value: renamed(copy.value, kid) } : copy;
      },
    },
  });
};

/** The consumer of usage marks a key, and people edit its quota, without a line in the log. */
const leavesOutQuotas: MakeDirectory = (options, world) =>
  withAnswers(options, (answer) => {
    const seqs = seqsOfQuotas(world.truth.versions);
    const lines = answer.feed.lines.map((line) =>
      seqs.has(line.seq) ? { ...line, subject: 'pattern:none' as const } : line,
    );
    return { ...answer, feed: { ...answer.feed, lines } };
  });

/** The lines of changes in which the quota of some key changed. */
function seqsOfQuotas(versions: readonly Version[]): ReadonlySet<number> {
  return new Set(
    versions.flatMap(({ keys, lines }, index) => {
      const before = versions[index - 1];
      const isOfQuota = [...keys.values()].some(({ id, quota, quotaRenewsAtMs }) => {
        const old = before?.keys.get(id);
        return old?.quota !== quota || old?.quotaRenewsAtMs !== quotaRenewsAtMs;
      });
      const headSeq = before?.lines.at(-1)?.seq ?? 0;
      return isOfQuota ? lines.filter(({ seq }) => seq > headSeq).map(({ seq }) => seq) : [];
    }),
  );
}

/** A key that was seen used up stays so until the renewal, whatever is learnt about it. */
const remembersUsedUp: MakeDirectory = (options) => {
  const renewals = new Map<string, number>();
  const directory = createKeyDirectory(options);
  const marked = <Found extends KeyLookup>(found: Found): Found => {
    if (found.outcome !== 'found') return found;
    const { id, quotaRenewsAtMs } = found.key;
    if (quotaRenewsAtMs !== null) renewals.set(id, quotaRenewsAtMs);
    return { ...found, key: { ...found.key, quotaRenewsAtMs: renewals.get(id) ?? null } };
  };
  return {
    ...directory,
    recall: (token, scope) => {
      const found = directory.recall(token, scope);
      return found && marked(found);
    },
    find: async (token, origin, scope) => marked(await directory.find(token, origin, scope)),
  };
};

/** The lease is as long as it likes. */
const neverEndsLease: MakeDirectory = (options) =>
  createKeyDirectory({ ...options, maxStalenessMs: 60_000 });

/** A directory whose reads of the shared poll are these. */
function withFeedCache(options: DirectoryOptions, reads: Pick<FeedCache, 'get'>): KeyDirectory {
  return createKeyDirectory({ ...options, feedCache: { ...options.feedCache, ...reads } });
}

/** By what is wrong with them. */
export const wrongVersions: Readonly<Record<string, MakeDirectory>> = {
  'reads KV through, without seqAt': trustsReplica,
  'asks memory before the log while D1 is out of reach': asksMemoryBeforeLog,
  "reads D1's replicas instead of its primary": readsReplicas,
  'tells lines of the log apart by seq alone': ignoresMarks,
  'takes a shared poll for new, however old it is': keepsSharedPolls,
  'remembers for good what does not exist': neverForgetsMisses,
  'leaves origins out of the log': leavesOutOrigins,
  'answers "unknown" while D1 is out of reach': answersUnknownInOutage,
  'stops known keys when D1 is out of reach': grantsNoGrace,
  'lets the longer entry of the cache live longer than it is counted': outlivesLongEntry,
  'replaces an entry of the cache without a read of D1': replacesEntryUnread,
  'counts the longer entry of the cache as the shorter one': countsLongEntryAsShort,
  'asks a relay that does not tell its age': relaysWithoutAge,
  'keeps the second of two answers of D1 for the next read': keepsSecondAnswer,
  'lets the response to an unconfirmed key go at once': letsGoUnconfirmed,
  "takes a replica's copy for the head's though a later line names its token": ignoresLaterLines,
  'forgets everything when much has changed': forgetsInFlood,
  'trusts its lease for a minute': neverEndsLease,
  'keeps verified client tokens though the log names their key': trustsVerifiedTokens,
  'vouches for client tokens under their kid': vouchesForKids,
  'leaves quotas out of the log': leavesOutQuotas,
  'keeps a key refused until its quota renews, whatever the log says': remembersUsedUp,
};

type Answered = (
  answer: DatabaseAnswer,
  request: Parameters<DirectoryOptions['database']['read']>[0],
) => DatabaseAnswer;

function withAnswers(options: DirectoryOptions, answered: Answered): KeyDirectory {
  return createKeyDirectory(optionsWithAnswers(options, answered));
}

function optionsWithAnswers(options: DirectoryOptions, answered: Answered): DirectoryOptions {
  const { database } = options;
  return {
    ...options,
    database: {
      ...database,
      read: async (request) => answered(await database.read(request), request),
    },
  };
}
