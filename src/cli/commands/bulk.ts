/**
 * `keys bulk`: changes all keys that the filters leave.
 */

import { type Command, Option } from 'commander';
import { addApiCommand, type Cli, type CommonOptions } from '../command.ts';
import { answerOf, CommandError, exitCodes, usageError } from '../failures.ts';
import { type KeyFilterOptions, keyFilterOf, keyFilterOptions } from '../key-filter.ts';
import { between } from '../options.ts';
import { ask } from '../questions.ts';
import { cleanText, counted } from '../tables.ts';

const actions = ['revoke', 'disable', 'enable', 'suspend', 'unsuspend'] as const;
type Action = (typeof actions)[number];

interface BulkOptions extends CommonOptions, KeyFilterOptions {
  readonly dryRun?: boolean;
  readonly yes?: boolean;
  readonly keysPerCall?: number;
}

interface BulkAnswer {
  readonly changed: readonly { readonly id: string; readonly name: string }[];
  readonly nextCursor: string | null;
  readonly total?: number;
  readonly totalIsExact?: boolean;
}

/** Adds `bulk` to the commands for keys. */
export function addBulk(keys: Command, cli: Cli): void {
  const command = addApiCommand(
    keys,
    'bulk <action>',
    `Changes all keys that the filters leave: ${actions.join(', ')}`,
    [
      'keys bulk revoke --owner acct_1 --dry-run',
      'keys bulk revoke --owner acct_1 --yes',
      'keys bulk disable --used-before 2030-01-31T00:00:00Z',
    ],
  );
  for (const option of keyFilterOptions()) command.addOption(option);
  command
    .option('--dry-run', 'print the keys that would change, and change none')
    .option('-y, --yes', 'do not ask')
    .addOption(
      new Option(
        '--keys-per-call <number>',
        'how many keys one call changes, at most 50; 3 on the free plan of Workers',
      ).argParser(between(1, 50)),
    )
    .action(async (word: string, options: BulkOptions) => {
      const action = actions.find((known) => known === word);
      if (action === undefined) {
        throw usageError(`error: unknown action '${word}': use one of ${actions.join(', ')}`);
      }
      const filter = keyFilterOf(options);
      if (Object.keys(filter).length === 0) {
        throw usageError(`Cannot ${action} keys without a filter: give one, such as --owner`);
      }
      const isSure = options.yes === true || options.dryRun === true;
      if (!isSure && !cli.surroundings.stdin.isTTY) {
        throw usageError(`Cannot ${action} keys without being sure: give --yes, or --dry-run`);
      }
      await changeAll(cli, action, options);
    });
}

async function changeAll(cli: Cli, action: Action, options: BulkOptions): Promise<void> {
  const client = await cli.client(options);
  const filter = keyFilterOf(options);
  const limit = options.keysPerCall === undefined ? {} : { limit: options.keysPerCall };
  const call = async (dryRun: boolean, cursor: string | null): Promise<BulkAnswer> => {
    const from = cursor === null ? {} : { cursor };
    const body = { action, filter, dryRun, ...limit, ...from };
    return (await answerOf(client.POST('/keys/bulk', { body }), 'changed')).data;
  };
  if (options.yes !== true && options.dryRun !== true) {
    const { total = 0, totalIsExact = true } = await call(true, null);
    const keys = (totalIsExact ? '' : 'at least ') + counted(total, 'key');
    const them = total === 1 ? 'it' : 'them';
    const verb = action.charAt(0).toUpperCase() + action.slice(1);
    const question = `The filter leaves ${keys}. ${verb} ${them}? [y/N] `;
    if (!/^y(es)?$/i.test((await ask(question, cli.surroundings)).trim())) {
      throw new CommandError('Nothing was changed', exitCodes.refused);
    }
  }
  const changed: BulkAnswer['changed'][number][] = [];
  let cursor: string | null = null;
  do {
    const slice: BulkAnswer = await call(options.dryRun === true, cursor).catch((error) => {
      throw options.dryRun === true ? error : afterSome(error, action, changed.length);
    });
    for (const key of slice.changed) changed.push(key);
    cursor = slice.nextCursor;
  } while (cursor !== null);
  const said = options.dryRun ? `Would ${action}` : `Done (${action})`;
  cli.print(options, { action, dryRun: options.dryRun === true, changed }, () =>
    [
      `${said}: ${counted(changed.length, 'key')}`,
      ...changed.map(({ id, name }) => `${id}  ${cleanText(name)}`),
    ].join('\n'),
  );
}

/** The failure of a call after others that changed keys, which says that they did. */
function afterSome(error: unknown, action: Action, count: number): unknown {
  if (!(error instanceof CommandError) || count === 0) return error;
  return new CommandError(
    `Cannot ${action} all keys: stopped after ${counted(count, 'key')}. Repeat the command for the others\n${error.message}`,
    error.exitCode,
    error.problem,
  );
}
