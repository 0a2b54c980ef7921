/**
 * `keys list` and `audit`: lists, newest first.
 */

import { type Command, Option } from 'commander';
import type { Query } from '../../management-client/pages.ts';
import type { ListKeysAnswer } from '../../management-client/schema.ts';
import { addApiCommand, type Cli, type CommonOptions } from '../command.ts';
import { answerOf } from '../failures.ts';
import { given, type KeyFilterOptions, keyFilterOptions, keyQueryOf } from '../key-filter.ts';
import { type ListOptions, listOptions, moreHint, readList } from '../lists.ts';
import { auditTable, keyTable } from '../tables.ts';

interface KeyListOptions extends CommonOptions, ListOptions, KeyFilterOptions {
  readonly sort?: 'created' | 'name' | 'lastUsed';
  readonly total?: boolean;
}

/** Adds `list` to the commands for keys. */
export function addList(keys: Command, cli: Cli): void {
  const command = addApiCommand(keys, 'list', 'Lists keys, newest first', [
    'keys list',
    'keys list --owner acct_1 --all',
    'keys list --search checkout --json',
    'keys list --state live --used-before 2030-01-31T00:00:00Z --sort lastUsed',
    'keys list --meta plan=pro --tag beta',
  ]);
  command.alias('ls');
  for (const option of keyFilterOptions()) command.addOption(option);
  command
    .addOption(
      new Option('--sort <order>', 'newest first, by name, or last used first').choices([
        'created',
        'name',
        'lastUsed',
      ]),
    )
    .option('--total', 'also say how many keys there are, up to 10,000');
  for (const option of listOptions('keys')) command.addOption(option);
  command.action(async (options: KeyListOptions) => {
    const client = await cli.client(options);
    const { sort } = options;
    const filters = { ...keyQueryOf(options), ...(sort ? { sort } : {}) };
    let counted: Pick<ListKeysAnswer, 'total' | 'totalIsExact'> = {};
    const listed = await readList(options, async (page) => {
      // Counted once, with the first page.
      const total = options.total && counted.total === undefined ? { total: 'true' as const } : {};
      const query = { ...filters, ...page, ...total };
      const { data } = await answerOf(client.GET('/keys', { params: { query } }), 'keys');
      const { keys: entries, nextCursor, ...rest } = data;
      if (rest.total !== undefined) counted = rest;
      return { entries, nextCursor };
    });
    const { entries, nextCursor } = listed;
    cli.print(options, { keys: entries, nextCursor, ...counted }, () =>
      keyTable(entries, cli.style),
    );
    if (counted.total !== undefined) cli.note(totalText(counted.total, counted.totalIsExact));
    const hint = moreHint(listed, 'keys');
    if (hint !== null) cli.note(hint);
  });
}

function totalText(total: number, isExact = true): string {
  return isExact ? `There are ${total} such keys` : `There are at least ${total} such keys`;
}

interface AuditOptions extends CommonOptions, ListOptions {
  readonly key?: string;
  readonly owner?: string;
  readonly actor?: string;
  readonly action?: NonNullable<Query<'/audit'>['action']>;
  readonly since?: string;
  readonly until?: string;
}

/** Adds `audit`. */
export function addAudit(program: Command, cli: Cli): void {
  const command = addApiCommand(program, 'audit', 'Lists who changed which key, newest first', [
    'audit',
    'audit --key key_4ZCrl9mJgVd8tAqHn2sXkE --all',
    'audit --owner acct_1 --action revoke --since 2030-01-01T00:00:00Z',
    'audit --limit 1000 --json > audit.json',
  ]);
  command
    .option('--key <id>', 'changes of this key, which may be revoked')
    .option('--owner <owner>', 'changes of keys of this account')
    .option('--actor <actor>', 'changes by this actor, such as operator')
    .addOption(
      new Option('--action <action>', 'changes of this kind').choices([
        'create',
        'import',
        'edit',
        'roll',
        'revoke',
        'leak',
      ]),
    )
    .option('--since <time>', 'changes from this time on, such as 2030-01-31T12:00:00Z')
    .option('--until <time>', 'changes before this time');
  for (const option of listOptions('changes')) command.addOption(option);
  command.action(async (options: AuditOptions) => {
    const client = await cli.client(options);
    const { key: keyId, owner, actor, action, since, until } = options;
    const filters = given({ keyId, owner, actor, action, since, until });
    const listed = await readList(options, async (page) => {
      const call = client.GET('/audit', { params: { query: { ...filters, ...page } } });
      const { data } = await answerOf(call, 'entries');
      return { entries: data.entries, nextCursor: data.nextCursor };
    });
    cli.print(options, listed, () => auditTable(listed.entries, cli.style));
    const hint = moreHint(listed, 'changes');
    if (hint !== null) cli.note(hint);
  });
}
