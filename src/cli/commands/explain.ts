/**
 * `keys explain`: which rule decides a request, step by step.
 */

import { type Command, Option } from 'commander';
import { addApiCommand, type Cli, type CommonOptions } from '../command.ts';
import { answerOf, CommandError, exitCodes, usageError } from '../failures.ts';
import { required } from '../options.ts';
import { askSecret } from '../questions.ts';
import type { Surroundings } from '../surroundings.ts';
import { explanationText } from '../tables.ts';

/** The width of a terminal that does not say how wide it is, or of a file. */
const COLUMNS = 80;

interface ExplainOptions extends CommonOptions {
  readonly key?: string;
  readonly tokenStdin?: boolean;
  readonly path?: string;
  readonly method: string;
  readonly origin?: string;
  readonly address?: string;
  readonly check?: boolean;
}

/** Adds `explain` to the commands for keys. */
export function addExplain(keys: Command, cli: Cli): void {
  addApiCommand(keys, 'explain', 'Says which rule decides a request, step by step', [
    'keys explain --key key_4ZCrl9mJgVd8tAqHn2sXkE --path /api/stream/abc --origin https://app.example',
    'keys explain --token-stdin --method POST --path /api/stream < token.txt',
    'keys explain --key key_4ZCrl9mJgVd8tAqHn2sXkE --path /api/stream/abc --check || echo refused',
  ])
    .option('--key <id>', 'the key that the request carries')
    .addOption(
      new Option(
        '--token-stdin',
        'in place of --key: read the token that the request carries from standard input',
      ).conflicts('key'),
    )
    .option('--path <path>', 'required: for example /api/stream/abc')
    .option('--method <method>', 'of the request', 'GET')
    .option('--origin <origin>', 'of the page that sends it')
    .option('--address <address>', 'of the client; otherwise your own, as the edge sees it')
    .option('--check', `end with exit code ${exitCodes.refused} if the request would be refused`)
    .action(async (options: ExplainOptions) => {
      const path = required(options.path, '--path <path>');
      const choice = await keyChoice(options, cli.surroundings);
      const client = await cli.client(options);
      const body = {
        method: options.method.toUpperCase(),
        path,
        ...choice,
        ...(options.origin === undefined ? {} : { origin: options.origin }),
        ...(options.address === undefined ? {} : { address: options.address }),
      };
      const { data } = await answerOf(client.POST('/explain', { body }), 'steps');
      const columns = cli.surroundings.stdout.columns || COLUMNS;
      cli.print(options, data, () => explanationText(data, columns, cli.style));
      // The last line of the result says that it is refused.
      if (options.check && !data.allowed) throw new CommandError('', exitCodes.refused);
    });
}

/** The key of the request. A token is never an argument: arguments show in ps. */
async function keyChoice(
  { key, tokenStdin }: ExplainOptions,
  surroundings: Surroundings,
): Promise<{ keyId: string } | { token: string }> {
  if (key !== undefined) return { keyId: key };
  if (!tokenStdin) {
    throw usageError(
      'Cannot tell which key the request carries: give --key <id>, or --token-stdin',
    );
  }
  const token = await askSecret('The token, then Enter: ', surroundings);
  if (token !== '') return { token };
  throw usageError('Cannot read a token: standard input holds none');
}
