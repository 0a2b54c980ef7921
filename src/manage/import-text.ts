/**
 * Reads the text of an import without ever parsing all of it: a scan finds where each row is, and rows are
 * parsed one by one, in slices. `JSON.parse` of a hostile mebibyte takes longer than the gateway may wait.
 *
 * The result is that of `JSON.parse`, or a problem where that throws.
 */

import { IMPORT_KEYS_MAX, MANAGEMENT_BODY_MAX_BYTES } from './limits.ts';
import { problem } from './problems.ts';
import { type BodyReading, malformed } from './request-body.ts';
import type { Slices } from './slices.ts';

/** One row of an import: its JSON value, and how many characters it takes. */
export interface RowText {
  readonly size: number;
  /** `undefined`: the row is larger than `MANAGEMENT_BODY_MAX_BYTES` and was not parsed. */
  readonly value: unknown;
}

/** An import: the document with its list of keys emptied, and the rows of that list. */
export interface ImportText {
  readonly frame: unknown;
  readonly rows: readonly RowText[];
}

/** Scanning a character costs a small part of what checking one does. */
const SCANNED_PER_CHECKED = 16;
const SCAN_CHARACTERS = 16 * 1024;

/** A part of the text, from a place up to before another. */
type Span = readonly [start: number, end: number];

/** Reads the text of an import. */
export async function parseImport(text: string, slices: Slices): Promise<BodyReading<ImportText>> {
  const scan = new RowScan(text);
  for (let end = 0; end < text.length && !scan.isOver; ) {
    end = Math.min(text.length, end + SCAN_CHARACTERS);
    await slices.spend(SCAN_CHARACTERS / SCANNED_PER_CHECKED);
    scan.advance(end);
  }
  // The schema says what is wrong with it.
  if (scan.isOver) {
    const rows = Array.from({ length: IMPORT_KEYS_MAX + 1 }, () => ({ size: 0, value: null }));
    return { ok: true, text, document: { frame: { keys: [] }, rows } };
  }
  const frame = parseFrame(text, scan.lists);
  if (!frame.ok) return frame;
  const rows: RowText[] = [];
  // Those of earlier lists are parsed as well: a text with a mistake in them is no JSON.
  for (const [start, end] of scan.rows) {
    const size = end - start;
    await slices.spend(size);
    if (size > MANAGEMENT_BODY_MAX_BYTES) rows.push({ size, value: undefined });
    else {
      try {
        rows.push({ size, value: JSON.parse(text.slice(start, end)) });
      } catch (error) {
        return malformed(error, text, (position) => start + position, end);
      }
    }
  }
  const last = rows.slice(scan.firstOfLastList);
  return { ok: true, text, document: { frame: frame.document, rows: last } };
}

/** Parses what is around the rows. */
function parseFrame(text: string, lists: readonly Span[]): BodyReading {
  const parts: string[] = [];
  let from = 0;
  for (const [start, end] of lists) {
    parts.push(text.slice(from, start));
    from = end;
  }
  const frame = [...parts, text.slice(from)].join('');
  if (frame.length > MANAGEMENT_BODY_MAX_BYTES) {
    return {
      ok: false,
      problem: problem(
        'body_too_large',
        `Cannot read the body: beside its keys it holds more than ${MANAGEMENT_BODY_MAX_BYTES} characters`,
      ),
    };
  }
  try {
    return { ok: true, text: frame, document: JSON.parse(frame) };
  } catch (error) {
    return malformed(error, text, (position) => {
      const cut = lists.filter(([start], at) => start - sizeOf(lists.slice(0, at)) <= position);
      return position + sizeOf(cut);
    });
  }
}

function sizeOf(spans: readonly Span[]): number {
  return spans.reduce((sum, [start, end]) => sum + end - start, 0);
}

/** Finds the elements of the lists that are the value of a member "keys" of the document. */
class RowScan {
  /** The inside of each such list. `JSON.parse` keeps the last member of a name. */
  readonly lists: Span[] = [];
  /** The elements of all of them. */
  readonly rows: Span[] = [];
  /** The place in `rows` of the first element of the last list. */
  firstOfLastList = 0;
  readonly #text: string;
  #at = 0;
  #depth = 0;
  /** The start of the string in which the scan is; -1 outside of strings. */
  #stringStart = -1;
  #lastString: Span = [0, 0];
  #isValueOfKeys = false;
  /** The start of the list in which the scan is; -1 outside. */
  #listStart = -1;
  #rowStart = 0;

  constructor(text: string) {
    this.#text = text;
  }

  /** There are more rows than an import may have. */
  get isOver(): boolean {
    return this.rows.length > IMPORT_KEYS_MAX;
  }

  advance(end: number): void {
    for (; this.#at < end && !this.isOver; this.#at += 1) {
      const code = this.#text.charCodeAt(this.#at);
      if (this.#stringStart >= 0) this.#inString(code);
      else this.#outside(code);
    }
  }

  #inString(code: number): void {
    if (code === BACKSLASH) this.#at += 1;
    if (code !== QUOTE) return;
    if (this.#depth === 1) this.#lastString = [this.#stringStart, this.#at + 1];
    this.#stringStart = -1;
  }

  #outside(code: number): void {
    switch (code) {
      case QUOTE:
        this.#stringStart = this.#at;
        break;
      case COLON:
        if (this.#depth === 1) this.#isValueOfKeys = isKeys(this.#text.slice(...this.#lastString));
        break;
      case COMMA:
        if (this.#depth === 1) this.#isValueOfKeys = false;
        else if (this.#depth === 2 && this.#listStart >= 0) this.#endRow();
        break;
      case OPEN_LIST:
      case OPEN_OBJECT:
        this.#open(code);
        break;
      case CLOSE_LIST:
      case CLOSE_OBJECT:
        this.#close();
        break;
    }
  }

  #open(code: number): void {
    if (code === OPEN_LIST && this.#depth === 1 && this.#isValueOfKeys) {
      this.firstOfLastList = this.rows.length;
      this.#listStart = this.#at + 1;
      this.#rowStart = this.#listStart;
    }
    this.#depth += 1;
  }

  #close(): void {
    if (this.#depth === 2 && this.#listStart >= 0) {
      const last = this.#text.slice(this.#rowStart, this.#at);
      if (this.rows.length > this.firstOfLastList || !/^[ \t\r\n]*$/.test(last)) this.#endRow();
      this.lists.push([this.#listStart, this.#at]);
      this.#listStart = -1;
    }
    this.#depth -= 1;
  }

  #endRow(): void {
    this.rows.push([this.#rowStart, this.#at]);
    this.#rowStart = this.#at + 1;
  }
}

/** Tells whether a JSON string is "keys", however it is escaped. */
function isKeys(json: string): boolean {
  if (json === '"keys"') return true;
  if (json.length > MAX_ESCAPED_LENGTH || !json.includes('\\')) return false;
  try {
    return JSON.parse(json) === 'keys';
  } catch {
    return false;
  }
}

/** "keys" with each of its letters as an escape such as \u006b. */
const MAX_ESCAPED_LENGTH = 2 + 4 * 6;

const [QUOTE, BACKSLASH, COLON, COMMA, OPEN_LIST, CLOSE_LIST, OPEN_OBJECT, CLOSE_OBJECT] = [
  0x22, 0x5c, 0x3a, 0x2c, 0x5b, 0x5d, 0x7b, 0x7d,
] as const;
