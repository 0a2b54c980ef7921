/**
 * `npm run bench`: compares the edge with a Worker that does nothing, and with other solutions. Prints a
 * table and writes `bench/RESULTS.md`; takes about half an hour.
 *
 *     --quick          the most important rows, in less than a minute; writes nothing
 *     --only <text>    the rows whose title holds the text, or "cold" or "idle"; writes nothing
 *     --root <folder>  measures another checkout; writes nothing
 */

import { execFileSync } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { cpus, release, tmpdir, totalmem } from 'node:os';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { unstable_readConfig as readConfig } from 'wrangler';
import { newAssertionKeys } from '../src/cli/assertion-keys.ts';
import type { AssertionMode } from '../src/gateway/assertion.ts';
import { CLIENT_TOKENS_IN_MEMORY } from '../src/keys/limits.ts';
import { bundleEdge, gatewaySource, projectRoot, sizesOf } from './bundle.ts';
import { measureCold, measureStartUp } from './cold.ts';
import { otherCores, pinning } from './cores.ts';
import { type PreparedEdge, prepareEdge } from './edge.ts';
import { type IdleTimes, idleLines, measureIdle } from './idle.ts';
import { check, warm, wrkVersion } from './load.ts';
import { compare } from './measure.ts';
import {
  type ContenderOptions,
  installPackages,
  serveBetterAuth,
  serveRecipe,
  serveRecipeInMemory,
  serveStudio,
} from './others.ts';
import { mainService } from './prepare.ts';
import {
  type ColdReport,
  coldLines,
  headingLine,
  isReached,
  type MeasuredGroup,
  type MeasuredRow,
  toLine,
  toPage,
} from './report.ts';
import {
  type Credentials,
  noCredentials,
  type Row,
  type RowGroup,
  rowGroups,
  type ServerName,
} from './rows.ts';
import { separateStores } from './stores.ts';
import { serveUpstream } from './upstream.ts';
import {
  plainWorker,
  type Server,
  serveWorkerd,
  type WorkerdConfig,
  workerdVersion,
} from './workerd.ts';

const { values: options } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    only: { type: 'string', default: '' },
    root: { type: 'string', default: projectRoot },
  },
});
const root = resolve(options.root);
const isWhole = !options.quick && options.only === '' && root === resolve(projectRoot);
const rhythm = options.quick
  ? { seconds: 1, rounds: 5, warmUpSeconds: 0 }
  : { seconds: 3, rounds: 7, warmUpSeconds: 2 };

/** Workers of one file without bindings, in `bench/contenders`. */
const plainNames = ['passthrough', 'constant', 'bare', 'refusing'] as const;
type PlainName = (typeof plainNames)[number];

/** In rotation, each of so many client tokens has been forgotten when it comes again. */
const MORE_THAN_MEMORY = 2 * CLIENT_TOKENS_IN_MEMORY;

const wrk = wrkVersion();
if (wrk === null) {
  console.error(
    'Cannot run the bench: wrk is not installed. It is in the package "wrk" of Debian, Ubuntu and Homebrew',
  );
  process.exit(1);
}
const folder = await mkdtemp(join(tmpdir(), 'edge-authorizer-bench-'));
try {
  await bench(wrk);
} finally {
  await rm(folder, { recursive: true, force: true });
}
process.exit(0);

