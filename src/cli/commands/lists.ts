/**
 * `keys list` and `audit`: lists, newest first.
 */

import type { Command } from 'commander';
import { addApiCommand, type Cli, type CommonOptions } from '../command.ts';
import { answerOf } from '../failures.ts';
import { type ListOptions, listOptions, moreHint, readList } from '../lists.ts';
import { auditTable, keyTable } from '../tables.ts';

interface KeyListOptions extends CommonOptions, ListOptions {
  readonly owner?: string;
  readonly search?: string;
}

/** Adds `list` to the commands for keys. */
export function addList(keys: Command, cli: Cli): void {
  const command = addApiCommand(keys, 'list', 'Lists keys, newest first', [
    'keys list',
    'keys list --owner acct_1 --all',
    'keys list --search checkout --json',
  ]);
  command
    .alias('ls')
    .option('--owner <owner>', 'keys of this account')
    .option('--search <text>', 'keys whose name contains this text');
  for (const option of listOptions('keys')) command.addOption(option);
  command.action(async (options: KeyListOptions) => {
    const client = await cli.client(options);
    const { owner, search } = options;
    const filters = { ...(owner ? { owner } : {}), ...(search ? { search } : {}) };
    const listed = await readList(options, async (page) => {
      const call = client.GET('/keys', { params: { query: { ...filters, ...page } } });
      const { data } = await answerOf(call, 'keys');
      return { entries: data.keys, nextCursor: data.nextCursor };
    });
    const { entries, nextCursor } = listed;
    cli.print(options, { keys: entries, nextCursor }, () => keyTable(entries, cli.style));
    const hint = moreHint(listed, 'keys');
    if (hint !== null) cli.note(hint);
  });
}

interface AuditOptions extends CommonOptions, ListOptions {
  readonly key?: string;
}

/** Adds `audit`. */
export function addAudit(program: Command, cli: Cli): void {
  const command = addApiCommand(program, 'audit', 'Lists who changed which key, newest first', [
    'audit',
    'audit --key key_4ZCrl9mJgVd8tAqHn2sXkE --all',
    'audit --limit 1000 --json > audit.json',
  ]);
  command.option('--key <id>', 'changes of this key, which may be revoked');
  for (const option of listOptions('changes')) command.addOption(option);
  command.action(async (options: AuditOptions) => {
    const client = await cli.client(options);
    const filters = options.key ? { keyId: options.key } : {};
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
