/**
 * The checks of single settings: the upstream's URL, the admin token, values of headers. Pure, no I/O.
 */

import { canonicalHost } from '../core/isolation/manage-host.ts';
import { tokenPrefixPattern } from '../core/key/token.ts';
import { TOKEN_MAX_LENGTH } from '../core/limits.ts';
import { UPSTREAM_URL_FIX, upstreamUrlFault } from '../core/routes/upstream-url.ts';
import { quotableUrl } from '../core/written-url.ts';
import { type Fault, isSet, type Report } from './values.ts';

type Faults = readonly Omit<Fault, 'value'>[];

/** Reads `UPSTREAM_URL`. Returns scheme, host and path, without a trailing slash. */
export function readUpstreamUrl(written: unknown, report: Report): string {
  const fix = UPSTREAM_URL_FIX;
  if (!isSet(written)) {
    report({ value: null, reason: 'it is missing', fix });
    return '';
  }
  if (typeof written !== 'string') {
    report({ value: null, reason: 'it is not a text', fix });
    return '';
  }
  const fault = upstreamUrlFault(written);
  if (fault !== null) report({ value: quotableUrl(written), ...fault });
  const url = URL.parse(written);
  return url === null ? '' : url.origin + url.pathname.replace(/\/$/, '');
}

const ADMIN_TOKEN_MIN_LENGTH = 32;

/** Checks `ADMIN_TOKEN`: hard to guess, and a token68 (RFC 6750, section 2.1). */
export function checkAdminToken(token: string): Faults {
  const faults = [];
  if (token.length < ADMIN_TOKEN_MIN_LENGTH) {
    faults.push({
      reason: `it has ${token.length} characters and could be guessed`,
      fix: `Set at least ${ADMIN_TOKEN_MIN_LENGTH} random characters, for example from: openssl rand -base64 32`,
    });
  }
  if (!/^[A-Za-z0-9\-._~+/]+=*$/.test(token)) {
    faults.push({
      reason: 'it holds a character that no Bearer token may have',
      fix: 'Use letters, digits and - . _ ~ + / only, and = at the end, for example from: openssl rand -base64 32',
    });
  }
  if (token.length > TOKEN_MAX_LENGTH) {
    faults.push({
      reason: `it is longer than ${TOKEN_MAX_LENGTH} characters`,
      fix: `Set at most ${TOKEN_MAX_LENGTH} characters`,
    });
  }
  return faults;
}

/** Checks `UPSTREAM_AUTHORIZATION`: a field value (RFC 9110, section 5.5) in visible ASCII. */
export function checkAuthorization(value: string): Faults {
  if (/^[\x21-\x7e]+(?:[ \t]+[\x21-\x7e]+)*$/.test(value)) return [];
  const fix = 'Set the whole header value, for example "Bearer ..."';
  return [{ reason: 'it is not a header value in visible ASCII', fix }];
}

/** Checks `MANAGE_HOST`. */
export function checkManageHost(host: string): Faults {
  if (canonicalHost(host) !== null) return [];
  return [
    {
      reason: 'it is not a host with an optional port',
      fix: 'Set the host alone, without scheme, path and wildcard, for example "manage.example.com"',
    },
  ];
}

/** Checks `API_URL`: an origin of http or https, as `URL` writes it, with or without a slash at the end. */
export function checkApiUrl(value: string): Faults {
  const url = /^https?:/i.test(value) ? URL.parse(value) : null;
  if (url !== null && [url.origin, `${url.origin}/`].includes(value.toLowerCase())) return [];
  return [
    {
      reason: 'it is not an origin of https or http',
      fix: 'Set scheme and host alone, for example "https://api.example.com"',
    },
  ];
}

/** Checks `TOKEN_PREFIX`. */
export function checkTokenPrefix(prefix: string): Faults {
  if (tokenPrefixPattern.test(prefix)) return [];
  const reason = 'it is not a lower-case letter followed by up to 15 lower-case letters and digits';
  return [{ reason, fix: 'Set a short name such as "ea"' }];
}

/**
 * Checks `MANAGE_JWT_JWKS_URL`. Plain http is accepted on this machine only: an attacker who can change
 * the keys in transit can sign in as anybody.
 */
export function checkKeySetUrl(value: string): Faults {
  const url = URL.parse(value);
  const isLocal = ['localhost', '127.0.0.1', '[::1]'].includes(url?.hostname ?? '');
  const isSafe = url?.protocol === 'https:' || (url?.protocol === 'http:' && isLocal);
  if (isSafe && url?.username === '' && url.password === '') return [];
  return [
    {
      reason: 'it is not an absolute https URL without credentials',
      fix: 'Set where the public keys of the issuer are, for example "https://issuer.example.com/.well-known/jwks.json"',
    },
  ];
}

/** Claims that say who a person is, or what the token is for. People choose some of them themselves. */
const descriptiveClaims = new Set([
  ...['iss', 'sub', 'aud', 'exp', 'nbf', 'iat', 'jti', 'azp', 'nonce', 'sid'],
  ...['name', 'given_name', 'family_name', 'middle_name', 'nickname', 'preferred_username'],
  ...['profile', 'picture', 'website', 'email', 'gender', 'locale', 'address', 'phone_number'],
]);

/** Checks `MANAGE_JWT_OPERATOR_CLAIM`: no claim that a person could set to "everything". */
export function checkClaimName(claim: string): Faults {
  if (!descriptiveClaims.has(claim)) return [];
  return [
    {
      reason: 'it describes the person, so a person could give themselves a scope',
      fix: 'Name a claim that the issuer alone sets, for example "edge_scopes"',
    },
  ];
}