async function bench(wrk: string): Promise<void> {
  const startedAt = new Date();
  const compatibilityDate = compatibilityDateOf(root);
  const upstream = await serveUpstream(join(folder, 'upstream'));
  const bundleFolder = join(folder, 'bundle');
  await bundleEdge(bundleFolder, root);

  const plain = async (name: PlainName) =>
    plainWorker(
      await readFile(join(projectRoot, `bench/contenders/${name}.js`), 'utf8'),
      compatibilityDate,
      { UPSTREAM_URL: upstream.url },
    );
  const prepare = (
    name: string,
    copies: number,
    vars: Record<string, string> = {},
    clientTokens = 0,
  ) =>
    prepareEdge({
      root,
      vars,
      folder: join(folder, name),
      bundleFolder,
      upstreamUrl: upstream.url,
      rotatingKeys: copies,
      registeredOrigins: copies,
      clientTokens,
    });
  const titles = chosenGroups(noCredentials).flatMap(({ rows }) => rows.map(({ title }) => title));
  const hasFirstUses = titles.some((title) => title.startsWith('first use'));
  const edge = await prepare('edge', 0, {}, hasFirstUses ? MORE_THAN_MEMORY : 0);

  const { servers, tokens } = await startServers(serversOf(chosenGroups(noCredentials)), {
    edge,
    plain,
    prepareFull: () => prepare('edge-full', 100_000),
    prepareAsserting: async (mode) =>
      prepare(`edge-asserts-${mode}`, 0, {
        ASSERTION: mode,
        ASSERTION_KEYS: JSON.stringify(await newAssertionKeys(undefined)),
      }),
    contender: (name) => ({
      folder: join(folder, name),
      upstreamUrl: upstream.url,
      compatibilityDate,
    }),
  });
  const groups = await measureGroups(chosenGroups(tokens), servers);
  for (const server of servers.values()) await server.dispose();

  // After the others, because a cold edge needs the storage for itself.
  let cold: ColdReport | null = null;
  if (isWhole || options.only === 'cold') {
    cold = await measureColds(edge, await plain('passthrough'), bundleFolder);
    console.log(`${coldLines(cold).join('\n')}\n`);
  }
  let idle: IdleTimes[] | null = null;
  if (isWhole || options.only === 'idle') {
    idle = await measureIdle({ root, folder, bundleFolder, upstreamUrl: upstream.url });
    console.log(`${idleLines(idle).join('\n')}\n`);
  }
  if (isWhole && cold !== null && idle !== null) {
    const facts = await circumstances(startedAt, wrk, upstream.version);
    await writeFile(join(projectRoot, 'bench/RESULTS.md'), toPage(facts, groups, { cold, idle }));
  }
  await upstream.dispose();
  const missed = groups.flatMap((group) => group.rows).filter((row) => !isReached(row));
  console.log(
    missed.length === 0
      ? 'Every row reaches what is wanted of it'
      : `Below what is wanted: ${missed.map(({ row }) => `${row.title} (${row.connections})`).join('; ')}`,
  );
}

/** The rows that the command line asks for. */
function chosenGroups(tokens: Credentials): RowGroup[] {
  return rowGroups(tokens)
    .map((group) => ({
      ...group,
      rows: group.rows.filter(
        (row) => (row.isQuick || !options.quick) && row.title.includes(options.only),
      ),
    }))
    .filter((group) => group.rows.length > 0);
}

function serversOf(groups: readonly RowGroup[]): Set<ServerName> {
  return new Set(
    groups.flatMap(({ rows }) =>
      rows.flatMap(({ baseline, contender }) => [baseline.server, contender.server]),
    ),
  );
}

/** Starts the servers that are needed, and says which tokens they accept. */
async function startServers(
  names: ReadonlySet<ServerName>,
  parts: {
    edge: PreparedEdge;
    plain: (name: PlainName) => Promise<WorkerdConfig>;
    prepareFull: () => Promise<PreparedEdge>;
    prepareAsserting: (mode: AssertionMode) => Promise<PreparedEdge>;
    contender: (name: ServerName) => ContenderOptions;
  },
): Promise<{ servers: Map<ServerName, Server>; tokens: Credentials }> {
  const servers = new Map<ServerName, Server>();
  const tokens: Credentials = { ...noCredentials, edge: parts.edge.keys };
  const serve = (name: ServerName, config: WorkerdConfig) =>
    serveWorkerd(join(folder, `${name}-workerd`), config);

  for (const name of plainNames) {
    if (names.has(name)) servers.set(name, await serve(name, await parts.plain(name)));
  }
  if (names.has('edge')) servers.set('edge', await serveEdge('edge', parts.edge.config));

  for (const [name, mode] of [
    ['edgeAssertsKey', 'key'],
    ['edgeAssertsRequest', 'request'],
  ] as const) {
    if (!names.has(name)) continue;
    const { config, keys } = await parts.prepareAsserting(mode);
    servers.set(name, await serveEdge(name, config));
    tokens[name] = keys.restricted;
  }

  const starts = {
    recipe: serveRecipe,
    recipeInMemory: serveRecipeInMemory,
    betterAuth: serveBetterAuth,
    studio: serveStudio,
  };
  for (const name of ['recipe', 'recipeInMemory', 'betterAuth', 'studio'] as const) {
    if (!names.has(name)) continue;
    installPackages();
    const { server, token } = await starts[name](parts.contender(name));
    servers.set(name, server);
    tokens[name] = token;
  }

  if (names.has('edgeFull')) {
    console.log('filling a D1 with 100,000 keys and origins, and an isolate with the keys\n');
    const { config, keys } = await parts.prepareFull();
    const server = await serveEdge('edgeFull', config);
    await warm(server.url, keys.rotating);
    servers.set('edgeFull', server);
    tokens.edgeFull = { rotating: keys.rotating, origins: keys.registeredOrigins };
  }
  return { servers, tokens };
}

