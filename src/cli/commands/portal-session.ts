/**
 * `portal-session`: makes a link that opens the page for one owner.
 */

import type { Command } from 'commander';
import { addApiCommand, type Cli, type CommonOptions } from '../command.ts';
import { answerOf } from '../failures.ts';
import { duration, required } from '../options.ts';

interface PortalSessionOptions extends CommonOptions {
  readonly owner?: string;
  readonly returnUrl?: string;
  readonly expiresIn?: number;
}

/** Adds `portal-session`. */
export function addPortalSession(program: Command, cli: Cli): void {
  addApiCommand(
    program,
    'portal-session',
    'Makes a link that opens the page for one owner, once and within a minute',
    [
      'portal-session --owner acct_1 --return-url https://app.example/account',
      'portal-session --owner acct_1 --return-url https://app.example/account --expires-in 15m --json',
    ],
  )
    .option('--owner <owner>', 'the owner whose keys the page shows')
    .option('--return-url <url>', 'the URL that the page leads back to')
    .option('--expires-in <duration>', 'how long the session lasts; default: 1h', duration)
    .action(async (options: PortalSessionOptions) => {
      const owner = required(options.owner, '--owner <owner>');
      const returnUrl = required(options.returnUrl, '--return-url <url>');
      const { expiresIn } = options;
      const client = await cli.client(options);
      const body = {
        owner,
        returnUrl,
        ...(expiresIn === undefined ? {} : { expiresInSeconds: expiresIn }),
      };
      const { data } = await answerOf(client.POST('/portal-sessions', { body }), 'url');
      cli.print(options, data, () => data.url);
      cli.note(
        `Open it once, until ${data.urlExpiresAt}. It is a secret: it opens the keys of ${owner}`,
      );
    });
}
