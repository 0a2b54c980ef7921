/**
 * The Worker's bindings and settings, checked as a whole.
 *
 * Every problem is reported at once, each with the variable, its value and the fix, so that a
 * deployment is mended in one go. Secrets are never quoted. No I/O.
 */

import { type AssertionKey, readAssertionKeys } from '../core/assertion-jwks.ts';
import { type RateLimitPolicy, readRateLimit } from '../core/decide/rate-limit.ts';
import { type KeyKind, tokenPrefixPattern } from '../core/key/token.ts';
import { TOKEN_MAX_LENGTH } from '../core/limits.ts';
import { restrictedRoutes as defaultRestrictedRoutes } from '../core/routes/restricted-routes.ts';
import { readRouteList } from '../core/routes/route-list.ts';
import type { RouteList } from '../core/routes/route-table.ts';
import { beginningOf } from '../core/text.ts';
import { readScanningKeys, type ScanningKey } from '../leaks/github-public-keys.ts';

/**
 * What the runtime hands to the Worker. Anything may be missing or malformed until it is read. Of the
 * comments on settings, and of `wholeNumbers`, docs/configuration.md is made: `npm run docs`.
 */
export interface Env {
  /** Everything that is true: keys, the change log, usage, the audit. See `schema.sql`. */
  readonly DB: D1Database;
  /** Copies of keys near the reader. */
  readonly KEYS: KVNamespace;
  /** Carries usage to D1. Without it, every isolate writes its usage to D1 by itself. */
  readonly USAGE?: Queue<string>;
  /** Tells this deployment from others. Without it, isolates do not share what they poll. */
  readonly CF_VERSION_METADATA?: WorkerVersionMetadata;
  /** Counts attempts to sign in to the page. Without it, every isolate counts by itself. */
  readonly SIGN_IN_LIMITER?: RateLimit;
  /** Limits failed authentications per client address. Without it, they are not limited. */
  readonly FAILURE_LIMITER?: RateLimit;
  /** Limits requests per key. Without it, they are not limited. */
  readonly KEY_LIMITER?: RateLimit;
  /** Counts outcomes for dashboards. */
  readonly ANALYTICS?: AnalyticsEngineDataset;
  /** Required. The API behind the edge, for example `https://api.example.com/v1`. */
  readonly UPSTREAM_URL?: string;
  /**
   * Secret, at least 32 characters. Who sends it manages all keys. Default: none; without it and
   * without `MANAGE_JWT_*`, management answers 404.
   */
  readonly ADMIN_TOKEN?: string;
  /** Secret. The `Authorization` header that the upstream gets. Default: none. */
  readonly UPSTREAM_AUTHORIZATION?: string;
  /** `true` passes the caller's `Authorization`, `Cookie` and `Origin` on. Default: `false`. */
  readonly FORWARD_TOKEN?: string;
  /** How long the upstream may take to its response headers. Uploads get time on top. */
  readonly UPSTREAM_TIMEOUT_MS?: string;
  /** What new tokens start with. Default: `ea`. */
  readonly TOKEN_PREFIX?: string;
  /**
   * How old an isolate lets its knowledge get before it reads the change log in the background. At
   * most `MAX_STALENESS_SECONDS`, which is also the default where that is smaller.
   */
  readonly FEED_REFRESH_SECONDS?: string;
  /** The same before it reads the log first: the bound on how long a revoked key works. */
  readonly MAX_STALENESS_SECONDS?: string;
  /**
   * How long known keys go on while D1 is out of reach; restricted ones 60 seconds at most. 0 fails
   * closed.
   */
  readonly OUTAGE_GRACE_SECONDS?: string;
  /**
   * With the next two, lets people manage their own keys by a JWT, or through Cloudflare Access:
   * the claim `iss`. Default: none.
   */
  readonly MANAGE_JWT_ISSUER?: string;
  /** The claim `aud`. Default: none. */
  readonly MANAGE_JWT_AUDIENCE?: string;
  /** Where the issuer's public keys are. Default: none. */
  readonly MANAGE_JWT_JWKS_URL?: string;
  /** The claim that holds the account whose keys a person may manage. Default: `sub`. */
  readonly MANAGE_JWT_OWNER_CLAIM?: string;
  /**
   * The public keys by which GitHub signs reports of leaked tokens: what
   * https://api.github.com/meta/public_keys/secret_scanning answers, or an object of PEM texts by
   * identifier. Default: none; without it, `POST /_edge/v1/leaks/github` answers 404.
   */
  readonly GITHUB_SECRET_SCANNING_KEYS?: unknown;
  /**
   * What happens to a backend key whose token was reported: `revoke` or `report`, which only notes it
   * in the audit and the log. Default: `revoke`.
   */
  readonly LEAKED_KEY_ACTION?: string;
  /** The same for a CORS key, whose token stands in pages anyway. Default: `report`. */
  readonly LEAKED_CORS_KEY_ACTION?: string;
  /** How long an isolate adds usage up before it hands it over: what is lost when it dies. */
  readonly USAGE_FLUSH_SECONDS?: string;
  /** How long usage, and the origins that keys refused, are kept. */
  readonly USAGE_RETENTION_DAYS?: string;
  /**
   * How long a key is kept after it was revoked or has expired, and a token after a roll ended it.
   * A token that is dropped stays refused, but could be imported again.
   */
  readonly KEY_RETENTION_DAYS?: string;
  /** How long the audit is kept. It may outlive its keys. */
  readonly AUDIT_RETENTION_DAYS?: string;
  /**
   * How long lines of the change log are kept, the newest 8,000 of them for ever. Isolates need no
   * more; people may, who look for what happened.
   */
  readonly CHANGE_RETENTION_DAYS?: string;
  /** What restricted keys may call. Default: the table in docs/routes.md. */
  readonly RESTRICTED_ROUTES?: unknown;
  /** What needs no key. Default: none. */
  readonly PUBLIC_ROUTES?: unknown;
  /**
   * `request`, `key` (signed once per key and 15 seconds, not bound to the request) or `off`.
   * Default: `request` with `ASSERTION_KEYS`, otherwise `off`.
   */
  readonly ASSERTION?: string;
  /** Secret. A JWK Set of Ed25519 keys, the first of which signs. Default: none. */
  readonly ASSERTION_KEYS?: string;
  /** The claim `iss` of assertions. Default: `edge-authorizer`. */
  readonly ASSERTION_ISSUER?: string;
  /** The claim `aud` of assertions. Default: the upstream's origin. */
  readonly ASSERTION_AUDIENCE?: string;
  /**
   * What the binding `FAILURE_LIMITER` allows, as requests and seconds, told to callers. Default:
   * `1000/60` with the binding.
   */
  readonly FAILURE_LIMIT?: string;
  /** What the binding `KEY_LIMITER` allows, likewise. Default: `1000/60` with the binding. */
  readonly KEY_LIMIT?: string;
  /** `true` tells the edge's and the upstream's share of the time. Default: `false`. */
  readonly SERVER_TIMING?: string;
  /** How many of a hundred allowed requests are logged. Refusals always are. */
  readonly LOG_ALLOWED_PERCENT?: string;
}

