/**
 * Reads lists of the API up to a wanted number of entries, and returns the cursor of the next entry.
 */

import { Option } from 'commander';
import { atLeastOne } from './options.ts';

/** Options of every list. */
export interface ListOptions {
  readonly limit: number;
  readonly all?: boolean;
  readonly cursor?: string;
}

/** Entries, and the cursor of those that follow; `null`: there are no more. */
export interface Listed<Entry> {
  readonly entries: readonly Entry[];
  readonly nextCursor: string | null;
}

/** The most that the API puts into one page. */
const PAGE_LIMIT_MAX = 100;

/** The options of a list of such entries. */
export function listOptions(entries: string): readonly Option[] {
  return [
    new Option('--limit <number>', `at most so many ${entries}`).argParser(atLeastOne).default(50),
    new Option('--all', `all ${entries}`).conflicts('limit'),
    new Option('--cursor <cursor>', 'begin there: nextCursor of an earlier --json'),
  ];
}

/** Reads page after page until there are enough entries. A page may be empty and not be the last. */
export async function readList<Entry>(
  { limit, all, cursor: from }: ListOptions,
  readPage: (page: { readonly limit: number; readonly cursor?: string }) => Promise<Listed<Entry>>,
): Promise<Listed<Entry>> {
  const wanted = all ? Number.POSITIVE_INFINITY : limit;
  const entries: Entry[] = [];
  let cursor = from ?? null;
  do {
    const page = await readPage({
      limit: Math.min(PAGE_LIMIT_MAX, wanted - entries.length),
      ...(cursor === null ? {} : { cursor }),
    });
    // Not spread: a list of all keys may have more entries than a call may have arguments.
    for (const entry of page.entries) entries.push(entry);
    cursor = page.nextCursor;
  } while (cursor !== null && entries.length < wanted);
  return { entries, nextCursor: cursor };
}

/** The hint that a list is not complete; `null` if it is. */
export function moreHint({ entries, nextCursor }: Listed<unknown>, name: string): string | null {
  if (nextCursor === null) return null;
  const shown =
    entries.length === 1
      ? `This is the first of the ${name}`
      : `These are the first ${entries.length} ${name}`;
  return `${shown}, and there are more: take --all, or a larger --limit`;
}
