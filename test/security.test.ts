/**
 * SECURITY.md names a test for every threat. A threat whose test was renamed or removed is a claim that
 * nothing shows any more, so this reads the table and looks every name up.
 */

import { describe, expect, test } from 'vitest';

const tests = import.meta.glob<string>('./**/*.ts', {
  query: '?raw',
  import: 'default',
  eager: true,
});
const documents = import.meta.glob<string>('../SECURITY.md', {
  query: '?raw',
  import: 'default',
  eager: true,
});

interface Evidence {
  readonly file: string;
  readonly title: string;
}

interface Threat {
  readonly threat: string;
  readonly evidence: readonly Evidence[];
  /** The text of the last cell without files and titles, which has to be empty. */
  readonly rest: string;
}

/** The rows of the table whose last column is "shown by". */
function threatsIn(markdown: string): readonly Threat[] {
  const lines = markdown.split('\n');
  const start = lines.findIndex((line) => line.endsWith('| shown by |'));
  if (start === -1) return [];
  const table = lines.slice(start + 2);
  const end = table.findIndex((line) => !line.startsWith('|'));
  return table.slice(0, end === -1 ? table.length : end).map((line) => {
    const cells = line.split(/(?<!\\)\|/).map((cell) => cell.trim());
    const evidence: Evidence[] = [];
    let file = '';
    const rest = (cells[3] ?? '').replace(
      /`([^`]+)`:?|"((?:[^"]|\\")*)"/g,
      (_, path?: string, title?: string) => {
        if (path !== undefined) file = path;
        if (title !== undefined) evidence.push({ file, title: title.replaceAll('\\|', '|') });
        return '';
      },
    );
    return { threat: cells[1] ?? '', evidence, rest: rest.replace(/[\s,;]/g, '') };
  });
}

/** Returns whether a source has a test, or a group of them, with this title that is not switched off. */
function hasTest(source: string, title: string): boolean {
  const literal = title.replace(/[.*+?^${}()|[\]\\]/g, '\\$&').replaceAll("'", "\\\\?'");
  const call = new RegExp(`(\\.\\w+)?\\(\\s*(['"\`])${literal}\\2,`, 'g');
  return [...source.matchAll(call)].some(([, modifier]) => !/skip|todo/.test(modifier ?? ''));
}

const threats = threatsIn(documents['../SECURITY.md'] ?? '');

test('SECURITY.md has a table of threats', () => {
  expect(threats.length).toBeGreaterThan(20);
});

describe('the tests that SECURITY.md names exist:', () => {
  test.each(threats.map((row) => [row.threat, row] as const))('%s', (_, { evidence, rest }) => {
    expect(rest).toBe('');
    expect(evidence).not.toEqual([]);
    for (const { file, title } of evidence) {
      expect(file).toMatch(/^test\/[a-z-]+(?:\/[a-z-]+){0,3}(?:\.test)?\.ts$/);
      const isThere = hasTest(tests[file.replace(/^test/, '.')] ?? '', title);
      expect([file, title, isThere]).toEqual([file, title, true]);
    }
  });
});

describe('control cases', () => {
  const table = (cell: string) =>
    threatsIn(`| threat | what stops it | shown by |\n|---|---|---|\n| a | b | ${cell} |\n\nText`);

  test('a row is read with every file and title', () => {
    expect(table('`test/a/b.ts`: "one", "t\\|o"; `test/c/d.test.ts`: "three"')).toEqual([
      {
        threat: 'a',
        evidence: [
          { file: 'test/a/b.ts', title: 'one' },
          { file: 'test/a/b.ts', title: 't|o' },
          { file: 'test/c/d.test.ts', title: 'three' },
        ],
        rest: '',
      },
    ]);
  });

  test('a row that shows nothing, or says more, is seen', () => {
    expect(table('`test/a/b.ts`')[0]?.evidence).toEqual([]);
    expect(table('reviewed by hand')[0]?.rest).toBe('reviewedbyhand');
  });

  test.each([
    ["test('refuses it', () => {});", true],
    ["it.each(rows)('refuses it', () => {});", true],
    ["test.each([\n  1,\n])(\n  'refuses it',\n  () => {});", true],
    ['describe(`refuses it`, () => {});', true],
    ["test('refuses it twice', () => {});", false],
    ["test.skip('refuses it', () => {});", false],
    ["test.todo('refuses it', () => {});", false],
    ["// refuses it\ntest('accepts it', () => {});", false],
  ])('in %j there is the test: %s', (source, isThere) => {
    expect(hasTest(source, 'refuses it')).toBe(isThere);
  });
});
