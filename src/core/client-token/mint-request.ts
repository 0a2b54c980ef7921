/**
 * Checks what a client token shall be made of, before it is minted by the edge: the same bounds that
 * verification holds, with every problem in words. Pure, no I/O, no clock.
 */

import { ProblemList } from '../field-problem.ts';
import { checkRules } from '../key/access-rules.ts';
import type { AccessRule } from '../key/key.ts';
import { notAText } from '../key/key-plan.ts';
import { truncateWithEllipsis } from '../text.ts';
import type { ClientClaims } from './claims.ts';
import { CLIENT_META_MAX_BYTES, CLIENT_ORIGINS_MAX } from './claims.ts';
import { KID_NAME_LENGTH } from './derivation.ts';
import { type ClientBounds, isOriginWithin, isRuleWithin } from './rights.ts';

/** A request to mint. Its structure is right; its contents are unchecked. */
export interface MintRequest {
  readonly ttlSeconds?: number | undefined;
  readonly sub?: string | undefined;
  readonly origins?: readonly string[] | undefined;
  readonly rules?: readonly AccessRule[] | undefined;
  readonly meta?: Readonly<Record<string, unknown>> | undefined;
}

const QUOTE_MAX_LENGTH = 200;
/** Characters of a `kid`: the name of the parent's token, and its tag. */
const KID_LENGTH = KID_NAME_LENGTH + 8;

/**
 * Returns the claims of a token that is issued at `iat`. They are good only if nothing was added to
 * `problems`. Absent members leave the claim out; absent `ttlSeconds` is the longest that the key allows.
 */
export function claimsOf(
  requested: MintRequest,
  parent: ClientBounds,
  iat: number,
  problems: ProblemList,
): ClientClaims {
  const { sub, origins, meta } = requested;
  const { maxTtlSeconds } = parent.access;
  const { ttlSeconds = maxTtlSeconds } = requested;
  if (ttlSeconds > maxTtlSeconds) {
    problems.add(() => ({
      path: 'ttlSeconds',
      value: ttlSeconds,
      reason: `it is longer than the ${maxTtlSeconds} seconds that the key allows`,
      fix: 'Ask for less, or raise maxTtlSeconds in the client tokens of the key',
    }));
  }
  if (origins !== undefined) checkOrigins(origins, parent, problems);
  const texts = meta && checkMeta(meta, problems);
  const rules = requested.rules && checkTokenRules(requested.rules, parent, problems);
  return {
    iat,
    exp: iat + ttlSeconds,
    ...(sub === undefined ? {} : { sub }),
    ...(origins === undefined ? {} : { origins }),
    ...(rules === undefined ? {} : { rules }),
    ...(texts === undefined ? {} : { meta: texts }),
  };
}

/** Returns how long a client token with these claims is, in characters. It is not made: it may be long. */
export function lengthOfClientToken(prefix: string, claims: ClientClaims): number {
  const header = { alg: 'Ed25519', typ: 'edge-ct+jwt', kid: '-'.repeat(KID_LENGTH) };
  const parts = [encodedLength(header), encodedLength(claims), SIGNATURE_LENGTH];
  return `${prefix}_ct_${'.'.repeat(parts.length - 1)}`.length + parts.reduce((a, b) => a + b);
}

/** Characters of base64url that hold a signature of 64 bytes. */
const SIGNATURE_LENGTH = 86;

/** Four characters of base64url hold three bytes. */
function encodedLength(value: object): number {
  return Math.ceil((encoder.encode(JSON.stringify(value)).length * 4) / 3);
}

const encoder = new TextEncoder();

/** Returns the texts among the members, whatever their names. */
function checkMeta(
  meta: Readonly<Record<string, unknown>>,
  problems: ProblemList,
): Readonly<Record<string, string>> {
  const entries = Object.entries(meta);
  if (encoder.encode(JSON.stringify(meta)).length > CLIENT_META_MAX_BYTES) {
    problems.add(() => ({
      path: 'meta',
      value: `${entries.length} members`,
      reason: `its JSON is longer than ${CLIENT_META_MAX_BYTES} bytes`,
      fix: 'Pass less, or an id under which your API finds the rest',
    }));
    return {};
  }
  for (const [name, value] of entries) {
    if (typeof value === 'string') continue;
    problems.add(() => notAText(`meta.${name}`, value));
  }
  return Object.fromEntries(
    entries.filter((entry): entry is [string, string] => typeof entry[1] === 'string'),
  );
}

function checkOrigins(
  origins: readonly string[],
  parent: ClientBounds,
  problems: ProblemList,
): void {
  if (origins.length === 0 || origins.length > CLIENT_ORIGINS_MAX) {
    problems.add(() => ({
      path: 'origins',
      value: `${origins.length} origins`,
      reason: `it must hold 1 to ${CLIENT_ORIGINS_MAX} origins`,
      fix: "Name the origin of the visitor's page alone, or leave the member out",
    }));
    return;
  }
  origins.forEach((value, index) => {
    if (isOriginWithin(parent, value)) return;
    problems.add(() => ({
      path: `origins[${index}]`,
      value: truncateWithEllipsis(value, QUOTE_MAX_LENGTH),
      reason: 'it is not an exact origin that the client tokens of the key may be used from',
      fix: 'Write it as a browser does, such as "https://app.example.com", and allow it in the client tokens of the key',
    }));
  });
}

function checkTokenRules(
  requested: readonly AccessRule[],
  parent: ClientBounds,
  problems: ProblemList,
): readonly AccessRule[] {
  const mistakes = new ProblemList();
  const rules = checkRules(requested, 'rules', mistakes);
  problems.addAll(mistakes);
  if (!mistakes.isEmpty) return rules;
  rules.forEach((rule, index) => {
    if (isRuleWithin(parent, rule)) return;
    problems.add(() => ({
      path: `rules[${index}]`,
      value: truncateWithEllipsis(
        `${rule.methods.join(', ')} ${rule.resources.join(', ')}`,
        QUOTE_MAX_LENGTH,
      ),
      reason: 'it reaches more than the client tokens of the key may call',
      fix: 'Narrow the rule, or add it to the client tokens of the key',
    }));
  });
  return rules;
}
