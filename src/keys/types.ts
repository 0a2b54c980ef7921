/**
 * The ports between the parts of the key storage, and the records that pass through them.
 *
 * D1 is the truth (`KeyDatabase`), KV carries values near the reader (`KeyReplica`), the Cache API
 * shares one poll of the change log among a data centre's isolates (`FeedCache`), and each isolate
 * composes them (`directory.ts`). Types, and next to nothing else.
 */

import type { StoredKey } from '../core/key/key.ts';

/**
 * A place in the change log: a line. The seq tells where it is, the mark that it is this line and no
 * other: when D1 is restored to an earlier time, seqs are given out again, and marks are not.
 */
export interface LogPosition {
  readonly seq: number;
  /** Drawn at random when the line was written. */
  readonly mark: number;
}

/** Before the first line. */
export const LOG_START: LogPosition = { seq: 0, mark: 0 };

/**
 * The subject of a change log line, and of a copy: a token, by the beginning of its hash, or an origin
 * pattern.
 */
export type Subject = `token:${string}` | `pattern:${string}`;

/**
 * A token as a subject. Of its hash, 64 bits are enough: two tokens that share them would cost a read
 * of D1 when the other one changes. They spare memory, and time in reading what is shared.
 */
export function tokenSubject(tokenHash: string): Subject {
  return `token:${tokenHash.slice(0, 16)}`;
}

/** A line of the change log: what changed, and where in the order of commits. */
export interface ChangeLine extends LogPosition {
  readonly subject: Subject;
}

/** The change log as one read of D1's primary saw it. */
export interface FeedSnapshot {
  /** Lines after this place, up to `head`, are all in `lines`. */
  readonly after: LogPosition;
  /** The newest line at that moment. */
  readonly head: LogPosition;
  /** In order. */
  readonly lines: readonly ChangeLine[];
  readonly tagKeyHex: string;
  /** `true` if tokens of other forms than ours may exist. */
  readonly hasImportedTokens: boolean;
}

/** A value with the log's head at which it was true. `null`: there is nothing of that name. */
export interface Versioned<Value> {
  readonly value: Value | null;
  readonly at: LogPosition;
}

/** The question of one round trip to D1. */
export interface DatabaseRequest {
  /** The log from this seq on is wanted; `null`: its newest lines, for an isolate that has none. */
  readonly fromSeq: number | null;
  readonly tokenHash?: string | undefined;
  readonly patterns?: readonly string[] | undefined;
  /** The name that client tokens carry of their parent's token. */
  readonly kid?: string | undefined;
}

/** The token that client tokens name, with its key. */
export interface ParentRecord {
  readonly tokenHash: string;
  /** Verifies its client tokens: Ed25519, as 43 characters of base64url. */
  readonly publicKey: string;
  /** `null`: the key was revoked. */
  readonly key: StoredKey | null;
}

/** A pattern that some key lists. */
export interface Registered {
  readonly pattern: string;
  /** When the last key that lists it expires. `Number.MAX_SAFE_INTEGER`: never. */
  readonly untilMs: number;
}

/** The answer of one round trip to D1: all of it true at `feed.head`. */
export interface DatabaseAnswer {
  readonly feed: FeedSnapshot;
  /** Present when a token was asked for: `revoked` when its key was, `null` when no key has it. */
  readonly key?: StoredKey | 'revoked' | null;
  /** Present when patterns were asked for; `null` when no key lists one of them. */
  readonly registered?: Registered | null;
  /** Present when a `kid` was asked for; `null` when no token has this name. */
  readonly parent?: ParentRecord | null;
  /** Rows that D1 says it read, in all statements. */
  readonly rowsRead: number;
}

/** D1's primary, in one round trip. Rejects when it cannot be reached. */
export interface KeyDatabase {
  read(request: DatabaseRequest): Promise<DatabaseAnswer>;
  /**
   * Reads the log from a line on, oldest first, a bounded number of lines. Starts with a later line if
   * that one is gone.
   */
  readLines(fromSeq: number): Promise<readonly ChangeLine[]>;
}

/**
 * Copies near the reader. A copy may be stale by any amount, or resurrected, or missing: callers check
 * `at` against the log. Rejects if KV cannot be reached.
 */
export interface KeyReplica {
  getKey(tokenHash: string): Promise<Versioned<StoredKey> | null>;
  putKey(tokenHash: string, copy: Versioned<StoredKey>): Promise<void>;
  getParent(kid: string): Promise<Versioned<ParentRecord> | null>;
  putParent(kid: string, copy: Versioned<ParentRecord>): Promise<void>;
  /** Copies of these patterns, in one bulk read. Those that KV does not have are left out. */
  getOrigins(patterns: readonly string[]): Promise<readonly Versioned<Registered>[]>;
  putOrigin(copy: Versioned<Registered>): Promise<void>;
}

/** A question to a read replica of D1. */
export interface NearRequest extends Omit<DatabaseRequest, 'fromSeq'> {
  /** The line that the isolate's window ends with. */
  readonly head: LogPosition;
}

/** An answer of a read replica. It may be behind by any amount. */
export interface NearAnswer extends Pick<DatabaseAnswer, 'key' | 'registered' | 'parent'> {
  /**
   * The line at which this is true. It is the isolate's head if the replica has that line and no later
   * one about what was asked; otherwise the replica's newest line.
   */
  readonly at: LogPosition;
  /** `true` if the primary answered, because replication is off. */
  readonly isFromPrimary: boolean;
}

/** A read replica of D1 near the reader, in one round trip. Rejects if it cannot be reached. */
export interface NearReplica {
  read(request: NearRequest): Promise<NearAnswer>;
}

/** `short`: spares an isolate its own poll. `long`: spares a request the wait for D1. */
export type SharedEntry = 'short' | 'long';

/** One poll of the log, shared within a data centre: two entries that differ in their lifetime. */
export interface FeedCache {
  /** `null` if no isolate has polled within the entry's lifetime. */
  get(entry: SharedEntry): Promise<SharedPoll | null>;
  /** Writes both entries. */
  put(poll: SharedPoll): Promise<void>;
}

/** A shared poll: the whole window, so that a fresh isolate has all that it needs. */
export interface SharedPoll {
  readonly feed: FeedSnapshot;
  /** When the poll started, by the clock of the isolate that made it. */
  readonly startedAtMs: number;
}

/** Rejects after so many milliseconds, unless the work is done before. */
export type WithTimeout = <Result>(work: Promise<Result>, timeoutMs: number) => Promise<Result>;
