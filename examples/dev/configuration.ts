/** The problems of the edge's configuration, as its log names them, in words for a terminal. */

import { stripVTControlCharacters } from 'node:util';
import * as v from 'valibot';
import { faultLine } from '../../scripts/deploy/setting-faults.ts';

/** The edge runs and refuses every request, until its configuration is corrected. */
export class ConfigurationError extends Error {}

const lineSchema = v.pipe(
  v.string(),
  v.parseJson(),
  v.object({
    event: v.literal('configuration_broken'),
    problems: v.array(
      v.object({
        name: v.string(),
        value: v.nullish(v.string(), null),
        reason: v.string(),
        fix: v.string(),
      }),
    ),
  }),
);

/** Returns the error that a line of the edge's log stands for; `null` for all other lines. */
export function configurationErrorIn(line: string): ConfigurationError | null {
  const text = stripVTControlCharacters(line).trim();
  const read = v.safeParse(lineSchema, text);
  if (!read.success || read.output.problems.length === 0) return null;
  return new ConfigurationError(
    [
      'Cannot start the edge: its configuration has problems. Correct wrangler.toml or .dev.vars:',
      ...read.output.problems.map(faultLine),
    ].join('\n'),
  );
}
