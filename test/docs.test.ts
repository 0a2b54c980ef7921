/// <reference types="vite/types/importMeta.d.ts" />
import { describe, expect, it } from 'vitest';
import { apiReference } from '../scripts/api-reference.ts';
import { configurationReference } from '../scripts/configuration-reference.ts';
import { errorReference } from '../scripts/error-reference.ts';
import { withEventReference } from '../scripts/event-reference.ts';
import { bindingDescriptions, settingDescriptions } from '../src/config/descriptions.ts';
import { bindings } from '../src/config/env.ts';
import { settings } from '../src/config/settings.ts';
import { rejectionKinds } from '../src/core/decide/rejection.ts';
import { eventDescriptions } from '../src/log/event-descriptions.ts';
import { operations } from '../src/manage/api.ts';
import { describeApi } from '../src/manage/openapi.ts';
import { problemKinds } from '../src/manage/problems.ts';

const markdown = byPath(
  import.meta.glob<string>(['../*.md', '../{docs,examples,src,test,bench,.github}/**/*.md'], {
    query: '?raw',
    import: 'default',
    eager: true,
  }),
);
/** Every file of the repository, for links that lead to something else than Markdown. */
const files = new Set(
  Object.keys(
    import.meta.glob([
      '../*',
      '../{docs,examples,src,test,bench,scripts,migrations,.github}/**/*',
      '!../**/node_modules/**',
    ]),
  ).map(fromRoot),
);

function byPath(modules: Record<string, string>): ReadonlyMap<string, string> {
  return new Map(Object.entries(modules).map(([path, text]) => [fromRoot(path), text] as const));
}

/** A path of a glob, which is relative to this file, from the root of the repository. */
function fromRoot(path: string): string {
  return path.replace(/^\.\//, 'test/').replace(/^\.\.\//, '');
}

/** The faults of the relative links of a document, one line each. */
function brokenLinks(
  path: string,
  text: string,
  surroundings: { markdown: ReadonlyMap<string, string>; files: ReadonlySet<string> },
): string[] {
  const prose = withoutCode(text);
  const inline = [...prose.matchAll(/\]\(([^)\s]+)(?:\s+"[^"]*")?\)/g)];
  const references = [...prose.matchAll(/^\[[^\]]+\]:\s*(\S+)/gm)];
  const attributes = [...prose.matchAll(/(?:href|src(?:set)?)="([^"]+)"/g)];
  return [...inline, ...references, ...attributes].flatMap(([, link = '']) => {
    if (/^[a-z][a-z+.-]*:/i.test(link)) return [];
    const [file = '', anchor] = link.split('#');
    const target = file === '' ? path : resolve(path, file);
    const isFolder = [...surroundings.files].some((known) => known.startsWith(`${target}/`));
    const document = surroundings.markdown.get(target);
    if (document === undefined && !surroundings.files.has(target) && !isFolder) {
      return [`${path}: there is no ${link}`];
    }
    if (anchor === undefined || document === undefined) return [];
    return anchorsOf(document).has(anchor) ? [] : [`${path}: there is no heading for ${link}`];
  });
}

function resolve(from: string, link: string): string {
  return new URL(link, `file:///${from}`).pathname.slice(1).replace(/\/$/, '');
}

function withoutCode(text: string): string {
  return text.replaceAll(/^( *)```[\s\S]*?^\1```/gm, '').replaceAll(/`[^`\n]*`/g, (code) => {
    // A link's text may be code; its target may not.
    return code.includes('](') ? '' : code;
  });
}

/** The anchors that GitHub gives to the headings of a document, and those of elements with an id. */
function anchorsOf(text: string): ReadonlySet<string> {
  const counts = new Map<string, number>();
  const anchors = new Set([...text.matchAll(/<[a-z]+ id="([^"]+)"/g)].map(([, id = '']) => id));
  const body = text.replaceAll(/^( *)```[\s\S]*?^\1```/gm, '');
  for (const [, heading = ''] of body.matchAll(/^#{1,6} +(.+)$/gm)) {
    const slug = heading
      .trim()
      .replaceAll(/\[([^\]]*)\]\([^)]*\)/g, '$1')
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N}\p{M}\-_ ]/gu, '')
      .replaceAll(' ', '-');
    const count = counts.get(slug) ?? 0;
    counts.set(slug, count + 1);
    anchors.add(count === 0 ? slug : `${slug}-${count}`);
  }
  return anchors;
}

describe('the check of links', () => {
  const surroundings = {
    markdown: new Map([
      ['docs/a.md', '# A title, with `code`\n\n## Twice\n\n## Twice\n'],
      ['README.md', ''],
    ]),
    files: new Set(['docs/a.md', 'README.md', 'docs/picture.png']),
  };
  it.each([
    ['a file that is missing', '[x](b.md)', 1],
    ['a file that is missing, as an image', '![x](b.png)', 1],
    ['a file that is missing, in HTML', '<img src="b.png" alt="">', 1],
    ['a file that is missing, by a reference', '[x]: b.md', 1],
    ['a heading that is missing', '[x](#nothing)', 1],
    ['a heading that is missing in another file', '[x](../README.md#nothing)', 1],
    ['a third heading where there are two', '[x](a.md#twice-2)', 1],
    ['a file of the folder above', '[x](../README.md)', 0],
    ['a heading with punctuation', '[x](a.md#a-title-with-code)', 0],
    ['the second of two headings', '[x](a.md#twice-1)', 0],
    ['a picture', '![x](picture.png)', 0],
    ['a folder', '[x](../docs/)', 0],
    ['an address elsewhere', '[x](https://example.com/#y)', 0],
    ['code that looks like a link', '`[x](b.md)`', 0],
    ['a block of code', '```\n[x](b.md)\n```', 0],
  ])('tells about %s', (_, text, count) => {
    // Anchors are looked for in the document as it is stored.
    expect(brokenLinks('docs/a.md', text, surroundings)).toHaveLength(count);
  });
});

describe('the documents', () => {
  it('are there', () => {
    for (const path of ['README.md', 'ARCHITECTURE.md', 'docs/api.md', 'docs/errors.md']) {
      expect([...markdown.keys()]).toContain(path);
    }
  });

  it.each([...markdown])('have no link that leads nowhere: %s', (path, text) => {
    expect(brokenLinks(path, text, { markdown, files })).toEqual([]);
  });

  it.each([...markdown])('run the command of the clone, never one of a registry: %s', (_, text) => {
    expect(text.match(/npx (?:(?!--no-install)-\S+ )*(?:@\S+\/)?edge-authorizer\b.*/g)).toBeNull();
  });

  it('are each linked from the README or from a document that is', () => {
    const seen = new Set(['README.md']);
    for (const path of seen) {
      const links = (markdown.get(path) ?? '').matchAll(/\]\(([^)#\s:]+\.md)(?:#[^)]*)?\)/g);
      for (const [, link = ''] of links) seen.add(resolve(path, link));
    }
    const docs = [...markdown.keys()].filter((path) => path.startsWith('docs/'));
    expect(docs.filter((path) => !seen.has(path))).toEqual([]);
  });
});

describe('docs/api.md', () => {
  it('is what `npm run docs` makes of the OpenAPI document', () => {
    expect(markdown.get('docs/api.md')).toBe(apiReference(parsed(describeApi(operations))));
  });

  it.each(operations.map(({ method, path, name }) => [method, path, name]))(
    'describes %s %s',
    (method, path, name) => {
      const section = markdown.get('docs/api.md')?.split(`\n## ${name}\n`)[1]?.split('\n## ')[0];
      expect(section).toContain(`\n\`${method} ${path}\`\n`);
    },
  );

  /** The document as a client reads it. */
  function parsed(document: unknown): Parameters<typeof apiReference>[0] {
    return JSON.parse(JSON.stringify(document));
  }
});

