/**
 * People who manage their own keys: signed in by the provider's own issuer, or by Cloudflare Access.
 *
 * They show a JWT. A claim of it says which account they act for, and so whose keys they may manage.
 * Signed with a key pair of the issuer, whose public keys are fetched and cached here; a secret that
 * is shared with the issuer is refused as an algorithm, and with it the attack that takes a public
 * key for one. JWT best practices: https://www.rfc-editor.org/rfc/rfc8725
 */

import { createRemoteJWKSet, customFetch, errors, type JWTPayload, jwtVerify } from 'jose';
import type { PeopleConfig } from '../config/config.ts';
import { isRecord } from '../core/json.ts';
import { type OperatorScope, operatorScopes } from '../core/operators/operator-scopes.ts';
import { isOwner } from './key-members.ts';

/** The person that a token identifies, or why it identifies no person. `cause` is for the log. */
export type Identification =
  | { readonly outcome: 'known'; readonly subject: string; readonly owner: string }
  /** A person of the provider, whom the issuer gives scopes of an operator. */
  | {
      readonly outcome: 'operator';
      readonly subject: string;
      readonly scopes: readonly OperatorScope[];
    }
  | { readonly outcome: 'invalid'; readonly cause: string }
  /** Valid, but without an account that could own keys. */
  | { readonly outcome: 'no_account' }
  /** The issuer's keys cannot be fetched. */
  | { readonly outcome: 'unavailable'; readonly cause: string };

/** Identifies people by their tokens. */
export interface People {
  readonly ownerClaim: string;
  /** Never rejects. */
  identify(token: string): Promise<Identification>;
}

/** Key pairs only: with HS256, anybody who knows the issuer's public key could sign. */
const ALGORITHMS = [
  'RS256',
  'RS384',
  'RS512',
  'PS256',
  'PS384',
  'PS512',
  'ES256',
  'ES384',
  'ES512',
  'EdDSA',
  'Ed25519',
];
/** How far the issuer's clock may be ahead of ours, for `nbf` and `iat`. `exp` gets none. */
const CLOCK_TOLERANCE_SECONDS = 5;
const TOKEN_MAX_LENGTH = 8 * 1024;
const SUBJECT_MAX_LENGTH = 200;
/** How long fetched keys are good, and how soon an unknown one may lead to another fetch. */
const KEYS_CACHED_MS = 10 * 60 * 1000;
const KEYS_COOLDOWN_MS = 30 * 1000;
const KEYS_TIMEOUT_MS = 5 * 1000;

/** The people of one issuer. Keeps its public keys, so one isolate has one. */
export function createPeople(
  config: PeopleConfig,
  options: { readonly fetch: typeof fetch; readonly now: () => number },
): People {
  const publicKeys = createRemoteJWKSet(new URL(config.jwksUrl), {
    cacheMaxAge: KEYS_CACHED_MS,
    cooldownDuration: KEYS_COOLDOWN_MS,
    timeoutDuration: KEYS_TIMEOUT_MS,
    [customFetch]: (url, init) => options.fetch(url, init),
  });

  return {
    ownerClaim: config.ownerClaim,
    async identify(token) {
      if (token.length > TOKEN_MAX_LENGTH) return { outcome: 'invalid', cause: 'too long' };
      try {
        const { payload } = await jwtVerify(token, publicKeys, {
          algorithms: ALGORITHMS,
          issuer: config.issuer,
          audience: config.audience,
          requiredClaims: ['exp'],
          currentDate: new Date(options.now()),
          clockTolerance: CLOCK_TOLERANCE_SECONDS,
        });
        const cause = clockFault(payload, options.now() / 1000);
        if (cause !== null) return { outcome: 'invalid', cause };
        const scopes = scopesIn(payload, config.operatorClaim);
        if (scopes.length > 0) {
          return { outcome: 'operator', scopes, subject: subjectOf(payload.sub, 'unknown') };
        }
        const owner = Object.hasOwn(payload, config.ownerClaim) ? payload[config.ownerClaim] : null;
        if (typeof owner !== 'string' || !isOwner(owner)) return { outcome: 'no_account' };
        return { outcome: 'known', owner, subject: subjectOf(payload.sub, owner) };
      } catch (error) {
        return isTokenAtFault(error)
          ? { outcome: 'invalid', cause: causeOf(error) }
          : { outcome: 'unavailable', cause: causeOf(error) };
      }
    },
  };
}

/** The scopes that a claim holds, as a list or as a text with blanks between them. */
function scopesIn(payload: JWTPayload, claim: string | null): readonly OperatorScope[] {
  const value = claim === null ? undefined : claimOf(payload, claim);
  const values = typeof value === 'string' ? value.split(' ') : value;
  return Array.isArray(values) ? operatorScopes.filter((scope) => values.includes(scope)) : [];
}

/** The value of a claim by its name, or by a path with dots into objects. */
function claimOf(claims: unknown, name: string): unknown {
  if (!isRecord(claims)) return undefined;
  // A name may hold dots itself, as that of a URL does.
  if (Object.hasOwn(claims, name)) return claims[name];
  const dot = name.indexOf('.');
  const first = name.slice(0, dot);
  if (dot === -1 || !Object.hasOwn(claims, first)) return undefined;
  return claimOf(claims[first], name.slice(dot + 1));
}

/** Checks what jose's tolerance does not: it applies to `exp` too, and does not apply to `iat`. */
function clockFault({ exp = 0, iat }: JWTPayload, nowSeconds: number): string | null {
  if (exp <= nowSeconds) return errors.JWTExpired.code;
  const isAhead = iat !== undefined && iat > nowSeconds + CLOCK_TOLERANCE_SECONDS;
  return isAhead ? 'issued in the future' : null;
}

/** The name of the person for the audit: visible and short. Tokens of services may have no subject. */
function subjectOf(subject: unknown, owner: string): string {
  return typeof subject === 'string' && /^[\x20-\x7e]+$/.test(subject)
    ? subject.slice(0, SUBJECT_MAX_LENGTH)
    : owner;
}

/** Returns whether the token is at fault. Otherwise the issuer's keys cannot be read. */
function isTokenAtFault(error: unknown): boolean {
  return (
    error instanceof errors.JWTExpired ||
    error instanceof errors.JWTClaimValidationFailed ||
    error instanceof errors.JWTInvalid ||
    error instanceof errors.JWSInvalid ||
    error instanceof errors.JWSSignatureVerificationFailed ||
    error instanceof errors.JOSEAlgNotAllowed ||
    error instanceof errors.JOSENotSupported ||
    error instanceof errors.JWKSNoMatchingKey ||
    error instanceof errors.JWKSMultipleMatchingKeys
  );
}

function causeOf(error: unknown): string {
  return error instanceof errors.JOSEError
    ? error.code
    : error instanceof Error
      ? error.message
      : String(error);
}
