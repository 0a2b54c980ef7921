import { describe, expect, test } from 'vitest';
import { limiters } from '../../src/config/limiters.ts';
import type { Fault } from '../../src/config/values.ts';

const pro = { name: 'pro', binding: 'LIMITER_PRO', limit: '1000/60' };

function read(written: unknown) {
  const faults: Fault[] = [];
  const value = limiters.read(written, (fault) => faults.push(fault));
  return { value, reasons: faults.map(({ reason }) => reason), faults };
}

describe('LIMITERS is refused', () => {
  test.each<[name: string, written: unknown, reasons: readonly RegExp[]]>([
    ['what is no JSON', 'pro', [/not a JSON list/]],
    ['a number', 5, [/not a JSON list/]],
    ['an object', pro, [/not a JSON list/]],
    ['an empty list', [], [/not a JSON list of 1 to 50/]],
    ['51 limits', Array.from({ length: 51 }, () => pro), [/not a JSON list of 1 to 50/]],
    ['a word in the list', ['pro'], [/^\[0\]: it is not an object/]],
    ['nothing in the object', [{}], [/\[0\]\.name/, /\[0\]\.binding/, /\[0\]\.limit/]],
    ['a misspelt field', [{ ...pro, period: 60 }], [/\[0\]\.period: there is no such field/]],
    ['a name in capitals', [{ ...pro, name: 'Pro' }], [/\[0\]\.name/]],
    ['a name with quotes', [{ ...pro, name: 'a"b' }], [/\[0\]\.name/]],
    ['a name of 33 characters', [{ ...pro, name: 'a'.repeat(33) }], [/\[0\]\.name/]],
    ['the name of another limit', [{ ...pro, name: 'key' }], [/another limit has this name/]],
    ['the same name twice', [pro, { ...pro, binding: 'B' }], [/\[1\]\.name: another limit/]],
    ['the same binding twice', [pro, { ...pro, name: 'b' }], [/\[1\]\.binding: an earlier limit/]],
    ['a binding with a blank', [{ ...pro, binding: 'A B' }], [/\[0\]\.binding/]],
    ...['1000', '1000/30', '0/60', '1e3/60', 1000].map(
      (limit): [string, unknown, readonly RegExp[]] => [
        `the limit ${limit}`,
        [{ ...pro, limit }],
        [/\[0\]\.limit: it is not the limit of the binding/],
      ],
    ),
    ['each entry at once', [{ ...pro, name: 5 }, 7, pro], [/\[0\]\.name/, /\[1\]: it is not/]],
  ])('%s', (_, written, reasons) => {
    const found = read(written).reasons;
    expect(found).toHaveLength(reasons.length);
    for (const [index, reason] of reasons.entries()) expect(found[index]).toMatch(reason);
    for (const { fix } of read(written).faults) expect(fix).not.toBe('');
  });
});

describe('LIMITERS is read', () => {
  test('from JSON, and from a table of wrangler.toml', () => {
    const free = { name: 'free-1', binding: 'LIMITER_FREE', limit: '5/10' };
    const value = [
      { policy: { name: 'pro', requests: 1000, seconds: 60 }, binding: 'LIMITER_PRO' },
      { policy: { name: 'free-1', requests: 5, seconds: 10 }, binding: 'LIMITER_FREE' },
    ];
    expect(read([pro, free]).value).toEqual(value);
    expect(read(JSON.stringify([pro, free]))).toMatchObject({ value, reasons: [] });
  });
});
