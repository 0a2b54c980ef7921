/**
 * `completion`: prints a script that completes commands and options in a shell.
 */

import { Argument, type Command } from 'commander';
import { addCommand, type Cli } from '../command.ts';
import { type Completed, type Shell, scriptFor, shells } from '../completion.ts';

/** Adds `completion`, which knows the commands that are there when it runs. */
export function addCompletion(program: Command, { surroundings }: Cli): void {
  addCommand(program, 'completion', 'Prints a completion script for a shell', [
    'completion bash > ~/.local/share/bash-completion/completions/edge-authorizer',
    'completion zsh > ~/.zfunc/_edge-authorizer',
    'completion fish > ~/.config/fish/completions/edge-authorizer.fish',
  ])
    .addArgument(new Argument('<shell>', 'the shell').choices(shells))
    .action((shell: Shell) => {
      surroundings.stdout.write(scriptFor(shell, commandsIn(program, '')));
    });
}

/** Each command with the words that may follow it, by the path that leads to it. */
function commandsIn(command: Command, path: string): Completed[] {
  const help = command.createHelp();
  // With the help command and its like, which the parser adds by itself.
  const children = help.visibleCommands(command);
  const own: Completed = {
    path,
    subcommands: children.flatMap((child) =>
      [child.name(), ...child.aliases()].map((name) => ({ name, about: child.description() })),
    ),
    options: help.visibleOptions(command).map(({ long, description, argChoices = [] }) => ({
      name: long ?? '',
      about: description,
      values: argChoices,
    })),
    values: command.registeredArguments.flatMap(({ argChoices }) => argChoices ?? []),
  };
  const below = children.flatMap((child) =>
    [child.name(), ...child.aliases()].flatMap((name) =>
      commandsIn(child, path === '' ? name : `${path} ${name}`),
    ),
  );
  return [own, ...below];
}
