/** The command line of `npm run deploy`. What it does not know is for `wrangler deploy`. */

import { parseArgs } from 'node:util';

/** The options of a deployment. */
export interface DeployOptions {
  config: string;
  env: string | undefined;
  /** The location of a new database; Cloudflare chooses without it. */
  location: string | undefined;
  jurisdiction: string | undefined;
  isSchemaOnly: boolean;
  isDryRun: boolean;
  forWrangler: string[];
}

/** The help text. */
export const USAGE = `Usage: npm run deploy -- [options] [options of wrangler deploy]

Examples:
  npm run deploy
  npm run deploy -- --env staging
  npm run deploy -- --location weur --var UPSTREAM_URL:https://api.example.com

  --config <file>        another file than wrangler.toml
  --env <name>           the environment in wrangler.toml
  --location <hint>      where a new database is put: weur eeur wnam enam apac oc
  --jurisdiction <name>  where a new database stays: eu
  --schema-only          find or create the stores and apply migrations, but deploy nothing
  --dry-run              only check the settings, and what wrangler would deploy; needs no account
  --help                 show this`;

/** Reads the arguments. Never fails: wrangler knows its own options best. */
export function parseDeployArguments(args: readonly string[]): DeployOptions | 'help' {
  const own = {
    config: { type: 'string', short: 'c' },
    env: { type: 'string', short: 'e' },
    location: { type: 'string' },
    jurisdiction: { type: 'string' },
    'schema-only': { type: 'boolean' },
    'dry-run': { type: 'boolean' },
    help: { type: 'boolean', short: 'h' },
  } as const;
  const { values, tokens } = parseArgs({
    args: [...args],
    options: own,
    strict: false,
    tokens: true,
    allowPositionals: true,
  });
  if (values['help'] === true) return 'help';
  const text = (name: 'config' | 'env' | 'location' | 'jurisdiction') => {
    const value = values[name];
    return typeof value === 'string' && value !== '' ? value : undefined;
  };
  // The words that belong to our own options, by their place.
  const taken = new Set<number>();
  for (const token of tokens) {
    if (token.kind !== 'option' || !(token.name in own) || token.name === 'dry-run') continue;
    taken.add(token.index);
    if (token.value !== undefined && !token.inlineValue) taken.add(token.index + 1);
  }
  return {
    config: text('config') ?? 'wrangler.toml',
    env: text('env') ?? process.env['CLOUDFLARE_ENV'],
    location: text('location'),
    jurisdiction: text('jurisdiction'),
    isSchemaOnly: values['schema-only'] === true,
    isDryRun: values['dry-run'] === true,
    forWrangler: args.filter((_, index) => !taken.has(index)),
  };
}
