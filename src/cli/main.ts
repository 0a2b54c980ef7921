#!/usr/bin/env node
/**
 * The command line: `edge-authorizer keys ...` and its like. Talks to the management API only, by `--url` and the
 * token in the environment, so that it can do what its caller may do and nothing else.
 */

import { run } from './program.ts';

process.exitCode = await run(process.argv.slice(2), {
  env: process.env,
  fetch,
  stdin: process.stdin,
  stdout: process.stdout,
  stderr: process.stderr,
});
