/**
 * A simulated world: one D1, one KV namespace, data centres with a cache each, isolates with the real
 * directory, and requests that are judged when they end.
 *
 * What must hold is in `judge.ts`; what happens is in `schedule.ts`.
 */

import type { WebOrigin } from '../../src/core/origins/web-origin.ts';
import { restrictedRoutes } from '../../src/core/routes/restricted-routes.ts';
import { compileRoutes } from '../../src/core/routes/route-table.ts';
import {
  DATABASE_TIMEOUT_MS,
  FEED_CACHE_MARGIN_MS,
  FEED_CACHE_TIMEOUT_MS,
  FEED_PAGE_LINES,
  FEED_WINDOW_LINES,
  REPLICA_TIMEOUT_MS,
} from '../../src/keys/limits.ts';
import {
  createKeyDirectory,
  type DirectoryOptions,
  type KeyDirectory,
} from '../../src/keys/lookup/directory.ts';
import { RequestScope } from '../../src/keys/lookup/request-scope.ts';
import { LONG_SHARED_POLL_AGE_MS, SHARED_POLL_AGE_MS } from '../../src/keys/lookup/shared-polls.ts';
import { createKeyReplica } from '../../src/keys/stores/kv.ts';
import {
  type FeedCache,
  type FeedSnapshot,
  type KeyDatabase,
  LOG_START,
  type NearRequest,
  type SharedEntry,
  type SharedPoll,
} from '../../src/keys/types.ts';
import { judgeOrigin, judgeToken } from './judge.ts';
import { CacheDouble, endure, type Health, KvDouble } from './platform.ts';
import { createRandom, type Random } from './random.ts';
import { admits, type Call, type Credential } from './rights.ts';
import {
  copyOf,
  type Mirror,
  readLines,
  readNear,
  readVersion,
  Truth,
  type Version,
} from './truth.ts';
import { VirtualTime } from './virtual-time.ts';

/** The settings of every world, which are the defaults. */
export const REFRESH_MS = 5_000;
export const MAX_STALENESS_MS = 10_000;
export const OUTAGE_GRACE_MS = 300_000;
export const KEEP_WARM_MS = 25_000;

/** Makes a directory: the real one, or a deliberately wrong one. */
export type MakeDirectory = (options: DirectoryOptions, world: World) => KeyDirectory;

export interface DataCentre {
  readonly cache: CacheDouble;
  readonly clockMs: number;
  health: { database: Health; replica: Health; cache: Health };
  /** The start of the last read of D1 by any of its isolates that was answered in time. */
  answeredBeginMs: number;
}

/** A version of D1 that an isolate learnt. */
export interface Told {
  readonly version: number;
  readonly isShared: boolean;
  readonly beginMs: number;
  readonly endMs: number;
}

/** The facts that the judge has of an isolate, beside its answers. */
export interface Isolate {
  readonly place: DataCentre;
  readonly directory: KeyDirectory;
  readonly now: () => number;
  /** The versions that it learnt from reads of D1 and from shared polls, in the order of their arrival. */
  readonly told: Told[];
  /** The newest version that any of them told, and the start of the last that told it. */
  knownVersion: number;
  knownBeginMs: number;
  /** The start of its last read of D1 that was not answered in time. */
  failedBeginMs: number;
  /** The last time as of which it had all lines of the log. */
  caughtUpMs: number;
  /** When it last began to read the shared poll. */
  cacheAskedMs: number;
  /** The start of its new window after an answer that was overtaken; `null` if no lines are missing. */
  fellBackToSeq: number | null;
  /** The version that it last read a token's key, or a client token's, from D1 at, and when. */
  readonly reads: Map<string, { readonly version: number; readonly atMs: number }>;
  readonly asked: Set<string>;
  /** When it last answered with the key of a token, and not as the last that it knew. */
  readonly knownAtMs: Map<string, number>;
}

const compiledRestrictedRoutes = compileRoutes(restrictedRoutes);
// Readers and writers of one data centre disagree by this much at most; data centres by hours.
const CLOCK_SKEW_MS = 400;

