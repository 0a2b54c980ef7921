/**
 * `init`: writes what a deployment in front of one's own API needs. It can be run again: what was set
 * before stays, unless an option says otherwise.
 */

import { access, mkdir, readFile, realpath, rename, writeFile } from 'node:fs/promises';
import { basename, dirname, resolve } from 'node:path';
import type { Command } from 'commander';
import { reachOf } from '../../core/addresses/reach.ts';
import { canonicalHost } from '../../core/isolation/manage-host.ts';
import type { AccessRule } from '../../core/key/key.ts';
import type { RouteList } from '../../core/routes/route-table.ts';
import { upstreamUrlFault } from '../../core/routes/upstream-url.ts';
import { quotableUrl } from '../../core/written-url.ts';
import { addCommand, type Cli } from '../command.ts';
import { usageError } from '../failures.ts';
import { ensureAdminToken } from '../init/dev-vars.ts';
import { setRoutes, setRuleSets, setVars, varsIn } from '../init/wrangler-toml.ts';
import { ruleOption } from '../options.ts';
import { ask } from '../questions.ts';
import { idKind } from '../routes/id-kind.ts';
import {
  checked,
  ROUTES_FILE,
  RULE_SETS_FILE,
  readRoutesFile,
  readRuleSetsIfThere,
  writeRoutesFile,
} from '../routes/routes-file.ts';

interface InitOptions {
  readonly upstream?: string;
  readonly allow?: AccessRule[];
  readonly routes: string;
  readonly ruleSets: string;
  readonly manageHost?: string;
  readonly dir: string;
}

/** Adds `init`. */
export function addInit(program: Command, cli: Cli): void {
  addCommand(
    program,
    'init',
    'Writes wrangler.toml, a routes file and .dev.vars for your own API',
    [
      'init',
      'init --upstream https://api.example.com --allow "GET /assets/:id" --allow "POST /assets"',
      'init --routes routes.json --manage-host keys.example.com',
    ],
  )
    .option('--upstream <url>', 'the address of your API')
    .option(
      '--allow <rule>',
      'an endpoint that restricted keys may call, such as "GET /assets/:id"; may be repeated',
      ruleOption,
    )
    .option('--routes <file>', 'the routes file, for example of "routes import"', ROUTES_FILE)
    .option('--rule-sets <file>', 'the file of rule sets that keys refer to', RULE_SETS_FILE)
    .option('--manage-host <host>', 'the only host that serves the page and the management API')
    .option('--dir <folder>', 'the folder to write to', '.')
    .action(async (given: InitOptions) => {
      const options = { ...given, routes: resolve(given.dir, given.routes) };
      const file = resolve(given.dir, 'wrangler.toml');
      const toml = await readToml(file);
      const vars = varsIn(toml, 'wrangler.toml');
      const upstream = await upstreamFrom(options, vars['UPSTREAM_URL'], cli);
      const { list, isNew: areNewRoutes } = await routesFrom(options, cli);
      const { manageHost } = options;
      if (manageHost) checkManageHost(manageHost);
      const settings = {
        UPSTREAM_URL: upstream,
        ...(manageHost ? { MANAGE_HOST: manageHost } : {}),
      };
      const withVars = setVars(toml, settings);
      const sets = await readRuleSetsIfThere(resolve(given.dir, given.ruleSets));
      const withRoutes = list === null ? withVars : setRoutes(withVars, list);
      const hasSets = Object.keys(sets).length > 0;
      const changed = hasSets ? setRuleSets(withRoutes, sets) : withRoutes;
      // Read back, because a table that was written in another way may be in the way.
      varsIn(changed, 'the changed wrangler.toml');
      await replaceFile(file, changed);
      if (list !== null && areNewRoutes) await writeRoutesFile(options.routes, list);
      const isNew = await ensureAdminToken(resolve(given.dir, '.dev.vars'));
      cli.print({}, null, () => summaryOf(upstream, list, given.routes, isNew, Object.keys(sets)));
    });
}

/** The file of this folder, or else that of the package, whose parts are then found below node_modules. */
async function readToml(file: string): Promise<string> {
  const present = await readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return null;
    throw error;
  });
  if (present !== null) return present;
  const own = new URL('../../../wrangler.toml', import.meta.url);
  const installed = 'node_modules/edge-authorizer';
  return (await readFile(own, 'utf8'))
    .replace('main = "src/index.ts"', `main = "${installed}/src/index.ts"`)
    .replace(/^database_name = .*$/m, `$&\nmigrations_dir = "${installed}/migrations"`);
}

