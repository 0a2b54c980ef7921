/** The options of every Miniflare here: a free port of loopback, without requests or words of its own. */

import { Log, LogLevel } from 'miniflare';

/** See the file's head. */
export const quietMiniflare = {
  host: '127.0.0.1',
  port: 0,
  cf: false,
  telemetry: { enabled: false },
  log: new Log(LogLevel.NONE),
} as const;
