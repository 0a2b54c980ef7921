/**
 * The rules between two settings, or a setting and a binding, and the groups that settings form. Pure, no I/O.
 *
 * A setting that is broken by itself is not held against another one.
 */

import { readAssertionKeys } from '../core/assertion-jwks.ts';
import { readRateLimit } from '../core/decide/rate-limit.ts';
import { quotableUrl } from '../core/written-url.ts';
import type {
  AssertionConfig,
  EventsConfig,
  Groups,
  LeakConfig,
  PeopleConfig,
  PortalConfig,
  Singles,
} from './config.ts';
import type { Bindings } from './env.ts';
import type { SettingName, Values } from './settings.ts';
import { DEFAULT_LIMIT, type Fault } from './values.ts';

/** The settings as they were read, and what is known of how they were written. */
export interface Written {
  readonly values: Values;
  readonly isSet: (name: SettingName | keyof Bindings) => boolean;
  readonly isBroken: (name: SettingName) => boolean;
  readonly binding: (name: keyof Bindings) => unknown;
  readonly report: (name: SettingName | keyof Bindings, fault: Fault) => void;
}

/** Checks settings against each other. Returns the groups, and settings whose default is another's. */
export async function checkTogether(
  written: Written,
): Promise<
  Groups & Pick<Singles, 'feedRefreshSeconds' | 'failureLimit' | 'keyLimit' | 'clientLimit'>
> {
  checkAuthorizationOnce(written);
  checkLimiters(written);
  checkPublicCosts(written);
  return {
    feedRefreshSeconds: readFeedRefresh(written),
    people: readPeople(written),
    restrictedRoutes: { ...written.values.RESTRICTED_ROUTES, sets: written.values.RULE_SETS },
    portal: readPortal(written),
    events: await readEvents(written),
    leaks: readLeaks(written),
    assertion: readAssertion(written),
    failureLimit: readLimit(written, 'FAILURE_LIMITER', 'FAILURE_LIMIT', 'failures'),
    keyLimit: readLimit(written, 'KEY_LIMITER', 'KEY_LIMIT', 'key'),
    clientLimit: readLimit(written, 'CLIENT_LIMITER', 'CLIENT_LIMIT', 'client'),
  };
}

function checkAuthorizationOnce({ values, report }: Written): void {
  if (!values.FORWARD_TOKEN || values.UPSTREAM_AUTHORIZATION === null) return;
  report('UPSTREAM_AUTHORIZATION', {
    value: null,
    reason: 'FORWARD_TOKEN is "true" as well, and a request has one Authorization header',
    fix: 'Remove one of UPSTREAM_AUTHORIZATION and FORWARD_TOKEN',
  });
}

/** A limit without its binding would let everything through. */
function checkLimiters({ values, binding, report }: Written): void {
  for (const { policy, binding: name } of values.LIMITERS) {
    // The operator chooses its name, so the type does not know it.
    const bound = binding(name as keyof Bindings) as Partial<RateLimit> | null | undefined;
    if (typeof bound?.limit === 'function') continue;
    report('LIMITERS', {
      value: name,
      reason: `the binding of the limit "${policy.name}" is missing`,
      fix: `Add [[ratelimits]] with name = "${name}", or remove the limit`,
    });
  }
}

/** A public route has no key, so there is no quota that its cost could count towards. */
function checkPublicCosts({ values, report }: Written): void {
  const row = values.PUBLIC_ROUTES?.routes.find(({ cost }) => cost !== undefined);
  if (row === undefined) return;
  report('PUBLIC_ROUTES', {
    value: row.path,
    reason: 'it has a cost, and no key has its quota used by a public route',
    fix: 'Remove "cost" from the row',
  });
}

function readFeedRefresh({ values, isSet, isBroken, report }: Written): number {
  const { FEED_REFRESH_SECONDS: refresh, MAX_STALENESS_SECONDS: staleness } = values;
  if (!isSet('FEED_REFRESH_SECONDS')) return Math.min(refresh, staleness);
  if (refresh > staleness && !isBroken('MAX_STALENESS_SECONDS')) {
    report('FEED_REFRESH_SECONDS', {
      value: String(refresh),
      reason: `it is larger than MAX_STALENESS_SECONDS (${staleness})`,
      fix: 'Set it to about half of MAX_STALENESS_SECONDS',
    });
  }
  return refresh;
}

/** Requires all of the settings or none: half of them would let in no person, or every one of the issuer. */
function readPeople({ values, isSet, isBroken, report }: Written): PeopleConfig | null {
  const required = ['MANAGE_JWT_ISSUER', 'MANAGE_JWT_AUDIENCE', 'MANAGE_JWT_JWKS_URL'] as const;
  const optional = ['MANAGE_JWT_OWNER_CLAIM', 'MANAGE_JWT_OPERATOR_CLAIM'] as const;
  if (![...required, ...optional].some(isSet)) return null;
  for (const name of required) {
    if (isSet(name)) continue;
    report(name, {
      value: null,
      reason: 'it is missing, and another MANAGE_JWT variable is set',
      fix: `Set all of ${required.join(', ')}, or none of the MANAGE_JWT variables`,
    });
  }
  const { MANAGE_JWT_OWNER_CLAIM: ownerClaim, MANAGE_JWT_OPERATOR_CLAIM: operatorClaim } = values;
  if (operatorClaim === ownerClaim && !isBroken('MANAGE_JWT_OPERATOR_CLAIM')) {
    report('MANAGE_JWT_OPERATOR_CLAIM', {
      value: operatorClaim,
      reason:
        'it is MANAGE_JWT_OWNER_CLAIM as well, so an owner named "everything" would be an operator',
      fix: 'Name another claim, for example "edge_scopes"',
    });
  }
  return {
    issuer: values.MANAGE_JWT_ISSUER ?? '',
    audience: values.MANAGE_JWT_AUDIENCE ?? '',
    jwksUrl: values.MANAGE_JWT_JWKS_URL ?? '',
    ownerClaim,
    operatorClaim,
  };
}

