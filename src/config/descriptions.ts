/**
 * The meaning of every setting and binding. docs/configuration.md shows these tables (`npm run docs`). A
 * setting or a binding without a description does not compile. The Worker does not import this file.
 */

import { RULE_SETS_MAX } from '../core/routes/rule-sets.ts';
import type { Bindings } from './env.ts';
import { HEADER_NAMES_MAX } from './header-lists.ts';
import { PORTAL_NAME_MAX_LENGTH, RETURN_URLS_MAX } from './portal-settings.ts';
import type { SettingName } from './settings.ts';
import { DEFAULT_LIMIT } from './values.ts';

/** The texts of a setting, in Markdown. */
export interface SettingDescription {
  readonly about: string;
  /** The default. Absent if the setting states it as a value, and for "none". */
  readonly default?: string;
  /** The values that are accepted. Absent if the setting states its bounds or choices, or `about` says it. */
  readonly accepts?: string;
}

const rateLimit = {
  default: `\`${DEFAULT_LIMIT}\` with the binding`,
  accepts: '`<requests>/10` or `<requests>/60`',
};

/** The texts of each setting. */
export const settingDescriptions: Readonly<Record<SettingName, SettingDescription>> = {
  UPSTREAM_URL: {
    about: 'The API behind the edge, for example `https://api.example.com/v1`.',
    default: 'required',
  },
  ADMIN_TOKEN: {
    about: 'Secret. At least 32 characters. A caller that presents it can manage all keys.',
    default: 'none; without it and without `MANAGE_JWT_*`, management answers 404',
  },
  ADMIN_TOKENS: {
    about:
      'Secret. Named operators, each with a token and scopes of their own: a JSON list of `{"name", "sha256", "scopes"}`, from `edge-authorizer admin-token`. The scopes are `read`, `keys` and `everything`; see docs/operating.md. Two entries may share a name, so that a rotation refuses no caller.',
  },
  MANAGE_HOST: {
    about:
      'The only host that serves the page and the management API, with an optional port, for example `manage.example.com`. It forwards nothing. Recommended for an API or a site that returns HTML; see docs/operating.md.',
    default: 'none: each host serves the page, and documents of the API are sandboxed',
  },
  API_URL: {
    about:
      'The origin at which callers reach the API behind the edge, for example `https://api.example.com`. The page writes it into the code that uses a new token.',
    default: "the page's own origin; with `MANAGE_HOST`, an example",
  },
  ALLOW_HTTP: {
    about:
      '`true` accepts keys and admin tokens over plain http on a public host, and serves the page there.',
  },
  FORWARD_TOKEN: {
    about: "`true` forwards the caller's `Authorization`, `Cookie` and `Origin`.",
  },
  FORWARD_REQUEST_HEADERS: {
    about:
      'The request headers that restricted keys, keys with rules and public routes may send beyond the list in docs/upstream.md. An entry may end in `*` after at least four characters. Names that the edge never forwards stay removed.',
    accepts: `at most ${HEADER_NAMES_MAX} names, separated by blanks or commas`,
  },
  EXPOSE_HEADERS: {
    about: 'The response headers that a page may read beyond those of the edge.',
    accepts: `at most ${HEADER_NAMES_MAX} names, separated by blanks or commas`,
  },
  UPSTREAM_AUTHORIZATION: {
    about: 'Secret. The `Authorization` header that the upstream receives.',
  },
  TOKEN_PREFIX: {
    about: 'The start of every new token.',
  },
  MAX_STALENESS_SECONDS: {
    about:
      'The bound on how long a revoked key works. An isolate whose knowledge is older reads the change log first.',
  },
  FEED_REFRESH_SECONDS: {
    about:
      'The age at which an isolate reads the change log in the background. At most `MAX_STALENESS_SECONDS`, which is also the default if that is smaller.',
  },
  OPEN_CONNECTIONS: {
    about:
      '`end` ends WebSockets and event streams when their key ends, within `MAX_STALENESS_SECONDS` + 5 s. `native` passes them through without this bound and without the next two limits.',
  },
  OPEN_CONNECTIONS_PER_KEY: {
    about:
      'The WebSockets and event streams that one key may have open in one isolate. A further WebSocket is closed with code 1013; a further event stream gets 429.',
  },
  RELAYED_MIB_PER_MINUTE: {
    about:
      'The MiB per minute that the WebSockets of one key may carry in one isolate, both ways together. One that exceeds it is closed with code 1013.',
  },
  KEEP_WARM_SECONDS: {
    about:
      'How long an isolate keeps its knowledge fresh after it has answered an allowed request, so that the next one does not wait for D1. 0 turns it off. Wall time in metrics and tail logs then includes this time.',
  },
  SPECULATIVE_READS: {
    about:
      '`true` forwards a GET or HEAD of a known key while the change log is still being read, and discards the response if the key turns out to be revoked. The upstream may then receive reads of keys that were just revoked, marked with `X-Edge-Unconfirmed: 1`; see docs/upstream.md.',
  },
  UPSTREAM_TIMEOUT_MS: {
    about:
      'The time within which the upstream must send its response headers. Uploads get extra time.',
  },
  OUTAGE_GRACE_SECONDS: {
    about:
      'How long known keys remain valid while D1 is unreachable; restricted ones for 60 seconds at most. 0 fails closed.',
  },
  KEYS_PER_OWNER: {
    about: 'How many live keys an owner who signs in may have. The operator is not bound.',
  },
  OWNER_CHANGES_PER_MINUTE: {
    about:
      'How many changes an owner who signs in may make within a minute. Ten lines of the change log count as one more: a change to 50 origins counts as six. The operator is not bound.',
  },
  OWNER_ORIGINS_PER_KEY: {
    about:
      'How many allowed origins an owner who signs in may give one key. The operator may give 500.',
  },
  OWNER_RULE_BYTES_PER_KEY: {
    about:
      'How many bytes the rules that an owner who signs in writes into one key may have as JSON, those of its client tokens included. The operator is not bound.',
  },
  PEOPLE_MAY_IMPORT: {
    about:
      '`true` lets owners who sign in import keys, with plain tokens of at least 22 characters. An owner can then claim any token that is not known here yet, such as one that another owner’s page shows.',
  },
  MANAGE_JWT_ISSUER: {
    about:
      'With the next two, lets people manage their own keys with a JWT, or through Cloudflare Access: the claim `iss`.',
  },
  MANAGE_JWT_AUDIENCE: {
    about: 'The claim `aud`.',
  },
  MANAGE_JWT_JWKS_URL: {
    about: "The URL of the issuer's public keys.",
  },
  MANAGE_JWT_OWNER_CLAIM: {
    about: 'The claim that holds the owner whose keys a person may manage.',
  },
  MANAGE_JWT_OPERATOR_CLAIM: {
    about:
      'The claim whose values make a person an operator: `read`, `keys` or `everything`, as a text with blanks between them or as a list. Other values are ignored. A dot leads into an object, as in `custom.edge_scopes` of Cloudflare Access.',
    default: 'none: people manage only their own keys',
  },
  PORTAL_RETURN_URLS: {
    about:
      'Opens the [portal](guides/customers.md#a-link-from-your-site) for customers of yours. It leads back only to URLs that begin with one of these: an origin, or an origin and a path, compared segment by segment. https alone, except for http on this machine while the edge is there, too.',
    default: 'none: no portal',
    accepts: `at most ${RETURN_URLS_MAX} URLs, separated by blanks or commas`,
  },
  PORTAL_NAME: {
    about: 'The name that the portal shows.',
    default: '`edge-authorizer`',
    accepts: `1 to ${PORTAL_NAME_MAX_LENGTH} visible characters`,
  },
  PORTAL_LOGO: {
    about: 'The image that the portal shows. The policy of its pages permits this image alone.',
    default: "the page's own",
    accepts: 'an https URL, or `data:image/…;base64,…`',
  },
  PORTAL_ACCENT_COLOR: {
    about:
      'The colour of links and buttons on the portal. It is darkened, and in the dark scheme lightened, as far as people need to read it.',
    default: "the page's own",
    accepts: '`#rgb` or `#rrggbb`',
  },
  PORTAL_BAR_COLOR: {
    about: 'The colour of the bar on the portal. Its text is black or white, whichever is clearer.',
    default: "the page's own",
    accepts: '`#rgb` or `#rrggbb`',
  },
  EVENTS_URL: {
    about:
      'The https URL that receives events about keys as Standard Webhooks; see docs/events.md. Redirects are not followed.',
    default: 'none: no events',
  },
  EVENTS_SECRET: {
    about:
      'Secret. Signs events: `whsec_` and 24 to 64 random bytes in base64, for example from `echo "whsec_$(openssl rand -base64 32)"`. Two during a rotation, with a blank between them, the new one first; see docs/operating.md.',
  },
  EVENTS_TO_LOOPBACK: {
    about:
      '`true` lets `EVENTS_URL` lead to this machine, over http as well. `npm run dev` sets it; never set it elsewhere.',
  },
  GITHUB_SECRET_SCANNING_KEYS: {
    about:
      'The public keys with which GitHub signs reports of leaked tokens: the document at https://api.github.com/meta/public_keys/secret_scanning, or an object of PEM texts by identifier.',
    default: 'none; without it, `POST /_edge/v1/leaks/github` answers 404',
  },
  LEAKED_KEY_ACTION: {
    about:
      "The reaction to a report of a backend key's token. `report` only notes it in the audit and the log.",
  },
  LEAKED_CORS_KEY_ACTION: {
    about: 'The same for a CORS key, whose token is public in any case.',
  },
  USAGE_FLUSH_SECONDS: {
    about: 'How long an isolate adds up usage before it sends it. This much is lost if it dies.',
  },
  USAGE_RETENTION_DAYS: {
    about: 'How long usage is kept, and the origins that keys refused.',
  },
  KEY_RETENTION_DAYS: {
    about:
      'How long a key is kept after it was revoked or has expired, and a token after a roll ended it. A deleted token stays rejected, but could be imported again.',
  },
  AUDIT_RETENTION_DAYS: {
    about: 'How long the audit is kept. It may outlive its keys.',
  },
  CHANGE_RETENTION_DAYS: {
    about:
      'How long lines of the change log are kept. The newest 8,000 are kept for ever. Isolates need no more; people who investigate an incident may.',
  },
  RESTRICTED_ROUTES: {
    about: 'The routes that restricted keys may call.',
    default: 'the table in docs/routes.md',
  },
  RULE_SETS: {
    about:
      'Named lists of routes that keys refer to with `access.ruleSet`: a JSON object such as `{"acme@1": {"routes": [...]}}`, each in the form of `RESTRICTED_ROUTES`. `livepeer@1`, the built-in table, is always there. See docs/routes.md.',
    default: '`livepeer@1` alone',
    accepts: `at most ${RULE_SETS_MAX} sets`,
  },
  PUBLIC_ROUTES: {
    about: 'The routes that need no key.',
  },
  ASSERTION: {
    about:
      'Signs one assertion for each request, or one per key that is reused for 15 seconds and not bound to the request.',
    default: '`request` with `ASSERTION_KEYS`, otherwise `off`',
  },
  ASSERTION_KEYS: {
    about: 'Secret. A JWK Set of Ed25519 keys, the first of which signs.',
  },
  ASSERTION_ISSUER: {
    about: 'The claim `iss` of assertions.',
  },
  ASSERTION_AUDIENCE: {
    about: 'The claim `aud` of assertions.',
    default: "the upstream's origin",
  },
  FAILURE_LIMIT: {
    about:
      'The limit of the binding `FAILURE_LIMITER`, as requests and seconds, for callers to see.',
    ...rateLimit,
  },
  KEY_LIMIT: {
    about: 'The same for the binding `KEY_LIMITER`.',
    ...rateLimit,
  },
  CLIENT_LIMIT: {
    about: 'The same for the binding `CLIENT_LIMITER`.',
    ...rateLimit,
  },
  LIMITERS: {
    about:
      'Limits that keys select by name: a JSON list such as `[{"name": "pro", "binding": "LIMITER_PRO", "limit": "1000/60"}]`. See docs/plans.md.',
  },
  SERVER_TIMING: {
    about: '`true` reports the time spent in the edge and in the upstream.',
  },
  LOG_ALLOWED_PERCENT: {
    about: 'The share of allowed requests that is logged. Rejected requests always are.',
  },
};

/** The text of each binding, in Markdown. */
export const bindingDescriptions: Readonly<Record<keyof Bindings, string>> = {
  DB: 'The source of truth: keys, the change log, usage, the audit. See `schema.sql`.',
  KEYS: 'Copies of keys near the reader.',
  USAGE: 'Carries usage to D1. Without it, every isolate writes its usage to D1 itself.',
  CF_VERSION_METADATA:
    'Tells this deployment from others. Without it, isolates do not share their reads of the change log.',
  SIGN_IN_LIMITER:
    'Counts attempts to sign in to the page. Without it, every isolate counts its own.',
  FAILURE_LIMITER:
    'Limits failed authentications per client address. Without it, they are not limited.',
  KEY_LIMITER: 'Limits requests per key. Without it, they are not limited.',
  CLIENT_LIMITER:
    'Limits requests with client tokens per visitor: by key and `sub`, or by address without a `sub`. Without it, they are not limited.',
  ANALYTICS: 'Counts outcomes for dashboards.',
};
