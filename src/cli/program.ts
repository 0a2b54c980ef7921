/**
 * The commands, their options and what each sends. Parsing is commander's; tables and progress bars
 * are libraries' too.
 */

import { readFile } from 'node:fs/promises';
import { text } from 'node:stream/consumers';
import { Command, CommanderError, InvalidArgumentError, Option } from 'commander';
import { USAGE_DAYS_DEFAULT, USAGE_DAYS_MAX } from '../core/limits.ts';
import { type ApiClient, CommandError, createApiClient, exitCodes } from './api-client.ts';
import { newAssertionKeys } from './assertion-keys.ts';
import { importKeys } from './import-keys.ts';
import { editFrom, type KeyDocument, type KeyEditOptions } from './key-edit.ts';
import { readPages } from './pages.ts';
import {
  auditTable,
  explanationText,
  keyTable,
  keyText,
  rolledKeyText,
  usageTable,
} from './tables.ts';

/** What a run is given, so that a test can be the process. */
export interface Surroundings {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly fetch: typeof fetch;
  readonly stdin: NodeJS.ReadStream;
  readonly stdout: NodeJS.WriteStream;
  readonly stderr: NodeJS.WriteStream;
}

const URL_VARIABLE = 'EDGE_AUTHORIZER_URL';
const TOKEN_VARIABLE = 'EDGE_AUTHORIZER_TOKEN';

/** What the page proposes, too. At once would be an outage for whoever has not got the new token yet. */
const GRACE_SECONDS = 24 * 60 * 60;

/** The width of a terminal that does not say how wide it is, or of a file. */
const COLUMNS = 80;

const ASSERTION_HELP = `
To begin:   npx --no-install edge-authorizer assertion-keys | npx wrangler secret put ASSERTION_KEYS
To rotate:  set ASSERTION_KEYS in the environment to the present value first. The new key signs,
            and the one before it stays published for what it has signed.`;

const epilogue = `
Environment:
  ${TOKEN_VARIABLE}   the admin token, or your own JWT. Never an argument: arguments show in ps
  ${URL_VARIABLE}     the edge, where --url is not given

Exit codes:
  0 done   1 edge unreachable or failing   2 command not understood   3 not allowed
  4 not found   5 refused   6 too many requests`;

/**
 * Runs one command. Returns its exit code (see `exitCodes`); what people should read goes to standard
 * error, results to standard output. Never throws for a failure of the command.
 */
export async function run(args: readonly string[], surroundings: Surroundings): Promise<number> {
  const { stdout, stderr } = surroundings;
  const program = createProgram(surroundings, await readVersion());
  try {
    await program.parseAsync(args, { from: 'user' });
    return exitCodes.ok;
  } catch (error) {
    if (error instanceof CommanderError) {
      // Help and version end in an "error" too, with exit code 0.
      return error.exitCode === 0 ? exitCodes.ok : exitCodes.usage;
    }
    if (!(error instanceof CommandError)) throw error;
    const isJson = args.includes('--json');
    if (isJson && error.problem !== null) stdout.write(`${JSON.stringify(error.problem)}\n`);
    stderr.write(`${error.message}\n`);
    return error.exitCode;
  }
}

/** The version of the package, whose file is as far from here when this is JavaScript in `lib`. */
async function readVersion(): Promise<string> {
  const file = new URL('../../package.json', import.meta.url);
  const { version }: { version: string } = JSON.parse(await readFile(file, 'utf8'));
  return version;
}

