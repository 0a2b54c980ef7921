/**
 * `keys edit`: changes some fields of a key, provided that the key has not changed meanwhile.
 */

import { type Command, Option } from 'commander';
import type { ManagementClient } from '../../management-client/client.ts';
import { addClientTokenOptions } from '../client-token-options.ts';
import { addApiCommand, type Cli, type CommonOptions } from '../command.ts';
import { answerOf, CommandError, usageError } from '../failures.ts';
import { editFrom, type KeyEditOptions } from '../key-edit.ts';
import { addPlanOptions } from '../plan-options.ts';
import { keyText } from '../tables.ts';
import {
  addressOption,
  allowOption,
  expiresAtOption,
  expiresInOption,
  expiryFrom,
  ruleSetOption,
  rulesFrom,
  rulesOption,
} from './create.ts';

/** How often an edit is made, each time from the current key, when another change was faster. */
const ATTEMPTS = 3;

/** Adds `edit` to the commands for keys. */
export function addEdit(keys: Command, cli: Cli): void {
  const command = addApiCommand(keys, 'edit <id>', 'Changes a key', [
    'keys edit key_4ZCrl9mJgVd8tAqHn2sXkE --name "Our page" --add-origin https://b.example',
    'keys edit key_4ZCrl9mJgVd8tAqHn2sXkE --allow "GET,PATCH /api/asset/:id"',
    'keys edit key_4ZCrl9mJgVd8tAqHn2sXkE --disable',
  ]);
  // Before their `--no-` form, which would be on by default otherwise.
  addClientTokenOptions(command)
    .option('--name <name>', 'a new name')
    .addOption(
      new Option('--origin <origin...>', 'replace the allowed origins by these').conflicts([
        'addOrigin',
        'removeOrigin',
      ]),
    )
    .option('--add-origin <origin...>', 'allow these origins too')
    .option('--remove-origin <origin...>', 'no longer allow these origins')
    .option('--full-access', 'let the key call the whole API')
    .option('--no-full-access', 'restrict the key again')
    .addOption(rulesOption())
    .addOption(allowOption())
    .addOption(new Option('--no-rules', 'remove the access rules of the key'))
    .addOption(ruleSetOption())
    .addOption(new Option('--no-rule-set', 'refer to no rule set'))
    .addOption(addressOption().conflicts('anyAddress'))
    .option('--any-address', 'allow use from any address again')
    .addOption(expiresAtOption())
    .addOption(expiresInOption())
    .addOption(
      new Option('--never-expires', 'remove the expiry').conflicts(['expiresAt', 'expiresIn']),
    )
    .addOption(new Option('--disable', 'switch it off').conflicts('enable'))
    .option('--enable', 'switch it on again')
    .addOption(
      new Option('--suspend', 'suspend it, which its owner cannot end; for the operator').conflicts(
        'unsuspend',
      ),
    )
    .option('--unsuspend', 'end its suspension; for the operator')
    .addOption(new Option('--no-client-tokens', 'give no client tokens any more'))
    .action(async (id: string, options: CommonOptions & KeyEditOptions) => {
      const rules = await rulesFrom(options);
      const expiresAt = expiryFrom(options, cli.surroundings.now());
      const client = await cli.client(options);
      const wanted = { ...options, ...(expiresAt === undefined ? {} : { expiresAt }) };
      const key = await editKey(client, id, wanted, rules);
      cli.print(options, key, () => keyText(key, cli.style));
    });
  addPlanOptions(command, { isEdit: true });
  refuseContradictions(command);
}

async function editKey(
  client: ManagementClient,
  id: string,
  options: KeyEditOptions,
  rules: Awaited<ReturnType<typeof rulesFrom>>,
) {
  for (let attempt = 1; ; attempt++) {
    const path = { id };
    const { data, etag } = await answerOf(client.GET('/keys/{id}', { params: { path } }), 'access');
    const body = editFrom(data, options, rules);
    if (Object.keys(body).length === 0) {
      throw usageError('Cannot edit the key: say what to change, see --help');
    }
    const header = etag === null ? {} : { 'If-Match': etag };
    try {
      const call = client.PATCH('/keys/{id}', { params: { path, header }, body });
      return (await answerOf(call, 'access')).data;
    } catch (error) {
      // Also after an answer that got lost: the edit, made again, then changes nothing.
      const isOvertaken =
        error instanceof CommandError && error.problem?.code === 'precondition_failed';
      if (!isOvertaken || attempt === ATTEMPTS) throw error;
    }
  }
}

/**
 * Refuses each option together with its `--no-` form. The parser keeps both as one value, so that its
 * `conflicts` sees no second option, and the last one would win. `--allow` is a form of `--rules`.
 */
function refuseContradictions(command: Command): void {
  for (const negated of command.options.filter(({ negate }) => negate)) {
    const opposites = command.options.filter(
      (option) =>
        !option.negate &&
        (option.attributeName() === negated.attributeName() ||
          (negated.long === '--no-rules' && option.long === '--allow')),
    );
    for (const plain of opposites) refuseBoth(command, negated, plain);
  }
}

function refuseBoth(command: Command, negated: Option, plain: Option): void {
  const given = new Set<Option>();
  for (const option of [plain, negated]) {
    command.on(`option:${option.name()}`, () => {
      if (given.add(option).size === 1) return;
      // In the words of the parser for the conflicts that it sees.
      command.error(`error: option '${negated.flags}' cannot be used with option '${plain.flags}'`);
    });
  }
}
