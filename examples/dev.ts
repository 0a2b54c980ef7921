/**
 * `npm run dev`: the whole thing on this machine. The edge in front of an API of your own
 * (`--upstream`), or of an example with a web page on another origin that calls it; and keys to try.
 *
 * This file reads the command line, prints, and ends with the right exit code; `dev/start.ts` does
 * the rest.
 */

import { ConfigurationError } from './dev/configuration.ts';
import { createLog } from './dev/log.ts';
import { parseArguments, USAGE } from './dev/options.ts';
import { startDev } from './dev/start.ts';
import { summaryOf } from './dev/summary.ts';

process.exitCode = await main();

async function main(): Promise<number> {
  const parsed = parseArguments(process.argv.slice(2), process.env);
  if (parsed.kind === 'help') {
    console.log(USAGE);
    return 0;
  }
  if (parsed.kind === 'problems') {
    for (const problem of parsed.problems) console.error(problem);
    console.error(`\n${USAGE}`);
    return 2;
  }

  const log = createLog(parsed.options.isVerbose);
  console.log('Starting. It takes a few seconds');
  const stopSignal = abortedByTheTerminal();
  stopSignal.addEventListener('abort', () => console.log('\nStopping'));
  try {
    const session = await startDev(parsed.options, log, stopSignal);
    console.log(summaryOf(session));
    log.open();
    await session.ended;
    return 0;
  } catch (error) {
    // Stopped while it was starting: what was wanted, not a failure.
    if (stopSignal.aborted) return 0;
    if (error instanceof ConfigurationError) {
      // All of it is in the message, which the log would only bury.
      console.error(`\n${error.message}`);
      return 1;
    }
    console.error(`${log.kept()}\n\n${error instanceof Error ? error.message : error}`);
    return 1;
  }
}

/**
 * Returns a signal that aborts on Ctrl-C, on SIGTERM and when the terminal is closed.
 *
 * It still swallows them afterwards: npm passes on a Ctrl-C that the terminal has already sent us, and
 * the second one must not cut the orderly end short. That end takes seconds at most.
 */
function abortedByTheTerminal(): AbortSignal {
  const controller = new AbortController();
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(name, () => controller.abort());
  }
  return controller.signal;
}
