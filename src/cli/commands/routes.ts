/**
 * `routes import` and `routes check`: the table of a deployment's restricted keys, from the API's own
 * description, and what a change of it means.
 */

import type { Command } from 'commander';
import type { RouteList } from '../../core/routes/route-table.ts';
import { isRuleSetReference } from '../../core/routes/rule-sets.ts';
import {
  addApiCommand,
  addCommand,
  type Cli,
  type CommonOptions,
  withExamples,
} from '../command.ts';
import { CommandError, exitCodes, usageError } from '../failures.ts';
import { repeated } from '../options.ts';
import { compareRoutes, isSame, type RouteChange, withPlainIds } from '../routes/compare.ts';
import { readOpenApi, routesOf, type Selection, serverPathOf } from '../routes/openapi.ts';
import { countPublishedKeys } from '../routes/published-keys.ts';
import {
  checked,
  checkedSets,
  ROUTES_FILE,
  RULE_SETS_FILE,
  readRoutesFile,
  readRuleSetsFile,
  readRuleSetsIfThere,
  writeRoutesFile,
  writeRuleSetsFile,
} from '../routes/routes-file.ts';
import { compareSets, type SetChange, setChangeLines, withKeys } from '../routes/set-changes.ts';
import { counted } from '../tables.ts';

/** Adds `routes`. */
export function addRoutes(program: Command, cli: Cli): void {
  const routes = program
    .command('routes')
    .description('Makes and checks the table of restricted keys');
  withExamples(routes, [
    'routes import openapi.json --tag public',
    'routes check openapi.json --tag public',
  ]);
  addImportRoutes(routes, cli);
  addCheckRoutes(routes, cli);
}

const documentHelp = 'an OpenAPI document in JSON or YAML: a file or a URL';

function withSelection(command: Command): Command {
  return command
    .option('--tag <tag>', 'operations with this tag; may be repeated', repeated)
    .option('--path <path>', 'operations at or below this path; may be repeated', repeated)
    .option('--extension <name>', 'operations in which this extension is true, such as x-public')
    .option('--prefix <path>', 'put this in front of every path, such as /v1');
}

function addImportRoutes(routes: Command, cli: Cli): void {
  const command = addCommand(routes, 'import', 'Writes a routes file from an OpenAPI document', [
    'routes import openapi.json --tag public',
    'routes import https://api.example.com/openapi.json --path /assets --out routes.json',
    'routes import openapi.yaml --extension x-public --prefix /v1',
    'routes import openapi.json --tag player --rule-set player@1',
  ]);
  withSelection(command.argument('<openapi>', documentHelp))
    .option('--out <file>', `the file to write; default: ${ROUTES_FILE}, or ${RULE_SETS_FILE}`)
    .option('--rule-set <reference>', 'add a rule set such as acme@1 to the file of rule sets')
    .action(async (source: string, options: ImportOptions) => {
      const document = await readOpenApi(source);
      const { list, skipped } = routesOf(document, options);
      if (list.routes.length === 0) {
        throw new CommandError(
          `Cannot import: no operation of ${source} matches`,
          exitCodes.refused,
        );
      }
      checked(list, source);
      const file = options.out ?? (options.ruleSet ? RULE_SETS_FILE : ROUTES_FILE);
      if (options.ruleSet) await addRuleSet(file, options.ruleSet, list);
      else await writeRoutesFile(file, list);
      for (const path of skipped) cli.note(`Left out ${path}: an id is a part of a segment there`);
      for (const note of notesOn(document, options)) cli.note(note);
      cli.print({}, null, () => importedText(list, file, options));
    });
}

/** Points out what may not be meant. */
function notesOn(document: Record<string, unknown>, options: ImportOptions): string[] {
  const { tag, path, extension, prefix } = options;
  const isAll = tag === undefined && path === undefined && extension === undefined;
  const server = prefix === undefined ? serverPathOf(document) : null;
  return [
    ...(isAll ? ['Took every operation: choose with --tag, --path or --extension'] : []),
    ...(server === null
      ? []
      : [
          `The server of the document has these paths below ${server}: let UPSTREAM_URL end with it, or give --prefix ${server}`,
        ]),
  ];
}

