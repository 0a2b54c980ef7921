import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { asciiJson } from '../../../src/core/ascii-json.ts';
import { ProblemList } from '../../../src/core/field-problem.ts';
import {
  checkPlan,
  type KeyPlan,
  type PlanBounds,
  type RequestedPlan,
} from '../../../src/core/key/key-plan.ts';

const bounds: PlanBounds = { limitNames: ['pro', 'free'], usageRetentionDays: 400 };
const nothing: KeyPlan = { meta: null, tags: null, limit: null, quota: null };

function check(requested: RequestedPlan, more: Partial<PlanBounds> = {}) {
  const problems = new ProblemList();
  const plan = checkPlan(requested, { ...bounds, ...more }, problems);
  return { plan, problems: problems.problems };
}

/** Metadata whose JSON has so many bytes. */
const metaOf = (bytes: number) => ({ a: 'x'.repeat(bytes - '{"a":""}'.length) });

describe('checkPlan() refuses', () => {
  const rows: readonly (readonly [
    name: string,
    requested: RequestedPlan,
    paths: readonly string[],
    reason: RegExp,
  ])[] = [
    ['metadata of 1,025 bytes', { meta: metaOf(1025) }, ['meta'], /longer than 1024 bytes/],
    [
      'metadata that is longer once it is ASCII',
      { meta: { a: '\u{1f511}'.repeat(85) } },
      ['meta'],
      /six for each character outside of ASCII/,
    ],
    ['a number', { meta: { seats: 5 } }, ['meta.seats'], /not a string/],
    ['a nested object', { meta: { a: { b: 'c' } } }, ['meta.a'], /not a string/],
    ['a list', { meta: { a: ['b'] } }, ['meta.a'], /not a string/],
    ['null beside a text', { meta: { a: null, b: 'c' } }, ['meta.a'], /not a string/],
    ['an empty name', { meta: { '': 'a' } }, ['meta.'], /its name/],
    [
      'a name of 65 characters',
      { meta: { ['a'.repeat(65)]: '' } },
      [`meta.${'a'.repeat(65)}`],
      /its name/,
    ],
    ['a name with a blank', { meta: { 'a b': 'c' } }, ['meta.a b'], /its name/],
    ['a name with quotes', { meta: { 'a"b': 'c' } }, ['meta.a"b'], /its name/],
    ['a name that begins with a dot', { meta: { '.a': 'c' } }, ['meta..a'], /its name/],
    ['a name of another script', { meta: { план: 'c' } }, ['meta.план'], /its name/],
    [
      'the prototype',
      { meta: JSON.parse('{"__proto__": "x"}') as Record<string, unknown> },
      ['meta.__proto__'],
      /its name/,
    ],
    [
      'each member at once',
      { meta: { a: 1, 'b c': 'x', d: 'fine', e: false } },
      ['meta.a', 'meta.b c', 'meta.e'],
      /./,
    ],
    ['21 tags', { tags: Array.from({ length: 21 }, (_, n) => `t${n}`) }, ['tags'], /at most 20/],
    [
      'tags of more than 1 KiB',
      { tags: Array.from({ length: 20 }, () => 'x'.repeat(64)) },
      ['tags'],
      /1024/,
    ],
    ['an empty tag', { tags: ['a', ''] }, ['tags[1]'], /empty/],
    ['a tag of 65 characters', { tags: ['x'.repeat(65)] }, ['tags[0]'], /longer than 64/],
    ['a tag with a line break', { tags: ['a\nb'] }, ['tags[0]'], /control character/],
    ['a tag that turns text around', { tags: ['a\u202eb'] }, ['tags[0]'], /U\+202E/],
    ['an unknown limit', { limit: 'gold' }, ['limit'], /no limit of this name/],
    ['limitBy alone', { limitBy: 'owner' }, ['limitBy'], /no limit that could count/],
  ];
  test.each(rows)('%s', (_, requested, paths, reason) => {
    const { problems } = check(requested);
    expect(problems.map(({ path }) => path)).toEqual(paths);
    for (const problem of problems) expect(problem.reason).toMatch(reason);
    for (const { fix } of problems) expect(fix).not.toBe('');
  });

  test.each<[name: string, requested: RequestedPlan, value: unknown]>([
    ['a number', { meta: { a: 5 } }, 5],
    ['an object', { meta: { a: { b: 'secret' } } }, null],
    ['null', { meta: { a: null } }, null],
    ['a name', { meta: { 'a b': 'secret' } }, null],
    ['metadata', { meta: metaOf(1025) }, '1025 bytes'],
    ['many tags', { tags: Array.from({ length: 21 }, (_, n) => `t${n}`) }, '21 tags'],
    ['large tags', { tags: Array.from({ length: 20 }, () => 'x'.repeat(64)) }, '1341 bytes'],
  ])('%s, and quotes no more than is needed', (_, requested, value) => {
    const { plan, problems } = check(requested);
    expect(problems.map((problem) => problem.value)).toEqual([value]);
    expect(plan.tags).toBeNull();
  });

  test('metadata and tags that are too large as a whole, and keeps nothing of them', () => {
    const tags = Array.from({ length: 20 }, () => 'x'.repeat(64));
    expect(check({ meta: metaOf(1025), tags }).plan).toEqual(nothing);
  });

  test('a limit with the names that there are, or with the setting', () => {
    expect(check({ limit: 'gold' }).problems[0]?.fix).toBe('Use one of "pro", "free"');
    expect(check({ limit: 'pro' }, { limitNames: [] }).problems[0]?.fix).toContain('LIMITERS');
  });

  test('a monthly quota if usage is kept for less than a month', () => {
    const month = { requests: 1, period: 'month' } as const;
    const [problem] = check({ quota: month }, { usageRetentionDays: 30 }).problems;
    expect(problem).toEqual({
      path: 'quota.period',
      value: 'month',
      reason: 'usage is kept for 30 days, and a month has up to 31',
      fix: 'Use "day", or set USAGE_RETENTION_DAYS to 31 or more',
    });
    expect(check({ quota: month }, { usageRetentionDays: 31 }).problems).toEqual([]);
    const day = { requests: 1, period: 'day' } as const;
    expect(check({ quota: day }, { usageRetentionDays: 1 }).problems).toEqual([]);
  });
});

