import { describe, expect, test } from 'vitest';
import { BoundedMap } from '../../src/core/bounded-map.ts';

describe('a bounded map', () => {
  test('has nothing under a name that was not set, or was deleted', () => {
    const map = new BoundedMap<number>(2);
    expect(map.get('a')).toBeUndefined();
    map.set('a', 1);
    map.delete('a');
    map.delete('never set');
    expect(map.get('a')).toBeUndefined();
    expect({ size: map.size, weight: map.weight }).toEqual({ size: 0, weight: 0 });
  });

  test.each([
    ['the first', 1],
    ['one within', 2],
    ['the last', 3],
    ['every one', 0],
  ])('deletes what fails a test, if that is %s', (_, failing) => {
    const map = new BoundedMap<number>(10, 100);
    for (const number of [1, 2, 3]) map.set(`name ${number}`, number, 10 * number);
    map.keepOnly((number) => failing !== 0 && number !== failing);
    const kept = [1, 2, 3].filter((number) => failing !== 0 && number !== failing);
    for (const number of [1, 2, 3]) {
      expect(map.get(`name ${number}`)).toBe(kept.includes(number) ? number : undefined);
    }
    const weight = kept.reduce((sum, number) => sum + 10 * number, 0);
    expect({ size: map.size, weight: map.weight }).toEqual({ size: kept.length, weight });
  });

  test('deletes many entries, whichever moves into their gaps', () => {
    const map = new BoundedMap<number>(100);
    for (let number = 0; number < 100; number++) map.set(`name ${number}`, number);
    map.keepOnly((number) => number % 3 === 0);
    expect(map.size).toBe(34);
    for (let number = 0; number < 100; number++) {
      expect(map.get(`name ${number}`)).toBe(number % 3 === 0 ? number : undefined);
    }
  });

  test('replaces an entry under the same name, with its weight', () => {
    const map = new BoundedMap<string>(10, 100);
    map.set('a', 'old', 60);
    map.set('a', 'new', 10);
    expect(map.get('a')).toBe('new');
    expect({ size: map.size, weight: map.weight }).toEqual({ size: 1, weight: 10 });
  });

  test.for([
    { bound: 'entries', map: () => new BoundedMap<number>(100) },
    { bound: 'weight', map: () => new BoundedMap<number>(Number.POSITIVE_INFINITY, 1_000) },
  ])('keeps within its bound of $bound at every step of a flood', ({ map: create }) => {
    const map = create();
    for (let number = 0; number < 10_000; number++) {
      map.set(`name ${number}`, number, 10);
      expect(map.size).toBeLessThanOrEqual(100);
      expect(map.weight).toBeLessThanOrEqual(1_000);
    }
    expect(map.get('name 9999')).toBe(9_999);
    expect(map.size).toBe(100);
  });

  test('keeps entries in use through a flood of twenty times its size of entries that are never read', () => {
    const map = new BoundedMap<number>(1_000);
    const inUse = Array.from({ length: 500 }, (_, number) => `in use ${number}`);
    for (const name of inUse) map.set(name, 0);
    for (let number = 0; number < 20_000; number++) {
      // Each of them is read once in 500 entries of the flood: half of the room is theirs.
      const name = inUse[number % inUse.length] ?? '';
      if (map.get(name) === undefined) throw new Error(`${name} was evicted after ${number}`);
      map.set(`flood ${number}`, number);
    }
    expect(map.size).toBe(1_000);
  });

  test('makes room for what is new though everything was just read', () => {
    const map = new BoundedMap<number>(3);
    for (const name of ['a', 'b', 'c']) map.set(name, 1);
    for (const name of ['a', 'b', 'c']) map.get(name);
    map.set('d', 1);
    expect(map.get('d')).toBe(1);
    expect(map.size).toBe(3);
  });

  test('lets a new entry live for a round, so that it can be read', () => {
    const map = new BoundedMap<number>(3);
    for (const name of ['a', 'b', 'c', 'd', 'e']) map.set(name, 1);
    // "a" and "b" have gone; "d", which came while the map was full, has not.
    expect(['a', 'b', 'c', 'd', 'e'].filter((name) => map.get(name))).toEqual(['c', 'd', 'e']);
  });

  test('refuses an entry that is too heavy alone, and empties itself of nothing else for good', () => {
    const map = new BoundedMap<number>(10, 100);
    map.set('too heavy', 1, 101);
    expect(map.get('too heavy')).toBeUndefined();
    expect({ size: map.size, weight: map.weight }).toEqual({ size: 0, weight: 0 });
    map.set('light', 1, 100);
    expect(map.get('light')).toBe(1);
  });

  test('begins again when it is cleared', () => {
    const map = new BoundedMap<number>(2);
    for (const name of ['a', 'b', 'c']) map.set(name, 1);
    map.clear();
    expect({ size: map.size, weight: map.weight }).toEqual({ size: 0, weight: 0 });
    for (const name of ['a', 'b', 'c']) map.set(name, 1);
    expect(map.size).toBe(2);
  });
});
