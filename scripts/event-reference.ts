/**
 * The part of `docs/observability.md` that describes the events of the log, from `src/log`. Pure, so that a
 * test can make the text again and compare.
 */

import type { EventDescription } from '../src/log/event-descriptions.ts';

/** The comments in the document between which the text belongs. */
export const eventMarkers = {
  start:
    '<!-- Made by `npm run docs` from src/log/event-descriptions.ts; changes belong there. -->\n',
  end: '<!-- The end of what `npm run docs` makes. -->\n',
};

type Description = EventDescription<Readonly<Record<string, unknown>>>;

/** Returns the document with new text between its markers. Throws if a marker is missing. */
export function withEventReference(
  document: string,
  descriptions: Readonly<Record<string, Description>>,
): string {
  const [before, rest] = document.split(eventMarkers.start);
  const after = rest?.split(eventMarkers.end)[1];
  if (after === undefined) throw new Error('docs/observability.md has lost a marker');
  return before + eventMarkers.start + eventReference(descriptions) + eventMarkers.end + after;
}

function eventReference(descriptions: Readonly<Record<string, Description>>): string {
  const { refused, allowed: _, ...others } = descriptions;
  const fieldRows = Object.entries(refused?.fields ?? {}).map(
    ([name, meaning]) => `| \`${name}\` | ${meaning} |`,
  );
  const rows = groupsOf(others).map(([names, { when, fields }]) => {
    return `| ${codes(names)} | ${when} | ${fieldList(fields)} |`;
  });
  const alerts = Object.entries(descriptions).flatMap(([name, { alert }]) =>
    alert === undefined ? [] : [`\`${name}\`${alert && ` ${alert}`}`],
  );
  return `
### Requests at the gateway: \`refused\` and \`allowed\`

| field | meaning |
|---|---|
${fieldRows.join('\n')}

### All others

| event | when | fields |
|---|---|---|
${rows.join('\n')}

Alert on: ${alerts.join(', ')}, and any line with \`isProbableLeak\`.

`;
}

/** The events by description, in the order of the table. */
function groupsOf(descriptions: Readonly<Record<string, Description>>) {
  const groups = new Map<string, [names: string[], description: Description]>();
  for (const [name, description] of Object.entries(descriptions)) {
    const group = groups.get(description.when) ?? [[], description];
    group[0].push(name);
    groups.set(description.when, group);
  }
  return [...groups.values()];
}

function fieldList(fields: Readonly<Record<string, string>>): string {
  return Object.entries(fields)
    .map(([name, meaning]) => `\`${name}\`${meaning && ` (${meaning})`}`)
    .join(', ');
}

function codes(names: readonly string[]): string {
  return names.map((name) => `\`${name}\``).join(', ');
}