/**
 * Writes the whole file at once. `npm run dev` watches it, and would end if it read a file that is still
 * empty.
 */
async function replaceFile(file: string, text: string): Promise<void> {
  await mkdir(dirname(file), { recursive: true });
  // A link stays a link.
  const target = await realpath(file).catch(() => file);
  const draft = `${target}.${process.pid}`;
  await writeFile(draft, text);
  await rename(draft, target);
}

async function upstreamFrom(options: InitOptions, present: unknown, cli: Cli): Promise<string> {
  const isSet = typeof present === 'string' && present !== '';
  const { stdin } = cli.surroundings;
  const upstream =
    options.upstream ??
    (isSet ? present : undefined) ??
    (stdin.isTTY ? (await ask('The address of your API: ', cli.surroundings)).trim() : undefined);
  if (!upstream) throw usageError('Cannot tell where your API is: give --upstream <url>');
  const fault = upstreamUrlFault(upstream);
  if (fault !== null) {
    throw usageError(
      `Cannot use ${JSON.stringify(quotableUrl(upstream))} as the address of your API: ${fault.reason}. ${fault.fix}`,
    );
  }
  return upstream;
}

function checkManageHost(host: string): void {
  if (canonicalHost(host) !== null) return;
  throw usageError(
    `Cannot use ${JSON.stringify(host)} as the management host: give a host alone, such as manage.example.com`,
  );
}

/** The routes of `--allow`, or else of the routes file; `null`: the built-in table stays. */
async function routesFrom(
  { allow, routes }: InitOptions,
  cli: Cli,
): Promise<{ list: RouteList | null; isNew: boolean }> {
  const rules = allow ?? (await askedRules(routes, cli));
  if (rules.length > 0) {
    return { list: checked({ routes: rules.map(toRow) }, '--allow'), isNew: true };
  }
  const isThere = await access(routes).then(
    () => true,
    () => false,
  );
  if (!isThere && basename(routes) === ROUTES_FILE) return { list: null, isNew: false };
  return { list: await readRoutesFile(routes), isNew: false };
}

/** Asks a person for endpoints, one a line, unless there is a routes file already. */
async function askedRules(routes: string, cli: Cli): Promise<AccessRule[]> {
  const { stdin } = cli.surroundings;
  if (!stdin.isTTY || (await readFile(routes).catch(() => null)) !== null) return [];
  const question =
    'Endpoints that pages may call, such as GET /assets/:id, POST /assets; empty for none: ';
  const answer = await ask(question, cli.surroundings);
  const parts = answer.split(/,(?=\s*[A-Za-z*]+\s+\/)/).filter((part) => part.trim() !== '');
  return parts.reduce<AccessRule[]>((rules, part) => ruleOption(part, rules), []);
}

function toRow({ methods, resources }: AccessRule): RouteList['routes'][number] {
  const [resource = ''] = resources;
  return {
    methods: methods.map((method) => method.toUpperCase()),
    path: resource.replace(
      /(?<=\/):(\w+)((?:\([^)]*\))?)(?=\/|$)/g,
      (_, name, more) => `{${idKind(name)}${more}}`,
    ),
  };
}

function summaryOf(
  upstream: string,
  list: RouteList | null,
  file: string,
  isNew: boolean,
  sets: readonly string[],
): string {
  const table =
    list === null
      ? 'the built-in table, see docs/routes.md'
      : `${list.routes.length} routes, in ${file}`;
  return [
    `wrangler.toml   in front of ${upstream}; restricted keys may call ${table}`,
    ...(sets.length === 0
      ? []
      : [`                keys may refer to the rule sets ${sets.join(', ')}`]),
    `.dev.vars       ${isNew ? 'a new admin token for local development' : 'left as it is'}`,
    '',
    ...nextSteps(upstream),
  ].join('\n');
}

function nextSteps(upstream: string): string[] {
  if (reachOf(new URL(upstream).hostname) === 'public') {
    return ['Next: npm run dev, and npm run deploy to put it into service'];
  }
  return [
    'Next: npm run dev',
    'Cloudflare cannot reach this address: before npm run deploy, run init again with --upstream and the public one',
  ];
}
