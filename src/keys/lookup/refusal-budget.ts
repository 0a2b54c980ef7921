/**
 * A budget for look-ups that serve no key: those that only decide whether a page may read a refusal.
 * Anybody can cause them, with an invented token and an invented origin.
 */

/** Takes one look-up from the budget; `false` if none is left at the moment. */
export type TakeLookup = () => boolean;

/** A full budget, of so many look-ups, which fills up again at a rate. */
export function createRefusalBudget(
  now: () => number,
  { burst, perSecond }: { readonly burst: number; readonly perSecond: number },
): TakeLookup {
  let left = burst;
  let filledMs = now();
  return () => {
    const nowMs = now();
    // A clock that was set back fills nothing.
    const elapsedMs = Math.max(0, nowMs - filledMs);
    left = Math.min(burst, left + (elapsedMs / 1000) * perSecond);
    filledMs = nowMs;
    if (left < 1) return false;
    left -= 1;
    return true;
  };
}
