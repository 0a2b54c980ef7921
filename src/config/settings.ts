/**
 * Every setting, once. The type `Env`, the members of `Config`, the defaults and the checks are derived from
 * this table. `descriptions.ts` says what each one means.
 *
 * To add a setting, add an entry here and its description there. `config` has it under its name in camel
 * case: `UPSTREAM_TIMEOUT_MS` is `config.upstreamTimeoutMs`. A rule between two settings belongs in
 * `cross-checks.ts`.
 */

import { ORIGINS_PER_KEY } from '../core/limits.ts';
import { restrictedRoutes } from '../core/routes/restricted-routes.ts';
import { builtInRuleSets } from '../core/routes/rule-sets.ts';
import { quotableUrl } from '../core/written-url.ts';
import {
  checkAdminToken,
  checkApiUrl,
  checkAuthorization,
  checkClaimName,
  checkKeySetUrl,
  checkManageHost,
  checkTokenPrefix,
  readUpstreamUrl,
} from './checks.ts';
import { requestHeaders, responseHeaders } from './header-lists.ts';
import {
  choice,
  flag,
  ifSet,
  type LoadedSetting,
  rateLimit,
  type Setting,
  secret,
  text,
  wholeNumber,
} from './values.ts';

const loadPortalSettings = () => import('./portal-settings.ts');
const loadRouteSettings = () => import('./route-settings.ts');

/** The table. Its order is that of the problems that are reported, and of the documentation. */
export const settings = {
  UPSTREAM_URL: { read: readUpstreamUrl },
  ADMIN_TOKEN: secret(checkAdminToken),
  ADMIN_TOKENS: ifSet([], async () => (await import('./admin-tokens.ts')).adminTokens),
  MANAGE_HOST: text({ default: null, check: checkManageHost }),
  API_URL: text({ default: null, check: checkApiUrl }),
  ALLOW_HTTP: flag,
  FORWARD_TOKEN: flag,
  FORWARD_REQUEST_HEADERS: requestHeaders,
  EXPOSE_HEADERS: responseHeaders,
  UPSTREAM_AUTHORIZATION: secret(checkAuthorization),
  TOKEN_PREFIX: text({ default: 'ea', check: checkTokenPrefix }),
  MAX_STALENESS_SECONDS: wholeNumber({ default: 10, min: 1, max: 300 }),
  FEED_REFRESH_SECONDS: wholeNumber({ default: 5, min: 0, max: 300 }),
  OPEN_CONNECTIONS: choice({ default: 'end', choices: ['end', 'native'] }),
  OPEN_CONNECTIONS_PER_KEY: wholeNumber({ default: 500, min: 1, max: 10_000 }),
  RELAYED_MIB_PER_MINUTE: wholeNumber({ default: 64, min: 1, max: 100_000 }),
  KEEP_WARM_SECONDS: wholeNumber({ default: 25, min: 0, max: 27 }),
  SPECULATIVE_READS: flag,
  UPSTREAM_TIMEOUT_MS: wholeNumber({ default: 30_000, min: 1, max: 10 * 60 * 1000 }),
  OUTAGE_GRACE_SECONDS: wholeNumber({ default: 300, min: 0, max: 24 * 60 * 60 }),
  KEYS_PER_OWNER: wholeNumber({ default: 100, min: 1, max: 10_000 }),
  OWNER_CHANGES_PER_MINUTE: wholeNumber({ default: 60, min: 1, max: 10_000 }),
  OWNER_ORIGINS_PER_KEY: wholeNumber({ default: 50, min: 1, max: ORIGINS_PER_KEY }),
  OWNER_RULE_BYTES_PER_KEY: wholeNumber({ default: 8 * 1024, min: 100, max: 64 * 1024 }),
  PEOPLE_MAY_IMPORT: flag,
  MANAGE_JWT_ISSUER: text({ default: null }),
  MANAGE_JWT_AUDIENCE: text({ default: null }),
  MANAGE_JWT_JWKS_URL: text({ default: null, check: checkKeySetUrl, quote: quotableUrl }),
  MANAGE_JWT_OWNER_CLAIM: text({ default: 'sub' }),
  MANAGE_JWT_OPERATOR_CLAIM: text({ default: null, check: checkClaimName }),
  PORTAL_RETURN_URLS: ifSet([], async () => (await loadPortalSettings()).returnUrls),
  PORTAL_NAME: ifSet(null, async () => (await loadPortalSettings()).portalName),
  PORTAL_LOGO: ifSet(null, async () => (await loadPortalSettings()).logo),
  PORTAL_ACCENT_COLOR: ifSet(null, async () => (await loadPortalSettings()).color),
  PORTAL_BAR_COLOR: ifSet(null, async () => (await loadPortalSettings()).color),
  EVENTS_URL: text({ default: null, quote: quotableUrl }),
  EVENTS_SECRET: ifSet(null, async () => (await import('./events-secrets.ts')).eventsSecrets),
  EVENTS_TO_LOOPBACK: flag,
  GITHUB_SECRET_SCANNING_KEYS: ifSet(null, async () => (await import('./leak-keys.ts')).leakKeys),
  LEAKED_KEY_ACTION: choice({ default: 'revoke', choices: ['revoke', 'report'] }),
  LEAKED_CORS_KEY_ACTION: choice({ default: 'report', choices: ['revoke', 'report'] }),
  // At most 10, because the background work of one request waits for it and ends after 30.
  USAGE_FLUSH_SECONDS: wholeNumber({ default: 5, min: 0, max: 10 }),
  USAGE_RETENTION_DAYS: wholeNumber({ default: 400, min: 1, max: 10 * 366 }),
  // As long as usage, so that all usage has a name.
  KEY_RETENTION_DAYS: wholeNumber({ default: 400, min: 1, max: 10 * 366 }),
  AUDIT_RETENTION_DAYS: wholeNumber({ default: 400, min: 1, max: 10 * 366 }),
  CHANGE_RETENTION_DAYS: wholeNumber({ default: 30, min: 1, max: 10 * 366 }),
  RESTRICTED_ROUTES: ifSet(restrictedRoutes, async () => (await loadRouteSettings()).routes),
  RULE_SETS: ifSet(builtInRuleSets, async () => (await loadRouteSettings()).ruleSets),
  PUBLIC_ROUTES: ifSet(null, async () => (await loadRouteSettings()).routes),
  ASSERTION: choice({
    default: null,
    choices: ['request', 'key', 'off'],
    reason: 'it is not a mode',
  }),
  ASSERTION_KEYS: secret(),
  ASSERTION_ISSUER: text({ default: 'edge-authorizer' }),
  ASSERTION_AUDIENCE: text({ default: null }),
  FAILURE_LIMIT: rateLimit({ binding: 'FAILURE_LIMITER', policy: 'failures' }),
  KEY_LIMIT: rateLimit({ binding: 'KEY_LIMITER', policy: 'key' }),
  CLIENT_LIMIT: rateLimit({ binding: 'CLIENT_LIMITER', policy: 'client' }),
  LIMITERS: ifSet([], async () => (await import('./limiters.ts')).limiters),
  SERVER_TIMING: flag,
  LOG_ALLOWED_PERCENT: wholeNumber({ default: 0, min: 0, max: 100 }),
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
export type Values = { readonly [Name in SettingName]: ValueOf<(typeof settings)[Name]> };

type ValueOf<Entry> = Entry extends Setting<infer Value> | LoadedSetting<infer Value>
  ? Value
  : never;
