import { describe, expect, it } from 'vitest';
import { SLICE_SIZE } from '../../src/manage/limits.ts';
import { createSlices, sizeOf } from '../../src/manage/slices.ts';

describe('sizeOf()', () => {
  const rows: readonly (readonly [name: string, value: unknown])[] = [
    ['a text', 'a'.repeat(1000)],
    ['a list of short texts', Array.from({ length: 500 }, () => 'abc')],
    ['a list of empty texts', Array.from({ length: 500 }, () => '')],
    ['fields', Object.fromEntries(Array.from({ length: 500 }, (_, index) => [`f${index}`, null]))],
    ['lists in lists', Array.from({ length: 100 }, () => [[1], [true], [null]])],
  ];
  it.each(rows)('is about the length of the JSON of %s', (_name, value) => {
    const { length } = JSON.stringify(value);
    expect(sizeOf(value)).toBeGreaterThan(length * 0.7);
    expect(sizeOf(value)).toBeLessThan(length * 3);
  });

  it('survives any depth', () => {
    const deep = JSON.parse('['.repeat(100_000) + ']'.repeat(100_000));
    expect(sizeOf(deep)).toBeGreaterThan(100_000);
  });
});

describe('createSlices()', () => {
  it('pauses before each slice but the first', async () => {
    let pauses = 0;
    const slices = createSlices(async () => {
      pauses += 1;
    });
    const counts: number[] = [];
    for (const size of [SLICE_SIZE * 4, 1, SLICE_SIZE - 1, 1, SLICE_SIZE / 2, SLICE_SIZE]) {
      await slices.spend(size);
      counts.push(pauses);
    }
    expect(counts).toEqual([0, 1, 1, 2, 2, 3]);
  });
});