function createProgram(surroundings: Surroundings, version: string): Command {
  const { stdout, stderr } = surroundings;
  const program = new Command('edge-authorizer')
    .description('Manages the API keys of an edge-authorizer')
    .version(version, '--version', 'print the version')
    .exitOverride()
    .configureOutput({
      writeOut: (text) => stdout.write(text),
      writeErr: (text) => stderr.write(text),
    })
    .addHelpText('after', epilogue);
  program
    .command('assertion-keys')
    .description('Prints a secret for ASSERTION_KEYS: a new signing key, then the one before it')
    .addHelpText('after', ASSERTION_HELP)
    .action(async () => {
      const keys = await newAssertionKeys(surroundings.env['ASSERTION_KEYS']);
      stdout.write(`${JSON.stringify(keys)}\n`);
    });
  const keys = program.command('keys').description('Makes, reads and changes keys');

  /** A command that calls the API, with the options that all of them have. */
  function command(name: string, description: string, parent = keys): Command {
    return parent
      .command(name)
      .description(description)
      .option('--url <url>', 'where the edge is, for example https://edge.example')
      .option('--json', 'print the JSON of the API, for machines')
      .addHelpText('after', epilogue);
  }
  const client = (options: CommonOptions): ApiClient => connect(options, surroundings);
  const print = (options: CommonOptions, json: unknown, text: () => string) => {
    stdout.write(options.json ? `${JSON.stringify(json)}\n` : `${text()}\n`);
  };

  command('audit', 'Lists who changed which key, newest first', program)
    .option('--key <id>', 'changes of this key, which may be revoked')
    .option('--limit <number>', 'at most so many changes', atLeastOne, 50)
    .action(async (options: AuditOptions) => {
      const entries = await readPages(client(options), {
        path: '/audit',
        member: 'entries',
        filters: { keyId: options.key },
        limit: options.limit,
      });
      print(options, { entries }, () => auditTable(entries));
    });

  command('create', 'Makes a key and prints its token, this once')
    .requiredOption('--name <name>', 'what you call it')
    .option('--owner <owner>', 'the account it acts for')
    .option('--origin <origin...>', 'allow CORS access from this origin; may be repeated')
    .option('--full-access', 'let the key call the whole API from these origins')
    .option('--rules <file>', 'a JSON file with the access rules of the key')
    .option('--expires-at <time>', 'when it stops, in ISO 8601')
    .action(async (options: CreateOptions) => {
      const body = {
        name: options.name,
        owner: options.owner ?? null,
        access: await accessFrom(options),
        expiresAt: options.expiresAt ?? null,
      };
      const { json } = await client(options).send('POST', '/keys', {
        body,
        expected: 'token',
      });
      const { expiresAt } = json as KeyDocument;
      // Taken on purpose, by the API too: somebody may prepare a key. A mistaken year looks the same.
      if (expiresAt !== null && Date.parse(expiresAt) <= Date.now()) {
        stderr.write(
          `This key has expired already, at ${expiresAt}: its token is refused until the expiry is changed\n`,
        );
      }
      print(options, json, () => keyText(json));
    });

  command('list', 'Lists keys, newest first')
    .option('--owner <owner>', 'keys of this account')
    .option('--search <text>', 'keys whose name holds this text')
    .option('--limit <number>', 'at most so many keys', atLeastOne, 50)
    .action(async (options: ListOptions) => {
      const found = await readPages(client(options), {
        path: '/keys',
        member: 'keys',
        filters: { owner: options.owner, search: options.search },
        limit: options.limit,
      });
      print(options, { keys: found }, () => keyTable(found));
    });

  command('show <id>', 'Prints one key').action(async (id: string, options: CommonOptions) => {
    const { json } = await client(options).send('GET', `/keys/${encodeURIComponent(id)}`, {
      expected: 'access',
    });
    print(options, json, () => keyText(json));
  });

  const edit = command('edit <id>', 'Changes a key')
    .option('--name <name>', 'a new name')
    .addOption(
      new Option('--origin <origin...>', 'replace the allowed origins by these').conflicts([
        'addOrigin',
        'removeOrigin',
      ]),
    )
    .option('--add-origin <origin...>', 'allow these origins too')
    .option('--remove-origin <origin...>', 'do not allow these origins any more')
    .option('--full-access', 'let the key call the whole API')
    .option('--no-full-access', 'restrict the key again')
    .option(
      '--rules <file>',
      'a JSON file with the access rules of the key, in place of its present ones',
    )
    .option('--no-rules', 'remove the access rules of the key')
    .addOption(
      new Option('--expires-at <time>', 'when it stops, in ISO 8601').conflicts('neverExpires'),
    )
    .option('--never-expires', 'let it not stop by itself')
    .addOption(new Option('--disable', 'switch it off').conflicts('enable'))
    .option('--enable', 'switch it on again')
    .addOption(
      new Option('--suspend', 'suspend it, which its owner cannot end; for the operator').conflicts(
        'unsuspend',
      ),
    )
    .option('--unsuspend', 'end its suspension; for the operator')
    .action(async (id: string, options: CommonOptions & KeyEditOptions) => {
      const api = client(options);
      const rules = options.rules ? await readJsonList(options.rules) : undefined;
      const path = `/keys/${encodeURIComponent(id)}`;
      const { json: current, etag } = await api.send('GET', path, { expected: 'access' });
      const body = editFrom(current as KeyDocument, options, rules);
      if (Object.keys(body).length === 0) {
        throw new CommandError(
          'Cannot edit the key: say what to change, see --help',
          exitCodes.usage,
        );
      }
      const headers = etag === null ? {} : { 'If-Match': etag };
      const { json } = await api.send('PATCH', path, { body, headers, expected: 'access' });
      print(options, json, () => keyText(json));
    });

  refuseContradictions(edit);

  command('roll <id>', 'Gives a key a new token, and prints it, this once')
    .addOption(
      new Option(
        '--grace-seconds <number>',
        'how long the old token goes on; 0 ends it at once, for when it has leaked',
      )
        .argParser(wholeNumber)
        .default(GRACE_SECONDS, 'a day'),
    )
    .action(async (id: string, options: CommonOptions & { graceSeconds: number }) => {
      const { json } = await client(options).send('POST', `/keys/${encodeURIComponent(id)}/roll`, {
        body: { graceSeconds: options.graceSeconds },
        expected: 'token',
      });
      print(options, json, () => rolledKeyText(json));
    });

  command('revoke <id>', 'Revokes a key for good')
    .requiredOption('--name <name>', 'the name of the key, to be sure that it is the right one')
    .action(async (id: string, options: CommonOptions & { name: string }) => {
      const api = client(options);
      const path = `/keys/${encodeURIComponent(id)}`;
      const { json, etag } = await api.send('GET', path, { expected: 'access' });
      const { name } = json as KeyDocument;
      if (name !== options.name) {
        const message = `Cannot revoke key ${id}: its name is ${JSON.stringify(name)}, not ${JSON.stringify(options.name)}`;
        throw new CommandError(message, exitCodes.refused);
      }
      const headers = etag === null ? {} : { 'If-Match': etag };
      await api.send('DELETE', path, { headers, expected: null });
      print(options, { id, revoked: true }, () => `Revoked ${id} (${name})`);
    });

  command('usage <id>', 'Prints how often a key was used, by day and outcome')
    .option(
      '--days <number>',
      `how many days back, at most ${USAGE_DAYS_MAX}`,
      usageDays,
      USAGE_DAYS_DEFAULT,
    )
    .action(async (id: string, options: CommonOptions & { days: number }) => {
      const path = `/keys/${encodeURIComponent(id)}/usage?days=${options.days}`;
      const { json } = await client(options).send('GET', path, { expected: 'usage' });
      print(options, json, () => usageTable(json));
    });

  command('import', 'Imports existing tokens from a JSON file, a list of keys')
    .argument('<file>', 'the file; "-" reads standard input')
    .action(async (file: string, options: CommonOptions) => {
      const rows = await readRows(file, surroundings);
      const imported = await importKeys(client(options), rows, stderr);
      print(options, { keys: imported }, () => `Imported ${imported.length} keys`);
    });

  command('explain', 'Says which rule decides a request, step by step')
    .option('--key <id>', 'the key that the request carries')
    .addOption(
      new Option(
        '--token-stdin',
        'in place of --key: read the token that the request carries from standard input',
      ).conflicts('key'),
    )
    .requiredOption('--path <path>', 'for example /api/stream/abc')
    .option('--method <method>', 'of the request', 'GET')
    .option('--origin <origin>', 'of the page that sends it')
    .action(async (options: ExplainOptions) => {
      const body = {
        method: options.method.toUpperCase(),
        path: options.path,
        ...(await keyChoice(options, surroundings)),
        ...(options.origin === undefined ? {} : { origin: options.origin }),
      };
      const { json } = await client(options).send('POST', '/explain', { body, expected: 'steps' });
      print(options, json, () => explanationText(json, stdout.columns || COLUMNS));
    });

  return program;
}

