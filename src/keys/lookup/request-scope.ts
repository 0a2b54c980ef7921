/**
 * One request's side of a look-up: when it came, and what it may leave behind.
 *
 * A request that is refused writes nothing, so that no caller can make the edge write by being refused.
 * The directory does not know how a request will end; it leaves its writes here.
 */

/** Takes work of a request that continues after the response: `ctx.waitUntil`. */
export type RunInBackground = (work: Promise<unknown>) => void;

/** The store that a look-up waited for last. `shared`: memory, once the shared poll renewed the lease. */
export type KeySource = 'memory' | 'shared' | 'kv' | 'replica' | 'd1';

/** How a key was found: the store that answered, and the time that the request waited for it. */
export interface KeyTiming {
  readonly source: KeySource;
  readonly durationMs: number;
}

/** A key in memory, which nothing waits for. */
export const fromMemory: KeyTiming = { source: 'memory', durationMs: 0 };

/** See the file's head. A request has one. */
export class RequestScope {
  readonly nowMs: number;
  readonly runInBackground: RunInBackground;
  /** `null` until a key was looked for. */
  keyTiming: KeyTiming | null = null;
  #writes: (() => Promise<unknown>)[] | null = null;

  constructor(nowMs: number, runInBackground: RunInBackground) {
    this.nowMs = nowMs;
    this.runInBackground = runInBackground;
  }

  /** Keeps a write until the request is known to be allowed. */
  writeIfAllowed(write: () => Promise<unknown>): void {
    this.#writes ??= [];
    this.#writes.push(write);
  }

  /** The request is allowed: begins what was kept. */
  startDeferredWrites(): void {
    if (this.#writes === null) return;
    for (const write of this.#writes) this.runInBackground(write());
    this.#writes = null;
  }
}
