/**
 * `client-tokens mint`, offline or by the API, and `keys sign-out-everyone`.
 */

import { type Command, Option } from 'commander';
import { mintClientToken } from '../../client-tokens/client-tokens.ts';
import type { AccessRule } from '../../core/key/key.ts';
import { addApiCommand, type Cli, type CommonOptions, withExamples } from '../command.ts';
import { answerOf, CommandError, exitCodes, usageError } from '../failures.ts';
import { duration, ruleOption } from '../options.ts';
import { askSecret } from '../questions.ts';
import { keyText } from '../tables.ts';

interface MintOptions extends CommonOptions {
  readonly byApi?: boolean;
  readonly ttl?: number;
  readonly sub?: string;
  readonly origin?: string[];
  readonly allow?: AccessRule[];
}

/** Adds `client-tokens`, with `mint`. */
export function addClientTokens(program: Command, cli: Cli): void {
  const group = program
    .command('client-tokens')
    .description('Mints client tokens: what a page holds instead of an API key');
  withExamples(group, ['client-tokens mint --sub visitor-1 < api-key.txt']);
  addApiCommand(group, 'mint', 'Mints a client token from the API key on standard input', [
    'client-tokens mint --sub visitor-1 --ttl 5m < api-key.txt',
    'client-tokens mint --origin https://app.example --allow "GET /api/asset/:id" < api-key.txt',
    'client-tokens mint --by-api --url https://edge.example',
  ])
    .option('--by-api', 'ask the edge, with the API key in EDGE_AUTHORIZER_TOKEN')
    .addOption(
      new Option('--ttl <duration>', 'lifetime, such as 5m; at most 1h').argParser(duration),
    )
    .option('--sub <id>', 'the visitor: an opaque id')
    .option('--origin <origin...>', 'narrow it to these origins')
    .addOption(
      new Option(
        '--allow <rule>',
        'narrow it to rules such as "GET /api/asset/:id"; may be repeated',
      ).argParser(ruleOption),
    )
    .action(async (options: MintOptions) => {
      if (options.byApi) await mintByApi(options, cli);
      else await mintOffline(options, cli);
    });
}

function claimsFrom({ ttl, sub, origin, allow }: MintOptions) {
  return {
    ...(ttl === undefined ? {} : { ttlSeconds: ttl }),
    ...(sub === undefined ? {} : { sub }),
    ...(origin === undefined ? {} : { origins: origin }),
    ...(allow === undefined
      ? {}
      : {
          rules: allow.map(({ methods, resources }) => ({
            methods: [...methods],
            resources: [...resources],
          })),
        }),
  };
}

/** Sends nothing. An API key is never an argument: arguments show in ps. */
async function mintOffline(options: MintOptions, cli: Cli): Promise<void> {
  const apiKey = await askSecret('The API key, then Enter: ', cli.surroundings);
  if (apiKey === '') throw usageError('Cannot read an API key: standard input is empty');
  const token = await mintClientToken(apiKey, {
    ...claimsFrom(options),
    issuedAt: new Date(cli.surroundings.now()),
  }).catch((error: unknown) => {
    if (!(error instanceof TypeError)) throw error;
    throw new CommandError(error.message, exitCodes.refused);
  });
  cli.print(options, { token }, () => token);
}

async function mintByApi(options: MintOptions, cli: Cli): Promise<void> {
  const client = await cli.client(options);
  const call = client.POST('/client-tokens', { body: claimsFrom(options) });
  const { data } = await answerOf(call, 'token');
  cli.print(options, data, () => data.token);
}

/** Adds `sign-out-everyone` to the commands for keys. */
export function addSignOutEveryone(keys: Command, cli: Cli): void {
  addApiCommand(
    keys,
    'sign-out-everyone <id>',
    'Voids every client token of a key within seconds; the key itself remains valid',
    ['keys sign-out-everyone key_4ZCrl9mJgVd8tAqHn2sXkE'],
  ).action(async (id: string, options: CommonOptions) => {
    const client = await cli.client(options);
    const body = { clientTokensValidFrom: new Date(cli.surroundings.now()).toISOString() };
    const call = client.PATCH('/keys/{id}', { params: { path: { id } }, body });
    const { data } = await answerOf(call, 'access');
    cli.print(options, data, () => keyText(data, cli.style));
    cli.note(
      'Client tokens from before this moment are refused within 10 seconds. Pages fetch new ones.',
    );
  });
}
