#!/usr/bin/env node
/**
 * The command line: `edge-authorizer keys ...` and its like. Talks to the management API only, by `--url` and the
 * token in the environment or the login file, so that it can do what its caller may do and nothing else.
 */

import { run } from './run.ts';

// The reader of the other end has seen enough, as in `keys list | head -1`.
for (const output of [process.stdout, process.stderr]) {
  output.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error;
    process.exit();
  });
}

process.exitCode = await run(process.argv.slice(2), {
  env: process.env,
  fetch: (request) => fetch(request),
  stdin: process.stdin,
  stdout: process.stdout,
  stderr: process.stderr,
  now: Date.now,
});
