/**
 * Options that say which keys are meant, for lists and for bulk changes.
 */

import { Option } from 'commander';
import type { Query } from '../management-client/pages.ts';

type KeyQuery = Query<'/keys'>;

/** The options of `keyFilterOptions()`. */
export type KeyFilterOptions = Pick<
  KeyQuery,
  'owner' | 'state' | 'kind' | 'access' | 'origin' | 'usedBefore' | 'expiresBefore' | 'search'
>;

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
  ];
}

/** The parameters of the API for these options. */
export function keyFilterOf(options: KeyFilterOptions): KeyFilterOptions {
  const { owner, state, kind, access, origin, usedBefore, expiresBefore, search } = options;
  return given({ owner, state, kind, access, origin, usedBefore, expiresBefore, search });
}

/** The members that have a value. */
export function given<Members extends object>(
  members: Members,
): { [Name in keyof Members]?: NonNullable<Members[Name]> } {
  const entries = Object.entries(members).filter(([, value]) => value !== undefined);
  return Object.fromEntries(entries) as { [Name in keyof Members]?: NonNullable<Members[Name]> };
}
