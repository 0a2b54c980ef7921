import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { LOG_LINE_MAX_BYTES, toLogLines } from '../../src/log/log-line.ts';

const bytesOf = (text: string) => new TextEncoder().encode(text).byteLength;
const request = { event: 'failed', requestId: 'a5b1' };

describe('toLogLines()', () => {
  test('keeps no line over 4 KiB, and says what it was and whose', () => {
    expect(LOG_LINE_MAX_BYTES).toBe(4096);
    for (const character of ['x', 'é', '\u0000', '"', '\\', '😀', '\ud800']) {
      const lines = toLogLines({ ...request, error: character.repeat(5000) });
      expect(lines).toHaveLength(1);
      expect(bytesOf(lines[0] ?? '')).toBeLessThanOrEqual(LOG_LINE_MAX_BYTES);
      expect(JSON.parse(lines[0] ?? '')).toEqual({ ...request, cut: expect.any(String) });
    }
  });

  test('leaves a line of exactly 4 KiB whole, and cuts one of a byte more', () => {
    const rest = bytesOf(JSON.stringify({ ...request, error: '' }));
    const whole = { ...request, error: 'x'.repeat(LOG_LINE_MAX_BYTES - rest) };
    expect(toLogLines(whole)).toEqual([JSON.stringify(whole)]);
    const longer = { ...request, error: `${whole.error}x` };
    expect(JSON.parse(toLogLines(longer)[0] ?? '')).toHaveProperty('cut');
    // It is bytes that count.
    const wide = { ...request, error: `${whole.error.slice(1)}é` };
    expect(JSON.parse(toLogLines(wide)[0] ?? '')).toHaveProperty('cut');
  });

  test('loses no problem of many', () => {
    const problems = Array.from({ length: 200 }, (_, index) => ({
      name: `SETTING_${index}`,
      reason: 'r'.repeat(100),
    }));
    const lines = toLogLines({ ...request, problems }).map((text) => JSON.parse(text));
    expect(lines).toEqual(problems.map((problem) => ({ ...request, problems: [problem] })));
    const few = problems.slice(0, 3);
    expect(toLogLines({ ...request, problems: few })).toEqual([
      JSON.stringify({ ...request, problems: few }),
    ]);
  });

  test('cuts a single problem that is too long', () => {
    const problems = [{ name: 'A' }, { name: 'B', reason: 'r'.repeat(5000) }];
    const [first, second, ...more] = toLogLines({ ...request, problems });
    expect(JSON.parse(first ?? '')).toEqual({ ...request, problems: [{ name: 'A' }] });
    expect(JSON.parse(second ?? '')).toEqual({ ...request, cut: expect.stringContaining('"B"') });
    expect(more).toEqual([]);
  });

  test('hides a token that an error quotes, in a whole line and in a cut one', () => {
    const token = `ea_sk_${'Ab1'.repeat(15)}`;
    for (const padding of ['', 'x'.repeat(5000)]) {
      const [text = ''] = toLogLines({ event: 'failed', error: `no ${token}`, padding });
      expect(text).toContain('no ea_sk_');
      expect(text).not.toContain(token);
    }
  });

  test('makes JSON of at most 4 KiB of whatever it is given', () => {
    const line = fc.dictionary(
      fc.string({ maxLength: 20 }),
      fc.oneof(
        fc.string({ unit: 'binary', maxLength: 6000, size: 'max' }),
        fc.jsonValue(),
        fc.array(fc.string({ maxLength: 600, size: 'max' }), { maxLength: 20 }),
      ),
    );
    fc.assert(
      fc.property(line, fc.array(fc.jsonValue()), (fields, problems) => {
        for (const text of toLogLines({ ...fields, problems, event: 'e' })) {
          expect(bytesOf(text)).toBeLessThanOrEqual(LOG_LINE_MAX_BYTES);
          expect(JSON.parse(text)).toHaveProperty('event', 'e');
        }
      }),
      { numRuns: 20 },
    );
  });
});
