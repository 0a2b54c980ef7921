const MINUTE_MS = 60_000;
/** A test that exhausts a limiter takes a second, and many times that beside others on a busy machine. */
const NEEDED_MS = 20_000;

/**
 * Resolves if the minute of the clock has twenty seconds left, and otherwise when the next one begins.
 *
 * The runtime's rate limiters start a new count with each minute of the clock, on this machine too. A
 * test that exhausts one would fail if the minute ended while it counts.
 */
export async function timeLeftInMinute(): Promise<void> {
  const leftMs = MINUTE_MS - (Date.now() % MINUTE_MS);
  if (leftMs < NEEDED_MS) await new Promise((resolve) => setTimeout(resolve, leftMs));
}