describe('docs/configuration.md', () => {
  it('is what `npm run docs` makes of the tables in src/config', () => {
    const tables = { settings, settingDescriptions, bindings, bindingDescriptions };
    const text = configurationReference(tables);
    expect(markdown.get('docs/configuration.md')).toBe(text);
  });

  it('cannot be made with a number whose name has no unit', () => {
    const planted = {
      settings: { NEW: { default: 5, min: 0, max: 9 } },
      settingDescriptions: { NEW: { about: 'A number.' } },
      bindings: {},
      bindingDescriptions: {},
    };
    expect(() => configurationReference(planted)).toThrow(/NEW does not end in a unit/);
  });
});

describe('docs/observability.md', () => {
  it('describes the events that `npm run docs` finds in src/log', () => {
    const text = markdown.get('docs/observability.md') ?? '';
    expect(text).toBe(withEventReference(text, eventDescriptions));
    expect(text).toContain('| `failed` |');
  });

  it('cannot be made without the places for the events', () => {
    expect(() => withEventReference('# Observability\n', eventDescriptions)).toThrow(/marker/);
  });
});

describe('docs/errors.md', () => {
  it('is what `npm run docs` makes of the tables of codes', () => {
    expect(markdown.get('docs/errors.md')).toBe(errorReference());
  });

  it.each(Object.entries({ ...problemKinds, ...rejectionKinds }))(
    'says of %s what it means and what to do',
    (code, { status, title }) => {
      const text = markdown.get('docs/errors.md') ?? '';
      const sections = text.split(`\n### \`${code}\`\n`);
      expect(sections).toHaveLength(2);
      const section = sections[1]?.split('\n##')[0] ?? '';
      expect(section).toContain(`${status} ${title}`);
      expect(section).toMatch(/\n\*\*It means:\*\* .{20,}\n\n\*\*What to do:\*\* .{10,}\n/);
      expect(section.includes('**The browser says:**')).toBe(code in rejectionKinds);
    },
  );
});
