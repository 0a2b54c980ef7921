/**
 * Checks that this isolate can answer requests: its lease is young, or D1 answers now and has the schema.
 */

/** `unavailable`: D1 does not answer. */
export type Readiness = 'ready' | 'schema_missing' | 'unavailable';

/** The parts that readiness is read from. */
export interface ReadinessOptions {
  /** Returns whether the lease is younger than `MAX_STALENESS_SECONDS`. */
  readonly isLeaseCurrent: () => boolean;
  /** Returns whether D1 has the schema. Rejects if D1 does not answer in time. */
  readonly hasSchema: () => Promise<boolean>;
  readonly now: () => number;
  readonly pause: (ms: number) => Promise<void>;
}

/** How long an answer of D1 counts, so that uptime checks and strangers cost at most this much. */
const ANSWER_MS = 5 * 1000;
const PAUSE_MS = 50;

/**
 * Returns a function that tells. It never rejects, and reads D1 at most once in 5 seconds. Requests that
 * come during a read wait for its result by looking again: the runtime lets none wait for a promise of
 * another one.
 */
export function createReadiness(options: ReadinessOptions): () => Promise<Readiness> {
  const { isLeaseCurrent, hasSchema, now, pause } = options;
  let askedAt = Number.NEGATIVE_INFINITY;
  let answer: Readiness | null = null;

  async function ask(): Promise<Readiness> {
    askedAt = now();
    answer = null;
    try {
      answer = (await hasSchema()) ? 'ready' : 'schema_missing';
    } catch {
      answer = 'unavailable';
    }
    return answer;
  }

  return async () => {
    if (isLeaseCurrent()) return 'ready';
    if (now() - askedAt >= ANSWER_MS) return ask();
    // If the request that asks has died, the answer never comes.
    while (answer === null && now() - askedAt < ANSWER_MS) await pause(PAUSE_MS);
    return answer ?? 'unavailable';
  };
}
