/// <reference types="vite/types/importMeta.d.ts" />
/**
 * The workflows: what they run is pinned, and no job has more rights than it needs. The package is published
 * by a tag alone, with provenance, by a job that runs nothing of the repository.
 */

import { describe, expect, test } from 'vitest';

const files = import.meta.glob<string>('../.github/workflows/*.yml', {
  query: '?raw',
  import: 'default',
  eager: true,
});
const workflows = Object.entries(files).map(
  ([path, text]) => [path.split('/').at(-1) ?? '', text] as const,
);
const release = (files['../.github/workflows/release.yml'] ?? '').replaceAll(/^\s*#.*\n/gm, '');

/** The lines of a block, by its first line, without comments: those that are further to the right. */
function blockOf(text: string, firstLine: string): string {
  const lines = text.split('\n').filter((line) => !/^\s*#/.test(line));
  const start = lines.indexOf(firstLine);
  if (start === -1) return '';
  const indent = firstLine.length - firstLine.trimStart().length;
  const rest = lines.slice(start + 1);
  const end = rest.findIndex((line) => line.trim() !== '' && line.search(/\S/) <= indent);
  return rest.slice(0, end === -1 ? rest.length : end).join('\n');
}

/** The actions that are not pinned to a commit with the version beside it. */
function unpinned(text: string): readonly string[] {
  return [...text.matchAll(/^.*\buses: (.*)$/gm)]
    .map(([, use = '']) => use)
    .filter((use) => !/^[\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$/.test(use));
}

describe('a workflow', () => {
  test.each(workflows)('%s runs actions of a commit alone', (_, text) => {
    expect(unpinned(text)).toEqual([]);
  });

  test.each(workflows)('%s may read the repository by default, and no more', (_, text) => {
    expect(blockOf(text, 'permissions:').trim()).toBe('contents: read');
  });

  test.each(workflows)('%s leaves no credentials in the checkout', (_, text) => {
    const checkouts = text.match(/uses: actions\/checkout@/g) ?? [];
    expect(text.match(/persist-credentials: false/g) ?? []).toHaveLength(checkouts.length);
  });

  test.each(workflows)('%s puts nothing that a caller chooses into a command', (_, text) => {
    const commands = text.match(/^\s+(?:- )?run: [^\n]*(?:\n\s{10,}[^\n]*)*/gm) ?? [];
    expect(commands.length).toBeGreaterThan(0);
    expect(commands.filter((command) => command.split('env:')[0]?.includes('${{'))).toEqual([]);
  });

  test('that is not pinned is found: control case', () => {
    expect(
      unpinned('      - uses: actions/checkout@v6\n      - uses: a/b@main # v1.0.0'),
    ).toHaveLength(2);
  });
});

describe('the release', () => {
  test('begins with the tag of a version, and with nothing else', () => {
    expect(blockOf(release, 'on:').trim()).toBe("push:\n    tags: ['v[0-9]*']");
  });

  test('happens in repositories that name a package of theirs alone', () => {
    expect(blockOf(release, '  pack:')).toMatch(/^ {4}if: vars\.NPM_PACKAGE != ''$/m);
    expect(blockOf(release, '  publish:')).toMatch(/^ {4}needs: pack$/m);
  });

  test('signs in the job that publishes alone, which runs nothing of the repository', () => {
    const publish = blockOf(release, '  publish:');
    expect(blockOf(publish, '    permissions:').trim()).toBe('id-token: write');
    expect(release.replace(publish, '')).not.toContain('id-token');
    expect(publish).not.toMatch(/checkout|npm (?:ci|install|run)|npx/);
    expect(publish.match(/run: .*/g)).toEqual([
      'run: npm publish ./release/*.tgz --provenance --access public --ignore-scripts',
    ]);
    expect(publish).toMatch(/^ {4}environment: npm$/m);
  });

  test('checks everything before it packs, without a cache', () => {
    const pack = blockOf(release, '  pack:');
    expect(pack.indexOf('npm run check')).toBeGreaterThan(pack.indexOf('npm ci'));
    expect(pack.indexOf('npm pack')).toBeGreaterThan(pack.indexOf('npm run check'));
    expect(release).not.toMatch(/cache: npm/);
  });
});