/** Settings that are whole numbers, with what they are when absent, and what they may be. */
export const wholeNumbers = {
  UPSTREAM_TIMEOUT_MS: { fallback: 30_000, min: 1, max: 10 * 60 * 1000 },
  FEED_REFRESH_SECONDS: { fallback: 5, min: 0, max: 300 },
  MAX_STALENESS_SECONDS: { fallback: 10, min: 1, max: 300 },
  OUTAGE_GRACE_SECONDS: { fallback: 300, min: 0, max: 24 * 60 * 60 },
  // At most 10, because the background work of one request waits for it and ends after 30.
  USAGE_FLUSH_SECONDS: { fallback: 5, min: 0, max: 10 },
  USAGE_RETENTION_DAYS: { fallback: 400, min: 1, max: 10 * 366 },
  // As long as usage, so that all usage has a name.
  KEY_RETENTION_DAYS: { fallback: 400, min: 1, max: 10 * 366 },
  AUDIT_RETENTION_DAYS: { fallback: 400, min: 1, max: 10 * 366 },
  CHANGE_RETENTION_DAYS: { fallback: 30, min: 1, max: 10 * 366 },
  LOG_ALLOWED_PERCENT: { fallback: 0, min: 0, max: 100 },
} as const satisfies { readonly [Name in keyof Env]?: WholeNumber };

