/**
 * The tree of commands. Parsing is commander's; what each command does is in `commands/`.
 */

import { Command } from 'commander';
import { createCli, withExamples } from './command.ts';
import { addAdminToken } from './commands/admin-token.ts';
import { addAssertionKeys } from './commands/assertion-keys.ts';
import { addBulk } from './commands/bulk.ts';
import { addClientTokens, addSignOutEveryone } from './commands/client-tokens.ts';
import { addCompletion } from './commands/completion.ts';
import { addCreate } from './commands/create.ts';
import { addEdit } from './commands/edit.ts';
import { addEvents } from './commands/events.ts';
import { addExplain } from './commands/explain.ts';
import { addImport } from './commands/import.ts';
import { addInit } from './commands/init.ts';
import { addRevoke, addRoll, addShow, addUsage } from './commands/keys.ts';
import { addAudit, addList } from './commands/lists.ts';
import { addLogin, addLogout } from './commands/login.ts';
import { addPortalSession } from './commands/portal-session.ts';
import { addRoutes } from './commands/routes.ts';
import { addSelf } from './commands/self.ts';
import { addOverview } from './commands/usage.ts';
import { environmentHelp } from './connection.ts';
import { refuseEmpty } from './options.ts';
import { styleFor } from './style.ts';
import type { Surroundings } from './surroundings.ts';

/** Makes the parser, which writes to these surroundings and throws instead of ending the process. */
export function createProgram(surroundings: Surroundings, version: string): Command {
  const { stdout, stderr, env } = surroundings;
  const cli = createCli(surroundings);
  const program = new Command('edge-authorizer')
    .description('Manages the API keys of an edge-authorizer')
    .version(version, '--version', 'print the version')
    .exitOverride()
    .configureOutput({
      writeOut: (text) => stdout.write(text),
      writeErr: (text) => stderr.write(text),
      outputError: (text, write) =>
        write(styleFor(stderr, env)('red', text.trimEnd()).concat('\n')),
      getOutHasColors: () => styleFor(stdout, env)('bold', '') !== '',
      getErrHasColors: () => styleFor(stderr, env)('bold', '') !== '',
    })
    .configureHelp({ styleTitle: (title) => cli.style('bold', title) })
    .addHelpText('after', environmentHelp)
    .hook('preAction', (_program, command) => refuseEmpty(command));
  withExamples(program, [
    'login --url https://edge.example',
    'keys create --name "My page" --origin https://app.example',
    'keys list',
  ]);

  const keys = program.command('keys').description('Makes, reads and changes keys');
  withExamples(keys, ['keys list --owner acct_1', 'keys create --name "Nightly job"']);
  for (const add of [addCreate, addList, addShow, addEdit, addRoll, addRevoke]) add(keys, cli);
  for (const add of [addSignOutEveryone, addUsage, addImport, addExplain]) add(keys, cli);
  addBulk(keys, cli);
  for (const add of [
    addOverview,
    addAudit,
    addEvents,
    addSelf,
    addPortalSession,
    addAdminToken,
    addInit,
    addRoutes,
    addLogin,
    addLogout,
    addAssertionKeys,
  ])
    add(program, cli);
  addClientTokens(program, cli);
  addCompletion(program, cli);
  return program;
}
