/**
 * Options that say which keys are meant, for lists and for bulk changes.
 */

import { Option } from 'commander';
import type { Query } from '../management-client/pages.ts';
import { metaOption } from './plan-options.ts';

type KeyQuery = Query<'/keys'>;
type Filters = Pick<
  KeyQuery,
  | 'owner'
  | 'state'
  | 'kind'
  | 'access'
  | 'origin'
  | 'usedBefore'
  | 'expiresBefore'
  | 'search'
  | 'tag'
>;

/** The options of `keyFilterOptions()`. */
export interface KeyFilterOptions extends Filters {
  readonly meta?: Readonly<Record<string, string>>;
}

/** The options that say which keys are meant. */
export function keyFilterOptions(): readonly Option[] {
  return [
    new Option('--owner <owner>', 'keys of this account'),
    new Option('--state <state>', 'keys in this state').choices([
      'live',
      'disabled',
      'suspended',
      'expired',
      'revoked',
    ]),
    new Option('--kind <kind>', 'backend keys, or CORS keys').choices(['backend', 'cors']),
    new Option('--access <access>', 'keys with this access').choices([
      'backend',
      'restricted',
      'full',
      'rules',
    ]),
    new Option('--origin <origin>', 'keys that list this allowed origin'),
    new Option('--used-before <time>', 'keys last used before, such as 2030-01-31T12:00:00Z'),
    new Option('--expires-before <time>', 'keys that expire, or have expired, before this time'),
    new Option(
      '--search <text>',
      'keys with this text in the name, or at the beginning of id, hint, owner or an origin',
    ),
    new Option(
      '--meta <name=value>',
      'keys whose metadata has this text; may be repeated',
    ).argParser(metaOption),
    new Option('--tag <tag>', 'keys with this tag'),
  ];
}

/** The filter of a bulk change for these options. */
export function keyFilterOf(options: KeyFilterOptions): KeyFilterOptions {
  const { owner, state, kind, access, origin, usedBefore, expiresBefore, search } = options;
  const { meta, tag } = options;
  return given({
    ...{ owner, state, kind, access, origin, usedBefore, expiresBefore, search },
    ...{ meta, tag },
  });
}

/** The parameters of the list of keys for these options. */
export function keyQueryOf(options: KeyFilterOptions): KeyQuery {
  const { meta = {}, ...filters } = keyFilterOf(options);
  const texts = Object.entries(meta).map(([name, text]) => [`meta.${name}`, text]);
  return { ...filters, ...Object.fromEntries(texts) };
}

/** The members that have a value. */
export function given<Members extends object>(
  members: Members,
): { [Name in keyof Members]?: NonNullable<Members[Name]> } {
  const entries = Object.entries(members).filter(([, value]) => value !== undefined);
  return Object.fromEntries(entries) as { [Name in keyof Members]?: NonNullable<Members[Name]> };
}
