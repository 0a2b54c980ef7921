import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type MetricFamily, writeOpenMetrics } from '../../src/core/open-metrics.ts';
import { readOpenMetrics } from '../support/open-metrics.ts';

describe('the reader of these tests refuses', () => {
  test.each([
    ['nothing at all', ''],
    ['no end', '# TYPE a gauge\n'],
    ['an end without its line break', '# EOF'],
    ['text after the end', '# EOF\na 1\n'],
    ['an empty line', '\n# EOF\n'],
    ['a comment', '# a comment\n# EOF\n'],
    ['a carriage return', '# TYPE a gauge\r\n# EOF\n'],
    ['a sample without a family', 'a 1\n# EOF\n'],
    ['a counter without its suffix', '# TYPE a counter\na 1\n# EOF\n'],
    ['a gauge with the suffix of a counter', '# TYPE a gauge\na_total 1\n# EOF\n'],
    ['a counter below 0', '# TYPE a counter\na_total -1\n# EOF\n'],
    ['the suffix in the name of a family', '# TYPE a_total counter\n# EOF\n'],
    ['two blanks', '# TYPE a gauge\na  1\n# EOF\n'],
    ['a blank at the end', '# TYPE a gauge\na 1 \n# EOF\n'],
    ['no value', '# TYPE a gauge\na\n# EOF\n'],
    ['a text as a value', '# TYPE a gauge\na null\n# EOF\n'],
    ['a name with a hyphen', '# TYPE a-b gauge\n# EOF\n'],
    ['a type of another format', '# TYPE a untyped\n# EOF\n'],
    ['a type twice', '# TYPE a gauge\n# TYPE a gauge\n# EOF\n'],
    ['a description after a sample', '# TYPE a gauge\na 1\n# HELP a b\n# EOF\n'],
    ['families that interleave', '# TYPE a gauge\n# TYPE b gauge\n# HELP a c\n# EOF\n'],
    ['a unit that the name lacks', '# TYPE a gauge\n# UNIT a seconds\n# EOF\n'],
    ['a label twice', '# TYPE a gauge\na{b="1",b="2"} 1\n# EOF\n'],
    ['a sample twice', '# TYPE a gauge\na{b="1"} 1\na{b="1"} 2\n# EOF\n'],
    ['a quote in a label', '# TYPE a gauge\na{b="""} 1\n# EOF\n'],
    ['another escape', '# TYPE a gauge\na{b="\\t"} 1\n# EOF\n'],
    ['a label without quotes', '# TYPE a gauge\na{b=1} 1\n# EOF\n'],
    ['a comma at the end of labels', '# TYPE a gauge\na{b="1",} 1\n# EOF\n'],
  ])('%s', (_, text) => {
    expect(() => readOpenMetrics(text)).toThrow();
  });
});

describe('writeOpenMetrics()', () => {
  test('writes families in the order of the format', () => {
    const families: readonly MetricFamily[] = [
      {
        name: 'edge_requests',
        type: 'counter',
        help: 'Requests.',
        samples: [
          { labels: { outcome: 'allowed' }, value: 12 },
          { labels: { outcome: 'denied', code: 'invalid_key' }, value: 0 },
        ],
      },
      { name: 'edge_age_seconds', type: 'gauge', unit: 'seconds', help: 'Age.', samples: [] },
      { name: 'edge_due', type: 'gauge', help: 'Due "now".', samples: [{ value: 1.5 }] },
    ];
    expect(writeOpenMetrics(families)).toBe(
      [
        '# TYPE edge_requests counter',
        '# HELP edge_requests Requests.',
        'edge_requests_total{outcome="allowed"} 12',
        'edge_requests_total{outcome="denied",code="invalid_key"} 0',
        '# TYPE edge_age_seconds gauge',
        '# UNIT edge_age_seconds seconds',
        '# HELP edge_age_seconds Age.',
        '# TYPE edge_due gauge',
        '# HELP edge_due Due \\"now\\".',
        'edge_due 1.5',
        '# EOF',
        '',
      ].join('\n'),
    );
  });

  test.each([
    ['a backslash', 'a\\b', 'a\\\\b'],
    ['a quotation mark', 'a"b', 'a\\"b'],
    ['a line break', 'a\nb', 'a\\nb'],
    ['a backslash and an n, which are no line break', 'a\\nb', 'a\\\\nb'],
  ])('escapes %s in a label', (_what, label, written) => {
    const samples = [{ labels: { b: label }, value: 1 }];
    const text = writeOpenMetrics([{ name: 'a', type: 'counter', help: 'A.', samples }]);
    expect(text.split('\n')).toContain(`a_total{b="${written}"} 1`);
  });

  test('writes nothing but the end without families', () => {
    expect(writeOpenMetrics([])).toBe('# EOF\n');
  });

  test('writes what the grammar allows, whatever texts and numbers hold', () => {
    const text = fc.string({
      unit: fc.constantFrom('a', '"', '\\', '\n', '{', '}', ',', ' ', 'é'),
    });
    const value = fc.oneof(fc.nat(), fc.double({ min: 0, max: 1e300, noNaN: true }));
    const property = fc.property(text, text, value, (help, label, number) => {
      const written = writeOpenMetrics([
        { name: 'a', type: 'counter', help, samples: [{ labels: { b: label }, value: number }] },
        { name: 'c', type: 'gauge', help, samples: [{ value: number }] },
      ]);
      const families = readOpenMetrics(written);
      expect([...families.keys()]).toEqual(['a', 'c']);
      expect([...(families.get('a')?.samples.values() ?? [])]).toEqual([number]);
      expect(families.get('c')?.samples.get('c')).toBe(number);
    });
    fc.assert(property);
  });
});
