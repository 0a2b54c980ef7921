/**
 * The claims of a client token: their shape, and what its parent's opt-in makes of them at a time.
 *
 * Cheap by design: all of it comes before the signature is verified. Pure, no I/O, no clock.
 * Contract: docs/client-tokens.md. Names: https://www.rfc-editor.org/rfc/rfc7519#section-4.1
 */

import { isRecord, parseJson } from '../json.ts';

/** An entry of `rules`, in the shape of `access.rules`. */
export interface ClaimedRule {
  readonly methods: readonly string[];
  readonly resources: readonly string[];
}

/** The claims of a client token. The optional ones narrow the parent. */
export interface ClientClaims {
  readonly iat: number;
  readonly exp: number;
  readonly jti?: string;
  readonly sub?: string;
  readonly origins?: readonly string[];
  readonly rules?: readonly ClaimedRule[];
  readonly meta?: Readonly<Record<string, string>>;
}

/** The times that those of a token are compared with. */
export interface ClaimsWindow {
  /** Longest lifetime that the parent allows, in seconds. */
  readonly maxTtlSeconds: number;
  /** Tokens issued before it are void; `null`: no token is. */
  readonly validFromMs: number | null;
  readonly nowMs: number;
}

/** The verdict on the times of a token: it may be used, it has ended, or no holder of the key made it so. */
export type ClaimsVerdict = 'current' | 'expired' | { readonly cause: string };

/** How far the clock of a minting backend may be ahead of the edge's, in seconds. */
export const CLOCK_TOLERANCE_SECONDS = 10;
/** Longest lifetime that any parent may allow, and the one of a parent that says nothing, in seconds. */
export const CLIENT_TTL_MAX_SECONDS = 60 * 60;
export const CLIENT_TTL_DEFAULT_SECONDS = 10 * 60;
/** Most origins that a token may name. */
export const CLIENT_ORIGINS_MAX = 5;
/** Largest `meta`, in bytes of its JSON. */
export const CLIENT_META_MAX_BYTES = 256;

const visibleTextPattern = /^[\x21-\x7e]{1,64}$/;

/** The shape of each claim. A claim without a line here is refused. */
const shapes: Readonly<Record<string, (value: unknown) => boolean>> = {
  iat: isTime,
  exp: isTime,
  jti: isVisibleText,
  sub: isVisibleText,
  origins: (value) => isListOfText(value, CLIENT_ORIGINS_MAX),
  rules: isListOfRules,
  meta: isMeta,
};

/**
 * Reads the claims from their JSON text. Returns `null` if a claim is unknown, missing or of another
 * shape, and if the text is not the one that `JSON.stringify` makes of it, which no duplicate member
 * survives. `origins` and `rules` are lists of texts then; their contents are checked where they are
 * compared with the parent's. Never throws.
 */
export function readClaims(payload: string): ClientClaims | null {
  const claims = parseJson(payload);
  if (!isRecord(claims) || JSON.stringify(claims) !== payload) return null;
  const isKnown = Object.entries(claims).every(([name, value]) => {
    return Object.hasOwn(shapes, name) && shapes[name]?.(value) === true;
  });
  if (!isKnown || !('iat' in claims) || !('exp' in claims)) return null;
  // Every member was held against its shape, and the two required ones are there.
  return claims as unknown as ClientClaims;
}

/**
 * Judges the times of a token. `expired` covers tokens that the parent has voided since, because the
 * remedy is the same: the page fetches another one.
 */
export function judgeTimes({ iat, exp }: ClientClaims, window: ClaimsWindow): ClaimsVerdict {
  const nowSeconds = window.nowMs / 1000;
  if (exp <= iat) return { cause: 'client token: exp is not after iat' };
  if (exp - iat > window.maxTtlSeconds) return { cause: 'client token: lifetime too long' };
  if (iat > nowSeconds + CLOCK_TOLERANCE_SECONDS) return { cause: 'client token: iat is ahead' };
  // Without leeway: the edge's clock alone decides when a token ends.
  if (nowSeconds >= exp) return 'expired';
  const validFromSeconds = (window.validFromMs ?? Number.NEGATIVE_INFINITY) / 1000;
  // A backend whose clock is ahead by the tolerance could date a token after the moment at which it
  // was voided, so the first ten seconds after that moment are void as well.
  if (iat < validFromSeconds + CLOCK_TOLERANCE_SECONDS) return 'expired';
  return 'current';
}

/** Seconds since 1970. 0 is refused: it is what a clock says that was never set. */
function isTime(value: unknown): boolean {
  return Number.isSafeInteger(value) && (value as number) > 0;
}

function isVisibleText(value: unknown): boolean {
  return typeof value === 'string' && visibleTextPattern.test(value);
}

function isListOfText(value: unknown, most: number): boolean {
  return (
    Array.isArray(value) &&
    value.length > 0 &&
    value.length <= most &&
    value.every((entry) => typeof entry === 'string')
  );
}

function isListOfRules(value: unknown): boolean {
  return (
    Array.isArray(value) &&
    value.length > 0 &&
    value.every(
      (rule) =>
        isRecord(rule) &&
        Object.keys(rule).every((name) => name === 'methods' || name === 'resources') &&
        isListOfText(rule['methods'], Number.POSITIVE_INFINITY) &&
        isListOfText(rule['resources'], Number.POSITIVE_INFINITY),
    )
  );
}

function isMeta(value: unknown): boolean {
  return (
    isRecord(value) &&
    Object.values(value).every((entry) => typeof entry === 'string') &&
    encoder.encode(JSON.stringify(value)).length <= CLIENT_META_MAX_BYTES
  );
}

const encoder = new TextEncoder();
