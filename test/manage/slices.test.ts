import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { checkAccessInSteps, operatorBounds } from '../../src/core/key/key-access.ts';
import { ORIGINS_PER_KEY } from '../../src/core/limits.ts';
import { atOnce, type Steps } from '../../src/core/steps.ts';
import { type ImportText, parseImport } from '../../src/manage/import-text.ts';
import { IMPORT_KEYS_MAX, MANAGEMENT_BODY_MAX_BYTES, SLICE_SIZE } from '../../src/manage/limits.ts';
import { createSlices, inSlices, type Slices } from '../../src/manage/slices.ts';

/** Slices that count their pauses. */
function counting(): { slices: Slices; pauses: () => number } {
  let pauses = 0;
  const slices = createSlices(async () => {
    pauses += 1;
  });
  return { slices, pauses: () => pauses };
}

describe('createSlices()', () => {
  it('pauses before each slice but the first', async () => {
    const { slices, pauses } = counting();
    const counts: number[] = [];
    for (const size of [SLICE_SIZE * 4, 1, SLICE_SIZE - 1, 1, SLICE_SIZE / 2, SLICE_SIZE]) {
      await slices.spend(size);
      counts.push(pauses());
    }
    expect(counts).toEqual([0, 1, 1, 2, 2, 3]);
  });
});

describe('inSlices()', () => {
  function* work(sizes: readonly number[]): Steps<string> {
    for (const size of sizes) yield size;
    return 'done';
  }

  it('returns what the work returns, with a pause before each slice but the first', async () => {
    const { slices, pauses } = counting();
    const sizes = [SLICE_SIZE, 1, SLICE_SIZE / 2, SLICE_SIZE];
    expect([await inSlices(work(sizes), slices), pauses()]).toEqual(['done', 2]);
    expect(atOnce(work(sizes))).toBe('done');
  });

  it('lets others have their turn within a key of many origins or rules', async () => {
    const rules = Array.from({ length: 100 }, () => ({
      methods: ['get'],
      resources: Array.from({ length: 50 }, (_, at) => `x${at}`),
    }));
    const allowedOrigins = Array.from({ length: ORIGINS_PER_KEY }, () => 'x');
    for (const access of [{ cors: { allowedOrigins } }, { rules }]) {
      const { slices, pauses } = counting();
      await inSlices(checkAccessInSteps(access, operatorBounds), slices);
      expect(pauses()).toBeGreaterThan(4);
    }
  });
});

describe('parseImport()', () => {
  const parse = async (text: string) => parseImport(text, counting().slices);

  /** The value that `JSON.parse` returns for the text. */
  const wholeOf = ({ frame, rows }: ImportText) => {
    const hasList = frame !== null && typeof frame === 'object' && 'keys' in frame;
    if (!hasList || !Array.isArray(frame.keys)) return frame;
    return { ...frame, keys: rows.map(({ value }) => value) };
  };

  /** Texts that resemble JSON: pieces of it in any order, most of them wrong. */
  const pieces = fc.constantFrom(
    ...[
      '{',
      '}',
      '[',
      ']',
      ',',
      ':',
      '"',
      '\\',
      ' ',
      '\n',
      '\u00a0',
      '"keys"',
      '"keys":[',
      '"k\\u0065ys":',
    ],
    ...[
      '{"a":[1,{"b":"]"}]}',
      '"\\""',
      '"\\\\"',
      '1',
      'null',
      '{"keys":[',
      ']}',
      '"x":',
      '"__proto__":',
    ],
  );
  const valid = fc
    .record({
      before: fc.jsonValue({ maxDepth: 2 }),
      rows: fc.array(fc.jsonValue(), { maxLength: 6 }),
    })
    .map(({ before, rows }) => JSON.stringify({ before, keys: rows, after: before }, null, 1));
  /** The same with an escape in each name "keys". */
  const escaped = fc
    .tuple(valid, fc.constantFrom('k\\u0065ys', '\\u006beys', '\\u006b\\u0065\\u0079\\u0073'))
    .map(([text, name]) => text.replaceAll('"keys"', `"${name}"`));
  const damaged = fc
    .tuple(valid, fc.nat(), fc.nat({ max: 4 }), pieces)
    .map(([text, at, cut, piece]) => {
      const place = at % (text.length + 1);
      return text.slice(0, place) + piece + text.slice(place + cut);
    });

  it('reads what JSON.parse reads, and nothing else', async () => {
    const texts = fc.oneof(
      valid,
      escaped,
      damaged,
      fc.array(pieces, { maxLength: 12 }).map((all) => all.join('')),
      fc.array(pieces, { maxLength: 6 }).map((all) => `{"keys":[${all.join('')}]}`),
      fc.jsonValue().map((value) => JSON.stringify(value)),
    );
    let accepted = 0;
    await fc.assert(
      fc.asyncProperty(texts, async (text) => {
        let wanted: unknown;
        try {
          wanted = JSON.parse(text);
        } catch {
          wanted = undefined;
        }
        const read = await parse(text);
        if (wanted === undefined) expect(read, text).toMatchObject({ ok: false });
        else {
          accepted += 1;
          expect(read.ok ? wholeOf(read.document) : 'refused', text).toEqual(wanted);
        }
      }),
      { numRuns: 3_000 },
    );
    expect(accepted).toBeGreaterThan(500);
  });

  it.each([
    ['{"keys": [{"a": 1},\n{"a" 1}]}', 'line 2, column 6'],
    ['{"keys": [1, 2],\n"b": [3, 4], x}', 'line 2, column 14'],
    ['{"keys": [{"a": 1}', 'line 1, column 19'],
    ['{"keys": [{"a": x}]}', 'something that is not JSON'],
    // JSON.parse keeps the last of these lists, and reads all of them.
    ['{"keys": [x], "keys": []}', 'something that is not JSON'],
    ['{"keys": [{"a" 1}], "keys": [3]}', 'line 1, column 16'],
    ['{"keys": [1, , 2]}', 'line 1, column 14'],
    ['', 'it is empty'],
  ])('says where %j is malformed', async (text, place) => {
    const read = await parse(text);
    expect(read.ok ? '' : read.problem.detail).toContain(place);
  });

  it('parses no row and no frame that is larger than any can be', async () => {
    const large = JSON.stringify('x'.repeat(MANAGEMENT_BODY_MAX_BYTES));
    const read = await parse(`{"keys":[1,${large},{"b":2}]}`);
    expect(read.ok && read.document.rows.map(({ value }) => value)).toEqual([
      1,
      undefined,
      { b: 2 },
    ]);
    expect(await parse(`{"keys":[],"x":${large}}`)).toMatchObject({
      problem: { code: 'body_too_large' },
    });
  });

  it('stops at more rows than an import may have', async () => {
    const text = JSON.stringify({ keys: Array.from({ length: 300_000 }, () => []) });
    const { slices, pauses } = counting();
    const read = await parseImport(text, slices);
    expect(read.ok && read.document.rows).toHaveLength(IMPORT_KEYS_MAX + 1);
    expect(pauses()).toBe(0);
  });

  it('pauses while it scans and parses', async () => {
    const rows = Array.from({ length: 900 }, () => ({ token: 'x'.repeat(1000) }));
    const { slices, pauses } = counting();
    await parseImport(JSON.stringify({ keys: rows }), slices);
    expect(pauses()).toBeGreaterThan(90);
  });
});
