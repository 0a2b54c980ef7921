/**
 * `login` and `logout`: keep the address of an edge and its token for later commands.
 */

import type { Command } from 'commander';
import { addCommand, type Cli } from '../command.ts';
import {
  type ConnectionOptions,
  checkUrl,
  clientFor,
  environmentHelp,
  withConnection,
} from '../connection.ts';
import { answerOf, usageError } from '../failures.ts';
import { loginFile, removeLogin, writeLogin } from '../login-file.ts';
import { required } from '../options.ts';
import { askSecret } from '../questions.ts';

/** Adds `login`. */
export function addLogin(program: Command, cli: Cli): void {
  const { env, fetch } = cli.surroundings;
  const command = addCommand(
    program,
    'login',
    'Keeps the address of an edge and a token for it in a file that only you may read',
    ['login --url https://edge.example', 'login --url https://edge.example < admin-token.txt'],
  );
  withConnection(command)
    .addHelpText('after', environmentHelp)
    .action(async (options: ConnectionOptions) => {
      const url = required(options.url ?? (env['EDGE_AUTHORIZER_URL'] || undefined), '--url <url>');
      checkUrl(url, options);
      const question = `The admin token of ${new URL(url).origin}, or your own JWT, then Enter: `;
      const token = await askSecret(question, cli.surroundings);
      if (token === '') throw usageError('Cannot log in: standard input holds no token');
      const login = { url, token, headers: options.header ?? {} };
      // Asked before it is kept, so that a mistyped token is noticed here.
      const client = clientFor(login, options, fetch);
      await answerOf(client.GET('/keys', { params: { query: { limit: 1 } } }), 'keys');
      const file = loginFile(env);
      await writeLogin(file, login);
      cli.note(`Logged in at ${new URL(url).origin}. Kept in ${file}`);
    });
}

/** Adds `logout`. */
export function addLogout(program: Command, cli: Cli): void {
  addCommand(program, 'logout', 'Removes what login kept', ['logout']).action(async () => {
    const wasThere = await removeLogin(loginFile(cli.surroundings.env));
    cli.note(wasThere ? 'Logged out' : 'There was no login');
  });
}
