/** The options of `npm run dev`: ports, and where its state is kept. Reads nothing itself. */

import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';

export interface DevOptions {
  edgePort: number;
  upstreamPort: number;
  pagePort: number;
  tokensPagePort: number;
  /** The folder of the edge's local D1 and KV. */
  stateDir: string;
  /** The file that wrangler reads secrets from. */
  devVarsFile: string;
  /** The file that remembers the tokens of the development keys. */
  keysFile: string;
  /** The API to put the edge in front of, as it was given here; `null`: see `upstream.ts`. */
  upstream: string | null;
  /** `true` if everything that wrangler says is printed. */
  isVerbose: boolean;
}

export type ParsedArguments =
  | { kind: 'options'; options: DevOptions }
  | { kind: 'help' }
  | { kind: 'problems'; problems: string[] };

/** The folder that holds `wrangler.toml` and `schema.sql`. */
export const PROJECT_DIR = resolve(import.meta.dirname, '../..');

/** Everything listens here alone: development keys and an admin token are no business of the network's. */
export const HOST = '127.0.0.1';

/** The ports: how each is called, chosen and what it is by default. */
export const PORTS = {
  edgePort: { what: 'the edge', flag: 'port', variable: 'DEV_PORT', preset: 8787 },
  upstreamPort: {
    what: 'the example upstream',
    flag: 'upstream-port',
    variable: 'DEV_UPSTREAM_PORT',
    preset: 8788,
  },
  pagePort: {
    what: 'the example page',
    flag: 'page-port',
    variable: 'DEV_PAGE_PORT',
    preset: 8789,
  },
  tokensPagePort: {
    what: 'the example with client tokens',
    flag: 'tokens-page-port',
    variable: 'DEV_TOKENS_PAGE_PORT',
    preset: 8790,
  },
} as const;

export const USAGE = `Usage: npm run dev -- [options]

Starts the edge, an example upstream and two example web pages on ${HOST}.

  --upstream <url>      put the edge in front of this API (DEV_UPSTREAM, or UPSTREAM_URL in .dev.vars);
                        otherwise, an example API and example pages are started
  --port <n>            port of the edge              (DEV_PORT, ${PORTS.edgePort.preset})
  --upstream-port <n>   port of the example upstream  (DEV_UPSTREAM_PORT, ${PORTS.upstreamPort.preset})
  --page-port <n>       port of the example page      (DEV_PAGE_PORT, ${PORTS.pagePort.preset})
  --tokens-page-port <n>  port of the example with client tokens
                        (DEV_TOKENS_PAGE_PORT, ${PORTS.tokensPagePort.preset})
  --persist-to <dir>    keep all state in this folder (DEV_PERSIST_TO); otherwise it is in
                        .wrangler/ and .dev.vars
  --verbose             print everything that wrangler says (DEV_VERBOSE)
  --help                show this`;

/** Reads flags, then environment variables, then presets. Reports every problem, each with its fix. */
export function parseArguments(
  args: string[],
  environment: Record<string, string | undefined>,
): ParsedArguments {
  let flags: Record<string, string | boolean | undefined>;
  try {
    flags = parseArgs({
      args,
      options: {
        port: { type: 'string' },
        'upstream-port': { type: 'string' },
        'page-port': { type: 'string' },
        'tokens-page-port': { type: 'string' },
        'persist-to': { type: 'string' },
        upstream: { type: 'string' },
        verbose: { type: 'boolean' },
        help: { type: 'boolean', short: 'h' },
      },
    }).values;
  } catch (error) {
    return { kind: 'problems', problems: [error instanceof Error ? error.message : String(error)] };
  }
  const { help, 'persist-to': persistTo } = flags;
  if (help === true) return { kind: 'help' };

  const { DEV_PERSIST_TO, DEV_UPSTREAM, DEV_VERBOSE } = environment;
  const problems: string[] = [];
  const port = (name: keyof typeof PORTS): number => {
    const { what, flag, variable, preset } = PORTS[name];
    const given = flags[flag] ?? environment[variable] ?? preset;
    const number = Number(given);
    if (!Number.isInteger(number) || number < 1 || number > 65_535) {
      problems.push(
        `Cannot use ${JSON.stringify(given)} as the port of ${what}: ` +
          `a number from 1 to 65535 is required in --${flag} or ${variable}`,
      );
    }
    return number;
  };

  const options = {
    edgePort: port('edgePort'),
    upstreamPort: port('upstreamPort'),
    pagePort: port('pagePort'),
    tokensPagePort: port('tokensPagePort'),
    ...filesIn(persistTo ?? DEV_PERSIST_TO),
    upstream: (flags['upstream'] as string | undefined) ?? (DEV_UPSTREAM || null),
    isVerbose: flags['verbose'] === true || Boolean(DEV_VERBOSE),
  };
  if (options.upstream !== null && !isHttpUrl(options.upstream)) {
    problems.push(
      `Cannot use ${JSON.stringify(options.upstream)} as the upstream: ` +
        'an http or https URL is required in --upstream or DEV_UPSTREAM, such as https://api.example.com',
    );
  }
  const ports = [options.edgePort, options.upstreamPort, options.pagePort, options.tokensPagePort];
  if (problems.length === 0 && new Set(ports).size < ports.length) {
    problems.push(
      'Cannot start on these ports: the edge, the upstream and the pages need one each, ' +
        'see --port, --upstream-port, --page-port and --tokens-page-port',
    );
  }
  return problems.length > 0 ? { kind: 'problems', problems } : { kind: 'options', options };
}

/** Returns where things are kept. With a folder of its own, a session leaves the usual one alone. */
function filesIn(
  persistTo: string | boolean | undefined,
): Pick<DevOptions, 'stateDir' | 'devVarsFile' | 'keysFile'> {
  if (typeof persistTo !== 'string' || persistTo === '') {
    return {
      stateDir: join(PROJECT_DIR, '.wrangler/state'),
      devVarsFile: DEFAULT_DEV_VARS_FILE,
      keysFile: join(PROJECT_DIR, '.wrangler/dev-keys.json'),
    };
  }
  const dir = resolve(persistTo);
  return {
    stateDir: join(dir, 'state'),
    devVarsFile: join(dir, '.dev.vars'),
    keysFile: join(dir, 'dev-keys.json'),
  };
}

/** The file that wrangler reads by itself. */
export const DEFAULT_DEV_VARS_FILE = join(PROJECT_DIR, '.dev.vars');

function isHttpUrl(text: string): boolean {
  return URL.canParse(text) && /^https?:$/.test(new URL(text).protocol);
}
