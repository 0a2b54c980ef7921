/**
 * `events`: what the receiver of events was sent, and sending one again.
 */

import { type Command, Option } from 'commander';
import { addApiCommand, type Cli, type CommonOptions, withExamples } from '../command.ts';
import { answerOf } from '../failures.ts';
import { between } from '../options.ts';
import { eventTable } from '../tables.ts';

interface ListOptions extends CommonOptions {
  readonly state?: string;
  readonly key?: string;
  readonly limit?: number;
  readonly cursor?: string;
}

/** Adds `events` with `list` and `replay`. */
export function addEvents(program: Command, cli: Cli): void {
  const events = program
    .command('events')
    .description('Lists events about keys, and sends them again');
  withExamples(events, [
    'events list --state failed',
    'events replay evt_0123456789abcdef0123456789abcdef',
  ]);
  addApiCommand(events, 'list', 'Prints events, newest first', [
    'events list --state failed',
    'events list --key key_4ZCrl9mJgVd8tAqHn2sXkE --json',
  ])
    .addOption(
      new Option('--state <state>', 'only events in this state').choices([
        'waiting',
        'delivered',
        'failed',
      ]),
    )
    .option('--key <id>', 'only the events of this key')
    .option('--limit <number>', 'how many, at most 100', between(1, 100))
    .option('--cursor <cursor>', 'continue after the list before')
    .action(async (options: ListOptions) => {
      const client = await cli.client(options);
      const { state, key: keyId, limit, cursor } = options;
      const query = {
        ...(state === undefined ? {} : { state }),
        ...(keyId === undefined ? {} : { keyId }),
        ...(limit === undefined ? {} : { limit }),
        ...(cursor === undefined ? {} : { cursor }),
      };
      const { data } = await answerOf(client.GET('/events', { params: { query } }), 'events');
      cli.print(options, data, () => eventTable(data.events, cli.style));
      if (data.nextCursor !== null) cli.note(`There are more: take --cursor ${data.nextCursor}`);
    });
  addApiCommand(events, 'replay <id>', 'Sends an event again', [
    'events replay evt_0123456789abcdef0123456789abcdef',
    'events replay evt_0123456789abcdef0123456789abcdef --json',
  ]).action(async (id: string, options: CommonOptions) => {
    const client = await cli.client(options);
    const call = client.POST('/events/{id}/replay', { params: { path: { id } } });
    const { data } = await answerOf(call, 'state');
    cli.print(options, data, () => `${data.id} is sent again`);
  });
}