interface WholeNumber {
  readonly fallback: number;
  readonly min: number;
  readonly max: number;
}

/** The settings, parsed. */
export interface Config {
  /** Scheme, host and path of the upstream, without a trailing slash. */
  readonly upstreamUrl: string;
  /** `null`: the operator cannot manage keys. Without people either, management answers 404. */
  readonly adminToken: string | null;
  /** `null`: people cannot manage their own keys. */
  readonly people: PeopleConfig | null;
  /** `null`: reports of leaked tokens are not taken. */
  readonly leaks: LeakConfig | null;
  /** What the upstream gets as Authorization; `null`: nothing, or the caller's own. */
  readonly upstreamAuthorization: string | null;
  readonly forwardToken: boolean;
  readonly upstreamTimeoutMs: number;
  readonly tokenPrefix: string;
  readonly feedRefreshSeconds: number;
  readonly maxStalenessSeconds: number;
  readonly outageGraceSeconds: number;
  /** How long an isolate adds usage up before it hands it over: what is lost when it dies. */
  readonly usageFlushSeconds: number;
  readonly usageRetentionDays: number;
  /** How long keys and tokens are kept after their end. */
  readonly keyRetentionDays: number;
  readonly auditRetentionDays: number;
  readonly changeRetentionDays: number;
  /** What a restricted key may call. */
  readonly restrictedRoutes: RouteList;
  /** What may be called without a key; `null`: nothing. */
  readonly publicRoutes: RouteList | null;
  /** How assertions are signed; `null`: not at all. */
  readonly assertion: {
    readonly mode: 'request' | 'key';
    readonly keys: readonly AssertionKey[];
    readonly issuer: string;
    readonly audience: string;
  } | null;
  /** What the limiters that are bound allow; `null`: none is bound. */
  readonly failureLimit: RateLimitPolicy | null;
  readonly keyLimit: RateLimitPolicy | null;
  /** Whether responses say how long the edge and the upstream took. */
  readonly serverTiming: boolean;
  /** How many of a hundred allowed requests are logged. */
  readonly logAllowedPercent: number;
}

/** Where the tokens of people come from who manage their own keys. */
export interface PeopleConfig {
  readonly issuer: string;
  readonly audience: string;
  /** Where the issuer's public keys are. */
  readonly jwksUrl: string;
  /** The claim that holds the account whose keys they may manage. */
  readonly ownerClaim: string;
}

/** What is done about tokens that were found in public. */
export interface LeakConfig {
  /** Whose reports are believed. */
  readonly keys: readonly ScanningKey[];
  /** What happens to a key of each kind. */
  readonly actions: Readonly<Record<KeyKind, LeakAction>>;
}

/** To revoke a key, or to note the leak and leave the key to its owner. */
export type LeakAction = 'revoke' | 'report';

/** One thing that is wrong with the configuration. */
export interface ConfigProblem {
  readonly name: string;
  /** As it was set; `null` when it is absent, or a secret. */
  readonly value: string | null;
  readonly reason: string;
  readonly fix: string;
}

/** The settings, or everything that is wrong with them. */
export type ConfigResult =
  | { readonly ok: true; readonly config: Config }
  | { readonly ok: false; readonly problems: readonly ConfigProblem[] };

const ADMIN_TOKEN_MIN_LENGTH = 32;
const QUOTE_MAX_LENGTH = 100;
/** What the limiters in wrangler.toml allow. */
const DEFAULT_LIMIT = '1000/60';
const SWITCH_QUOTE_MAX_LENGTH = 8;

