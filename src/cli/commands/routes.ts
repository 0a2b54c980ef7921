/**
 * `routes import` and `routes check`: the table of a deployment's restricted keys, from the API's own
 * description, and what a change of it means.
 */

import type { Command } from 'commander';
import {
  addApiCommand,
  addCommand,
  type Cli,
  type CommonOptions,
  withExamples,
} from '../command.ts';
import { CommandError, exitCodes } from '../failures.ts';
import { repeated } from '../options.ts';
import { compareRoutes, isSame, type RouteChange } from '../routes/compare.ts';
import { readOpenApi, routesOf, type Selection } from '../routes/openapi.ts';
import { countPublishedKeys } from '../routes/published-keys.ts';
import { checked, ROUTES_FILE, readRoutesFile, writeRoutesFile } from '../routes/routes-file.ts';

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

function withSelection(command: Command): Command {
  return command
    .argument('<openapi>', 'an OpenAPI document in JSON or YAML: a file or a URL')
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
  ]);
  withSelection(command)
    .option('--out <file>', 'the routes file', ROUTES_FILE)
    .action(async (source: string, options: Selection & { out: string }) => {
      const { list, skipped } = routesOf(await readOpenApi(source), options);
      if (list.routes.length === 0) {
        throw new CommandError(
          `Cannot import: no operation of ${source} matches`,
          exitCodes.refused,
        );
      }
      checked(list, source);
      await writeRoutesFile(options.out, list);
      for (const path of skipped) cli.note(`Left out ${path}: an id is a part of a segment there`);
      const words = Object.values(list.reservedWords).flat().length;
      cli.print(
        {},
        null,
        () =>
          `Wrote ${list.routes.length} routes and ${words} reserved words to ${options.out}. Put them into service with edge-authorizer init`,
      );
    });
}

interface CheckOptions extends Selection, CommonOptions {
  readonly routes: string;
  readonly before?: string;
  readonly allowWidening?: boolean;
}

function addCheckRoutes(routes: Command, cli: Cli): void {
  const command = addApiCommand(
    routes,
    'check',
    'Reports how a routes file differs from an OpenAPI document',
    [
      'routes check openapi.json --tag public',
      'routes check openapi.json --tag public --before deployed-routes.json --url https://edge.example',
    ],
  );
  withSelection(command)
    .option('--routes <file>', 'the routes file', ROUTES_FILE)
    .option(
      '--before <file>',
      'the routes in service: also report which published keys would be widened',
    )
    .option('--allow-widening', 'report widened keys, but do not end with an error for them')
    .action(async (source: string, options: CheckOptions) => {
      const list = await readRoutesFile(options.routes);
      const { list: described } = routesOf(await readOpenApi(source), options);
      const drift = compareRoutes(list, described);
      const widening = options.before
        ? compareRoutes(await readRoutesFile(options.before), list)
        : null;
      const isWider = widening !== null && widening.added.length + widening.freedWords.length > 0;
      const keys = isWider ? await countPublishedKeys(await cli.client(options)) : 0;
      cli.print(options, { drift, widening, publishedKeys: keys }, () =>
        textOf(drift, widening, keys, options),
      );
      const isRefused = keys > 0 && !options.allowWidening;
      if (isSame(drift) && !isRefused) return;
      throw new CommandError(
        isRefused
          ? `Refused: ${keys} published keys would be able to call more. Give them keys of their own, or pass --allow-widening`
          : `Refused: ${options.routes} differs from ${source}`,
        exitCodes.refused,
      );
    });
}

function textOf(
  drift: RouteChange,
  widening: RouteChange | null,
  keys: number,
  { routes }: CheckOptions,
): string {
  const lines = (title: string, list: readonly string[]) =>
    list.length === 0 ? [] : [title, ...list.map((line) => `  ${line}`)];
  const parts = [
    ...lines(`In the document, not in ${routes}:`, drift.added),
    ...lines(`In ${routes}, not in the document:`, drift.removed),
    ...lines('Words that are paths of the API, and count as ids:', drift.newWords),
    ...lines('Words that are no longer paths of the API:', drift.freedWords),
    ...lines(`Endpoints that ${keys} published keys would gain:`, widening?.added ?? []),
    ...lines(`Words that ${keys} published keys could use as ids:`, widening?.freedWords ?? []),
  ];
  return parts.length === 0 ? 'No difference' : parts.join('\n');
}
