/**
 * One look-up on its way: what was asked, what has arrived, and which answer suffices.
 *
 * The stores are asked side by side, and whatever arrives is put into memory, if the change log vouches
 * for it. After each arrival memory is asked again, under the lease as it is then. So no store's word
 * counts for more because it came first.
 */

import type { Registration } from '../../core/decide/preflight.ts';
import { REPLICA_TIMEOUT_MS, SHARED_POLL_HEAD_START_MS } from '../limits.ts';
import type { DatabaseAnswer, Registered, Versioned } from '../types.ts';
import type { LookedUp, LookUp, LookupTarget, ProtocolOptions, ReplicaRead } from './protocol.ts';
import type { KeySource, RequestScope } from './request-scope.ts';

/** The protocol for one isolate. */
export function createProtocol(options: ProtocolOptions): LookUp {
  return (target, alongside, scope) => new Search(options, target, alongside, scope).run();
}

/** One look-up. */
class Search<Stored, Answer> {
  readonly #parts: ProtocolOptions;
  readonly #target: LookupTarget<Stored, Answer>;
  readonly #alongside: LookupTarget<Registered, Registration> | null;
  readonly #scope: RequestScope;
  readonly #beganMs: number;
  readonly #pending = new Set<Promise<void>>();
  #copiesPending = 0;
  #mayAskNear = false;
  /** The read of D1's primary; `null` before it is asked. */
  #database: { isDone: boolean } | null = null;
  #fromKv: ReplicaRead<Stored> = { state: 'unknown' };
  /** The answer of D1's primary to this very look-up. */
  #answered: Answer | undefined;
  #source: KeySource = 'memory';
  /** `true` if the caller already works with the copy in memory. */
  #isInUse = false;

  constructor(
    parts: ProtocolOptions,
    target: LookupTarget<Stored, Answer>,
    alongside: LookupTarget<Registered, Registration> | null,
    scope: RequestScope,
  ) {
    this.#parts = parts;
    this.#target = target;
    this.#alongside = alongside;
    this.#scope = scope;
    this.#beganMs = parts.now();
  }

  /** Looks the target up. Never rejects. */
  async run(): Promise<LookedUp<Answer>> {
    const target = this.#target;
    this.#askForCopies();
    const known =
      (await this.#awaitSharedPoll()) ?? (await this.#awaitCopies()) ?? (await target.refute());
    if (known !== undefined) return this.#lookedUp(known);
    if (!this.#parts.lease.isDatabaseDown(this.#scope)) {
      const answer = await this.#askDatabase();
      if (answer !== undefined) return this.#lookedUp(answer);
    }
    // D1 is out of reach. What was asked beside it may still answer.
    const late = (await this.#until(this.#patienceMs())) ?? target.recallStale();
    return this.#lookedUp(late ?? target.unavailable);
  }

  /** KV, and a near replica if that helps, unless memory holds the target and lacks a lease alone. */
  #askForCopies(): void {
    const { nearReads, feed, lease } = this.#parts;
    const target = this.#target;
    if (target.isRemembered()) {
      this.#isInUse = target.onCopy?.() === true;
      return;
    }
    // A request may have six connections open at once: these are two, and the cache and D1 two more.
    this.#askForCopy(this.#askKv());
    this.#mayAskNear = nearReads.take() && feed.isKnown;
    if (!lease.isOver() || target.isCopyUsefulEarly) this.#askNearOnce();
  }

  /**
   * If the lease is over, nothing but the shared poll or D1 helps. The shared poll answers within a few
   * milliseconds or not at all, so it gets a head start, unless this isolate seems to be alone.
   */
  async #awaitSharedPoll(): Promise<Answer | undefined> {
    const { lease, reader } = this.#parts;
    if (lease.isFresh()) return undefined;
    const wasOver = lease.isOver();
    const headStartMs = reader.hasNeighbours() ? SHARED_POLL_HEAD_START_MS : 0;
    let isDone = false;
    this.#ask(
      reader.readShared().then(() => {
        isDone = true;
        if (!wasOver || lease.isOver()) return;
        if (this.#source === 'memory') this.#source = 'shared';
        this.#askNearOnce();
      }),
    );
    if (!wasOver) return undefined;
    return this.#until(headStartMs, () => isDone);
  }

  async #awaitCopies(): Promise<Answer | undefined> {
    if (this.#parts.lease.isOver()) return undefined;
    return this.#until(this.#patienceMs(), () => this.#copiesPending === 0);
  }

