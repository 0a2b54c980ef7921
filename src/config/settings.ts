/**
 * Every setting, once. The type `Env`, the members of `Config`, the defaults, the checks and
 * docs/configuration.md (`npm run docs`) are derived from this table.
 *
 * To add a setting, add an entry. `config` has it under its name in camel case: `UPSTREAM_TIMEOUT_MS` is
 * `config.upstreamTimeoutMs`. A rule between two settings belongs in `cross-checks.ts`.
 */

import { ORIGINS_PER_KEY } from '../core/limits.ts';
import { restrictedRoutes } from '../core/routes/restricted-routes.ts';
import {
  checkAdminToken,
  checkApiUrl,
  checkAuthorization,
  checkClaimName,
  checkEventsSecret,
  checkKeySetUrl,
  checkManageHost,
  checkTokenPrefix,
  quotableUrl,
  readAdminTokens,
  readLeakKeys,
  readUpstreamUrl,
} from './checks.ts';
import { requestHeaders, responseHeaders } from './header-lists.ts';
import { limiters } from './limiters.ts';
import { color, logo, portalName, returnUrls } from './portal-settings.ts';
import { choice, flag, rateLimit, routes, ruleSets, secret, text, wholeNumber } from './values.ts';

/** The table. Its order is that of the problems that are reported, and of the documentation. */
export const settings = {
  UPSTREAM_URL: {
    about: 'The API behind the edge, for example `https://api.example.com/v1`.',
    defaultText: 'required',
    accepts: '',
    read: readUpstreamUrl,
  },
  ADMIN_TOKEN: secret({
    about: 'At least 32 characters. A caller that presents it can manage all keys.',
    defaultText: 'none; without it and without `MANAGE_JWT_*`, management answers 404',
    check: checkAdminToken,
  }),
  ADMIN_TOKENS: {
    about:
      'Secret. Named operators, each with a token and scopes of their own: a JSON list of `{"name", "sha256", "scopes"}`, from `edge-authorizer admin-token`. The scopes are `read`, `keys` and `everything`; see docs/operating.md. Two entries may share a name, so that a rotation refuses no caller.',
    defaultText: 'none',
    accepts: '',
    read: readAdminTokens,
  },
  MANAGE_HOST: text({
    about:
      'The only host that serves the page and the management API, with an optional port, for example `manage.example.com`. It forwards nothing. Recommended for an API or a site that returns HTML; see docs/operating.md.',
    default: null,
    defaultText: 'none: each host serves the page, and documents of the API are sandboxed',
    check: checkManageHost,
  }),
  API_URL: text({
    about:
      'The origin at which callers reach the API behind the edge, for example `https://api.example.com`. The page writes it into the code that uses a new token.',
    default: null,
    defaultText: "the page's own origin; with `MANAGE_HOST`, an example",
    check: checkApiUrl,
  }),
  ALLOW_HTTP: flag({
    about:
      '`true` accepts keys and admin tokens over plain http on a public host, and serves the page there.',
  }),
  FORWARD_TOKEN: flag({
    about: "`true` forwards the caller's `Authorization`, `Cookie` and `Origin`.",
  }),
  FORWARD_REQUEST_HEADERS: requestHeaders({
    about:
      'The request headers that restricted keys, keys with rules and public routes may send beyond the list in docs/upstream.md. An entry may end in `*` after at least four characters. Names that the edge never forwards stay removed.',
  }),
  EXPOSE_HEADERS: responseHeaders({
    about: 'The response headers that a page may read beyond those of the edge.',
  }),
  UPSTREAM_AUTHORIZATION: secret({
    about: 'The `Authorization` header that the upstream receives.',
    check: checkAuthorization,
  }),
  TOKEN_PREFIX: text({
    about: 'The start of every new token.',
    default: 'ea',
    check: checkTokenPrefix,
  }),
  MAX_STALENESS_SECONDS: wholeNumber({
    about:
      'The bound on how long a revoked key works. An isolate whose knowledge is older reads the change log first.',
    default: 10,
    min: 1,
    max: 300,
  }),
  FEED_REFRESH_SECONDS: wholeNumber({
    about:
      'The age at which an isolate reads the change log in the background. At most `MAX_STALENESS_SECONDS`, which is also the default if that is smaller.',
    default: 5,
    min: 0,
    max: 300,
  }),
  OPEN_CONNECTIONS: choice({
    about:
      '`end` ends WebSockets and event streams when their key ends, within `MAX_STALENESS_SECONDS` + 5 s. `native` passes them through without this bound and without the next two limits.',
    default: 'end',
    choices: ['end', 'native'],
  }),
  OPEN_CONNECTIONS_PER_KEY: wholeNumber({
    about:
      'The WebSockets and event streams that one key may have open in one isolate. A further WebSocket is closed with code 1013; a further event stream gets 429.',
    default: 500,
    min: 1,
    max: 10_000,
  }),
  RELAYED_MIB_PER_MINUTE: wholeNumber({
    about:
      'The MiB per minute that the WebSockets of one key may carry in one isolate, both ways together. One that exceeds it is closed with code 1013.',
    default: 64,
    min: 1,
    max: 100_000,
  }),
  KEEP_WARM_SECONDS: wholeNumber({
    about:
      'How long an isolate keeps its knowledge fresh after it has answered an allowed request, so that the next one does not wait for D1. 0 turns it off. Wall time in metrics and tail logs then includes this time.',
    default: 25,
    min: 0,
    max: 27,
  }),
  SPECULATIVE_READS: flag({
    about:
      '`true` forwards a GET or HEAD of a known key while the change log is still being read, and discards the response if the key turns out to be revoked. The upstream may then receive reads of keys that were just revoked, marked with `X-Edge-Unconfirmed: 1`; see docs/upstream.md.',
  }),
  UPSTREAM_TIMEOUT_MS: wholeNumber({
    about:
      'The time within which the upstream must send its response headers. Uploads get extra time.',
    default: 30_000,
    min: 1,
    max: 10 * 60 * 1000,
  }),
  OUTAGE_GRACE_SECONDS: wholeNumber({
    about:
      'How long known keys remain valid while D1 is unreachable; restricted ones for 60 seconds at most. 0 fails closed.',
    default: 300,
    min: 0,
    max: 24 * 60 * 60,
  }),
  KEYS_PER_OWNER: wholeNumber({
    about: 'How many live keys an owner who signs in may have. The operator is not bound.',
    default: 100,
    min: 1,
    max: 10_000,
  }),
  OWNER_CHANGES_PER_MINUTE: wholeNumber({
    about:
      'How many changes an owner who signs in may make within a minute. Ten lines of the change log count as one more: a change to 50 origins counts as six. The operator is not bound.',
    default: 60,
    min: 1,
    max: 10_000,
  }),
  OWNER_ORIGINS_PER_KEY: wholeNumber({
    about:
      'How many allowed origins an owner who signs in may give one key. The operator may give 500.',
    default: 50,
    min: 1,
    max: ORIGINS_PER_KEY,
  }),
  OWNER_RULE_BYTES_PER_KEY: wholeNumber({
    about:
      'How many bytes the rules that an owner who signs in writes into one key may have as JSON, those of its client tokens included. The operator is not bound.',
    default: 8 * 1024,
    min: 100,
    max: 64 * 1024,
  }),
  PEOPLE_MAY_IMPORT: flag({
    about:
      '`true` lets owners who sign in import keys, with plain tokens of at least 22 characters. An owner can then claim any token that is not known here yet, such as one that another owner’s page shows.',
  }),
  MANAGE_JWT_ISSUER: text({
    about:
      'With the next two, lets people manage their own keys with a JWT, or through Cloudflare Access: the claim `iss`.',
    default: null,
  }),
  MANAGE_JWT_AUDIENCE: text({ about: 'The claim `aud`.', default: null }),
  MANAGE_JWT_JWKS_URL: text({
    about: "The URL of the issuer's public keys.",
    default: null,
    check: checkKeySetUrl,
    quote: quotableUrl,
  }),
  MANAGE_JWT_OWNER_CLAIM: text({
    about: 'The claim that holds the owner whose keys a person may manage.',
    default: 'sub',
  }),
  MANAGE_JWT_OPERATOR_CLAIM: text({
    about:
      'The claim whose values make a person an operator: `read`, `keys` or `everything`, as a text with blanks between them or as a list. Other values are ignored. A dot leads into an object, as in `custom.edge_scopes` of Cloudflare Access.',
    default: null,
    defaultText: 'none: people manage only their own keys',
    check: checkClaimName,
  }),
  PORTAL_RETURN_URLS: returnUrls({
    about:
      'Opens the [portal](guides/customers.md#a-link-from-your-site) for customers of yours. It leads back only to URLs that begin with one of these: an origin, or an origin and a path, compared segment by segment. https alone, except for http on this machine while the edge is there, too.',
  }),
  PORTAL_NAME: portalName({ about: 'The name that the portal shows.' }),
  PORTAL_LOGO: logo({
    about: 'The image that the portal shows. The policy of its pages permits this image alone.',
  }),
  PORTAL_ACCENT_COLOR: color({
    about:
      'The colour of links and buttons on the portal. It is darkened, and in the dark scheme lightened, as far as people need to read it.',
  }),
  PORTAL_BAR_COLOR: color({
    about: 'The colour of the bar on the portal. Its text is black or white, whichever is clearer.',
  }),
  EVENTS_URL: text({
    about:
      'The https URL that receives events about keys as Standard Webhooks; see docs/events.md. Redirects are not followed.',
    default: null,
    defaultText: 'none: no events',
    quote: quotableUrl,
  }),
  EVENTS_SECRET: secret({
    about:
      'Signs events: `whsec_` and 24 to 64 random bytes in base64, for example from `echo "whsec_$(openssl rand -base64 32)"`.',
    check: checkEventsSecret,
  }),
  EVENTS_TO_LOOPBACK: flag({
    about:
      '`true` lets `EVENTS_URL` lead to this machine, over http as well. `npm run dev` sets it; never set it elsewhere.',
  }),
  GITHUB_SECRET_SCANNING_KEYS: {
    about:
      'The public keys with which GitHub signs reports of leaked tokens: the document at https://api.github.com/meta/public_keys/secret_scanning, or an object of PEM texts by identifier.',
    defaultText: 'none; without it, `POST /_edge/v1/leaks/github` answers 404',
    accepts: '',
    read: readLeakKeys,
  },
  LEAKED_KEY_ACTION: choice({
    about:
      "The reaction to a report of a backend key's token. `report` only notes it in the audit and the log.",
    default: 'revoke',
    choices: ['revoke', 'report'],
  }),
  LEAKED_CORS_KEY_ACTION: choice({
    about: 'The same for a CORS key, whose token is public in any case.',
    default: 'report',
    choices: ['revoke', 'report'],
  }),
  // At most 10, because the background work of one request waits for it and ends after 30.
  USAGE_FLUSH_SECONDS: wholeNumber({
    about: 'How long an isolate adds up usage before it sends it. This much is lost if it dies.',
    default: 5,
    min: 0,
    max: 10,
  }),
  USAGE_RETENTION_DAYS: wholeNumber({
    about: 'How long usage is kept, and the origins that keys refused.',
    default: 400,
    min: 1,
    max: 10 * 366,
  }),
  // As long as usage, so that all usage has a name.
  KEY_RETENTION_DAYS: wholeNumber({
    about:
      'How long a key is kept after it was revoked or has expired, and a token after a roll ended it. A deleted token stays rejected, but could be imported again.',
    default: 400,
    min: 1,
    max: 10 * 366,
  }),
  AUDIT_RETENTION_DAYS: wholeNumber({
    about: 'How long the audit is kept. It may outlive its keys.',
    default: 400,
    min: 1,
    max: 10 * 366,
  }),
  CHANGE_RETENTION_DAYS: wholeNumber({
    about:
      'How long lines of the change log are kept. The newest 8,000 are kept for ever. Isolates need no more; people who investigate an incident may.',
    default: 30,
    min: 1,
    max: 10 * 366,
  }),
  RESTRICTED_ROUTES: routes({
    about: 'The routes that restricted keys may call.',
    default: restrictedRoutes,
    defaultText: 'the table in docs/routes.md',
  }),
  RULE_SETS: ruleSets({
    about:
      'Named lists of routes that keys refer to with `access.ruleSet`: a JSON object such as `{"acme@1": {"routes": [...]}}`, each in the form of `RESTRICTED_ROUTES`. `livepeer@1`, the built-in table, is always there. See docs/routes.md.',
  }),
  PUBLIC_ROUTES: routes({
    about: 'The routes that need no key.',
    default: null,
    defaultText: 'none',
  }),
  ASSERTION: choice({
    about:
      'Signs one assertion for each request, or one per key that is reused for 15 seconds and not bound to the request.',
    default: null,
    defaultText: '`request` with `ASSERTION_KEYS`, otherwise `off`',
    choices: ['request', 'key', 'off'],
    reason: 'it is not a mode',
  }),
  ASSERTION_KEYS: secret({ about: 'A JWK Set of Ed25519 keys, the first of which signs.' }),
  ASSERTION_ISSUER: text({ about: 'The claim `iss` of assertions.', default: 'edge-authorizer' }),
  ASSERTION_AUDIENCE: text({
    about: 'The claim `aud` of assertions.',
    default: null,
    defaultText: "the upstream's origin",
  }),
  FAILURE_LIMIT: rateLimit({
    about:
      'The limit of the binding `FAILURE_LIMITER`, as requests and seconds, for callers to see.',
    binding: 'FAILURE_LIMITER',
    policy: 'failures',
  }),
  KEY_LIMIT: rateLimit({
    about: 'The same for the binding `KEY_LIMITER`.',
    binding: 'KEY_LIMITER',
    policy: 'key',
  }),
  CLIENT_LIMIT: rateLimit({
    about: 'The same for the binding `CLIENT_LIMITER`.',
    binding: 'CLIENT_LIMITER',
    policy: 'client',
  }),
  LIMITERS: limiters({
    about:
      'Limits that keys select by name: a JSON list such as `[{"name": "pro", "binding": "LIMITER_PRO", "limit": "1000/60"}]`. See docs/plans.md.',
  }),
  SERVER_TIMING: flag({
    about: '`true` reports the time spent in the edge and in the upstream.',
  }),
  LOG_ALLOWED_PERCENT: wholeNumber({
    about: 'The share of allowed requests that is logged. Rejected requests always are.',
    default: 0,
    min: 0,
    max: 100,
  }),
} as const;