/** Reads the configuration. Returns all its problems when it has any. Never throws. */
export function readConfig(env: Env): ConfigResult {
  const problems: ConfigProblem[] = [];
  const problem = (name: keyof Env, value: string | null, reason: string, fix: string) => {
    problems.push({ name, value: value && beginningOf(value, QUOTE_MAX_LENGTH), reason, fix });
  };
  const hasProblem = (name: keyof Env) => problems.some((known) => known.name === name);

  for (const [name, method, kind] of [
    ['DB', 'withSession', 'd1_databases'],
    ['KEYS', 'get', 'kv_namespaces'],
  ] as const) {
    if (
      typeof (env[name] as unknown as Record<string, unknown> | undefined)?.[method] !== 'function'
    ) {
      problem(name, null, 'the binding is missing', `Add [[${kind}]] with binding = "${name}"`);
    }
  }

  if (env.USAGE !== undefined && typeof env.USAGE?.send !== 'function') {
    problem('USAGE', null, 'it is not a Queue', 'Bind it in [[queues.producers]], or remove it');
  }

  /** A variable as it was set; empty when absent. `5000` and `true` need no quotes in wrangler.toml. */
  function text(name: keyof Env): string {
    const value: unknown = env[name];
    if (value === undefined || value === null) return '';
    if (typeof value === 'string') return value;
    if (typeof value === 'number' || typeof value === 'boolean') return String(value);
    problem(name, null, 'it is not a text', 'Set it as one value, in quotes');
    return '';
  }

  function integer(
    name: keyof typeof wholeNumbers,
    fallback: number = wholeNumbers[name].fallback,
  ): number {
    const { min, max } = wholeNumbers[name];
    const digits = text(name);
    if (digits === '') return fallback;
    const value = Number(digits);
    if (/^\d+$/.test(digits) && value >= min && value <= max) return value;
    const wanted = `a whole number from ${min} to ${max}`;
    problem(name, digits, `it is not ${wanted}`, `Set ${wanted}, or remove it for ${fallback}`);
    return fallback;
  }

  const writtenUrl = text('UPSTREAM_URL');
  const upstreamUrl = readUpstreamUrl(writtenUrl, (reason, fix) => {
    if (!hasProblem('UPSTREAM_URL')) problem('UPSTREAM_URL', quotableUrl(writtenUrl), reason, fix);
  });

  const adminToken = text('ADMIN_TOKEN') || null;
  if (adminToken !== null && adminToken.length < ADMIN_TOKEN_MIN_LENGTH) {
    problem(
      'ADMIN_TOKEN',
      null,
      `it has ${adminToken.length} characters and could be guessed`,
      `Set at least ${ADMIN_TOKEN_MIN_LENGTH} random characters, for example from: openssl rand -base64 32`,
    );
  }
  if (adminToken !== null && !/^[A-Za-z0-9\-._~+/]+=*$/.test(adminToken)) {
    problem(
      'ADMIN_TOKEN',
      null,
      'it holds a character that no Bearer token may have',
      'Use letters, digits and - . _ ~ + / only, and = at the end, for example from: openssl rand -base64 32',
    );
  }
  if (adminToken !== null && adminToken.length > TOKEN_MAX_LENGTH) {
    problem(
      'ADMIN_TOKEN',
      null,
      `it is longer than ${TOKEN_MAX_LENGTH} characters`,
      `Set at most ${TOKEN_MAX_LENGTH} characters`,
    );
  }

  const people = readPeople(text, problem);
  const leaks = readLeaks(env.GITHUB_SECRET_SCANNING_KEYS, text, problem);

  const forwardSwitch = text('FORWARD_TOKEN');
  const forwardToken = readSwitch(forwardSwitch, (reason, fix) => {
    // Its name invites a token. Only what is too short for one is quoted.
    const quotable = forwardSwitch.length <= SWITCH_QUOTE_MAX_LENGTH ? forwardSwitch : null;
    problem('FORWARD_TOKEN', quotable, reason, fix);
  });

  const upstreamAuthorization = text('UPSTREAM_AUTHORIZATION') || null;
  if (
    upstreamAuthorization !== null &&
    !/^[\x21-\x7e]+(?:[ \t]+[\x21-\x7e]+)*$/.test(upstreamAuthorization)
  ) {
    problem(
      'UPSTREAM_AUTHORIZATION',
      null,
      'it is not a header value in visible ASCII',
      'Set the whole header value, for example "Bearer ..."',
    );
  }
  if (upstreamAuthorization !== null && forwardToken) {
    problem(
      'UPSTREAM_AUTHORIZATION',
      null,
      'FORWARD_TOKEN is "true" as well, and a request has one Authorization header',
      'Remove one of UPSTREAM_AUTHORIZATION and FORWARD_TOKEN',
    );
  }

  const tokenPrefix = text('TOKEN_PREFIX') || 'ea';
  if (!tokenPrefixPattern.test(tokenPrefix)) {
    problem(
      'TOKEN_PREFIX',
      tokenPrefix,
      'it is not a lower-case letter followed by up to 15 lower-case letters and digits',
      'Set a short name such as "ea"',
    );
  }

  const maxStalenessSeconds = integer('MAX_STALENESS_SECONDS');
  const feedRefreshSeconds = integer(
    'FEED_REFRESH_SECONDS',
    Math.min(wholeNumbers.FEED_REFRESH_SECONDS.fallback, maxStalenessSeconds),
  );
  if (feedRefreshSeconds > maxStalenessSeconds && !hasProblem('MAX_STALENESS_SECONDS')) {
    problem(
      'FEED_REFRESH_SECONDS',
      String(feedRefreshSeconds),
      `it is larger than MAX_STALENESS_SECONDS (${maxStalenessSeconds})`,
      'Set it to about half of MAX_STALENESS_SECONDS',
    );
  }
  const upstreamTimeoutMs = integer('UPSTREAM_TIMEOUT_MS');
  const outageGraceSeconds = integer('OUTAGE_GRACE_SECONDS');
  const usageFlushSeconds = integer('USAGE_FLUSH_SECONDS');
  const usageRetentionDays = integer('USAGE_RETENTION_DAYS');
  const keyRetentionDays = integer('KEY_RETENTION_DAYS');
  const auditRetentionDays = integer('AUDIT_RETENTION_DAYS');
  const changeRetentionDays = integer('CHANGE_RETENTION_DAYS');

  function routeList(name: 'RESTRICTED_ROUTES' | 'PUBLIC_ROUTES'): RouteList | null {
    const value = env[name];
    if (value === undefined || value === null || value === '') return null;
    const result = readRouteList(value);
    if (result.ok) return result.list;
    for (const { path, value: quoted, reason, fix } of result.problems) {
      const place = path === '' ? reason : `${path}: ${reason}`;
      problem(name, typeof quoted === 'string' ? quoted : null, place, fix);
    }
    return null;
  }

  /** A limiter's binding is told its numbers in wrangler.toml; callers are told them by this. */
  function rateLimit(
    binding: 'FAILURE_LIMITER' | 'KEY_LIMITER',
    name: 'FAILURE_LIMIT' | 'KEY_LIMIT',
    policyName: string,
  ): RateLimitPolicy | null {
    const isBound = env[binding] !== undefined;
    const written = text(name) || (isBound ? DEFAULT_LIMIT : '');
    if (!isBound && written === '') return null;
    const policy = readRateLimit(policyName, written);
    if (policy === null) {
      const reason = 'it is not the limit of the binding as requests and seconds';
      problem(name, written || null, reason, `Repeat what ${binding} has, such as "100/60"`);
    } else if (typeof env[binding]?.limit !== 'function') {
      const fix = `Add [[ratelimits]] with name = "${binding}", or remove ${name}`;
      problem(binding, null, `the binding is missing, and ${name} is set`, fix);
    }
    return policy;
  }

  function assertion(): Config['assertion'] {
    const mode = text('ASSERTION');
    const keysText = text('ASSERTION_KEYS');
    if (!['', 'off', 'request', 'key'].includes(mode)) {
      problem('ASSERTION', mode, 'it is not a mode', 'Set "request", "key" or "off"');
    }
    if (mode === 'off' || (mode === '' && keysText === '')) return null;
    const keys = readAssertionKeys(keysText);
    if (keys === null) {
      const reason = 'it is not a JWK Set of private Ed25519 keys';
      const fix =
        'Set it as a secret, from: npx --no-install edge-authorizer assertion-keys; or set ASSERTION to "off"';
      problem('ASSERTION_KEYS', null, keysText === '' ? 'it is missing' : reason, fix);
      return null;
    }
    return {
      mode: mode === 'key' ? 'key' : 'request',
      keys,
      issuer: text('ASSERTION_ISSUER') || 'edge-authorizer',
      audience: text('ASSERTION_AUDIENCE') || (URL.parse(upstreamUrl)?.origin ?? ''),
    };
  }

  const restrictedRoutes = routeList('RESTRICTED_ROUTES') ?? defaultRestrictedRoutes;
  const publicRoutes = routeList('PUBLIC_ROUTES');
  const failureLimit = rateLimit('FAILURE_LIMITER', 'FAILURE_LIMIT', 'failures');
  const keyLimit = rateLimit('KEY_LIMITER', 'KEY_LIMIT', 'key');
  const serverTiming = readSwitch(text('SERVER_TIMING'), (reason, fix) => {
    problem('SERVER_TIMING', text('SERVER_TIMING'), reason, fix);
  });
  const logAllowedPercent = integer('LOG_ALLOWED_PERCENT');
  const assertionSettings = assertion();

  if (problems.length > 0) return { ok: false, problems };
  return {
    ok: true,
    config: {
      restrictedRoutes,
      publicRoutes,
      assertion: assertionSettings,
      failureLimit,
      keyLimit,
      serverTiming,
      logAllowedPercent,
      upstreamUrl,
      adminToken,
      people,
      leaks,
      upstreamAuthorization,
      forwardToken,
      upstreamTimeoutMs,
      tokenPrefix,
      feedRefreshSeconds,
      maxStalenessSeconds,
      outageGraceSeconds,
      usageFlushSeconds,
      usageRetentionDays,
      keyRetentionDays,
      auditRetentionDays,
      changeRetentionDays,
    },
  };
}

