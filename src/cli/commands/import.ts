/**
 * `keys import`: brings existing tokens over, from a file or a pipe.
 */

import type { Command } from 'commander';
import { addApiCommand, type Cli, type CommonOptions } from '../command.ts';
import { readRows } from '../files.ts';
import { importKeys, ROWS_PER_CALL } from '../import-keys.ts';
import { between } from '../options.ts';
import { counted } from '../tables.ts';

interface ImportOptions extends CommonOptions {
  readonly skipExisting?: boolean;
  readonly rowsPerCall: number;
}

/** Adds `import` to the commands for keys. */
export function addImport(keys: Command, cli: Cli): void {
  addApiCommand(keys, 'import', 'Imports existing tokens: a JSON list of keys', [
    'keys import keys.json',
    'keys import keys.json --skip-existing',
    'keys import - < keys.json',
  ])
    .argument('<file>', 'the file; "-" reads standard input')
    .option(
      '--skip-existing',
      'leave out rows whose token a key has already, so that it can be repeated',
    )
    .option(
      '--rows-per-call <number>',
      'at most so many keys in one call; 10 fit the free plan',
      between(1, 1000),
      ROWS_PER_CALL,
    )
    .action(async (file: string, options: ImportOptions) => {
      const rows = await readRows(file, cli.surroundings);
      const client = await cli.client(options);
      const { stderr } = cli.surroundings;
      const { keys: imported, skipped } = await importKeys(client, rows, { ...options, stderr });
      const left = options.skipExisting ? `, skipped ${skipped} that exist already` : '';
      const json = options.skipExisting ? { keys: imported, skipped } : { keys: imported };
      cli.print(options, json, () => `Imported ${counted(imported.length, 'key')}${left}`);
    });
}