function importedText(
  { routes, reservedWords }: Pick<RouteList, 'routes' | 'reservedWords'>,
  file: string,
  { ruleSet }: ImportOptions,
): string {
  const words = Object.values(reservedWords ?? {}).flat().length;
  const [option, usual] = ruleSet ? ['--rule-sets', RULE_SETS_FILE] : ['--routes', ROUTES_FILE];
  const init = file === usual ? 'init' : `init ${option} ${file}`;
  return `Wrote ${counted(routes.length, 'route')} and ${counted(words, 'reserved word')} to ${file}. Put them into service with edge-authorizer ${init}`;
}

/** Adds a set to the file. One that is there stays as it is, since keys may refer to it. */
async function addRuleSet(file: string, reference: string, list: RouteList): Promise<void> {
  if (!isRuleSetReference(reference)) {
    throw usageError(`Cannot use ${JSON.stringify(reference)} as a rule set: write it like acme@1`);
  }
  const sets = await readRuleSetsIfThere(file);
  const present = sets[reference];
  if (present !== undefined && !isSame(compareRoutes(present, list))) {
    throw new CommandError(
      `Refused: ${file} has another ${reference}, which keys may refer to. Import this one as a new version`,
      exitCodes.refused,
    );
  }
  await writeRuleSetsFile(file, checkedSets({ ...sets, [reference]: list }, reference));
}

interface ImportOptions extends Selection {
  readonly out?: string;
  readonly ruleSet?: string;
}

interface CheckOptions extends Selection, CommonOptions {
  readonly routes: string;
  readonly ruleSet?: string;
  readonly ruleSets: string;
  readonly beforeRuleSets?: string;
  readonly before?: string;
  readonly allowWidening?: boolean;
}

function addCheckRoutes(routes: Command, cli: Cli): void {
  const command = addApiCommand(
    routes,
    'check',
    'Reports how a routes file differs from an OpenAPI document, or from the routes in service',
    [
      'routes check openapi.json --tag public',
      'routes check openapi.json --tag public --before deployed-routes.json --url https://edge.example',
      'routes check --before-rule-sets deployed-sets.json --url https://edge.example',
    ],
  );
  withSelection(
    command.argument('[openapi]', `${documentHelp}; optional with --before or --before-rule-sets`),
  )
    .option('--routes <file>', 'the routes file', ROUTES_FILE)
    .option('--rule-set <reference>', 'compare this rule set, in place of the routes file')
    .option('--rule-sets <file>', 'the file of rule sets', RULE_SETS_FILE)
    .option(
      '--before-rule-sets <file>',
      'the rule sets in service: also report which published keys a change would widen or break',
    )
    .option(
      '--before <file>',
      'the routes in service: also report which published keys would be widened',
    )
    .option('--allow-widening', 'report widened keys, but do not end with an error for them')
    .action(async (source: string | undefined, options: CheckOptions) => {
      if (source === undefined) checkWithoutDocument(options);
      const { drift, widening } = await routeChanges(source, options);
      const isWider = widening !== null && widening.added.length + widening.freedWords.length > 0;
      const changes = await setChangesBy(options);
      const published =
        isWider || changes.length > 0 ? await countPublishedKeys(await cli.client(options)) : null;
      const keys = isWider ? (published?.restricted ?? 0) : 0;
      const ruleSets = published === null ? [] : withKeys(changes, published);
      cli.print(options, { drift, widening, publishedKeys: keys, ruleSets }, () => {
        const lines = [...linesOf(drift, widening, keys, options), ...setChangeLines(ruleSets)];
        return lines.length === 0 ? 'No difference' : lines.join('\n');
      });
      refuseSetChanges(ruleSets, options);
      if (keys > 0 && !options.allowWidening) {
        throw new CommandError(
          `Refused: ${keys} published keys would be able to call more. Give them keys of their own, or pass --allow-widening`,
          exitCodes.refused,
        );
      }
      if (drift === null || isSame(drift)) return;
      throw new CommandError(
        `Refused: ${options.ruleSet ?? options.routes} differs from ${source}`,
        exitCodes.refused,
      );
    });
}

