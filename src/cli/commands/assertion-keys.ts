/**
 * `assertion-keys`: prints the secret that signs assertions.
 */

import type { Command } from 'commander';
import { newAssertionKeys } from '../assertion-keys.ts';
import { addCommand, type Cli } from '../command.ts';

const HELP = `
To begin:   edge-authorizer assertion-keys | npx wrangler secret put ASSERTION_KEYS
To rotate:  set ASSERTION_KEYS in the environment to the present value first. The new key signs,
            and the one before it stays published for what it has signed.`;

/** Adds `assertion-keys`. */
export function addAssertionKeys(program: Command, { surroundings }: Cli): void {
  addCommand(
    program,
    'assertion-keys',
    'Prints a secret for ASSERTION_KEYS: a new signing key, then the one before it',
    ['assertion-keys | npx wrangler secret put ASSERTION_KEYS', 'assertion-keys > new.json'],
  )
    .addHelpText('after', HELP)
    .action(async () => {
      const keys = await newAssertionKeys(surroundings.env['ASSERTION_KEYS']);
      surroundings.stdout.write(`${JSON.stringify(keys)}\n`);
    });
}
