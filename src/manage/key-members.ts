/**
 * The members of a key that requests write, as schemas. `core/key/key-access.ts` holds the rules of an access.
 */

import * as v from 'valibot';
import { nameFault } from '../core/key/key-name.ts';
import { parseTime } from '../core/time.ts';
import { accessSchema } from './access-document.ts';
import { NAME_MAX_LENGTH } from './limits.ts';
import { planEntries } from './plan-document.ts';
import { ruleMessage, wanted } from './read-document.ts';

const OWNER_MAX_LENGTH = 128;
const ownerPattern = /^[\x21-\x7e]+$/;

const nameFix = `Use 1 to ${NAME_MAX_LENGTH} visible characters`;
/** The name of a key. */
export const nameSchema = v.pipe(
  v.string(),
  v.check(
    (name) => nameFault(name) === null,
    ({ input }) => ruleMessage(nameFault(input) ?? '', nameFix),
  ),
  v.maxCodePoints(
    NAME_MAX_LENGTH,
    ruleMessage(`it is longer than ${NAME_MAX_LENGTH} characters`, nameFix),
  ),
  v.metadata({ jsonSchema: { minLength: 1 } }),
  v.description('The name that its owner gave the key. Need not be unique.'),
  v.examples(['Production web player']),
  wanted('a string, such as "Production web player"'),
);

// An owner travels to the upstream in the header X-Edge-Owner.
const ownerFix = `Use 1 to ${OWNER_MAX_LENGTH} visible ASCII characters without blanks`;
/** The owner of a key. */
export const ownerSchema = v.pipe(
  v.string(),
  v.nonEmpty(ruleMessage('it is empty', ownerFix)),
  v.regex(
    ownerPattern,
    ruleMessage('it holds something else than visible ASCII characters', ownerFix),
  ),
  v.maxCodePoints(
    OWNER_MAX_LENGTH,
    ruleMessage(`it is longer than ${OWNER_MAX_LENGTH} characters`, ownerFix),
  ),
  v.description('The account that the key acts for. The upstream gets it as X-Edge-Owner.'),
  v.examples(['acct_1']),
  wanted('a string, such as "acct_1"'),
);

const timeFix = 'Write it like "2030-01-31T12:00:00Z"';
/** A time as it comes in. */
export const timeSchema = v.pipe(
  v.string(),
  v.check(
    (text) => parseTime(text) !== null,
    ruleMessage('it is not an RFC 3339 time with seconds and a zone', timeFix),
  ),
  v.check(isInFourDigits, ruleMessage('in UTC it is not in the years 0000 to 9999', timeFix)),
  v.metadata({ jsonSchema: { type: 'string', format: 'date-time' } }),
  wanted('a time as a string, such as "2030-01-31T12:00:00Z"'),
);

/** When a key expires. */
export const expiresAtSchema = v.pipe(
  v.nullish(timeSchema),
  v.description(
    'When the key expires; null: never. A time in the past is for edits and imports alone: the key stops now.',
  ),
);

/** The members of a new key, created or imported. */
export const newKeyEntries = {
  name: nameSchema,
  owner: v.pipe(
    v.nullish(ownerSchema),
    v.description('The account that the key acts for; null: no account. People own their keys.'),
  ),
  access: v.pipe(
    v.nullish(accessSchema),
    v.description('The rights of the key; null: it is for backends, which may call everything.'),
  ),
  expiresAt: expiresAtSchema,
  ...planEntries,
};

/** A time that was checked, in milliseconds; `null` for none. */
export function toMs(time: string | null | undefined): number | null {
  return time == null ? null : parseTime(time);
}

/** Tells whether a text can be an owner. */
export function isOwner(text: string): boolean {
  return text.length <= OWNER_MAX_LENGTH && ownerPattern.test(text);
}

/** Tells whether a time can be written with a year of four digits in UTC, as all of ours are. */
function isInFourDigits(time: string): boolean {
  const ms = parseTime(time);
  return ms !== null && /^\d{4}-/.test(new Date(ms).toISOString());
}
