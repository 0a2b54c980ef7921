/** docs/observability.md names every event that the Worker logs, and no other. */

import { expect, test } from 'vitest';

const sources = import.meta.glob<string>('../src/**/*.{ts,tsx}', {
  query: '?raw',
  import: 'default',
  eager: true,
});
const documents = import.meta.glob<string>('../docs/observability.md', {
  query: '?raw',
  import: 'default',
  eager: true,
});

const namesIn = (text: string, pattern: RegExp) =>
  [...text.matchAll(pattern)].map(([, name = '']) => name);

/**
 * Names that follow `event`, up to the end of the expression: there may be a choice of several. The
 * member of a type that is called so is none.
 */
function eventsIn(source: string): string[] {
  const expressions = namesIn(source, /\bevent: ([^,;{}]+)[,;}]/g);
  return expressions.flatMap((expression) =>
    namesIn(expression.replace(/=== '\w+'|\['event'\]|'event' in/g, ''), /'([a-z]+(?:_[a-z]+)*)'/g),
  );
}

/** Names in the first column of the table of events, and in the heading about requests. */
function eventsDescribedIn(markdown: string): string[] {
  const heading = /^### Requests at the gateway: (.*)$/m.exec(markdown)?.[1] ?? '';
  const [, rest = ''] = markdown.split('### All others');
  const rows = namesIn(rest.split('\nWorth an alert')[0] ?? '', /^\| ([^|]*) \|/gm);
  return [heading, ...rows].flatMap((cell) => namesIn(cell, /`([a-z_]+)`/g));
}

test('docs/observability.md describes the events that are logged', () => {
  const logged = Object.entries(sources)
    .filter(([path]) => !path.startsWith('../src/cli/'))
    .flatMap(([, source]) => eventsIn(source));
  expect(logged).toContain('refused');
  const described = eventsDescribedIn(documents['../docs/observability.md'] ?? '');
  expect([...new Set(described)].sort()).toEqual([...new Set(logged)].sort());
});