/** The changes to the document, and from the routes in service; `null` without one to compare with. */
async function routeChanges(
  source: string | undefined,
  options: CheckOptions,
): Promise<Readonly<Record<'drift' | 'widening', RouteChange | null>>> {
  const { before } = options;
  if (source === undefined && before === undefined) return { drift: null, widening: null };
  const list = await listToCheck(options);
  const described = source === undefined ? null : routesOf(await readOpenApi(source), options).list;
  const inService = before === undefined ? null : await readRoutesFile(before);
  return {
    drift: described && compareRoutes(withPlainIds(list), described),
    widening: inService && compareRoutes(inService, list),
  };
}

/** The changes from the rule sets in service; empty: they were not named. */
async function setChangesBy({ beforeRuleSets, ruleSets }: CheckOptions) {
  if (beforeRuleSets === undefined) return [];
  return compareSets(await readRuleSetsFile(beforeRuleSets), await readRuleSetsIfThere(ruleSets));
}

/** Throws a usage error unless there is something else to compare with, and nothing to select. */
function checkWithoutDocument(options: CheckOptions): void {
  if (options.before === undefined && options.beforeRuleSets === undefined) {
    throw usageError(
      'Cannot check: name an OpenAPI document, or what is in service with --before or --before-rule-sets',
    );
  }
  const selections = ['tag', 'path', 'extension', 'prefix'] as const;
  const selection = selections.find((name) => options[name] !== undefined);
  if (selection !== undefined) {
    throw usageError(`Cannot use --${selection} without an OpenAPI document`);
  }
}

/** The routes file, or a set of the file of rule sets. Throws a `CommandError` if it is not there. */
async function listToCheck({ routes, ruleSet, ruleSets }: CheckOptions): Promise<RouteList> {
  if (ruleSet === undefined) return readRoutesFile(routes);
  const sets = await readRuleSetsFile(ruleSets);
  const list = isRuleSetReference(ruleSet) ? sets[ruleSet] : undefined;
  if (list === undefined) throw usageError(`Cannot find the rule set ${ruleSet} in ${ruleSets}`);
  return list;
}

/** Throws a `CommandError` if keys refer to a set that would change or be removed. */
function refuseSetChanges(changes: readonly SetChange[], { allowWidening }: CheckOptions): void {
  const refused = changes.filter(({ publishedKeys, change }) => {
    return publishedKeys > 0 && !(change === 'widened' && allowWidening);
  });
  if (refused.length === 0) return;
  const names = refused.map(({ ruleSet, publishedKeys }) => `${ruleSet} (${publishedKeys} keys)`);
  throw new CommandError(
    `Refused: published keys refer to rule sets that would change: ${names.join(', ')}. Make a new version, and move the keys to it`,
    exitCodes.refused,
  );
}

function linesOf(
  drift: RouteChange | null,
  widening: RouteChange | null,
  keys: number,
  { routes: file, ruleSet }: CheckOptions,
): readonly string[] {
  const routes = ruleSet ?? file;
  const lines = (title: string, list: readonly string[] = []) =>
    list.length === 0 ? [] : [title, ...list.map((line) => `  ${line}`)];
  return [
    ...lines(`In the document, not in ${routes}:`, drift?.added),
    ...lines(`In ${routes}, not in the document:`, drift?.removed),
    ...lines('Words that are paths of the API, and count as ids:', drift?.newWords),
    ...lines('Words that are no longer paths of the API:', drift?.freedWords),
    ...lines(`Endpoints that ${keys} published keys would gain:`, widening?.added),
    ...lines(`Words that ${keys} published keys could use as ids:`, widening?.freedWords),
  ];
}
