/**
 * Spans of time, and times as RFC 3339 writes them. Strict, unlike `Date.parse`, which takes the 30th of February for the 2nd
 * of March. https://www.rfc-editor.org/rfc/rfc3339#section-5.6
 *
 * Pure, no I/O, no clock.
 */

const timePattern =
  /^(\d{4}-\d\d-\d\d)T([01]\d|2[0-3]):([0-5]\d):([0-5]\d)(?:\.(\d{1,9}))?(?:Z|([+-])([01]\d|2[0-3]):([0-5]\d))$/i;
const MINUTE_MS = 60 * 1000;

/**
 * Reads a time. Returns whole milliseconds since 1970 in UTC; `null` if the text is no time. A leap
 * second is no time, because no clock of the runtime has it.
 */
export function parseTime(text: string): number | null {
  const match = timePattern.exec(text);
  if (match === null) return null;
  const [, day = '', hours, minutes, seconds, fraction = '', sign, zoneHours, zoneMinutes] = match;
  const milliseconds = fraction.padEnd(3, '0').slice(0, 3);
  const written = `${day}T${hours}:${minutes}:${seconds}.${milliseconds}Z`;
  const localMs = Date.parse(written);
  // A day that its month does not have would become one of the next month.
  if (Number.isNaN(localMs) || new Date(localMs).toISOString() !== written) return null;
  const offsetMs = (Number(zoneHours ?? 0) * 60 + Number(zoneMinutes ?? 0)) * MINUTE_MS;
  return sign === '-' ? localMs + offsetMs : localMs - offsetMs;
}

/** Returns whether something began less than `spanMs` ago; `false` if the clock was set back since. */
export function isWithin(nowMs: number, beganMs: number, spanMs: number): boolean {
  const agoMs = nowMs - beganMs;
  return agoMs >= 0 && agoMs < spanMs;
}