describe('checkPlan() accepts', () => {
  test.each<[RequestedPlan]>([
    [{}],
    [{ meta: null, tags: null, limit: null, limitBy: null, quota: null }],
    [{ meta: {}, tags: [] }],
  ])('%j as no plan', (requested) => {
    expect(check(requested)).toEqual({ plan: nothing, problems: [] });
  });

  test('metadata of exactly 1 KiB', () => {
    const meta = metaOf(1024);
    expect(check({ meta })).toEqual({ plan: { ...nothing, meta }, problems: [] });
    // Two code units, each of six bytes.
    expect(check({ meta: { a: '\u{1f511}'.repeat(84) } }).problems).toEqual([]);
  });

  test('names that objects have by themselves', () => {
    const meta = { constructor: 'a', toString: 'b', 'x.y-z_1': '' };
    expect(check({ meta })).toEqual({ plan: { ...nothing, meta }, problems: [] });
  });

  test('tags, each once, in their order', () => {
    expect(check({ tags: ['beta', 'é', 'beta', 'team: web'] }).plan.tags).toEqual([
      'beta',
      'é',
      'team: web',
    ]);
  });

  test('a tag of 64 characters, of which each may be two code units', () => {
    expect(check({ tags: ['x'.repeat(64), '\u{1f511}'.repeat(64)] }).problems).toEqual([]);
  });

  test('a limit, which counts by the key by default', () => {
    const planOf = (limit: object) => ({ plan: { ...nothing, limit }, problems: [] });
    expect(check({ limit: 'pro' })).toEqual(planOf({ name: 'pro', by: 'key' }));
    expect(check({ limit: 'pro', limitBy: 'address' })).toEqual(
      planOf({ name: 'pro', by: 'address' }),
    );
  });
});

describe('asciiJson()', () => {
  test('is the same JSON in visible ASCII and blanks, for any text', () => {
    const text = fc.oneof(
      fc.string(),
      fc.string({ unit: 'binary' }),
      fc.constant('\u007f\r\n\0\ud800'),
    );
    fc.assert(
      fc.property(fc.dictionary(text, text), fc.array(text), (meta, tags) => {
        for (const value of [meta, tags]) {
          const json = asciiJson(value);
          expect(json).toMatch(/^[\x20-\x7e]*$/);
          expect(JSON.stringify(JSON.parse(json))).toBe(JSON.stringify(value));
        }
      }),
    );
  });
});