/**
 * Serves the edge alone on the core under test: its D1, KV and Queue are beside the load generator, for
 * on Cloudflare they are not in the Worker's process either.
 */
async function serveEdge(name: ServerName, config: WorkerdConfig): Promise<Server> {
  const apart = await separateStores(config, mainService);
  const stores = await serveWorkerd(join(folder, `${name}-stores`), apart.stores, otherCores);
  const worker = await serveWorkerd(join(folder, `${name}-workerd`), apart.worker);
  return {
    ...worker,
    async dispose() {
      await worker.dispose();
      await stores.dispose();
    },
  };
}

async function measureGroups(
  groups: readonly RowGroup[],
  servers: ReadonlyMap<ServerName, Server>,
): Promise<MeasuredGroup[]> {
  console.log(`${headingLine()}\n`);
  const measuredGroups: MeasuredGroup[] = [];
  for (const { title, explanation, rows } of groups) {
    console.log(title);
    const measuredRows: MeasuredRow[] = [];
    for (const row of rows) {
      const measured = { row, result: await measureRow(row, servers) };
      measuredRows.push(measured);
      console.log(toLine(measured));
    }
    console.log();
    measuredGroups.push({ title, explanation, rows: measuredRows });
  }
  return measuredGroups;
}

async function measureRow(row: Row, servers: ReadonlyMap<ServerName, Server>) {
  const sides = [row.baseline, row.contender].map(({ server: name, request }) => {
    const server = servers.get(name);
    if (server === undefined) throw new Error(`Cannot measure "${row.title}": ${name} is not up`);
    return { name, server, request };
  });
  for (const { server, request } of sides) await check(server.url, request);
  const [baseline, contender] = sides as [(typeof sides)[0], (typeof sides)[0]];
  return compare(baseline, contender, { ...rhythm, connections: row.connections, folder });
}

async function measureColds(
  edge: PreparedEdge,
  passthrough: WorkerdConfig,
  bundleFolder: string,
): Promise<ColdReport> {
  const source = await readFile(join(bundleFolder, 'index.js'), 'utf8');
  const request = {
    method: 'GET',
    path: '/api/stream/f5eese9wwl88k4g8',
    headers: { Authorization: `Bearer ${edge.keys.restricted}` },
    status: 200,
  };
  const cold = (name: string, config: WorkerdConfig, samples: number) =>
    measureCold({ folder: join(folder, name), config, request, samples });
  // What the figures of a whole run rest on takes minutes.
  const few = isWhole ? 1 : 0.1;
  return {
    bundle: sizesOf(source),
    gateway: sizesOf(await gatewaySource(root)),
    startUp: await measureStartUp({
      folder: join(folder, 'start-up'),
      source,
      forwarding: await readFile(join(projectRoot, 'bench/contenders/passthrough.js'), 'utf8'),
      compatibilityDate: compatibilityDateOf(root),
      samples: 50 * few,
    }),
    edge: await cold('cold-edge', edge.config, 1000 * few),
    passthrough: await cold('cold-passthrough', passthrough, 200 * few),
  };
}

async function circumstances(startedAt: Date, wrk: string, upstream: string) {
  const [processor] = cpus();
  const gibibytes = Math.round(totalmem() / 2 ** 30);
  return {
    Date: startedAt.toISOString(),
    Commit: commit(),
    Machine: `${cpus().length} cores of ${processor?.model.trim()}, ${gibibytes} GiB, Linux ${release()}`,
    Cores: pinning,
    Runtime: `${await workerdVersion()}, Node.js ${process.version}`,
    Load: `wrk ${wrk}, one thread; ${rhythm.rounds} rounds of ${rhythm.seconds} s a side`,
    Upstream: upstream,
  };
}

function commit(): string {
  const git = (...commandLine: string[]) =>
    execFileSync('git', commandLine, { cwd: root, encoding: 'utf8' }).trim();
  const isClean = git('status', '--porcelain', '--', 'src', 'wrangler.toml') === '';
  return `${git('rev-parse', '--short', 'HEAD')}${isClean ? '' : ' with changes in src'}`;
}

function compatibilityDateOf(checkout: string): string {
  const config = readConfig({ config: join(checkout, 'wrangler.toml') });
  if (config.compatibility_date === undefined) {
    throw new Error('Cannot run the bench: wrangler.toml has no compatibility_date');
  }
  return config.compatibility_date;
}
