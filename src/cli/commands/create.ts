/**
 * `keys create`: makes a key, and prints its token this once.
 */

import { type Command, Option } from 'commander';
import type { AccessRule } from '../../core/key/key.ts';
import type { CreateKeyRequest } from '../../management-client/schema.ts';
import {
  addClientTokenOptions,
  type ClientTokenOptions,
  clientTokensFrom,
} from '../client-token-options.ts';
import { addApiCommand, type Cli, type CommonOptions } from '../command.ts';
import { answerOf, usageError } from '../failures.ts';
import { readJsonList } from '../files.ts';
import { duration, required, ruleOption } from '../options.ts';
import { addPlanOptions, type PlanOptions, planFrom } from '../plan-options.ts';
import { keyText } from '../tables.ts';

interface CreateOptions extends CommonOptions, PlanOptions, ClientTokenOptions {
  readonly name?: string;
  readonly owner?: string;
  readonly origin?: string[];
  readonly fullAccess?: boolean;
  readonly rules?: string;
  readonly allow?: AccessRule[];
  readonly ruleSet?: string;
  readonly address?: string[];
  readonly expiresAt?: string;
  readonly expiresIn?: number;
}

/** Adds `create` to the commands for keys. */
export function addCreate(keys: Command, cli: Cli): void {
  const command = addApiCommand(keys, 'create', 'Makes a key and prints its token, this once', [
    'keys create --name "Nightly job"',
    'keys create --name "My page" --owner acct_1 --origin https://app.example',
    'keys create --name Viewer --origin https://app.example --allow "GET /api/asset/:id" --expires-in 30d',
    'keys create --name "Our backend" --client-tokens https://app.example --client-allow "GET /api/asset/:id"',
  ]);
  addClientTokenOptions(command)
    .option('--name <name>', 'required: what you call it')
    .option('--owner <owner>', 'the account it acts for')
    .option('--origin <origin...>', 'allow CORS access from this origin; may be repeated')
    .option('--full-access', 'let the key call the whole API from these origins')
    .addOption(rulesOption())
    .addOption(allowOption())
    .addOption(ruleSetOption())
    .addOption(addressOption())
    .addOption(expiresAtOption())
    .addOption(expiresInOption())
    .action(async (options: CreateOptions) => {
      const name = required(options.name, '--name <name>');
      const access = await accessFrom(options);
      const client = await cli.client(options);
      const expiresAt = expiryFrom(options, cli.surroundings.now()) ?? null;
      const plan = planFrom(options);
      const body = { name, owner: options.owner ?? null, access, expiresAt, ...plan };
      const { data } = await answerOf(client.POST('/keys', { body }), 'token');
      cli.print(options, data, () => keyText(data, cli.style));
    });
  addPlanOptions(command, { isEdit: false });
}

async function accessFrom(
  options: CreateOptions,
): Promise<(CreateKeyRequest['access'] & object) | null> {
  const rules = await rulesFrom(options);
  const addresses = options.address;
  const clientTokens = clientTokensFrom(options, undefined);
  const more = {
    ...(rules === undefined ? {} : { rules }),
    ...(options.ruleSet === undefined ? {} : { ruleSet: options.ruleSet }),
    ...(addresses === undefined ? {} : { addresses }),
    ...(clientTokens && options.clientTokens
      ? { clientTokens: { ...clientTokens, allowedOrigins: options.clientTokens } }
      : {}),
  };
  if (options.origin === undefined) {
    if (options.fullAccess) {
      throw usageError(
        'Cannot give full access to a key without --origin: a backend key has it anyway',
      );
    }
    return Object.keys(more).length === 0 ? null : more;
  }
  const cors = { allowedOrigins: options.origin, fullAccess: options.fullAccess === true };
  return { cors, ...more };
}

/** The rules of `--rules` or `--allow`, unchecked: the API says best what is wrong with them. */
export async function rulesFrom(options: {
  readonly rules?: string | false;
  readonly allow?: AccessRule[];
}): Promise<{ methods: string[]; resources: string[] }[] | undefined> {
  if (options.allow !== undefined) {
    return options.allow.map(({ methods, resources }) => ({
      methods: [...methods],
      resources: [...resources],
    }));
  }
  if (!options.rules) return undefined;
  return (await readJsonList(options.rules)) as { methods: string[]; resources: string[] }[];
}

/** The time of `--expires-at` or `--expires-in`; `undefined` without either. */
export function expiryFrom(
  options: { readonly expiresAt?: string; readonly expiresIn?: number },
  nowMs: number,
): string | undefined {
  if (options.expiresIn === undefined) return options.expiresAt;
  return new Date(nowMs + options.expiresIn * 1000).toISOString();
}

/** `--rules <file>`. */
export function rulesOption(): Option {
  return new Option('--rules <file>', 'a JSON file with the access rules of the key').conflicts(
    'allow',
  );
}

/** `--allow <rule>`. */
export function allowOption(): Option {
  return new Option(
    '--allow <rule>',
    'a rule such as "GET /api/asset/:id", in place of a file; may be repeated',
  ).argParser(ruleOption);
}

/** `--rule-set <reference>`. */
export function ruleSetOption(): Option {
  return new Option(
    '--rule-set <reference>',
    'the rule set that says what the key may call, such as livepeer@1',
  ).conflicts(['allow', 'rules']);
}

/** `--address <block...>`. */
export function addressOption(): Option {
  return new Option(
    '--address <block...>',
    'allow use from these addresses alone, such as 203.0.113.0/24; may be repeated',
  );
}

/** `--expires-at <time>`. */
export function expiresAtOption(): Option {
  return new Option('--expires-at <time>', 'when it expires, in RFC 3339').conflicts('expiresIn');
}

/** `--expires-in <duration>`. */
export function expiresInOption(): Option {
  return new Option(
    '--expires-in <duration>',
    'in how long it expires, such as 30d or 12h',
  ).argParser(duration);
}
