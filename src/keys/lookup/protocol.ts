/**
 * The look-up protocol: the order in which memory, KV, the shared poll and D1's primary are asked.
 *
 * The protocol is the same for keys and for origins; `LookupTarget` is what they differ in. A copy
 * counts only if the change log vouches for it (`change-feed.ts`).
 */

import { BoundedMap } from '../../core/bounded-map.ts';
import type { Registration } from '../../core/decide/preflight.ts';
import { COPIES_IN_MEMORY, COPY_AGAIN_SECONDS, REPLICA_TIMEOUT_MS } from '../limits.ts';
import type { DatabaseAnswer, DatabaseRequest, Registered, Subject, Versioned } from '../types.ts';
import type { ChangeFeed } from './change-feed.ts';
import type { LogFailure } from './failure-log.ts';
import type { Lease } from './lease.ts';
import type { LogReader, WithTimeout } from './log-reader.ts';
import type { RequestScope } from './request-scope.ts';

/** One thing to look up, in steps that the protocol puts in order. */
export interface LookupTarget<Stored, Answer> {
  /** The name of a copy, so that none is written twice in a short time. */
  readonly copyName: (copy: Versioned<Stored>) => string;
  /** What a copy is about; `null`: it says nothing that the log could vouch for. */
  readonly subjectsOf: (copy: Versioned<Stored>) => readonly Subject[] | null;
  readonly asked: Pick<DatabaseRequest, 'tokenHash' | 'patterns' | 'kid'>;
  readonly pick: (answer: DatabaseAnswer) => Stored | null;
  /** Returns whether memory holds a value that the log vouches for, however old the lease is. */
  readonly isRemembered: () => boolean;
  /** Returns what memory may answer now; `undefined` if a look-up is needed. */
  readonly recall: () => Answer | undefined;
  /** Returns what memory may answer right after D1 failed; `undefined` if it may not. */
  readonly recallStale: () => Answer | undefined;
  /** Returns what the log alone can tell; `undefined` if a look-up is needed. */
  readonly refute: () => Promise<Answer | undefined>;
  readonly remember: (copy: Versioned<Stored>) => Answer;
  /** Reads copies from KV, in one call. Empty if there is none. */
  readonly fromReplica: () => Promise<readonly Versioned<Stored>[]>;
  readonly toReplica: (copy: Versioned<Stored>) => Promise<void>;
  /** Takes a write of a copy that KV lacks, for when some request is allowed. */
  readonly offerCopy: (copy: Versioned<Stored>, write: () => Promise<void>) => void;
  readonly unavailable: Answer;
}

/** The result of a read of KV. */
type ReplicaRead<Stored> =
  /** KV answered, if only that it has no copy. */
  | { readonly state: 'read'; readonly copies: readonly Versioned<Stored>[] }
  /** KV was not asked, or failed. Nothing is written there either. */
  | { readonly state: 'unknown' };

/** The parts of an isolate that the protocol uses. */
export interface ProtocolOptions {
  readonly feed: ChangeFeed;
  readonly reader: LogReader;
  readonly lease: Lease;
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
) => Promise<Answer>;

/** The protocol for one isolate. */
export function createProtocol(options: ProtocolOptions): LookUp {
  const { feed, reader, lease, now, withTimeout, logFailure } = options;
  const writtenMs = new BoundedMap<number>(COPIES_IN_MEMORY);

  async function lookUp<Stored, Answer>(
    target: LookupTarget<Stored, Answer>,
    alongside: LookupTarget<Registered, Registration> | null,
    scope: RequestScope,
  ): Promise<Answer> {
    const [fromKv] = await Promise.all([
      target.isRemembered() ? ({ state: 'unknown' } as const) : readReplica(target),
      lease.isFresh() ? undefined : reader.readShared(),
    ]);
    for (const copy of vouchedCopies(target, fromKv)) target.remember(copy);

    // Asked again, because KV or the shared poll may have answered in the meantime.
    const known = target.recall() ?? (await target.refute());
    if (known !== undefined) return known;
    if (lease.isDatabaseDown(scope)) return target.unavailable;

    const asked = { ...alongside?.asked, ...target.asked };
    const answer = await reader.read(asked, scope.runInBackground);
    if (answer === null) return target.recallStale() ?? target.unavailable;

    const at = answer.feed.head;
    alongside?.remember({ value: alongside.pick(answer), at });
    const fresh = { value: target.pick(answer), at };
    // The log may have grown since the first check, so the copies are judged again.
    const needsCopy = fromKv.state === 'read' && vouchedCopies(target, fromKv).length === 0;
    if (fresh.value !== null && needsCopy) {
      target.offerCopy(fresh, () => writeReplica(target, fresh));
    }
    if (feed.lacksLinesBefore(answer.feed)) reader.rememberLater(at, () => target.remember(fresh));
    return target.remember(fresh);
  }

  /** The copies that count. Before every other branch: nothing else makes a copy true. */
  function vouchedCopies<Stored, Answer>(
    { subjectsOf }: LookupTarget<Stored, Answer>,
    read: ReplicaRead<Stored>,
  ): readonly Versioned<Stored>[] {
    if (read.state === 'unknown') return [];
    return read.copies.filter((copy) => {
      const subjects = subjectsOf(copy);
      return subjects !== null && feed.vouchesFor(copy.at, subjects);
    });
  }

  async function readReplica<Stored, Answer>(
    target: LookupTarget<Stored, Answer>,
  ): Promise<ReplicaRead<Stored>> {
    try {
      const copies = await withTimeout(target.fromReplica(), REPLICA_TIMEOUT_MS);
      return { state: 'read', copies };
    } catch (error) {
      logFailure('replica_failed', error);
      return { state: 'unknown' };
    }
  }

  /** Writes what D1's primary has just answered to KV, for other isolates. Not again within a minute. */
  async function writeReplica<Stored, Answer>(
    { copyName, toReplica }: LookupTarget<Stored, Answer>,
    copy: Versioned<Stored>,
  ): Promise<void> {
    const name = copyName(copy);
    const lastMs = writtenMs.get(name);
    if (lastMs !== undefined && now() - lastMs < COPY_AGAIN_SECONDS * 1000) return;
    writtenMs.set(name, now());
    try {
      await toReplica(copy);
    } catch (error) {
      // Nothing is lost: a missing copy costs the next cold reader a read of D1.
      logFailure('replica_write_failed', error);
    }
  }

  return lookUp;
}
