/**
 * One request's side of a look-up: when it came, and what it may leave behind.
 *
 * A request that is refused writes nothing, so that nobody can make the edge write by being refused.
 * The directory does not know how a request will end; it leaves its writes here.
 */

/** Work that goes on after the response, of one request: `ctx.waitUntil`. */
export type RunInBackground = (work: Promise<unknown>) => void;

/** See the file's head. A request has one. */
export class RequestScope {
  readonly nowMs: number;
  readonly runInBackground: RunInBackground;
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
