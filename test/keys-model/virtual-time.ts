/**
 * Time that stands still until a test moves it, and the only source of order in a simulated world:
 * whatever waits, waits for an event here.
 */

interface Event {
  readonly atMs: number;
  /** Breaks ties: what was asked for first happens first. */
  readonly order: number;
  readonly run: () => void;
  isCancelled: boolean;
}

/** 2026-01-01, so that a time in a failure reads like one. */
export const BEGINNING_MS = Date.UTC(2026, 0, 1);

/** See the file's head. */
export class VirtualTime {
  nowMs = BEGINNING_MS;
  #order = 0;
  readonly #heap: Event[] = [];
  readonly #settle: () => Promise<void>;

  /** `settle` lets everything happen that needs no time. */
  constructor(settle: () => Promise<void> = afterMicrotasks) {
    this.#settle = settle;
  }

  /** Runs something after a while. Returns what takes it back. */
  after(delayMs: number, run: () => void): () => void {
    const event = { atMs: this.nowMs + delayMs, order: this.#order++, run, isCancelled: false };
    this.#push(event);
    return () => {
      event.isCancelled = true;
    };
  }

  async wait(delayMs: number): Promise<void> {
    if (delayMs === 0) return;
    await new Promise<void>((resolve) => this.after(delayMs, resolve));
  }

  /** The Worker's `withTimeout`, in this time. */
  readonly withTimeout = async <Result>(
    work: Promise<Result>,
    timeoutMs: number,
  ): Promise<Result> => {
    let cancel = () => {};
    const late = new Promise<never>((_, reject) => {
      cancel = this.after(timeoutMs, () => reject(new Error(`no answer within ${timeoutMs} ms`)));
    });
    try {
      return await Promise.race([work, late]);
    } finally {
      cancel();
    }
  };

  /** Moves time on, through every event on the way. */
  async advance(durationMs: number): Promise<void> {
    const untilMs = this.nowMs + durationMs;
    await this.#settle();
    for (let next = this.#heap[0]; next && next.atMs <= untilMs; next = this.#heap[0]) {
      this.#pop();
      if (next.isCancelled) continue;
      this.nowMs = next.atMs;
      next.run();
      await this.#settle();
    }
    this.nowMs = untilMs;
  }

  #push(event: Event): void {
    const heap = this.#heap;
    let index = heap.push(event) - 1;
    while (index > 0) {
      const parent = (index - 1) >> 1;
      if (!isBefore(event, heap[parent]!)) break;
      heap[index] = heap[parent]!;
      index = parent;
    }
    heap[index] = event;
  }

  #pop(): void {
    const heap = this.#heap;
    const last = heap.pop()!;
    if (heap.length === 0) return;
    let index = 0;
    for (;;) {
      let child = 2 * index + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && isBefore(heap[child + 1]!, heap[child]!)) child++;
      if (!isBefore(heap[child]!, last)) break;
      heap[index] = heap[child]!;
      index = child;
    }
    heap[index] = last;
  }
}

function isBefore(left: Event, right: Event): boolean {
  return left.atMs < right.atMs || (left.atMs === right.atMs && left.order < right.order);
}

function afterMicrotasks(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