interface CommonOptions {
  url?: string;
  json?: boolean;
}
interface AuditOptions extends CommonOptions {
  key?: string;
  limit: number;
}
interface CreateOptions extends CommonOptions {
  name: string;
  owner?: string;
  origin?: string[];
  fullAccess?: boolean;
  rules?: string;
  expiresAt?: string;
}
interface ListOptions extends CommonOptions {
  owner?: string;
  search?: string;
  limit: number;
}
interface ExplainOptions extends CommonOptions {
  key?: string;
  tokenStdin?: boolean;
  path: string;
  method: string;
  origin?: string;
}

/**
 * Refuses each option together with its `--no-` form. The parser keeps both as one value, so that its
 * `conflicts` sees no second option, and the last one would win.
 */
function refuseContradictions(command: Command): void {
  for (const negated of command.options.filter(({ negate }) => negate)) {
    const plain = command.options.find(
      (option) => !option.negate && option.attributeName() === negated.attributeName(),
    );
    if (plain === undefined) continue;
    const given = new Set<Option>();
    for (const option of [plain, negated]) {
      command.on(`option:${option.name()}`, () => {
        if (given.add(option).size === 1) return;
        // In the words of the parser for the conflicts that it sees.
        command.error(
          `error: option '${negated.flags}' cannot be used with option '${plain.flags}'`,
        );
      });
    }
  }
}

