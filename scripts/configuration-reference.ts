/**
 * `docs/configuration.md`: every binding and setting, from the tables in `src/config`. Pure, so that a test
 * can make the text again and compare.
 */

interface Binding {
  readonly type: string;
  readonly isRequired?: boolean;
  readonly about: string;
}

interface Setting {
  readonly defaultText: number | string;
  readonly accepts: string;
  readonly about: string;
}

/** Returns the whole text. Throws if a number's name does not end in a unit. */
export function configurationReference(
  settings: Readonly<Record<string, Setting>>,
  bindings: Readonly<Record<string, Binding>>,
): string {
  const settingRows = Object.entries(settings).map(
    ([name, { defaultText, accepts, about }]) =>
      `| \`${name}\` | ${withUnit(defaultText, name)} | ${accepts} | ${inCell(about)} |`,
  );
  const bindingRows = Object.entries(bindings).map(
    ([name, { type, isRequired, about }]) =>
      `| \`${name}\` | \`${type}\` | ${isRequired ? 'required' : 'optional'} | ${inCell(about)} |`,
  );
  return `<!-- Made by \`npm run docs\` from src/config; changes belong there. -->

# Configuration

Settings are variables and secrets of the Worker. Set variables in \`[vars]\` of \`wrangler.toml\`, and those that
are called secret here with \`wrangler secret put\`. Numbers, \`true\` and \`false\` need no quotes. An isolate reads
them when it starts. If the configuration has problems, every request is answered with 503, and the log has all
problems at once, each with its fix.

## Settings

| name | default | accepts | meaning |
|---|---|---|---|
${settingRows.join('\n')}

## Bindings

| name | type | | meaning |
|---|---|---|---|
${bindingRows.join('\n')}
`;
}

const units = {
  SECONDS: 's',
  DAYS: 'days',
  MS: 'ms',
  PERCENT: '%',
  KEY: 'per key',
  OWNER: 'per owner',
  MINUTE: 'per minute',
};

/** A number with the unit that its setting is named after; a text as it is. */
function withUnit(value: number | string, name: string): string {
  if (typeof value === 'string') return inCell(value);
  const suffix = name.split('_').at(-1) as keyof typeof units;
  if (units[suffix] === undefined) throw new Error(`${name} does not end in a unit`);
  return `${String(value).replace(/\B(?=(?:\d{3})+$)/g, ',')} ${units[suffix]}`;
}

function inCell(markdown: string): string {
  return markdown.replaceAll('|', '\\|');
}
