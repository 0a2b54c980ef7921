/**
 * `self`: what an API key or a client token may do, and its revocation by its holder.
 */

import type { Command } from 'commander';
import { addApiCommand, type Cli, type CommonOptions, withExamples } from '../command.ts';
import { answerOf, CommandError, done, exitCodes, usageError } from '../failures.ts';
import { ask } from '../questions.ts';
import { selfText } from '../tables.ts';

interface RevokeOptions extends CommonOptions {
  readonly yes?: boolean;
}

/** Adds `self`, with `show` and `revoke`. Both use the token in the environment as an API key. */
export function addSelf(program: Command, cli: Cli): void {
  const self = program
    .command('self')
    .description('What the API key in EDGE_AUTHORIZER_TOKEN may do, and how to revoke it');
  withExamples(self, ['self show --url https://edge.example', 'self revoke --yes']);
  addApiCommand(self, 'show', 'Prints what the key or client token may do', [
    'self show --url https://edge.example',
    'self show --url https://edge.example --header "Origin: https://app.example"',
  ]).action(async (options: CommonOptions) => {
    const client = await cli.client(options);
    const { data } = await answerOf(client.GET('/self', {}), 'access');
    cli.print(options, data, () => selfText(data, cli.style));
  });
  addApiCommand(self, 'revoke', 'Revokes the backend key itself, for good', [
    'self revoke --url https://edge.example',
    'self revoke --url https://edge.example --yes',
  ])
    .option('-y, --yes', 'do not ask')
    .action(async (options: RevokeOptions) => {
      const isSure = options.yes === true;
      if (!isSure && !cli.surroundings.stdin.isTTY) {
        throw usageError('Cannot revoke the key without being sure: give --yes');
      }
      const client = await cli.client(options);
      const { data } = await answerOf(client.GET('/self', {}), 'access');
      if (!isSure) await confirm(data.id, cli);
      await done(client.DELETE('/self', {}));
      cli.print(options, { id: data.id, revoked: true }, () => `Revoked ${data.id}`);
    });
}

async function confirm(id: string, { surroundings }: Cli): Promise<void> {
  const question = `Revoke ${id}, whose token this is, for good? [y/N] `;
  if (/^y(es)?$/i.test((await ask(question, surroundings)).trim())) return;
  throw new CommandError('Nothing was revoked', exitCodes.refused);
}
