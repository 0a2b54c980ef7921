/** The setting that a misspelled name was meant to be. Pure, no I/O. */

/**
 * The share of the longer name that may differ. `UPSTREAM_TIMEOUT_SECONDS` differs from `UPSTREAM_TIMEOUT_MS`
 * in a quarter.
 */
const MAX_DIFFERENCE = 1 / 3;

/**
 * Returns the name that is nearest to a written one; `null` if no name is near. The case does not count.
 *
 * A name is near if at most a third of the longer one of the two has to be changed, or if the written one is
 * its first words: `KEEP_WARM` is near `KEEP_WARM_SECONDS`. Of names that are equally near, the first in the
 * list is returned.
 */
export function nearestName(written: string, names: readonly string[]): string | null {
  const upper = written.toUpperCase();
  let nearest: string | null = null;
  let least = Number.POSITIVE_INFINITY;
  for (const name of names) {
    const distance = editDistance(upper, name);
    const isNear = distance <= Math.max(upper.length, name.length) * MAX_DIFFERENCE;
    if (distance < least && (isNear || name.startsWith(`${upper}_`))) {
      nearest = name;
      least = distance;
    }
  }
  return nearest;
}

/** The characters to insert, remove or replace. https://en.wikipedia.org/wiki/Levenshtein_distance */
function editDistance(one: string, other: string): number {
  // One row of the table at a time: the distances from the characters of `one` so far to each beginning of `other`.
  let row = Array.from({ length: other.length + 1 }, (_, length) => length);
  for (const [index, character] of [...one].entries()) {
    const next = [index + 1];
    for (let length = 1; length <= other.length; length++) {
      const replaced = row[length - 1]! + (character === other[length - 1] ? 0 : 1);
      next.push(Math.min(replaced, row[length]! + 1, next[length - 1]! + 1));
    }
    row = next;
  }
  return row[other.length]!;
}
