#!/usr/bin/env node
/**
 * The command line: `edge-authorizer keys ...` and its like. Talks to the management API only, by `--url` and the
 * token in the environment or the login file, so that it can do what its caller may do and nothing else.
 */

import { exitCodes } from './failures.ts';
import { run } from './run.ts';

for (const output of [process.stdout, process.stderr]) {
  output.on('error', (error: NodeJS.ErrnoException) => {
    // The reader of the other end has seen enough, as in `keys list | head -1`.
    if (error.code === 'EPIPE') process.exit();
    // A full disk, for example.
    if (output === process.stdout) {
      const changes = 'A change that the command made at the edge stays';
      process.stderr.write(`Cannot write to standard output: ${error.message}. ${changes}\n`);
    }
    process.exit(exitCodes.unavailable);
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