function connect(options: CommonOptions, { env, fetch }: Surroundings): ApiClient {
  const url = options.url ?? env[URL_VARIABLE];
  if (url === undefined || !URL.canParse(url)) {
    throw new CommandError(
      `Cannot tell where the edge is: give --url https://edge.example, or set ${URL_VARIABLE}`,
      exitCodes.usage,
    );
  }
  if (!/^https?:$/.test(new URL(url).protocol)) {
    throw new CommandError(
      `Cannot use ${JSON.stringify(url)} as the URL of the edge: it must begin with http:// or https://`,
      exitCodes.usage,
    );
  }
  const token = env[TOKEN_VARIABLE];
  if (!token) {
    throw new CommandError(
      `Cannot sign in: set ${TOKEN_VARIABLE} to the admin token, or to your own JWT`,
      exitCodes.usage,
    );
  }
  return createApiClient({ url, token, fetch });
}

/** Says to the API which key a request carries. The token is never an argument: arguments show in ps. */
async function keyChoice(
  { key, tokenStdin }: ExplainOptions,
  { stdin, stderr }: Surroundings,
): Promise<{ keyId: string } | { token: string }> {
  if (key !== undefined) return { keyId: key };
  if (!tokenStdin) {
    throw new CommandError(
      'Cannot tell which key the request carries: give --key <id>, or --token-stdin',
      exitCodes.usage,
    );
  }
  if (stdin.isTTY) stderr.write('The token, then Enter and Ctrl-D:\n');
  const token = (await text(stdin)).trim();
  if (token !== '') return { token };
  throw new CommandError('Cannot read a token: standard input holds none', exitCodes.usage);
}

async function accessFrom(options: CreateOptions): Promise<unknown> {
  const rules = options.rules === undefined ? undefined : await readJsonList(options.rules);
  if (options.origin === undefined) {
    if (options.fullAccess) {
      throw new CommandError(
        'Cannot give full access to a key without --origin: a backend key has it anyway',
        exitCodes.usage,
      );
    }
    return rules === undefined ? null : { rules };
  }
  const cors = { allowedOrigins: options.origin, fullAccess: options.fullAccess === true };
  return rules === undefined ? { cors } : { cors, rules };
}

/** The rows of an import: tokens that need not be in a file can come from whatever exports them. */
async function readRows(
  file: string,
  { stdin, stderr }: Surroundings,
): Promise<readonly unknown[]> {
  if (file !== '-') return readJsonList(file);
  if (stdin.isTTY) stderr.write('The list of keys as JSON, then Enter and Ctrl-D:\n');
  return readJsonList('standard input', () => text(stdin));
}

/** A list in a file. A file that says `null` is none: taken for rules, it would remove them. */
async function readJsonList(
  source: string,
  read = () => readFile(source, 'utf8'),
): Promise<readonly unknown[]> {
  let document: unknown;
  try {
    document = JSON.parse(await read());
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new CommandError(`Cannot read ${source}: ${withoutExcerpt(reason)}`, exitCodes.usage);
  }
  if (Array.isArray(document)) return document;
  throw new CommandError(`Cannot use ${source}: it is not a JSON list`, exitCodes.usage);
}

/** Why JSON cannot be parsed, without what V8 quotes of the text there: it may be a token. */
function withoutExcerpt(reason: string): string {
  return reason.replace(/, (?:\.\.\.)?".*is not valid JSON$/s, '');
}

function wholeNumber(text: string): number {
  if (/^\d{1,9}$/.test(text)) return Number(text);
  throw new InvalidArgumentError('It must be a whole number.');
}

function usageDays(text: string): number {
  const days = /^\d{1,9}$/.test(text) ? Number(text) : 0;
  if (days >= 1 && days <= USAGE_DAYS_MAX) return days;
  throw new InvalidArgumentError(`It must be a whole number from 1 to ${USAGE_DAYS_MAX}.`);
}

function atLeastOne(text: string): number {
  if (/^0*[1-9]\d{0,8}$/.test(text)) return Number(text);
  throw new InvalidArgumentError('It must be a whole number of at least 1.');
}