  /** Returns what suffices first: D1's primary, or what else was asked; `undefined` if D1 fails. */
  async #askDatabase(): Promise<Answer | undefined> {
    const reading = this.#readDatabaseOnce();
    return this.#until(Number.POSITIVE_INFINITY, () => reading.isDone);
  }

  /** Asks D1's primary: once, or twice at once if the request waits for nothing else. */
  #readDatabaseOnce(): { readonly isDone: boolean } {
    if (this.#database !== null) return this.#database;
    const { reader, lease } = this.#parts;
    // A second read beside those of KV and of a replica could be the seventh connection.
    const isTwice = this.#copiesPending === 0 && lease.isOver() && reader.isWorthAskingTwice();
    let pending = isTwice ? 2 : 1;
    const reading = { isDone: false };
    this.#database = reading;
    const asked = { ...this.#alongside?.asked, ...this.#target.asked };
    const read = async () => {
      const answer = await reader.read(asked, this.#scope.runInBackground);
      pending -= 1;
      reading.isDone = pending === 0;
      if (answer !== null && this.#answered === undefined) this.#takeAnswer(answer);
    };
    this.#ask(read());
    if (isTwice) this.#ask(read());
    return reading;
  }

  #takeAnswer(answer: DatabaseAnswer): void {
    const { feed, reader, copies } = this.#parts;
    const target = this.#target;
    const alongside = this.#alongside;
    const at = answer.feed.head;
    alongside?.remember({ value: alongside.pick(answer), at });
    const fresh = { value: target.pick(answer), at };
    // The log may have grown since the copies arrived, so they are judged again.
    const fromKv = this.#fromKv;
    const needsCopy =
      fromKv.state === 'read' && !fromKv.copies.some((copy) => this.#isVouchedFor(copy));
    if (fresh.value !== null && needsCopy) {
      target.offerCopy(fresh, () => copies(target.copyName(fresh), () => target.toReplica(fresh)));
    }
    if (feed.lacksLinesBefore(answer.feed)) reader.rememberLater(at, () => target.remember(fresh));
    this.#answered = (this.#isInUse ? target.recall() : undefined) ?? target.remember(fresh);
    this.#source = 'd1';
  }

  async #askKv(): Promise<void> {
    const { withTimeout, logFailure } = this.#parts;
    try {
      // Past this time it counts as failed, and is not waited for any more.
      const copies = await withTimeout(this.#target.fromReplica(), REPLICA_TIMEOUT_MS);
      this.#fromKv = { state: 'read', copies };
      for (const copy of copies) this.#takeCopy(copy, 'kv');
    } catch (error) {
      logFailure('replica_failed', error);
    }
  }

  #askNearOnce(): void {
    const { nearReads, lease, reader } = this.#parts;
    if (!this.#mayAskNear) return;
    // While the lease is over, the primary is asked in any case, after the shared poll.
    const tripMs = lease.isOver() ? Number.POSITIVE_INFINITY : reader.databaseTripMs();
    const instance = nearReads.nearest(tripMs);
    if (instance === null) return;
    this.#mayAskNear = false;
    if (instance === 'replica') this.#askForCopy(this.#askNear());
    else if (!lease.isDatabaseDown(this.#scope)) this.#readDatabaseOnce();
  }

  async #askNear(): Promise<void> {
    const { nearReads, feed } = this.#parts;
    const near = await nearReads.read({ ...this.#target.asked, head: feed.head });
    if (near === null) return;
    const value = this.#target.pick(near);
    // Nothing at a replica says nothing: the key may have been created a moment ago.
    if (value !== null) this.#takeCopy({ value, at: near.at }, 'replica');
  }

  #takeCopy(copy: Versioned<Stored>, source: KeySource): void {
    if (!this.#isVouchedFor(copy)) return;
    this.#target.remember(copy);
    this.#source = source;
    if (this.#target.onCopy?.()) this.#isInUse = true;
  }

  #isVouchedFor(copy: Versioned<Stored>): boolean {
    const subjects = this.#target.subjectsOf(copy);
    return subjects !== null && this.#parts.feed.vouchesFor(copy.at, subjects);
  }

  #askForCopy(copy: Promise<void>): void {
    this.#copiesPending += 1;
    this.#ask(
      copy.then(() => {
        this.#copiesPending -= 1;
      }),
    );
  }

  #ask(work: Promise<void>): void {
    const pending = work.finally(() => this.#pending.delete(pending));
    this.#pending.add(pending);
  }

  /** Waits until there is an answer, nothing more can arrive, time is over, or something is done. */
  async #until(ms: number, isDone = () => false): Promise<Answer | undefined> {
    const { now, withTimeout } = this.#parts;
    const endMs = now() + ms;
    for (;;) {
      const known = this.#answered ?? this.#target.recall();
      if (known !== undefined) return known;
      const leftMs = endMs - now();
      if (isDone() || this.#pending.size === 0 || leftMs <= 0) return undefined;
      const next = Promise.race(this.#pending);
      if (leftMs === Number.POSITIVE_INFINITY) await next;
      else await withTimeout(next, leftMs).catch(() => {});
    }
  }

  /** For how long KV and a replica are still waited for alone. */
  #patienceMs(): number {
    return REPLICA_TIMEOUT_MS - (this.#parts.now() - this.#beganMs);
  }

  #lookedUp(answer: Answer): LookedUp<Answer> {
    return { answer, source: this.#source };
  }
}
