/**
 * Between the API's times and those of a date field, which have no zone and are meant in UTC. Pure.
 */

/** A field's date and time in UTC as the API writes times; what is no date stays as it is. */
export function toTime(text: string): string | null {
  if (text === '') return null;
  return /^\d{4}-\d\d-\d\dT\d\d:\d\d$/.test(text)
    ? `${text}:00Z`
    : text.replace(/^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?)$/, '$1Z');
}

/** The other way round. Milliseconds are not shown: who does not touch the field keeps them. */
export function toLocalTime(time: string | null): string {
  return time === null ? '' : withoutZeroSeconds(new Date(time).toISOString().slice(0, 19));
}

/** Some browsers leave seconds out where they are zero, and some do not. */
export function withoutZeroSeconds(localTime: string): string {
  return localTime.replace(/^(.{16}):00(?:\.0+)?$/, '$1');
}
