/**
 * The options of `keys create` and `keys edit` that make up a plan, and the members that they send.
 */

import { type Command, InvalidArgumentError, Option } from 'commander';
import type { CreateKeyRequest } from '../management-client/schema.ts';

/** The options, as the parser gives them. `false`: the `--no-` form. */
export interface PlanOptions {
  readonly meta?: Readonly<Record<string, string>> | false;
  readonly tag?: string[] | false;
  readonly limit?: string | false;
  readonly limitBy?: string;
  readonly quota?: Quota | false;
}

type Quota = NonNullable<CreateKeyRequest['quota']>;
/** The members of a plan in a request. */
export type PlanMembers = Pick<CreateKeyRequest, 'meta' | 'tags' | 'limit' | 'limitBy' | 'quota'>;

/** Adds the options. With `isEdit`, also those that remove what the key has. */
export function addPlanOptions(command: Command, { isEdit }: { readonly isEdit: boolean }): void {
  command
    .addOption(
      new Option('--meta <name=value>', 'a text for the API; may be repeated').argParser(
        metaOption,
      ),
    )
    .option('--tag <tag...>', 'a tag for the API; may be repeated')
    .option('--limit <name>', 'a limit of the setting LIMITERS')
    .addOption(
      new Option('--limit-by <what>', 'what it counts by').choices([
        'key',
        'owner',
        'address',
        'client',
      ]),
    )
    .addOption(
      new Option('--quota <requests/period>', 'such as 100000/day or 2000000/month').argParser(
        quotaOption,
      ),
    );
  if (!isEdit) return;
  command
    .option('--no-meta', 'remove all texts for the API')
    .option('--no-tag', 'remove all tags')
    .option('--no-limit', 'limit it like every key')
    .option('--no-quota', 'remove the quota');
}

/** Returns the members that the options set. */
export function planFrom({ meta, tag, limit, limitBy, quota }: PlanOptions): PlanMembers {
  return {
    ...(meta === undefined ? {} : { meta: meta === false ? null : meta }),
    ...(tag === undefined ? {} : { tags: tag === false ? null : tag }),
    ...(limit === undefined ? {} : { limit: limit === false ? null : limit }),
    // The parser has made sure that it is one of them.
    ...(limitBy === undefined ? {} : { limitBy: limitBy as NonNullable<PlanMembers['limitBy']> }),
    ...(quota === undefined ? {} : { quota: quota === false ? null : quota }),
  };
}

/** Adds a text such as `plan=pro` to those so far. */
export function metaOption(
  text: string,
  // The parser passes `true` as the value so far of an option that has a `--no-` form.
  before: Readonly<Record<string, string>> | boolean = {},
): Readonly<Record<string, string>> {
  const equals = text.indexOf('=');
  if (equals < 1) throw new InvalidArgumentError('It must be a name and a text, such as plan=pro.');
  const others = typeof before === 'object' ? before : {};
  return { ...others, [text.slice(0, equals)]: text.slice(equals + 1) };
}

/** Reads a quota such as `100000/day`. */
export function quotaOption(text: string): Quota {
  const [, requests, period] = /^(\d{1,13})\/(day|month)$/.exec(text) ?? [];
  if (requests === undefined || (period !== 'day' && period !== 'month')) {
    throw new InvalidArgumentError('It must be a number and a period, such as 100000/day.');
  }
  return { requests: Number(requests), period };
}
