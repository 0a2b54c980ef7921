/**
 * `admin-token`: makes a token for a named operator, and its entry in `ADMIN_TOKENS`.
 */

import { type Command, Option } from 'commander';
import { hashToken } from '../../core/key/token.ts';
import { type OperatorScope, operatorScopes } from '../../core/operators/operator-scopes.ts';
import {
  isOperatorName,
  makeOperatorToken,
  type OperatorToken,
  readOperatorTokens,
} from '../../core/operators/operator-tokens.ts';
import { addCommand, type Cli } from '../command.ts';
import { usageError } from '../failures.ts';
import { repeated, required } from '../options.ts';

const HELP = `
To begin:   add the entry to the list in ADMIN_TOKENS: npx wrangler secret put ADMIN_TOKENS
To rotate:  set ADMIN_TOKENS in the environment to the present list first. The printed list then has
            both entries of the name. Remove the older one once every tool uses the new token.`;

interface AdminTokenOptions {
  readonly name?: string;
  readonly scope?: readonly string[];
  readonly json?: boolean;
}

/** Adds `admin-token`. */
export function addAdminToken(program: Command, cli: Cli): void {
  addCommand(
    program,
    'admin-token',
    'Makes a token for a tool or a person of yours, and prints its entry for ADMIN_TOKENS',
    ['admin-token --name ci --scope read', 'admin-token --name billing --scope read --scope keys'],
  )
    .option('--name <name>', 'the name that the audit shows')
    .addOption(
      new Option(
        '--scope <scope>',
        `what it may do: ${operatorScopes.join(', ')}; may be repeated`,
      ).argParser(repeated),
    )
    .option('--json', 'print JSON with the token, the entry and the list, for machines')
    .addHelpText('after', HELP)
    .action(async (options: AdminTokenOptions) => {
      const name = required(options.name, '--name <name>');
      const scopes = readScopes(required(options.scope, '--scope <scope>'));
      if (!isOperatorName(name)) {
        throw usageError(
          `Cannot use ${JSON.stringify(name)} as a name: use 1 to 64 letters, digits, blanks and . _ @ + -`,
        );
      }
      const token = makeOperatorToken((bytes) => crypto.getRandomValues(bytes));
      const entry: OperatorToken = { name, sha256: await hashToken(token), scopes };
      const list = listWith(entry, cli.surroundings.env['ADMIN_TOKENS']);
      cli.print(options, { token, entry, adminTokens: list }, () =>
        [
          `The token, shown this once:\n\n${cli.style('bold', token)}`,
          `Its entry for ADMIN_TOKENS:\n\n${JSON.stringify(entry)}`,
          ...(list.length > 1 ? [`The whole list:\n\n${JSON.stringify(list)}`] : []),
        ].join('\n\n'),
      );
    });
}

function readScopes(given: readonly string[]): readonly OperatorScope[] {
  const unknown = given.filter((scope) => !(operatorScopes as readonly string[]).includes(scope));
  if (unknown.length > 0) {
    throw usageError(
      `Cannot give the scope ${unknown.map((scope) => JSON.stringify(scope)).join(', ')}: use ${operatorScopes.join(', ')}`,
    );
  }
  return operatorScopes.filter((scope) => given.includes(scope));
}

/** The present list with one entry more. Throws a `CommandError` if it would not be accepted. */
function listWith(entry: OperatorToken, present: string | undefined): readonly OperatorToken[] {
  const before = present ? readOperatorTokens(present) : { tokens: [], faults: [] };
  const { tokens, faults } = readOperatorTokens([...before.tokens, entry]);
  const [fault] = [...before.faults, ...faults];
  if (fault === undefined) return tokens;
  throw usageError(
    `Cannot add to the ADMIN_TOKENS in the environment: ${fault.reason}. ${fault.fix}`,
  );
}
