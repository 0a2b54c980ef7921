/**
 * `usage`: requests and refusals of the deployment, of an owner or of a key.
 */

import { type Command, Option } from 'commander';
import { addApiCommand, type Cli, type CommonOptions } from '../command.ts';
import { answerOf } from '../failures.ts';
import { overviewText } from '../tables.ts';

// The API has the same list; the program for the terminal does not load its schemas.
const periods = ['24h', '7d', '30d', '90d'] as const;

interface UsageOptions extends CommonOptions {
  readonly period: (typeof periods)[number];
  readonly owner?: string;
  readonly key?: string;
}

/** Adds `usage`. */
export function addOverview(program: Command, cli: Cli): void {
  addApiCommand(program, 'usage', 'Prints requests and refusals, of all keys or of an owner', [
    'usage --period 24h',
    'usage --owner acct_1 --period 30d --json',
  ])
    .addOption(new Option('--period <period>', 'how far back').choices([...periods]).default('7d'))
    .option('--owner <owner>', 'only the keys of this owner')
    .option('--key <id>', 'only this key')
    .action(async ({ period, owner, key: keyId, ...options }: UsageOptions) => {
      const client = await cli.client(options);
      const query = {
        period,
        ...(owner === undefined ? {} : { owner }),
        ...(keyId === undefined ? {} : { keyId }),
      };
      const { data } = await answerOf(client.GET('/usage', { params: { query } }), 'usage');
      cli.print(options, data, () => overviewText(data, cli.style));
    });
}
