/**
 * Named operators: the entries of `ADMIN_TOKENS`, read and checked, and the tokens of new ones.
 *
 * Only the SHA-256 of a token is configured. A token is 256 random bits, so it needs no slow hash. Two
 * entries may share a name while one token replaces the other. Pure, no I/O.
 */

import { isRecord, parseJson } from '../json.ts';
import { randomBase62 } from '../key/token.ts';
import { isOperatorScope, type OperatorScope, operatorScopes } from './operator-scopes.ts';

/** An operator who signs in with a token of their own. */
export interface OperatorToken {
  readonly name: string;
  /** SHA-256 of the token in lower-case hexadecimal. */
  readonly sha256: string;
  readonly scopes: readonly OperatorScope[];
}

/** A problem of the list. No part of it quotes a value: a token may be in the wrong place. */
export interface OperatorTokenFault {
  readonly reason: string;
  readonly fix: string;
}

/** The most entries of a list, and the most that may share a name. */
export const OPERATOR_TOKENS_MAX = 100;
const TOKENS_PER_NAME = 2;

const FORM = 'a JSON list such as [{"name": "ci", "sha256": "<64 hex>", "scopes": ["read"]}]';
const NEW_ENTRY = 'Take the entry from: npx --no-install edge-authorizer admin-token';
const namePattern = /^[A-Za-z0-9][A-Za-z0-9 ._@+-]{0,62}[A-Za-z0-9]$|^[A-Za-z0-9]$/;
const members = ['name', 'sha256', 'scopes'];
/** The SHA-256 of nothing, which a script makes of a variable that is not set. */
const HASH_OF_NOTHING = 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855';

/** Returns whether a text can be the name of an operator. The audit shows it. */
export function isOperatorName(name: unknown): name is string {
  return typeof name === 'string' && namePattern.test(name);
}

/** Reads the list, as JSON text or as wrangler.toml holds it. Returns every problem of every entry. */
export function readOperatorTokens(written: unknown): {
  readonly tokens: readonly OperatorToken[];
  readonly faults: readonly OperatorTokenFault[];
} {
  const list = typeof written === 'string' ? parseJson(written) : written;
  if (!Array.isArray(list)) {
    return { tokens: [], faults: [{ reason: `it is not ${FORM}`, fix: NEW_ENTRY }] };
  }
  const faults: OperatorTokenFault[] = [];
  if (list.length > OPERATOR_TOKENS_MAX) {
    faults.push({
      reason: `it has ${list.length} entries, and at most ${OPERATOR_TOKENS_MAX} are read`,
      fix: 'Remove those that are no longer used',
    });
  }
  const tokens: OperatorToken[] = [];
  const known = new KnownEntries();
  for (const [index, entry] of list.entries()) {
    const { token, found } = readEntry(entry);
    found.push(...known.faultsOf(token, index + 1));
    if (found.length === 0) tokens.push(token);
    for (const { reason, fix } of found) {
      faults.push({ reason: `entry ${index + 1}: ${reason}`, fix });
    }
  }
  return { tokens, faults };
}

/** The entries so far, by their hash and name. */
class KnownEntries {
  readonly #placeByHash = new Map<string, number>();
  readonly #countByName = new Map<string, number>();

  /** Adds an entry. Returns its conflicts with the entries before it. */
  faultsOf({ name, sha256 }: OperatorToken, place: number): readonly OperatorTokenFault[] {
    const faults: OperatorTokenFault[] = [];
    const first = this.#placeByHash.get(sha256);
    if (sha256 !== '' && first !== undefined) {
      faults.push({
        reason: `its "sha256" is that of entry ${first}, so the audit could not tell them apart`,
        fix: 'Make a token of its own for each operator',
      });
    }
    this.#placeByHash.set(sha256, first ?? place);
    const count = (this.#countByName.get(name) ?? 0) + 1;
    this.#countByName.set(name, count);
    if (name !== '' && count === TOKENS_PER_NAME + 1) {
      faults.push({
        reason: `more than ${TOKENS_PER_NAME} entries have its name`,
        fix: 'Keep the present entry and the one that replaces it',
      });
    }
    return faults;
  }
}

function readEntry(entry: unknown): {
  readonly token: OperatorToken;
  readonly found: OperatorTokenFault[];
} {
  if (!isRecord(entry)) {
    const found = [{ reason: 'it is not an object', fix: NEW_ENTRY }];
    return { token: { name: '', sha256: '', scopes: [] }, found };
  }
  return { token: tokenOf(entry), found: faultsOf(entry) };
}

function tokenOf({ name, sha256, scopes }: Readonly<Record<string, unknown>>): OperatorToken {
  return {
    name: isOperatorName(name) ? name : '',
    sha256: isHash(sha256) ? sha256.toLowerCase() : '',
    scopes: Array.isArray(scopes) ? [...new Set(scopes.filter(isOperatorScope))] : [],
  };
}

function faultsOf(entry: Readonly<Record<string, unknown>>): OperatorTokenFault[] {
  const { name, sha256, scopes } = entry;
  const faults: OperatorTokenFault[] = [];
  if (!isOperatorName(name)) {
    faults.push({
      reason: '"name" is not 1 to 64 letters, digits, blanks and . _ @ + -',
      fix: 'Name the tool or the person, for example "ci"',
    });
  }
  if (!isHash(sha256)) {
    faults.push({
      reason: '"sha256" is not 64 hexadecimal digits',
      fix: 'Set the SHA-256 of the token, and never the token itself',
    });
  } else if (sha256.toLowerCase() === HASH_OF_NOTHING) {
    faults.push({ reason: '"sha256" is the hash of an empty text', fix: NEW_ENTRY });
  }
  if (!Array.isArray(scopes) || scopes.length === 0 || !scopes.every(isOperatorScope)) {
    const known = operatorScopes.map((scope) => `"${scope}"`).join(', ');
    faults.push({
      reason: `"scopes" is not a list of ${known}`,
      fix: 'Give it at least one of them, for example ["read"]',
    });
  }
  if (Object.keys(entry).some((member) => !members.includes(member))) {
    faults.push({
      reason: 'it has a member that is not known',
      fix: `Use ${members.map((member) => `"${member}"`).join(', ')} alone`,
    });
  }
  return faults;
}

function isHash(value: unknown): value is string {
  return typeof value === 'string' && /^[0-9A-Fa-f]{64}$/.test(value);
}

/** Makes a token for a new operator: `ea_op_` and 256 random bits. */
export function makeOperatorToken(fillRandom: (bytes: Uint8Array<ArrayBuffer>) => void): string {
  // 43 base62 characters hold 256 bits.
  return `ea_op_${randomBase62(43, fillRandom)}`;
}
