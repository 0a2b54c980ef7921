/** The wrangler processes: one that migrates D1, and one each for the upstream and the edge. */

import { join } from 'node:path';
import { type Child, startChild } from './child.ts';
import { DEFAULT_DEV_VARS_FILE, type DevOptions, HOST, PROJECT_DIR } from './options.ts';
import type { ChosenUpstream } from './upstream.ts';

type OnLine = (name: string, line: string) => void;

// Not bin/wrangler.js, which only starts this one in another process and does not pass signals on.
const WRANGLER = join(PROJECT_DIR, 'node_modules/wrangler/wrangler-dist/cli.js');

/**
 * Brings the edge's local D1 to the schema of today and ends. Takes about a second; does no harm when
 * repeated. Its output is collected rather than shown, as it matters only when it fails.
 */
export function migrate(options: DevOptions): { child: Child; output: string[] } {
  const output: string[] = [];
  const child = wrangler(
    'migrations',
    [
      ...['d1', 'migrations', 'apply', 'edge-authorizer', '--local'],
      ...['--config', join(PROJECT_DIR, 'wrangler.toml')],
      ...['--persist-to', options.stateDir],
    ],
    (line) => output.push(line),
  );
  return { child, output };
}

/** Starts the example upstream. Ready when it answers. */
export function startUpstream(options: DevOptions, onLine: OnLine): Child {
  const args = [
    ...['dev', '--config', join(PROJECT_DIR, 'examples/upstream/wrangler.toml')],
    ...listenOn(options.upstreamPort),
    // Apart from the edge's: two runtimes must not open the same SQLite files.
    ...['--persist-to', join(options.stateDir, 'upstream')],
  ];
  return wrangler('upstream', args, (line) => onLine('upstream', line));
}

/** Starts the edge in front of an API. Ready when `/_edge/health/ready` answers 200. */
export function startEdge(options: DevOptions, upstream: ChosenUpstream, onLine: OnLine): Child {
  // Elsewhere than usual, the file must be named. Wrangler then reads it as a `.env` file, which
  // makes no difference to what we write into it.
  const elsewhere = options.devVarsFile !== DEFAULT_DEV_VARS_FILE;
  const args = [
    ...['dev', '--config', join(PROJECT_DIR, 'wrangler.toml')],
    ...listenOn(options.edgePort),
    ...['--persist-to', options.stateDir],
    // What is in a file is left to it: this would override it.
    ...(upstream.source === 'file' ? [] : ['--var', `UPSTREAM_URL:${upstream.url}`]),
    // One host serves the page and the API here: `manage-host.ts` tells those who set another.
    ...['--var', 'MANAGE_HOST:'],
    // A receiver of events may run on this machine.
    ...['--var', 'EVENTS_TO_LOOPBACK:true'],
    ...(elsewhere ? ['--env-file', options.devVarsFile] : []),
  ];
  return wrangler('edge', args, (line) => onLine('edge', line));
}

function listenOn(port: number): string[] {
  // Inspector port 0 is any free one; two processes would otherwise race for 9229.
  return ['--ip', HOST, '--port', String(port), '--inspector-port', '0'];
}

function wrangler(name: string, args: string[], onLine: (line: string) => void): Child {
  return startChild(name, ['--no-warnings', WRANGLER, ...args], {
    cwd: PROJECT_DIR,
    env: {
      ...process.env,
      WRANGLER_SEND_METRICS: 'false',
      WRANGLER_SEND_ERROR_REPORTS: 'false',
      WRANGLER_HIDE_BANNER: 'true',
      // Without this, every start tries to fetch a sample of `Request.cf` and waits when offline.
      CLOUDFLARE_CF_FETCH_ENABLED: 'false',
    },
    onLine,
  });
}
