/**
 * `docs/configuration.md`: every binding and setting, from `src/config/env.ts`: the comments of `Env` and the
 * table `wholeNumbers`. Pure, so that a test can make the text again and compare. Throws where
 * something is not explained there.
 */

/** What a setting that is a whole number may be. */
interface WholeNumber {
  readonly fallback: number;
  readonly min: number;
  readonly max: number;
}

interface Member {
  readonly name: string;
  readonly type: string;
  readonly isOptional: boolean;
  readonly comment: string;
}

/** The whole text of `docs/configuration.md`, from the source of `src/config/env.ts` and its table of numbers. */
export function configurationReference(
  source: string,
  wholeNumbers: Readonly<Record<string, WholeNumber>>,
): string {
  const members = membersOfEnv(source);
  const isSetting = ({ type }: Member) => type === 'string' || type === 'unknown';
  return `<!-- Made by \`npm run docs\` from src/config/env.ts; changes belong there. -->

# Configuration

Settings are variables and secrets of the Worker: \`[vars]\` in \`wrangler.toml\`, and \`wrangler secret put\` for
those that are called secret here. Numbers and \`true\` may stand without quotes. All of them are read when an
isolate starts; a configuration with problems answers 503 and logs every problem at once, each with its fix.

## Settings

| name | default | may be | meaning |
|---|---|---|---|
${members
  .filter(isSetting)
  .map((member) => settingRow(member, wholeNumbers[member.name]))
  .join('\n')}

## Bindings

| name | type | | meaning |
|---|---|---|---|
${members
  .filter((member) => !isSetting(member))
  .map(
    ({ name, type, isOptional, comment }) =>
      `| \`${name}\` | \`${type}\` | ${isOptional ? 'may be left out' : 'required'} | ${comment} |`,
  )
  .join('\n')}
`;
}

function settingRow({ name, comment }: Member, number: WholeNumber | undefined): string {
  const [meaning = '', written] = comment.split(/ ?Default: /);
  if (number !== undefined) {
    if (written !== undefined) throw new Error(`${name}: its default is in wholeNumbers already`);
    const { fallback, min, max } = number;
    return `| \`${name}\` | ${inWords(fallback, name)} | ${grouped(min)} to ${grouped(max)} | ${meaning} |`;
  }
  if (meaning.startsWith('Required. ')) {
    return `| \`${name}\` | required | | ${meaning.replace('Required. ', '')} |`;
  }
  if (written === undefined) throw new Error(`${name}: the comment names no default`);
  return `| \`${name}\` | ${written.replace(/\.$/, '')} | | ${meaning} |`;
}

const units = { SECONDS: 's', DAYS: 'days', MS: 'ms', PERCENT: '%' };

/** A number with the unit that its setting is named after. */
function inWords(value: number, name: string): string {
  const suffix = name.split('_').at(-1) as keyof typeof units;
  if (units[suffix] === undefined) throw new Error(`${name} does not end in a unit`);
  return `${grouped(value)} ${units[suffix]}`;
}

function grouped(value: number): string {
  return String(value).replace(/\B(?=(?:\d{3})+$)/g, ',');
}

function membersOfEnv(source: string): readonly Member[] {
  const [, body] = /^export interface Env \{$(.*?)^\}$/ms.exec(source) ?? [];
  if (body === undefined) throw new Error('src/config/env.ts has no interface Env');
  const members = [
    ...body.matchAll(
      /(?:^ {2}\/\*\*((?:(?!\*\/).)*)\*\/\n)?^ {2}readonly (\w+)(\??): ([^;]+);$/gms,
    ),
  ];
  return members.map(([, written, name = '', question, type = '']) => {
    const comment = (written ?? '').replace(/\n {3}\* ?/g, ' ').trim();
    if (comment === '') throw new Error(`${name}: src/config/env.ts does not say what it means`);
    return { name, type, isOptional: question === '?', comment: comment.replaceAll('|', '\\|') };
  });
}