/** The name of a setting. */
export type SettingName = keyof typeof settings;

/** The settings that `config` holds in groups: `people`, `leaks`, `assertion`. */
export const groupedSettings = [
  'MANAGE_JWT_ISSUER',
  'MANAGE_JWT_AUDIENCE',
  'MANAGE_JWT_JWKS_URL',
  'MANAGE_JWT_OWNER_CLAIM',
  'MANAGE_JWT_OPERATOR_CLAIM',
  'GITHUB_SECRET_SCANNING_KEYS',
  'LEAKED_KEY_ACTION',
  'LEAKED_CORS_KEY_ACTION',
  'RESTRICTED_ROUTES',
  'RULE_SETS',
  'PORTAL_RETURN_URLS',
  'PORTAL_NAME',
  'PORTAL_LOGO',
  'PORTAL_ACCENT_COLOR',
  'PORTAL_BAR_COLOR',
  'EVENTS_URL',
  'EVENTS_SECRET',
  'EVENTS_TO_LOOPBACK',
  'ASSERTION',
  'ASSERTION_KEYS',
  'ASSERTION_ISSUER',
  'ASSERTION_AUDIENCE',
] as const satisfies readonly SettingName[];

/** The name of a setting in a group. */
export type GroupedSetting = (typeof groupedSettings)[number];

/** The settings, read one by one. */
export type Values = {
  readonly [Name in SettingName]: ReturnType<(typeof settings)[Name]['read']>;
};
