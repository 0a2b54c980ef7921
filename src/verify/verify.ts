/**
 * Verifies that a request came through the edge, as the edge authorized it: `edge-authorizer/verify`.
 *
 * For an API behind the edge: Node 20 or newer, Deno, Bun and Workers. It checks the signed assertion in
 * `X-Edge-Assertion` with the edge's key set, and fails closed: without a key set or an audience there is
 * no verifier, and what cannot be checked is refused. Contract: docs/upstream.md
 */

import { createRemoteJWKSet, customFetch, errors, type JWTPayload, jwtVerify } from 'jose';

/** The edge whose assertions are accepted, and the API that they have to be for. */
export interface VerifierOptions {
  /** The edge's key set, for example `https://edge.example/_edge/jwks.json`. Required. */
  readonly jwksUrl: string | URL | undefined;
  /**
   * The edge's `ASSERTION_AUDIENCE`; without that setting, the origin of its `UPSTREAM_URL`. Required. It is
   * not taken from the request, whose `Host` is the client's.
   */
  readonly audience: string | undefined;
  /** The edge's `ASSERTION_ISSUER`. Default: `edge-authorizer`. */
  readonly issuer?: string;
  /**
   * The edge's `ASSERTION`. `key` also accepts assertions that are bound to no request: who sees one may use
   * it for another request until it expires. Default: `request`.
   */
  readonly assertion?: 'request' | 'key';
  /** Fetches the key set. Default: the global `fetch`. */
  readonly fetch?: (url: string, init: RequestInit) => Promise<Response>;
}

/** A request as Node, Express, or the Fetch API has it. `url` is as it was received, with its query. */
export interface IncomingRequest {
  readonly method?: string | undefined;
  readonly url?: string | undefined;
  /** Express changes `url` below a mounted router, and keeps the received one here. */
  readonly originalUrl?: string | undefined;
  readonly headers: Headers | Readonly<Record<string, string | readonly string[] | undefined>>;
}

/** The caller of a request that came through the edge. */
export interface VerifiedCaller {
  /** `null` on a public route. */
  readonly keyId: string | null;
  /** The account that the key acts for; `null` if the key has none. */
  readonly owner: string | null;
  /** `restricted` and `public` mean anybody on the web. */
  readonly access: 'backend' | 'restricted' | 'full' | 'rules' | 'public';
  /** The edge could not reach its database: the key may have been revoked since. */
  readonly isStale: boolean;
  /** A read that was forwarded before its key was confirmed (`SPECULATIVE_READS`). */
  readonly isUnconfirmed: boolean;
  /** The metadata and tags of the key. */
  readonly meta: Readonly<Record<string, string>>;
  readonly tags: readonly string[];
  /** The visitor, if they sent a client token. */
  readonly client: {
    readonly subject: string | null;
    readonly tokenId: string | null;
    readonly meta: Readonly<Record<string, string>>;
  } | null;
}

/** The reason why a request is refused. */
export type UnverifiedReason = 'missing' | 'invalid' | 'other_request' | 'keys_unavailable';

/** A request that did not come through the edge as it is. No message holds an assertion. */
export class UnverifiedRequestError extends Error {
  override readonly name = 'UnverifiedRequestError';
  readonly reason: UnverifiedReason;
  /** The status for the answer: 503 while the key set cannot be fetched, and otherwise 401. */
  readonly status: 401 | 503;

  constructor(reason: UnverifiedReason, message: string, options?: ErrorOptions) {
    super(`Cannot verify the request: ${message}`, options);
    this.reason = reason;
    this.status = reason === 'keys_unavailable' ? 503 : 401;
  }
}

/** Returns the caller of a request. Rejects with an `UnverifiedRequestError` if it is not from the edge. */
export type Verify = (request: IncomingRequest) => Promise<VerifiedCaller>;

/** The longest life of an assertion, and how far the clocks of edge and API may be apart. */
const ASSERTION_SECONDS = 30;
const CLOCK_TOLERANCE_SECONDS = 5;
const ASSERTION_MAX_LENGTH = 16 * 1024;
/**
 * How long a key set is good, and how soon an unknown key may lead to another fetch: an edge whose key was
 * rotated signs with the new one at once, and strangers can invent key ids.
 */
const KEYS_CACHED_MS = 10 * 60 * 1000;
const KEYS_COOLDOWN_MS = 5 * 1000;
const KEYS_TIMEOUT_MS = 5 * 1000;

const accesses = ['backend', 'restricted', 'full', 'rules', 'public'] as const;

/**
 * Makes a verifier. It keeps the edge's key set, so make one when the program starts, and share it.
 *
 * Throws a `TypeError` if the key set's URL or the audience is absent or cannot be right: a program that
 * forgot one of them does not start.
 */
