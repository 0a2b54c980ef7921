/**
 * Converts between the API's times and those of a date field, which have no zone and are in UTC. Pure.
 */

/** Converts a field's date and time to a time of the API. Text that is not a date stays as it is. */
export function toTime(text: string): string | null {
  if (text === '') return null;
  return /^\d{4}-\d\d-\d\dT\d\d:\d\d$/.test(text)
    ? `${text}:00Z`
    : text.replace(/^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?)$/, '$1Z');
}

/** Converts a time of the API to that of a field. Milliseconds are not shown, and stay as they are. */
export function toLocalTime(time: string | null): string {
  return time === null ? '' : withoutZeroSeconds(new Date(time).toISOString().slice(0, 19));
}

/** Removes zero seconds, which some browsers send and some do not. */
export function withoutZeroSeconds(localTime: string): string {
  return localTime.replace(/^(.{16}):00(?:\.0+)?$/, '$1');
}
