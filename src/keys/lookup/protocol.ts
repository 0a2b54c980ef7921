/**
 * The look-up protocol: which of memory, KV, the shared poll, a read replica and D1's primary are asked,
 * and when. The first that suffices answers.
 *
 *     lease over       the shared poll has a head start of 10 ms; then D1's primary, with log and key,
 *                      twice at once if it is far
 *     key not known    KV and, within a budget, the nearest instance of D1, at once; D1's primary after
 *                      250 ms beside them, or as soon as neither suffices
 *
 * These are its terms; `search.ts` performs it. It is the same for keys and for origins: `LookupTarget`
 * is what they differ in. A copy
 * counts only if the change log vouches for it (`change-feed.ts`).
 */

import type { Registration } from '../../core/decide/preflight.ts';
import type {
  DatabaseAnswer,
  DatabaseRequest,
  Registered,
  Subject,
  Versioned,
  WithTimeout,
} from '../types.ts';
import type { ChangeFeed } from './change-feed.ts';
import type { CopyWriter } from './copy-writer.ts';
import type { LogFailure } from './failure-log.ts';
import type { Lease } from './lease.ts';
import type { LogReader } from './log-reader.ts';
import type { NearReads } from './near-reads.ts';
import type { KeySource, RequestScope } from './request-scope.ts';

/** One thing to look up, in steps that the protocol puts in order. */
export interface LookupTarget<Stored, Answer> {
  /** The name of a copy, so that none is written twice in a short time. */
  readonly copyName: (copy: Versioned<Stored>) => string;
  /** The subjects of a copy; `null`: it says nothing that the log could vouch for. */
  readonly subjectsOf: (copy: Versioned<Stored>) => readonly Subject[] | null;
  readonly asked: Pick<DatabaseRequest, 'tokenHash' | 'patterns' | 'kid'>;
  readonly pick: (answer: Omit<DatabaseAnswer, 'feed' | 'rowsRead'>) => Stored | null;
  /** Returns whether memory holds a value that the log vouches for, however old the lease is. */
  readonly isRemembered: () => boolean;
  /** Returns what memory may answer now; `undefined` if a look-up is needed. */
  readonly recall: () => Answer | undefined;
  /** Returns what memory may answer right after D1 failed; `undefined` if it may not. */
  readonly recallStale: () => Answer | undefined;
  /** Returns what the log alone can tell; `undefined` if a look-up is needed. */
  readonly refute: () => Promise<Answer | undefined>;
  readonly remember: (copy: Versioned<Stored>) => Answer;
  /** Reads copies from KV, in one call. May be empty. */
  readonly fromReplica: () => Promise<readonly Versioned<Stored>[]>;
  readonly toReplica: (copy: Versioned<Stored>) => Promise<void>;
  /** Takes a write of a copy that KV lacks, for when some request is allowed. */
  readonly offerCopy: (copy: Versioned<Stored>, write: () => Promise<void>) => void;
  readonly unavailable: Answer;
  /** `true` if a copy helps although the lease is over. */
  readonly isCopyUsefulEarly: boolean;
  /**
   * Called when memory may hold a copy that it did not hold before. Returns whether the caller now works
   * with a copy, so that the answer has to be this very copy if the log vouches for it.
   */
  readonly onCopy?: () => boolean;
}

/** An answer, and where it came from. */
export interface LookedUp<Answer> {
  readonly answer: Answer;
  readonly source: KeySource;
}

/** The result of a read of KV. */
export type ReplicaRead<Stored> =
  /** KV answered, if only that it has no copy. */
  | { readonly state: 'read'; readonly copies: readonly Versioned<Stored>[] }
  /** KV was not asked, or failed. Nothing is written there either. */
  | { readonly state: 'unknown' };

/** The parts of an isolate that the protocol uses. */
export interface ProtocolOptions {
  readonly feed: ChangeFeed;
  readonly reader: LogReader;
  readonly lease: Lease;
  readonly nearReads: NearReads;
  readonly copies: CopyWriter;
  readonly now: () => number;
  readonly withTimeout: WithTimeout;
  readonly logFailure: LogFailure;
}

/**
 * Looks something up. D1 reads `alongside` in the same round trip, if it is asked at all. Never
 * rejects.
 */
export type LookUp = <Stored, Answer>(
  target: LookupTarget<Stored, Answer>,
  alongside: LookupTarget<Registered, Registration> | null,
  scope: RequestScope,
) => Promise<LookedUp<Answer>>;