/** All of it or none: half of it would let in nobody, or anybody of the issuer. */
function readPeople(
  text: (name: keyof Env) => string,
  problem: (name: keyof Env, value: string | null, reason: string, fix: string) => void,
): PeopleConfig | null {
  const required = ['MANAGE_JWT_ISSUER', 'MANAGE_JWT_AUDIENCE', 'MANAGE_JWT_JWKS_URL'] as const;
  const [issuer = '', audience = '', jwksUrl = ''] = required.map(text);
  const ownerClaim = text('MANAGE_JWT_OWNER_CLAIM');
  if (issuer + audience + jwksUrl + ownerClaim === '') return null;
  for (const [index, value] of [issuer, audience, jwksUrl].entries()) {
    const name = required[index];
    if (value !== '' || name === undefined) continue;
    problem(
      name,
      null,
      'it is missing, and another MANAGE_JWT variable is set',
      `Set all of ${required.join(', ')}, or none of the MANAGE_JWT variables`,
    );
  }
  if (jwksUrl !== '' && !isKeySetUrl(jwksUrl)) {
    problem(
      'MANAGE_JWT_JWKS_URL',
      quotableUrl(jwksUrl),
      'it is not an absolute https URL without credentials',
      'Set where the public keys of the issuer are, for example "https://issuer.example.com/.well-known/jwks.json"',
    );
  }
  return { issuer, audience, jwksUrl, ownerClaim: ownerClaim || 'sub' };
}