/** See the file's head. */
export class World {
  readonly time: VirtualTime;
  readonly truth: Truth;
  readonly kv: KvDouble;
  readonly places: readonly DataCentre[];
  readonly isolates: Isolate[];
  /** Set where something did not hold. */
  readonly failures: string[] = [];
  /** When D1 was last restored. */
  restoredAtMs = Number.NEGATIVE_INFINITY;
  /** When others last changed very much. */
  floodedAtMs = Number.NEGATIVE_INFINITY;
  /** `null`: D1 is the model's alone. */
  readonly mirror: Mirror | null;
  readonly #random: Random;
  readonly #makeDirectory: MakeDirectory;

  constructor(options: {
    readonly seed: number;
    readonly dataCentres: number;
    readonly isolatesInEach: number;
    readonly makeDirectory?: MakeDirectory;
    readonly settle?: () => Promise<void>;
    readonly mirror?: (world: World) => Mirror;
  }) {
    this.#random = createRandom(options.seed);
    this.#makeDirectory = options.makeDirectory ?? createKeyDirectory;
    this.time = new VirtualTime(options.settle);
    this.mirror = options.mirror?.(this) ?? null;
    this.truth = new Truth(() => this.time.nowMs, this.#random);
    this.kv = new KvDouble(this.time, this.#random);
    this.places = Array.from({ length: options.dataCentres }, () => ({
      cache: new CacheDouble(this.time, this.#random),
      clockMs: Math.floor((this.#random() - 0.5) * 4 * 60 * 60 * 1000),
      health: { database: 'well', replica: 'well', cache: 'well' },
      answeredBeginMs: Number.NEGATIVE_INFINITY,
    }));
    this.isolates = this.places.flatMap((place) =>
      Array.from({ length: options.isolatesInEach }, () => this.#startIsolate(place)),
    );
  }

  /** An isolate goes, with all that it knew, and another one comes. */
  restart(index: number): void {
    const old = this.isolates[index] as Isolate;
    this.isolates[index] = this.#startIsolate(old.place);
  }

  /** A request with a token arrives. It is judged when it is answered. */
  async request(isolate: Isolate, credential: Credential, call: Call): Promise<void> {
    const scope = this.#scope(isolate);
    const arrivedMs = this.time.nowMs;
    const { token, name } = credential;
    const { asked } = isolate;
    const isFirst = !asked.has(name);
    asked.add(name);
    // The same round trip to D1 answers for the origin too.
    if (call.origin) asked.add(call.origin.value);
    const found =
      isolate.directory.recall(token, scope) ??
      (await isolate.directory.find(token, call.origin, scope, () => {}));
    const isAllowed = found.outcome === 'found' && admits(found.key, call, isolate.now());
    this.#report(
      judgeToken(this, { isolate, credential, call, arrivedMs, isFirst, found, isAllowed }),
    );
    // An answer that came while lines were missing is remembered only once they have been read.
    if (found.outcome === 'found' && !found.isStale && isolate.caughtUpMs > this.floodedAtMs) {
      isolate.knownAtMs.set(token, this.time.nowMs);
    }
    if (!isAllowed) return;
    scope.startDeferredWrites();
    if (call.origin) isolate.directory.writeWaitingCopies(call.origin, scope);
    isolate.directory.keepWarm(scope);
  }

  /** A preflight arrives. */
  async preflight(isolate: Isolate, origin: WebOrigin): Promise<void> {
    const scope = this.#scope(isolate);
    const arrivedMs = this.time.nowMs;
    const isFirst = !isolate.asked.has(origin.value);
    isolate.asked.add(origin.value);
    const registration =
      isolate.directory.recallOrigin(origin, scope) ??
      (await isolate.directory.findOrigin(origin, scope, 'preflight'));
    this.#report(judgeOrigin(this, { isolate, origin, arrivedMs, isFirst, registration }));
  }

  /** Management, or the scheduled repair, copies a token to KV, at once or later, or tries to. */
  async replicate(place: DataCentre, tokenHash: string, delayMs: number): Promise<void> {
    const copy = this.mirror
      ? await this.mirror.copyOf(tokenHash)
      : copyOf(this.truth.current, tokenHash);
    await this.time.wait(delayMs);
    await this.#replica(place)
      .putKey(tokenHash, copy)
      .catch(() => {});
  }

  /** The versions of D1 that were current at some moment between these two. */
  versionsWithin(fromMs: number, toMs: number): readonly Version[] {
    const { versions } = this.truth;
    return versions.filter(
      ({ committedAtMs }, index) =>
        committedAtMs <= toMs && (versions[index + 1]?.committedAtMs ?? Infinity) >= fromMs,
    );
  }

  #startIsolate(place: DataCentre): Isolate {
    const skewMs = place.clockMs + Math.floor(this.#random() * CLOCK_SKEW_MS);
    const now = () => this.time.nowMs + skewMs;
    const feedCache = place.cache.feedCache(() => place.health.cache);
    const isolate: Isolate = {
      place,
      now,
      directory: this.#makeDirectory(
        {
          database: {
            read: (request) => this.#read(isolate, request),
            readLines: (fromSeq) => this.#readLines(isolate, fromSeq),
          },
          replica: this.#replica(place),
          feedCache: {
            ...feedCache,
            get: (entry) => this.#readShared(isolate, feedCache, entry),
          },
          near: { read: (request) => this.#readNear(isolate, request) },
          wait: (ms) => this.time.wait(ms),
          random: this.#random,
          now,
          withTimeout: this.time.withTimeout,
          log: () => {},
          restrictedRoutes,
          restrictedTable: compiledRestrictedRoutes,
          refreshMs: REFRESH_MS,
          maxStalenessMs: MAX_STALENESS_MS,
          outageGraceMs: OUTAGE_GRACE_MS,
          keepWarmMs: KEEP_WARM_MS,
        },
        this,
      ),
      told: [],
      knownVersion: 0,
      knownBeginMs: Number.NEGATIVE_INFINITY,
      failedBeginMs: Number.NEGATIVE_INFINITY,
      caughtUpMs: Number.NEGATIVE_INFINITY,
      cacheAskedMs: Number.NEGATIVE_INFINITY,
      fellBackToSeq: null,
      reads: new Map(),
      asked: new Set(),
      knownAtMs: new Map(),
    };
    return isolate;
  }

  #replica(place: DataCentre) {
    return createKeyReplica(this.kv.namespace(() => place.health.replica));
  }

  async #read(isolate: Isolate, request: Parameters<KeyDatabase['read']>[0]) {
    const beginMs = this.time.nowMs;
    const health = isolate.place.health.database;
    const tripMs = () => 5 + Math.floor(this.#random() * 150);
    // Slow, but in time; how slow decides whether the poll may be shared.
    const workMs = health === 'slow' ? 700 + Math.floor(this.#random() * 450) : 0;
    if (health === 'failing' || health === 'hanging') isolate.failedBeginMs = beginMs;
    // Some of those that hang are answered when no request waits any more.
    if (health === 'hanging' && this.#random() < 0.5) {
      await this.time.wait(DATABASE_TIMEOUT_MS + 1 + Math.floor(this.#random() * 20_000));
    } else {
      await endure(health, this.time, { wellMs: tripMs(), slowMs: tripMs() + workMs });
    }
    const version = this.truth.versions.length - 1;
    const readMs = this.time.nowMs;
    const expected = readVersion(this.truth.current, request);
    const answer = this.mirror ? await this.mirror.read(request, expected) : expected;
    await this.time.wait(tripMs());
    if (health === 'hanging') return answer;
    const { place } = isolate;
    place.answeredBeginMs = Math.max(place.answeredBeginMs, beginMs);
    // Another read may have told it of the log since this one was asked.
    const known = this.#knownTo(isolate);
    const hasGap = this.#lacksLinesBefore(isolate, answer.feed);
    // An answer that was overtaken by a flood is from before the window, like one of another history.
    if (known !== undefined && answer.feed.head.seq < known.lines.length - FEED_WINDOW_LINES) {
      isolate.fellBackToSeq = answer.feed.head.seq;
      isolate.caughtUpMs = Number.NEGATIVE_INFINITY;
      isolate.knownAtMs.clear();
    } else if (!hasGap) {
      isolate.fellBackToSeq = null;
    }
    if (!hasGap) {
      // What D1 held when it was read: others may have changed much on the answer's way back.
      isolate.caughtUpMs = Math.max(isolate.caughtUpMs, readMs);
      this.#tell(isolate, { version, isShared: false, beginMs, endMs: this.time.nowMs });
    }
    for (const name of [request.tokenHash, request.kid]) {
      if (name !== undefined) isolate.reads.set(name, { version, atMs: this.time.nowMs });
    }
    return answer;
  }

  async #readLines(isolate: Isolate, fromSeq: number) {
    const beginMs = this.time.nowMs;
    const health = isolate.place.health.database;
    if (health === 'failing' || health === 'hanging') isolate.failedBeginMs = beginMs;
    const tripMs = 5 + Math.floor(this.#random() * 300);
    await endure(health, this.time, { wellMs: tripMs, slowMs: 1_000 + tripMs });
    const { place } = isolate;
    place.answeredBeginMs = Math.max(place.answeredBeginMs, beginMs);
    if (this.mirror) return this.mirror.readLines(fromSeq);
    const lines = readLines(this.truth.current, fromSeq);
    if (lines.length <= FEED_PAGE_LINES && health !== 'hanging') {
      isolate.caughtUpMs = this.time.nowMs;
    }
    return lines;
  }

  /** A replica is behind by any time, and may show what a restore took away. */
  async #readNear(isolate: Isolate, request: NearRequest) {
    const tripMs = 5 + Math.floor(this.#random() * 25);
    await endure(isolate.place.health.replica, this.time, {
      wellMs: tripMs,
      slowMs: 100 + 10 * tripMs,
    });
    const { versions } = this.truth;
    const behind = this.#random() < 0.6 ? 0 : Math.floor(this.#random() * 6);
    const version = versions[Math.max(0, versions.length - 1 - behind)] ?? this.truth.current;
    return readNear(version, request);
  }

  async #readShared(isolate: Isolate, feedCache: FeedCache, entry: SharedEntry) {
    const askedMs = this.time.nowMs;
    const ageMs = entry === 'short' ? SHARED_POLL_AGE_MS : LONG_SHARED_POLL_AGE_MS;
    const beginMs = askedMs - ageMs;
    // An entry that was older than a cache may return when it was asked for is no news to the isolate.
    const oldestMs = isolate.now() - (ageMs - FEED_CACHE_MARGIN_MS);
    const poll = await feedCache.get(entry);
    // Both entries have one time-out. Past it the isolate no longer waits, so it learnt nothing.
    if (entry === 'short') isolate.cacheAskedMs = askedMs;
    const sinceMs = Math.min(
      ...[askedMs, isolate.cacheAskedMs].filter((ms) => askedMs - ms < FEED_CACHE_TIMEOUT_MS),
    );
    if (this.time.nowMs - sinceMs >= FEED_CACHE_TIMEOUT_MS) return poll;
    // It holds no more than a window, so after a flood the isolate may lack lines before it.
    const isNews = poll && poll.startedAtMs >= oldestMs;
    if (isNews && !this.#lacksLinesBefore(isolate, poll.feed)) {
      const version = this.truth.versions.findLastIndex((version) => isHead(version, poll));
      this.#tell(isolate, { version, isShared: true, beginMs, endMs: this.time.nowMs });
    }
    return poll;
  }

  /** The newest version that an isolate learnt; `undefined` before the first. */
  #knownTo(isolate: Isolate): Version | undefined {
    return isolate.told.length > 0 ? this.truth.versions[isolate.knownVersion] : undefined;
  }

  /** Lines that are missing before others may name anything, so those others tell nothing of the rest. */
  #lacksLinesBefore(isolate: Isolate, feed: FeedSnapshot): boolean {
    const known = this.#knownTo(isolate);
    const headSeq = isolate.fellBackToSeq ?? known?.lines.at(-1)?.seq ?? 0;
    return known !== undefined && feed.after.seq > headSeq;
  }

  #tell(isolate: Isolate, told: Told): void {
    isolate.told.push(told);
    if (told.version > isolate.knownVersion) {
      isolate.knownVersion = told.version;
      isolate.knownBeginMs = told.beginMs;
    } else if (told.version === isolate.knownVersion) {
      isolate.knownBeginMs = Math.max(isolate.knownBeginMs, told.beginMs);
    }
  }

  #scope(isolate: Isolate): RequestScope {
    return new RequestScope(isolate.now(), (work) => {
      work.catch((error: unknown) => this.#report(`work in the background failed: ${error}`));
    });
  }

  #report(failure: string | null): void {
    if (failure !== null) this.failures.push(failure);
  }
}

function isHead({ lines }: Version, { feed }: SharedPoll): boolean {
  const { seq, mark } = lines.at(-1) ?? LOG_START;
  return seq === feed.head.seq && mark === feed.head.mark;
}

/** The longest that any request may wait, whatever fails. */
export const LONGEST_WAIT_MS =
  Math.max(REPLICA_TIMEOUT_MS, FEED_CACHE_TIMEOUT_MS) + DATABASE_TIMEOUT_MS;