/** The list of URLs opens the portal. A look without it would be of no portal. */
function readPortal({ values, isSet, isBroken, report }: Written): PortalConfig | null {
  const { PORTAL_RETURN_URLS: returnUrls } = values;
  for (const name of [
    'PORTAL_NAME',
    'PORTAL_LOGO',
    'PORTAL_ACCENT_COLOR',
    'PORTAL_BAR_COLOR',
  ] as const) {
    if (!isSet(name) || returnUrls.length > 0 || isBroken('PORTAL_RETURN_URLS')) continue;
    const reason = `it is missing, and ${name} is set`;
    const fix = `Set the URLs that the portal may lead back to, or remove ${name}`;
    report('PORTAL_RETURN_URLS', { value: null, reason, fix });
    break;
  }
  if (returnUrls.length === 0) return null;
  return {
    returnUrls,
    name: values.PORTAL_NAME,
    logo: values.PORTAL_LOGO,
    accentColor: values.PORTAL_ACCENT_COLOR,
    barColor: values.PORTAL_BAR_COLOR,
  };
}

/** Requires both settings or neither: events that are not signed could be anybody's. */
async function readEvents({
  values,
  isSet,
  isBroken,
  report,
}: Written): Promise<EventsConfig | null> {
  const { EVENTS_URL: url, EVENTS_SECRET: secrets, EVENTS_TO_LOOPBACK: toLoopback } = values;
  // The secret alone is no fault: `wrangler secret put` puts it into service before the URL is deployed.
  if (isSet('EVENTS_URL') && !isSet('EVENTS_SECRET')) {
    report('EVENTS_SECRET', {
      value: null,
      reason: 'it is missing, and EVENTS_URL is set',
      fix: 'Set it, or remove EVENTS_URL',
    });
  }
  if (url === null) return null;
  if (!isBroken('EVENTS_URL')) {
    const { receiverFault } = await import('../core/events/receiver-url.ts');
    const fault = receiverFault(url, toLoopback);
    if (fault !== null) report('EVENTS_URL', { value: quotableUrl(url), ...fault });
  }
  return secrets === null ? null : { url, secrets };
}

function readLeaks({ values, isSet, report }: Written): LeakConfig | null {
  const { GITHUB_SECRET_SCANNING_KEYS: keys } = values;
  const actions = { backend: values.LEAKED_KEY_ACTION, cors: values.LEAKED_CORS_KEY_ACTION };
  if (isSet('GITHUB_SECRET_SCANNING_KEYS')) return keys && { keys, actions };
  // An operator who sets an action believes that reports are accepted.
  for (const name of ['LEAKED_KEY_ACTION', 'LEAKED_CORS_KEY_ACTION'] as const) {
    if (!isSet(name)) continue;
    const reason = `it is missing, and ${name} is set`;
    const fix = `Set it, or remove ${name}`;
    report('GITHUB_SECRET_SCANNING_KEYS', { value: null, reason, fix });
  }
  return null;
}

function readAssertion({ values, isSet, isBroken, report }: Written): AssertionConfig | null {
  const { ASSERTION: mode } = values;
  if (mode === 'off' || (mode === null && !isSet('ASSERTION_KEYS'))) return null;
  const keys = readAssertionKeys(values.ASSERTION_KEYS ?? '');
  if (keys === null) {
    if (isBroken('ASSERTION_KEYS')) return null;
    report('ASSERTION_KEYS', {
      value: null,
      reason: isSet('ASSERTION_KEYS')
        ? 'it is not a JWK Set of private Ed25519 keys'
        : 'it is missing',
      fix: 'Set it as a secret, from: npx --no-install edge-authorizer assertion-keys; or set ASSERTION to "off"',
    });
    return null;
  }
  return {
    mode: mode ?? 'request',
    keys,
    issuer: values.ASSERTION_ISSUER,
    audience: values.ASSERTION_AUDIENCE ?? URL.parse(values.UPSTREAM_URL)?.origin ?? '',
  };
}

function readLimit(
  { values, isSet, isBroken, binding, report }: Written,
  limiter: 'FAILURE_LIMITER' | 'KEY_LIMITER' | 'CLIENT_LIMITER',
  name: 'FAILURE_LIMIT' | 'KEY_LIMIT' | 'CLIENT_LIMIT',
  policy: string,
) {
  const limit = values[name] ?? null;
  const bound = binding(limiter);
  if (bound === undefined && !isSet(name)) return null;
  const hasMethod = typeof (bound as Partial<RateLimit> | null)?.limit === 'function';
  if (!hasMethod && !isBroken(name)) {
    report(limiter, {
      value: null,
      reason: isSet(name) ? `the binding is missing, and ${name} is set` : 'the binding is missing',
      fix: `Add [[ratelimits]] with name = "${limiter}", or remove ${name}`,
    });
  }
  return limit ?? readRateLimit(policy, DEFAULT_LIMIT);
}