function readLeaks(
  writtenKeys: unknown,
  text: (name: keyof Env) => string,
  problem: (name: keyof Env, value: string | null, reason: string, fix: string) => void,
): LeakConfig | null {
  function action(
    name: 'LEAKED_KEY_ACTION' | 'LEAKED_CORS_KEY_ACTION',
    fallback: LeakAction,
  ): LeakAction {
    const value = text(name) || fallback;
    if (value === 'revoke' || value === 'report') return value;
    problem(name, value, 'it is neither "revoke" nor "report"', 'Set "revoke" or "report"');
    return fallback;
  }

  const actions = {
    backend: action('LEAKED_KEY_ACTION', 'revoke'),
    cors: action('LEAKED_CORS_KEY_ACTION', 'report'),
  };
  if (writtenKeys === undefined || writtenKeys === null || writtenKeys === '') {
    // Who sets an action believes that reports are taken.
    for (const name of ['LEAKED_KEY_ACTION', 'LEAKED_CORS_KEY_ACTION'] as const) {
      if (text(name) === '') continue;
      const reason = `it is missing, and ${name} is set`;
      problem('GITHUB_SECRET_SCANNING_KEYS', null, reason, `Set it, or remove ${name}`);
    }
    return null;
  }
  const result = readScanningKeys(writtenKeys);
  if (result.ok) return { keys: result.keys, actions };
  problem(
    'GITHUB_SECRET_SCANNING_KEYS',
    null,
    result.reason,
    'Set what https://api.github.com/meta/public_keys/secret_scanning answers',
  );
  return null;
}

