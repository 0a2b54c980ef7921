/**
 * Commands for one key: `show`, `roll`, `revoke` and `usage`.
 */

import { type Command, Option } from 'commander';
import { USAGE_DAYS_DEFAULT, USAGE_DAYS_MAX } from '../../core/limits.ts';
import { addApiCommand, type Cli, type CommonOptions } from '../command.ts';
import { answerOf, CommandError, done, exitCodes, usageError } from '../failures.ts';
import { between, wholeNumber } from '../options.ts';
import { ask } from '../questions.ts';
import { cleanText, keyText, rolledKeyText, usageTable } from '../tables.ts';

/** The page proposes the same. Without a grace, every client without the new token would fail. */
const GRACE_SECONDS = 24 * 60 * 60;

/** Adds `show` to the commands for keys. */
export function addShow(keys: Command, cli: Cli): void {
  addApiCommand(keys, 'show <id>', 'Prints one key', [
    'keys show key_4ZCrl9mJgVd8tAqHn2sXkE',
    'keys show key_4ZCrl9mJgVd8tAqHn2sXkE --json',
  ]).action(async (id: string, options: CommonOptions) => {
    const client = await cli.client(options);
    const call = client.GET('/keys/{id}', { params: { path: { id } } });
    const { data } = await answerOf(call, 'access');
    cli.print(options, data, () => keyText(data, cli.style));
  });
}

/** Adds `roll` to the commands for keys. */
export function addRoll(keys: Command, cli: Cli): void {
  addApiCommand(keys, 'roll <id>', 'Gives a key a new token, and prints it, this once', [
    'keys roll key_4ZCrl9mJgVd8tAqHn2sXkE',
    'keys roll key_4ZCrl9mJgVd8tAqHn2sXkE --grace-seconds 0',
  ])
    .alias('rotate')
    .addOption(
      new Option(
        '--grace-seconds <number>',
        'how long the old token remains valid; 0 ends it at once, for when it has leaked',
      )
        .argParser(wholeNumber)
        .default(GRACE_SECONDS, 'a day'),
    )
    .action(async (id: string, options: CommonOptions & { graceSeconds: number }) => {
      const client = await cli.client(options);
      const body = { graceSeconds: options.graceSeconds };
      const call = client.POST('/keys/{id}/roll', { params: { path: { id } }, body });
      const { data } = await answerOf(call, 'token');
      cli.print(options, data, () => rolledKeyText(data, cli.style));
    });
}

interface RevokeOptions extends CommonOptions {
  readonly name?: string;
  readonly yes?: boolean;
}

/** Adds `revoke` to the commands for keys. */
export function addRevoke(keys: Command, cli: Cli): void {
  addApiCommand(keys, 'revoke <id>', 'Revokes a key for good', [
    'keys revoke key_4ZCrl9mJgVd8tAqHn2sXkE',
    'keys revoke key_4ZCrl9mJgVd8tAqHn2sXkE --yes',
    'keys revoke key_4ZCrl9mJgVd8tAqHn2sXkE --name "My page"',
  ])
    .aliases(['delete', 'rm'])
    .option('--name <name>', 'only if the key has this name; then nothing is asked')
    .option('-y, --yes', 'do not ask')
    .action(async (id: string, options: RevokeOptions) => {
      const isSure = options.yes === true || options.name !== undefined;
      if (!isSure && !cli.surroundings.stdin.isTTY) {
        throw usageError(
          `Cannot revoke ${id} without being sure: give --yes, or --name <its name>`,
        );
      }
      const client = await cli.client(options);
      const path = { id };
      const { data, etag } = await answerOf(
        client.GET('/keys/{id}', { params: { path } }),
        'access',
      );
      await confirm(data, options, cli, isSure);
      const header = etag === null ? {} : { 'If-Match': etag };
      await done(client.DELETE('/keys/{id}', { params: { path, header } })).catch(unlessGone);
      const said = `Revoked ${id} (${cleanText(data.name)})`;
      cli.print(options, { id, revoked: true }, () => said);
    });
}

async function confirm(
  { id, name }: { readonly id: string; readonly name: string },
  options: RevokeOptions,
  { surroundings }: Cli,
  isSure: boolean,
): Promise<void> {
  if (options.name !== undefined && options.name !== name) {
    const message = `Cannot revoke key ${id}: its name is ${JSON.stringify(name)}, not ${JSON.stringify(options.name)}`;
    throw new CommandError(message, exitCodes.refused);
  }
  if (isSure) return;
  const question = `Revoke ${id} (${cleanText(name)}) for good? Its token stops working within seconds. [y/N] `;
  if (/^y(es)?$/i.test((await ask(question, surroundings)).trim())) return;
  throw new CommandError('Nothing was revoked', exitCodes.refused);
}

/** It was there a moment ago: revoked by this command, whose first answer got lost, or by another. */
function unlessGone(error: unknown): void {
  if (error instanceof CommandError && error.exitCode === exitCodes.notFound) return;
  throw error;
}

/** Adds `usage` to the commands for keys. */
export function addUsage(keys: Command, cli: Cli): void {
  addApiCommand(keys, 'usage <id>', 'Prints how often a key was used, by day and outcome', [
    'keys usage key_4ZCrl9mJgVd8tAqHn2sXkE',
    'keys usage key_4ZCrl9mJgVd8tAqHn2sXkE --days 7 --json',
  ])
    .option(
      '--days <number>',
      `how many days back, at most ${USAGE_DAYS_MAX}`,
      between(1, USAGE_DAYS_MAX),
      USAGE_DAYS_DEFAULT,
    )
    .action(async (id: string, options: CommonOptions & { days: number }) => {
      const client = await cli.client(options);
      const params = { path: { id }, query: { days: options.days } };
      const { data } = await answerOf(client.GET('/keys/{id}/usage', { params }), 'usage');
      cli.print(options, data, () => usageTable(data, cli.style));
    });
}