export function createVerifier(options: VerifierOptions): Verify {
  const { issuer = 'edge-authorizer', assertion: mode = 'request' } = options;
  const jwksUrl = readKeySetUrl(options.jwksUrl);
  // Without an audience, an assertion for any API would be accepted.
  const audience = readText('audience', options.audience);
  readText('issuer', issuer);
  if (mode !== 'request' && mode !== 'key') {
    throw new TypeError('Cannot verify assertions: assertion is neither "request" nor "key"');
  }
  const send = options.fetch ?? ((url, init) => fetch(url, init));
  const publicKeys = createRemoteJWKSet(jwksUrl, {
    cacheMaxAge: KEYS_CACHED_MS,
    cooldownDuration: KEYS_COOLDOWN_MS,
    timeoutDuration: KEYS_TIMEOUT_MS,
    [customFetch]: send,
  });

  return async (request) => {
    const presented = headerOf(request, 'x-edge-assertion');
    if (presented === null) {
      throw new UnverifiedRequestError('missing', 'it has no X-Edge-Assertion header');
    }
    if (presented.length > ASSERTION_MAX_LENGTH) throw invalid('its assertion is too long');
    try {
      const { payload } = await jwtVerify(presented, publicKeys, {
        algorithms: ['EdDSA'],
        issuer,
        audience,
        requiredClaims: ['access', 'exp', 'iat', 'jti'],
        maxTokenAge: ASSERTION_SECONDS,
        clockTolerance: CLOCK_TOLERANCE_SECONDS,
      });
      checkBinding(payload, request, mode);
      return callerIn(payload);
    } catch (error) {
      throw refusalOf(error);
    }
  };
}

/** Compares method and path as this server received them, before a router folds case or slashes. */
function checkBinding(
  { htm, htu }: JWTPayload,
  request: IncomingRequest,
  mode: 'request' | 'key',
): void {
  if (htm === undefined && htu === undefined && mode === 'key') return;
  const path = pathOf(request.originalUrl ?? request.url ?? '');
  const signedPath = typeof htu === 'string' ? URL.parse(htu)?.pathname : undefined;
  const isForThis =
    typeof htm === 'string' &&
    htm === request.method &&
    signedPath !== undefined &&
    signedPath === path;
  if (!isForThis) {
    throw new UnverifiedRequestError('other_request', 'its assertion is for another request');
  }
}

/** The path of a URL, or of what a server received. */
function pathOf(url: string): string {
  if (!url.startsWith('/')) return URL.parse(url)?.pathname ?? '';
  return url.split('?', 1)[0] ?? '';
}

/** The caller that the claims describe. Throws if they describe one that this version does not know. */
function callerIn(payload: JWTPayload): VerifiedCaller {
  const { key_id: keyId, access: written, stale, unconfirmed, client } = payload;
  const access = accesses.find((known) => known === written);
  if (access === undefined) throw invalid('its assertion has an access that is not known');
  // A public route takes no key, so its requests have none to name.
  if (typeof keyId !== 'string' && access !== 'public') throw invalid('its assertion names no key');
  return {
    keyId: textOrNull(keyId),
    owner: textOrNull(payload.sub),
    access,
    isStale: stale === true,
    isUnconfirmed: unconfirmed === true,
    meta: textsOf(payload['meta']),
    tags: Array.isArray(payload['tags']) ? payload['tags'].map(String) : [],
    client: isObject(client)
      ? {
          subject: textOrNull(client['sub']),
          tokenId: textOrNull(client['jti']),
          meta: textsOf(client['meta']),
        }
      : null,
  };
}

function refusalOf(error: unknown): UnverifiedRequestError {
  if (error instanceof UnverifiedRequestError) return error;
  const isAssertionAtFault =
    error instanceof errors.JOSEError &&
    !(error instanceof errors.JWKSTimeout) &&
    !(error instanceof errors.JWKSInvalid) &&
    // jose's own class: the key set did not arrive with status 200, or was no JSON.
    error.constructor !== errors.JOSEError;
  return isAssertionAtFault
    ? invalid(`its assertion is not valid (${error.code})`, error)
    : new UnverifiedRequestError('keys_unavailable', 'the key set of the edge cannot be fetched', {
        cause: error,
      });
}

function invalid(message: string, cause?: unknown): UnverifiedRequestError {
  return new UnverifiedRequestError('invalid', message, cause === undefined ? {} : { cause });
}

/** The value of a header that occurs once; `null` if it is absent or empty, or was sent several times. */
function headerOf({ headers }: IncomingRequest, name: string): string | null {
  const value = headers instanceof Headers ? headers.get(name) : headers[name];
  return typeof value === 'string' && value !== '' ? value : null;
}

function readKeySetUrl(value: string | URL | undefined): URL {
  const text = readText('jwksUrl', value === undefined ? undefined : String(value));
  const url = URL.parse(text);
  const isLoopback = /^(?:localhost|127\.\d+\.\d+\.\d+|\[::1\])$/.test(url?.hostname ?? '');
  if (url === null || !(url.protocol === 'https:' || (url.protocol === 'http:' && isLoopback))) {
    throw new TypeError('Cannot verify assertions: jwksUrl is not an https URL');
  }
  return url;
}

function readText(name: string, value: string | undefined): string {
  if (typeof value === 'string' && value.trim() !== '') return value;
  throw new TypeError(`Cannot verify assertions: ${name} is not set`);
}

function textOrNull(value: unknown): string | null {
  return typeof value === 'string' ? value : null;
}

function textsOf(value: unknown): Readonly<Record<string, string>> {
  if (!isObject(value)) return {};
  return Object.fromEntries(Object.entries(value).map(([name, text]) => [name, String(text)]));
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
