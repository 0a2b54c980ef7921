/**
 * The frame of a command: examples first, the options that all of them share, and how results are
 * printed.
 */

import type { Command } from 'commander';
import type { ManagementClient } from '../management-client/client.ts';
import { type ConnectionOptions, connect, environmentHelp, withConnection } from './connection.ts';
import { type Style, styleFor } from './style.ts';
import type { Surroundings } from './surroundings.ts';

/** Options of every command that calls the API. */
export interface CommonOptions extends ConnectionOptions {
  readonly json?: boolean;
}

/** Everything that commands share in one run. */
export interface Cli {
  readonly surroundings: Surroundings;
  /** How results look. */
  readonly style: Style;
  /** The client that a command's options ask for. Rejects with a `CommandError` if it cannot be made. */
  client(options: ConnectionOptions): Promise<ManagementClient>;
  /** Prints a result: as JSON for machines, or as text for people. */
  print(options: { readonly json?: boolean }, json: unknown, text: () => string): void;
  /** Tells people something beside the result, on standard error. */
  note(text: string): void;
}

/** Makes the tools of one run. */
export function createCli(surroundings: Surroundings): Cli {
  const { env, stdout, stderr } = surroundings;
  const noteStyle = styleFor(stderr, env);
  return {
    surroundings,
    style: styleFor(stdout, env),
    client: (options) => connect(options, surroundings),
    print(options, json, text) {
      stdout.write(options.json ? `${JSON.stringify(json)}\n` : `${text()}\n`);
    },
    note: (text) => void stderr.write(`${noteStyle('dim', text)}\n`),
  };
}

const exitCodesHelp = `
Exit codes:
  0 done   1 edge unreachable or failing   2 command not understood   3 not allowed
  4 not found   5 refused   6 too many requests   130 interrupted`;

/** Adds a command. Its help text begins with the examples, because most readers look for one. */
export function addCommand(
  parent: Command,
  nameAndArguments: string,
  about: string,
  examples: readonly string[],
): Command {
  const command = parent.command(nameAndArguments).description(about);
  return withExamples(command, examples).addHelpText('after', exitCodesHelp);
}

/** Adds a command that calls the API, with the options that all of them have. */
export function addApiCommand(...args: Parameters<typeof addCommand>): Command {
  return withConnection(addCommand(...args))
    .option('--json', 'print the JSON of the API, for machines')
    .addHelpText('after', environmentHelp);
}

/** Puts examples in front of a help text. */
export function withExamples(command: Command, examples: readonly string[]): Command {
  const lines = examples.map((example) => `  edge-authorizer ${example}`);
  return command.addHelpText('before', ['Examples:', ...lines, ''].join('\n'));
}