/** Plain http only on this machine: whoever can change the keys on their way can sign in as anybody. */
function isKeySetUrl(value: string): boolean {
  const url = URL.canParse(value) ? new URL(value) : null;
  if (url === null || url.username !== '' || url.password !== '') return false;
  const isLocal = ['localhost', '127.0.0.1', '[::1]'].includes(url.hostname);
  return url.protocol === 'https:' || (url.protocol === 'http:' && isLocal);
}

function readUpstreamUrl(value: string, refuse: (reason: string, fix: string) => void): string {
  const fix = 'Set the URL of the API behind the edge, for example "https://api.example.com"';
  if (value === '') {
    refuse('it is missing', fix);
    return '';
  }
  // The parser also takes blanks, backslashes and missing slashes, which are slips of the pen here.
  const url = /^https?:\/\/[^\s\\/][^\s\\]*$/i.test(value) ? URL.parse(value) : null;
  if (url === null) {
    refuse('it is not an absolute http or https URL', fix);
  } else if (url.username !== '' || url.password !== '') {
    refuse('it holds credentials', 'Set them as the secret UPSTREAM_AUTHORIZATION instead');
  } else if (/[?#]/.test(value)) {
    refuse('it holds a query or a fragment', 'Remove everything from the first ? or #');
  } else if (!isPlainBasePath(value.replace(/^https?:\/\/[^/]*/i, ''))) {
    refuse(
      'its path holds other characters than letters, digits and - . _ ~, or an empty or a dot segment',
      'Write a plain path such as "/v1"',
    );
  }
  return url === null ? '' : url.origin + url.pathname.replace(/\/$/, '');
}

function isPlainBasePath(path: string): boolean {
  return /^(?:\/[A-Za-z0-9\-._~]+)*\/?$/.test(path) && !/\/\.+(?:\/|$)/.test(path);
}

function readSwitch(value: string, refuse: (reason: string, fix: string) => void): boolean {
  if (value === '' || value === 'false') return false;
  if (value !== 'true') refuse('it is neither "true" nor "false"', 'Set "true", or remove it');
  return value === 'true';
}

/** A URL without the parts of it that may be secret: what stands before an `@`, and the query. */
function quotableUrl(value: string): string | null {
  if (value === '') return null;
  return value.replace(/^(https?:\/\/)?.*@/is, '$1***@').replace(/([?#]).*$/s, '$1***');
}
