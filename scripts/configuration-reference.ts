/**
 * `docs/configuration.md`: every binding and setting, from the tables in `src/config`. Pure, so that a test
 * can make the text again and compare.
 */

interface Binding {
  readonly type: string;
  readonly isRequired?: boolean;
}

/** A setting, and what some kinds state about themselves. */
interface Setting {
  readonly read?: unknown;
  readonly default?: unknown;
  readonly min?: number;
  readonly max?: number;
  readonly choices?: readonly string[];
}

/** The texts of a setting. Absent: the setting states it. */
interface SettingDescription {
  readonly about: string;
  readonly default?: string;
  readonly accepts?: string;
}

/** The tables in `src/config`: each name with its values, and with its description. */
interface Tables {
  readonly settings: Readonly<Record<string, Setting>>;
  readonly settingDescriptions: Readonly<Record<string, SettingDescription>>;
  readonly bindings: Readonly<Record<string, Binding>>;
  readonly bindingDescriptions: Readonly<Record<string, string>>;
}

/** Returns the whole text. Throws if a number's name does not end in a unit. */
export function configurationReference(tables: Tables): string {
  const { settings, settingDescriptions, bindings, bindingDescriptions } = tables;
  const settingRows = Object.entries(settingDescriptions).map(([name, description]) => {
    const setting = settings[name] ?? {};
    const standard = description.default ?? withUnit(setting.default, name);
    const accepts = description.accepts ?? acceptedBy(setting);
    return row(`\`${name}\``, standard, accepts, description.about);
  });
  const bindingRows = Object.entries(bindingDescriptions).map(([name, about]) => {
    const { type, isRequired } = bindings[name] ?? { type: '' };
    return row(`\`${name}\``, `\`${type}\``, isRequired ? 'required' : 'optional', about);
  });
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

/** A number with the unit that its setting is named after, a word as code. */
function withUnit(value: unknown, name: string): string {
  if (value === undefined || typeof value === 'object') return 'none';
  if (typeof value !== 'number') return `\`${value}\``;
  const suffix = name.split('_').at(-1) as keyof typeof units;
  if (units[suffix] === undefined) throw new Error(`${name} does not end in a unit`);
  return `${grouped(value)} ${units[suffix]}`;
}

/** The bounds or choices of a setting; empty if it states none. */
function acceptedBy({ default: standard, min, max, choices }: Setting): string {
  if (min !== undefined && max !== undefined) return `${grouped(min)} to ${grouped(max)}`;
  const words = (choices ?? (standard === false ? ['true', 'false'] : [])).map(
    (word) => `\`${word}\``,
  );
  return words.length === 0 ? '' : `${words.slice(0, -1).join(', ')} or ${words.at(-1)}`;
}

function grouped(value: number): string {
  return String(value).replace(/\B(?=(?:\d{3})+$)/g, ',');
}

function row(...cells: readonly string[]): string {
  return `| ${cells.map((markdown) => markdown.replaceAll('|', '\\|')).join(' | ')} |`;
}
