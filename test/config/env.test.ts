import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { ConfigProblem } from '../../src/config/config.ts';
import type { Env } from '../../src/config/env.ts';
import { readConfig } from '../../src/config/read-config.ts';
import { restrictedRoutes } from '../../src/core/routes/restricted-routes.ts';
import { runs } from '../support/runs.ts';

const adminToken = 'operator-token-of-32-characters.';
const secret = 'hush-hush-hush';

const people = {
  MANAGE_JWT_ISSUER: 'https://issuer.example',
  MANAGE_JWT_AUDIENCE: 'edge',
  MANAGE_JWT_JWKS_URL: 'https://issuer.example/jwks',
};

// RFC 8037 appendix A.1: https://www.rfc-editor.org/rfc/rfc8037#appendix-A.1
const assertionKeys = JSON.stringify({
  keys: [
    {
      kty: 'OKP',
      crv: 'Ed25519',
      d: 'nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A',
      x: '11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPJHURo',
    },
  ],
});

// As GitHub published it: https://api.github.com/meta/public_keys/secret_scanning
const scanningKeys = {
  public_keys: [
    {
      key_identifier: 'bcb53661c06b4728e59d897fb6165d5c9cda0fd9cdf9d09ead458168deb7518c',
      key: '-----BEGIN PUBLIC KEY-----\nMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEYAGMWO8XgCamYKMJS6jc/qgvSlAd\nAjPuDPRcXU22YxgBrz+zoN19MzuRyW87qEt9/AmtoNP5GrobzUvQSyJFVw==\n-----END PUBLIC KEY-----\n',
      is_current: true,
    },
  ],
};

// The secret of the examples of Standard Webhooks, 24 bytes.
const eventsSecret = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw';
const newEventsSecret = `whsec_${btoa('n'.repeat(32))}`;
const events = { EVENTS_URL: 'https://hooks.example.com/edge', EVENTS_SECRET: eventsSecret };

type Variables = Readonly<Record<string, unknown>>;

/** An environment that is in order but for what the test says. */
function anEnv(variables: Variables = {}): Env {
  const bindings = { DB: { withSession: () => null }, KEYS: { get: () => null } };
  // The runtime promises nothing about the variables either: that is what is tested here.
  return { ...bindings, UPSTREAM_URL: 'https://api.example.com', ...variables } as unknown as Env;
}

async function problemsOf(variables: Variables): Promise<readonly ConfigProblem[]> {
  const result = await readConfig(anEnv(variables));
  return result.ok ? [] : result.problems;
}

async function configOf(variables: Variables) {
  const result = await readConfig(anEnv(variables));
  if (!result.ok) throw new Error(`Cannot use the test's variables: ${JSON.stringify(result)}`);
  return result.config;
}

type RefusedRow = readonly [
  name: string,
  variables: Variables,
  problem: { name: string; value: string | null; reason: RegExp },
];

const portal = { PORTAL_RETURN_URLS: 'https://app.example.com' };

const refused: readonly RefusedRow[] = [
  // The portal
  [
    'a URL of the portal that is no URL',
    { PORTAL_RETURN_URLS: 'https://app.example.com, app.example.com' },
    { name: 'PORTAL_RETURN_URLS', value: 'app.example.com', reason: /not an absolute https URL/ },
  ],
  [
    'a URL of the portal over plain http',
    { PORTAL_RETURN_URLS: ['http://app.example.com/a'] },
    { name: 'PORTAL_RETURN_URLS', value: 'http://app.example.com/a', reason: /plain http/ },
  ],
  [
    'a URL of the portal with credentials, which are not quoted',
    { PORTAL_RETURN_URLS: `https://user:${secret}@app.example.com` },
    { name: 'PORTAL_RETURN_URLS', value: 'https://***@app.example.com', reason: /credentials/ },
  ],
  [
    'URLs of the portal that are no texts',
    { PORTAL_RETURN_URLS: [1] },
    { name: 'PORTAL_RETURN_URLS', value: null, reason: /not a text/ },
  ],
  [
    'too many URLs of the portal',
    { PORTAL_RETURN_URLS: 'https://a.example '.repeat(101) },
    { name: 'PORTAL_RETURN_URLS', value: null, reason: /more than 100/ },
  ],
  [
    'a look without the portal',
    { PORTAL_NAME: 'Acme' },
    { name: 'PORTAL_RETURN_URLS', value: null, reason: /missing, and PORTAL_NAME is set/ },
  ],
  [
    'an invisible name of the portal',
    { ...portal, PORTAL_NAME: 'Acme\u202E' },
    { name: 'PORTAL_NAME', value: 'Acme\u202E', reason: /visible/ },
  ],
  [
    'a logo over plain http',
    { ...portal, PORTAL_LOGO: 'http://cdn.example/logo.png' },
    { name: 'PORTAL_LOGO', value: 'http://cdn.example/logo.png', reason: /plain https URL/ },
  ],
  [
    'a colour by its name',
    { ...portal, PORTAL_ACCENT_COLOR: 'rebeccapurple' },
    { name: 'PORTAL_ACCENT_COLOR', value: 'rebeccapurple', reason: /hexadecimal/ },
  ],
  [
    'a colour with more than a colour',
    { ...portal, PORTAL_BAR_COLOR: '#000;}body{' },
    { name: 'PORTAL_BAR_COLOR', value: '#000;}body{', reason: /hexadecimal/ },
  ],
  // Reports of leaked tokens
  [
    'keys of GitHub that are no JSON',
    { GITHUB_SECRET_SCANNING_KEYS: '-----BEGIN PUBLIC KEY-----' },
    { name: 'GITHUB_SECRET_SCANNING_KEYS', value: null, reason: /not a JSON object/ },
  ],
  [
    'an empty list of keys of GitHub',
    { GITHUB_SECRET_SCANNING_KEYS: { public_keys: [] } },
    { name: 'GITHUB_SECRET_SCANNING_KEYS', value: null, reason: /holds no key/ },
  ],
  [
    'a number for keys of GitHub',
    { GITHUB_SECRET_SCANNING_KEYS: 1 },
    { name: 'GITHUB_SECRET_SCANNING_KEYS', value: null, reason: /not a JSON object/ },
  ],
  [
    'an action for leaked keys without keys of GitHub',
    { LEAKED_KEY_ACTION: 'revoke' },
    { name: 'GITHUB_SECRET_SCANNING_KEYS', value: null, reason: /LEAKED_KEY_ACTION is set/ },
  ],
  [
    'an action for leaked CORS keys without keys of GitHub',
    { LEAKED_CORS_KEY_ACTION: 'report' },
    { name: 'GITHUB_SECRET_SCANNING_KEYS', value: null, reason: /LEAKED_CORS_KEY_ACTION is set/ },
  ],
  [
    'another action for leaked keys',
    { GITHUB_SECRET_SCANNING_KEYS: scanningKeys, LEAKED_KEY_ACTION: 'delete' },
    { name: 'LEAKED_KEY_ACTION', value: 'delete', reason: /neither "revoke" nor "report"/ },
  ],
  [
    'an action for leaked CORS keys in other letters',
    { GITHUB_SECRET_SCANNING_KEYS: scanningKeys, LEAKED_CORS_KEY_ACTION: 'Report' },
    { name: 'LEAKED_CORS_KEY_ACTION', value: 'Report', reason: /neither "revoke" nor "report"/ },
  ],
  // Bindings
  ['no D1', { DB: undefined }, { name: 'DB', value: null, reason: /binding is missing/ }],
  ['null for D1', { DB: null }, { name: 'DB', value: null, reason: /binding is missing/ }],
  ['KV bound as DB', { DB: { get() {} } }, { name: 'DB', value: null, reason: /missing/ }],
  ['no KV', { KEYS: undefined }, { name: 'KEYS', value: null, reason: /binding is missing/ }],
  ['text for KV', { KEYS: 'KEYS' }, { name: 'KEYS', value: null, reason: /binding is missing/ }],
  ['text for a Queue', { USAGE: 'usage' }, { name: 'USAGE', value: null, reason: /not a Queue/ }],
  ['null for a Queue', { USAGE: null }, { name: 'USAGE', value: null, reason: /not a Queue/ }],

  // UPSTREAM_URL
  ...(
    [
      ['no upstream', undefined, null, /missing/],
      ['an empty upstream', '', null, /missing/],
      ['a host for an upstream', 'api.example.com', 'api.example.com', /not an absolute http/],
      ['a path for an upstream', '/api', '/api', /not an absolute http/],
      ['an upstream on ftp', 'ftp://a.example', 'ftp://a.example', /not an absolute http/],
      ['an upstream on wss', 'wss://a.example', 'wss://a.example', /not an absolute http/],
      ['a script for an upstream', 'javascript:alert(1)', 'javascript:alert(1)', /not an absolute/],
      ['an upstream without slashes', 'https:a.example', 'https:a.example', /not an absolute/],
      ['an upstream with one slash', 'https:/a.example', 'https:/a.example', /not an absolute/],
      ['an upstream with three slashes', 'https:///a.example', 'https:///a.example', /not an abso/],
      ['an upstream with backslashes', 'https:\\\\a.example', 'https:\\\\a.example', /not an abso/],
      ['an upstream with a tab', 'https://a.exa\tmple', 'https://a.exa\tmple', /not an absolute/],
      ['an upstream with a blank', 'https://a.example ', 'https://a.example ', /not an absolute/],
      ['an upstream with a newline', 'https://a.example\n', 'https://a.example\n', /not an absolu/],
      ['an upstream without a host', 'https://', 'https://', /not an absolute/],
      ['an upstream with a wrong port', 'https://a.example:99999', /:99999$/, /not an absolute/],
      ['several upstreams', 'https://a.example,https://b.example', /b\.example/, /path/],
      ['an upstream with an encoded path', 'https://a.example/%61', /%61$/, /path/],
      ['an upstream with a dot segment', 'https://a.example/v1/../v2', /v2$/, /path.*dot segment/],
      ['an upstream with encoded dots', 'https://a.example/v1/%2e%2e', /%2e$/, /path/],
      ['an upstream with an empty segment', 'https://a.example//v1', /v1$/, /path.*empty/],
      ['an upstream with two slashes at the end', 'https://a.example/v1//', /v1\/\/$/, /path/],
      ['an upstream with parameters', 'https://a.example/v1;x=1', /x=1$/, /path/],
      ['an upstream with a fragment', 'https://a.example/#x', 'https://a.example/#***', /fragment/],
      ['an upstream with a query', `https://a.example/?k=${secret}`, /\?\*\*\*$/, /query/],
      ['an upstream with a user', `https://${secret}@a.example`, /\*\*\*@a/, /credentials/],
      ['an upstream with a password', `https://u:${secret}@a.example`, /\*\*\*@a/, /credentials/],
      ['a password with a slash', `https://u:p/${secret}@a.example`, /\*\*\*@a/, /not an absolute/],
      ['a password with an at', `https://u:p@${secret}@a.example`, /\*\*\*@a/, /credentials/],
      ['a password with a question mark', `https://u:p?${secret}@a.example`, /\*\*\*@a/, /not an/],
      ['a password without a scheme', `u:${secret}@a.example`, '***@a.example', /not an absolute/],
      ['an object for an upstream', { a: secret }, null, /not a text/],
    ] as const
  ).map(
    ([name, url, value, reason]): RefusedRow => [
      name,
      { UPSTREAM_URL: url },
      { name: 'UPSTREAM_URL', value: expectable(value), reason },
    ],
  ),

  // Secrets
  ...(
    [
      ['a short admin token', 'x'.repeat(31), /31 characters/],
      ['an admin token with a blank', `${adminToken} x`, /no Bearer token may have/],
      ['an admin token with a newline', `${adminToken}\n`, /no Bearer token may have/],
      ['an admin token outside ASCII', `${adminToken}é`, /no Bearer token may have/],
      ['an admin token with padding inside', `${adminToken}=x`, /no Bearer token may have/],
      ['an admin token of 513 characters', 'x'.repeat(513), /longer than 512/],
      ['a list for an admin token', [adminToken], /not a text/],
    ] as const
  ).map(
    ([name, token, reason]): RefusedRow => [
      name,
      { ADMIN_TOKEN: token },
      { name: 'ADMIN_TOKEN', value: null, reason },
    ],
  ),
  ...(
    [
      ['an upstream authorization with a newline', `Bearer ${secret}\nX: 1`, /visible ASCII/],
      ['an upstream authorization outside ASCII', `Bearer ${secret}é`, /visible ASCII/],
      ['an upstream authorization that ends in a blank', `Bearer ${secret} `, /visible ASCII/],
      ['an object for an upstream authorization', { secret }, /not a text/],
    ] as const
  ).map(
    ([name, value, reason]): RefusedRow => [
      name,
      { UPSTREAM_AUTHORIZATION: value },
      { name: 'UPSTREAM_AUTHORIZATION', value: null, reason },
    ],
  ),
  [
    'two authorizations for the upstream',
    { UPSTREAM_AUTHORIZATION: `Bearer ${secret}`, FORWARD_TOKEN: 'true' },
    { name: 'UPSTREAM_AUTHORIZATION', value: null, reason: /FORWARD_TOKEN is "true" as well/ },
  ],

  // The address of the API
  ...[
    'api.example.com',
    'ftp://api.example.com',
    'https://api.example.com/v1',
    'https://api.example.com?a',
    'https://user@api.example.com',
    'https://api.example.com//',
    ' https://api.example.com',
  ].map(
    (value): RefusedRow => [
      `"${value}" for an address of the API`,
      { API_URL: value },
      { name: 'API_URL', value, reason: /not an origin/ },
    ],
  ),

  // Switches, names and numbers
  ...['yes', 'TRUE', '1', ' true', 'off', 'disabled'].map(
    (value): RefusedRow => [
      `"${value}" for a switch`,
      { FORWARD_TOKEN: value },
      { name: 'FORWARD_TOKEN', value, reason: /neither "true" nor "false"/ },
    ],
  ),
  [
    'a token where a switch is wanted',
    { FORWARD_TOKEN: secret },
    { name: 'FORWARD_TOKEN', value: null, reason: /neither "true" nor "false"/ },
  ],
  ...['EA', '1a', 'e-a', 'e_a', ' ea', 'é', 'a'.repeat(17)].map(
    (value): RefusedRow => [
      `"${value}" for a token prefix`,
      { TOKEN_PREFIX: value },
      { name: 'TOKEN_PREFIX', value, reason: /lower-case letter followed by up to 15/ },
    ],
  ),
  ...(
    [
      ['UPSTREAM_TIMEOUT_MS', '0'],
      ['UPSTREAM_TIMEOUT_MS', '600001'],
      ['UPSTREAM_TIMEOUT_MS', '30s'],
      ['UPSTREAM_TIMEOUT_MS', '1e3'],
      ['UPSTREAM_TIMEOUT_MS', '-1'],
      ['UPSTREAM_TIMEOUT_MS', '1.5'],
      ['UPSTREAM_TIMEOUT_MS', ' 5'],
      ['UPSTREAM_TIMEOUT_MS', '٣'],
      ['MAX_STALENESS_SECONDS', '0'],
      ['MAX_STALENESS_SECONDS', '301'],
      ['FEED_REFRESH_SECONDS', '-1'],
      ['FEED_REFRESH_SECONDS', '11'],
      ['OUTAGE_GRACE_SECONDS', '86401'],
      ['OUTAGE_GRACE_SECONDS', 'NaN'],
      ['USAGE_FLUSH_SECONDS', '11'],
      ['USAGE_RETENTION_DAYS', '0'],
      ['USAGE_RETENTION_DAYS', '3661'],
      ['KEYS_PER_OWNER', '0'],
      ['KEYS_PER_OWNER', '10001'],
      ['OWNER_CHANGES_PER_MINUTE', '0'],
      ['OWNER_ORIGINS_PER_KEY', '0'],
      ['OWNER_ORIGINS_PER_KEY', '501'],
      ['OWNER_RULE_BYTES_PER_KEY', '99'],
      ['OWNER_RULE_BYTES_PER_KEY', '65537'],
      ['OPEN_CONNECTIONS_PER_KEY', '0'],
      ['RELAYED_MIB_PER_MINUTE', '0'],
      ['LOG_ALLOWED_PERCENT', '101'],
      ['LOG_ALLOWED_PERCENT', '1%'],
    ] as const
  ).map(
    ([name, value]): RefusedRow => [
      `"${value}" for ${name}`,
      { [name]: value },
      { name, value, reason: /it is not a whole number from|it is larger than MAX_STALENESS/ },
    ],
  ),

  // People who manage their own keys
  ...(['MANAGE_JWT_ISSUER', 'MANAGE_JWT_AUDIENCE', 'MANAGE_JWT_JWKS_URL'] as const).map(
    (name): RefusedRow => [
      `people without ${name}`,
      { ...people, [name]: '' },
      { name, value: null, reason: /it is missing, and another MANAGE_JWT variable is set/ },
    ],
  ),
  ...(
    [
      ['http://issuer.example/jwks', /^http:\/\/issuer/],
      ['issuer.example/jwks', /^issuer/],
      ['ftp://issuer.example/jwks', /^ftp/],
      [`https://u:${secret}@issuer.example/jwks`, /^https:\/\/\*\*\*@issuer/],
      [`https://:${secret}@issuer.example/jwks`, /^https:\/\/\*\*\*@issuer/],
      [`https://${secret}@issuer.example/jwks`, /^https:\/\/\*\*\*@issuer/],
    ] as const
  ).map(
    ([url, value]): RefusedRow => [
      `the key set ${url}`,
      { ...people, MANAGE_JWT_JWKS_URL: url },
      {
        name: 'MANAGE_JWT_JWKS_URL',
        value: expectable(value),
        reason: /not an absolute https URL/,
      },
    ],
  ),

  // Events
  [
    'a receiver without a secret',
    { EVENTS_URL: events.EVENTS_URL },
    { name: 'EVENTS_SECRET', value: null, reason: /it is missing, and EVENTS_URL is set/ },
  ],
  ...(
    [
      ['hooks.example.com', 'hooks.example.com', /not an absolute https URL/],
      ['https:hooks.example.com', 'https:hooks.example.com', /not an absolute https URL/],
      ['https://hooks.example.com ', 'https://hooks.example.com ', /not an absolute https URL/],
      ['wss://hooks.example.com', 'wss://hooks.example.com', /not an absolute https URL/],
      ['http://hooks.example.com', 'http://hooks.example.com', /not an https URL/],
      ['https://a.example/#x', 'https://a.example/#***', /holds a fragment/],
      [`https://u:${secret}@a.example`, 'https://***@a.example', /holds credentials/],
      [`http://a.example/?k=${secret}`, 'http://a.example/?***', /not an https URL/],
      ['https://127.0.0.1', 'https://127.0.0.1', /private, local or reserved/],
      ['https://0x7f.1/hook', 'https://0x7f.1/hook', /private, local or reserved/],
      ['https://localhost:8080', 'https://localhost:8080', /private, local or reserved/],
      ['https://[::1]', 'https://[::1]', /private, local or reserved/],
      ['https://10.0.0.1', 'https://10.0.0.1', /private, local or reserved/],
      ['https://169.254.169.254', 'https://169.254.169.254', /private, local or reserved/],
      ['https://[fd00::1]', 'https://[fd00::1]', /private, local or reserved/],
      ['https://printer.local', 'https://printer.local', /private, local or reserved/],
    ] as const
  ).map(
    ([url, value, reason]): RefusedRow => [
      `the receiver ${url}`,
      { ...events, EVENTS_URL: url },
      { name: 'EVENTS_URL', value, reason },
    ],
  ),
  [
    'an object for a receiver',
    { ...events, EVENTS_URL: { url: events.EVENTS_URL } },
    { name: 'EVENTS_URL', value: null, reason: /not a text/ },
  ],
  ...['https://10.0.0.1', 'http://192.168.1.1', 'http://hooks.example.com'].map(
    (url): RefusedRow => [
      `the receiver ${url}, also if it may be on this machine`,
      { ...events, EVENTS_URL: url, EVENTS_TO_LOOPBACK: 'true' },
      { name: 'EVENTS_URL', value: url, reason: /private, local or reserved|not an https URL/ },
    ],
  ),
  ...(
    [
      ['without its prefix', eventsSecret.replace('whsec_', ''), /does not begin with "whsec_"/],
      ['in other letters', eventsSecret.replace('whsec_', 'WHSEC_'), /does not begin with/],
      ['that is the prefix alone', 'whsec_', /has not 24 to 64 bytes/],
      ['in base64url', 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLa-_', /not base64/],
      ['that was cut', eventsSecret.slice(0, -1), /^it is not base64/],
      ['of 23 bytes', `whsec_${btoa('x'.repeat(23))}`, /has not 24 to 64 bytes/],
      ['of 65 bytes', `whsec_${btoa('x'.repeat(65))}`, /has not 24 to 64 bytes/],
      ['that is a list', [eventsSecret], /not a text/],
      ['with a blank before it', ` ${eventsSecret}`, /it begins or ends with a blank/],
      ['with a blank after it', `${eventsSecret} `, /it begins or ends with a blank/],
      ['that is a blank', ' ', /it begins or ends with a blank/],
      [
        'beside one without its prefix',
        `${newEventsSecret} ${eventsSecret.slice(6)}`,
        /^the second secret does not begin with "whsec_"$/,
      ],
      [
        'after one that was cut',
        `${newEventsSecret.slice(0, -1)} ${eventsSecret}`,
        /^the first secret is not base64 after "whsec_"$/,
      ],
      [
        'beside one of 23 bytes',
        `${newEventsSecret} whsec_${btoa('x'.repeat(23))}`,
        /^the second secret has not 24 to 64 bytes$/,
      ],
      [
        'with a comma behind it',
        `${newEventsSecret}, ${eventsSecret}`,
        /^the first secret is not base64/,
      ],
      ['twice', `${eventsSecret} ${eventsSecret}`, /^it holds the same secret twice$/],
      [
        'with two others',
        `${newEventsSecret} ${eventsSecret} whsec_${btoa('x'.repeat(32))}`,
        /^it holds more than two secrets$/,
      ],
    ] as const
  ).map(
    ([name, written, reason]): RefusedRow => [
      `a secret of events ${name}`,
      { ...events, EVENTS_SECRET: written },
      { name: 'EVENTS_SECRET', value: null, reason },
    ],
  ),
  [
    '"yes" for EVENTS_TO_LOOPBACK',
    { EVENTS_TO_LOOPBACK: 'yes' },
    { name: 'EVENTS_TO_LOOPBACK', value: 'yes', reason: /neither "true" nor "false"/ },
  ],

  // Routes, as text and as the JSON that wrangler.toml can hold
  ...(['RESTRICTED_ROUTES', 'PUBLIC_ROUTES'] as const).flatMap((name): RefusedRow[] => [
    [`${name} that is no JSON`, { [name]: '[' }, { name, value: '[', reason: /not a JSON object/ }],
    [`a list for ${name}`, { [name]: [] }, { name, value: null, reason: /not a JSON object/ }],
    [`a number for ${name}`, { [name]: 5 }, { name, value: null, reason: /not a JSON object/ }],
    [
      `${name} with a wrong path`,
      { [name]: { routes: [{ methods: ['GET'], path: 'api' }] } },
      { name, value: 'api', reason: /^routes\[0\]\.path: it is not a path/ },
    ],
    [
      `${name} with an object for a path`,
      { [name]: { routes: [{ methods: ['GET'], path: {} }] } },
      { name, value: null, reason: /^routes\[0\]\.path: it is not a path/ },
    ],
    [
      `${name} with our own namespace`,
      { [name]: { routes: [{ methods: ['GET'], path: '/_EDGE/v1/keys' }] } },
      { name, value: '/_EDGE/v1/keys', reason: /^routes\[0\]\.path: it is not a path/ },
    ],
  ]),

  // Assertions
  [
    'another way to assert',
    { ASSERTION: 'always', ASSERTION_KEYS: assertionKeys },
    { name: 'ASSERTION', value: 'always', reason: /not a mode/ },
  ],
  ...(
    [
      ['no keys', '', /it is missing/],
      ['keys that are no JSON', secret, /not a JWK Set of private Ed25519 keys/],
      ['a set without keys', '{"keys":[]}', /not a JWK Set of private Ed25519 keys/],
      ['a public key', assertionKeys.replace(/"d":"[^"]*",/, ''), /not a JWK Set of private/],
      ['a key without a set', `{"kty":"OKP","d":"${secret}"}`, /not a JWK Set of private/],
      ['a list for keys', [secret], /not a text/],
    ] as const
  ).map(
    ([name, keys, reason]): RefusedRow => [
      `${name} to assert with`,
      { ASSERTION: keys === '' ? 'key' : undefined, ASSERTION_KEYS: keys },
      { name: 'ASSERTION_KEYS', value: null, reason },
    ],
  ),

  // Limits
  ...['100', '100/30', '0/60', '-1/60', '1e3/60', '100/060', ' 100/60', 'many'].map(
    (value): RefusedRow => [
      `the limit "${value}"`,
      { KEY_LIMITER: { limit() {} }, KEY_LIMIT: value },
      { name: 'KEY_LIMIT', value, reason: /not the limit of the binding as requests and seconds/ },
    ],
  ),
  [
    'a named limit without its binding',
    { LIMITERS: '[{"name": "pro", "binding": "LIMITER_PRO", "limit": "1000/60"}]' },
    { name: 'LIMITERS', value: 'LIMITER_PRO', reason: /binding of the limit "pro" is missing/ },
  ],
  [
    'a named limit whose binding is no limiter',
    {
      LIMITERS: [{ name: 'pro', binding: 'UPSTREAM_URL', limit: '1000/60' }],
    },
    { name: 'LIMITERS', value: 'UPSTREAM_URL', reason: /binding of the limit "pro" is missing/ },
  ],
  [
    'a limit without its binding',
    { FAILURE_LIMIT: '100/60' },
    {
      name: 'FAILURE_LIMITER',
      value: null,
      reason: /binding is missing, and FAILURE_LIMIT is set/,
    },
  ],
  [
    'text for a limiter',
    { FAILURE_LIMITER: 'on' },
    { name: 'FAILURE_LIMITER', value: null, reason: /binding is missing/ },
  ],
  ...['on', 'TRUE', '1'].map(
    (value): RefusedRow => [
      `"${value}" for SERVER_TIMING`,
      { SERVER_TIMING: value },
      { name: 'SERVER_TIMING', value, reason: /neither "true" nor "false"/ },
    ],
  ),
];

describe('readConfig() refuses', () => {
  test.each(refused)('%s', async (_, variables, wanted) => {
    const problems = await problemsOf(variables);
    expect(problems).toHaveLength(1);
    const [problem] = problems;
    expect(problem).toMatchObject({ name: wanted.name, value: wanted.value });
    expect(problem?.reason).toMatch(wanted.reason);
    expect(problem?.fix).toMatch(/^[A-Z].{10,}[^.]$/);
  });

  test.each(refused)('%s without quoting a secret', async (_, variables) => {
    const text = JSON.stringify(await problemsOf(variables));
    expect(text).not.toContain(secret);
    expect(text).not.toContain(adminToken);
    expect(text).not.toContain('nWGxne');
    expect(text).not.toContain('MfKQ9r8G');
  });
});

describe('readConfig()', () => {
  test('reports every problem at once', async () => {
    const names = (
      await problemsOf({
        DB: undefined,
        KEYS: undefined,
        UPSTREAM_URL: '',
        ADMIN_TOKEN: 'short and bad',
        UPSTREAM_AUTHORIZATION: '\n',
        FORWARD_TOKEN: 'yes',
        TOKEN_PREFIX: 'NO',
        MAX_STALENESS_SECONDS: 'x',
        FEED_REFRESH_SECONDS: 'x',
        UPSTREAM_TIMEOUT_MS: 'x',
        OUTAGE_GRACE_SECONDS: 'x',
      })
    ).map(({ name }) => name);
    expect(names).toEqual([
      'DB',
      'KEYS',
      'UPSTREAM_URL',
      // Two things are wrong with it.
      'ADMIN_TOKEN',
      'ADMIN_TOKEN',
      'FORWARD_TOKEN',
      'UPSTREAM_AUTHORIZATION',
      'TOKEN_PREFIX',
      'MAX_STALENESS_SECONDS',
      'FEED_REFRESH_SECONDS',
      'UPSTREAM_TIMEOUT_MS',
      'OUTAGE_GRACE_SECONDS',
    ]);
  });

  test('does not hold one broken setting against another', async () => {
    const broken = { MAX_STALENESS_SECONDS: 'x', FEED_REFRESH_SECONDS: '60' };
    expect((await problemsOf(broken)).map(({ name }) => name)).toEqual(['MAX_STALENESS_SECONDS']);
    const unclear = { FORWARD_TOKEN: 'yes', UPSTREAM_AUTHORIZATION: 'Bearer x' };
    expect((await problemsOf(unclear)).map(({ name }) => name)).toEqual(['FORWARD_TOKEN']);
  });

  test('needs nothing but the bindings and the upstream', async () => {
    expect(await configOf({})).toMatchObject({
      upstreamUrl: 'https://api.example.com',
      adminToken: null,
      upstreamAuthorization: null,
      forwardToken: false,
      upstreamTimeoutMs: 30_000,
      tokenPrefix: 'ea',
      feedRefreshSeconds: 5,
      maxStalenessSeconds: 10,
      outageGraceSeconds: 300,
      people: null,
      usageFlushSeconds: 5,
      usageRetentionDays: 400,
      restrictedRoutes,
      publicRoutes: null,
      assertion: null,
      apiUrl: null,
      failureLimit: null,
      keyLimit: null,
      serverTiming: false,
      logAllowedPercent: 0,
    });
  });

  test('takes an empty variable for an absent one', async () => {
    const empty = {
      ADMIN_TOKEN: '',
      API_URL: '',
      UPSTREAM_AUTHORIZATION: '',
      FORWARD_TOKEN: '',
      UPSTREAM_TIMEOUT_MS: '',
      TOKEN_PREFIX: '',
      FEED_REFRESH_SECONDS: '',
      MAX_STALENESS_SECONDS: '',
      OUTAGE_GRACE_SECONDS: '',
      MANAGE_JWT_ISSUER: '',
      MANAGE_JWT_AUDIENCE: '',
      MANAGE_JWT_JWKS_URL: '',
      MANAGE_JWT_OWNER_CLAIM: '',
      USAGE_FLUSH_SECONDS: '',
      USAGE_RETENTION_DAYS: '',
      ADMIN_TOKENS: '',
      PORTAL_RETURN_URLS: '',
      PORTAL_NAME: '',
      PORTAL_LOGO: '',
      PORTAL_ACCENT_COLOR: '',
      PORTAL_BAR_COLOR: '',
      EVENTS_URL: '',
      EVENTS_SECRET: '',
      GITHUB_SECRET_SCANNING_KEYS: '',
      LIMITERS: '',
      RESTRICTED_ROUTES: '',
      RULE_SETS: '',
      PUBLIC_ROUTES: '',
      ASSERTION: '',
      ASSERTION_KEYS: '',
      ASSERTION_ISSUER: '',
      ASSERTION_AUDIENCE: '',
      FAILURE_LIMIT: '',
      KEY_LIMIT: '',
      SERVER_TIMING: '',
      LOG_ALLOWED_PERCENT: '',
    };
    expect(await configOf(empty)).toEqual(await configOf({}));
  });

  test('reads every setting', async () => {
    expect(
      await configOf({
        UPSTREAM_URL: 'https://api.example.com:8443/v1/',
        ADMIN_TOKEN: adminToken,
        UPSTREAM_AUTHORIZATION: 'Bearer upstream',
        FORWARD_TOKEN: 'false',
        UPSTREAM_TIMEOUT_MS: '600000',
        TOKEN_PREFIX: 'acme1',
        FEED_REFRESH_SECONDS: '0',
        MAX_STALENESS_SECONDS: '300',
        OUTAGE_GRACE_SECONDS: '0',
      }),
    ).toMatchObject({
      upstreamUrl: 'https://api.example.com:8443/v1',
      adminToken,
      upstreamAuthorization: 'Bearer upstream',
      forwardToken: false,
      upstreamTimeoutMs: 600_000,
      tokenPrefix: 'acme1',
      feedRefreshSeconds: 0,
      maxStalenessSeconds: 300,
      outageGraceSeconds: 0,
    });
  });

  test('reads what a larger deployment sets', async () => {
    const publicRoutes = { routes: [{ methods: ['GET'], path: '/api/playback/{playback}' }] };
    const own = { routes: [{ methods: ['GET'], path: '/a/{x}' }], reservedWords: { x: ['y'] } };
    const config = await configOf({
      ...people,
      MANAGE_JWT_OWNER_CLAIM: 'account',
      RESTRICTED_ROUTES: JSON.stringify(own),
      PUBLIC_ROUTES: publicRoutes,
      ASSERTION_KEYS: assertionKeys,
      FAILURE_LIMITER: { limit() {} },
      KEY_LIMITER: { limit() {} },
      KEY_LIMIT: '50/10',
      SERVER_TIMING: 'true',
      LOG_ALLOWED_PERCENT: '100',
      USAGE_FLUSH_SECONDS: '0',
      USAGE_RETENTION_DAYS: '3660',
    });
    expect(config).toMatchObject({
      people: {
        issuer: 'https://issuer.example',
        audience: 'edge',
        jwksUrl: 'https://issuer.example/jwks',
        ownerClaim: 'account',
      },
      restrictedRoutes: own,
      publicRoutes,
      assertion: {
        mode: 'request',
        issuer: 'edge-authorizer',
        audience: 'https://api.example.com',
      },
      failureLimit: { name: 'failures', requests: 1000, seconds: 60 },
      keyLimit: { name: 'key', requests: 50, seconds: 10 },
      serverTiming: true,
      logAllowedPercent: 100,
      usageFlushSeconds: 0,
      usageRetentionDays: 3660,
    });
  });

  test.each([
    ['request', {}],
    ['key', { ASSERTION: 'key' }],
  ])('signs once a %s if it is set so', async (mode, more) => {
    const config = await configOf({ ASSERTION_KEYS: assertionKeys, ...more });
    expect(config.assertion?.mode).toBe(mode);
    expect(config.assertion?.keys).toHaveLength(1);
  });

  test('signs nothing if it is set so, whatever the keys', async () => {
    expect((await configOf({ ASSERTION: 'off', ASSERTION_KEYS: 'anything' })).assertion).toBeNull();
  });

  test('takes the key set of an issuer on this machine without encryption', async () => {
    for (const host of ['localhost:8080', '127.0.0.1', '[::1]:1']) {
      const jwksUrl = `http://${host}/jwks`;
      expect((await configOf({ ...people, MANAGE_JWT_JWKS_URL: jwksUrl })).people).toMatchObject({
        jwksUrl,
      });
    }
  });

  test('reads numbers and booleans that wrangler.toml holds without quotes', async () => {
    const config = await configOf({ UPSTREAM_TIMEOUT_MS: 5000, FORWARD_TOKEN: true });
    expect(config).toMatchObject({ upstreamTimeoutMs: 5000, forwardToken: true });
  });

  test('lets the log be read as often as a short bound on staleness asks for', async () => {
    expect(await configOf({ MAX_STALENESS_SECONDS: '2' })).toMatchObject({ feedRefreshSeconds: 2 });
  });

  test('reads every setting at its bounds', async () => {
    const lowest = {
      UPSTREAM_TIMEOUT_MS: '1',
      LOG_ALLOWED_PERCENT: '0',
      USAGE_RETENTION_DAYS: '1',
    };
    expect(await configOf(lowest)).toMatchObject({ upstreamTimeoutMs: 1, logAllowedPercent: 0 });
    const highest = {
      ADMIN_TOKEN: 'x'.repeat(512),
      UPSTREAM_AUTHORIZATION: 'Scheme a \t b',
      FEED_REFRESH_SECONDS: '300',
      MAX_STALENESS_SECONDS: '300',
      OUTAGE_GRACE_SECONDS: '86400',
      USAGE_FLUSH_SECONDS: '10',
    };
    expect(await configOf(highest)).toMatchObject({
      adminToken: 'x'.repeat(512),
      upstreamAuthorization: 'Scheme a \t b',
      feedRefreshSeconds: 300,
      maxStalenessSeconds: 300,
      outageGraceSeconds: 86_400,
      usageFlushSeconds: 10,
    });
    expect((await configOf({ ADMIN_TOKEN: 'x'.repeat(32) })).adminToken).toHaveLength(32);
  });

  const upstreams = [
    ['https://a', 'https://a'],
    ['https://api.example.com', 'https://api.example.com'],
    ['https://api.example.com/', 'https://api.example.com'],
    ['HTTPS://API.example.com:443/V1', 'https://api.example.com/V1'],
    ['http://localhost:3000', 'http://localhost:3000'],
    ['http://127.0.0.1:3000/api/v2/', 'http://127.0.0.1:3000/api/v2'],
    ['http://[::1]:3000', 'http://[::1]:3000'],
    ['https://bücher.example/a.b_c~d-e', 'https://xn--bcher-kva.example/a.b_c~d-e'],
  ] as const;
  test.each(upstreams)('reads the upstream %s as %s', async (written, upstreamUrl) => {
    expect(await configOf({ UPSTREAM_URL: written })).toMatchObject({ upstreamUrl });
  });

  test('never throws, and quotes no long value', () => {
    const anything = fc.oneof(fc.string({ unit: 'binary', maxLength: 300 }), fc.anything());
    const names = [
      'DB',
      'KEYS',
      'UPSTREAM_URL',
      'ADMIN_TOKEN',
      'UPSTREAM_AUTHORIZATION',
      'FORWARD_TOKEN',
      'UPSTREAM_TIMEOUT_MS',
      'TOKEN_PREFIX',
      'FEED_REFRESH_SECONDS',
      'MAX_STALENESS_SECONDS',
      'OUTAGE_GRACE_SECONDS',
      'MANAGE_JWT_ISSUER',
      'MANAGE_JWT_JWKS_URL',
      'ASSERTION',
      'ASSERTION_KEYS',
      'RESTRICTED_ROUTES',
      'PUBLIC_ROUTES',
      'FAILURE_LIMITER',
      'KEY_LIMIT',
      'SERVER_TIMING',
    ];
    const variables = fc.dictionary(fc.constantFrom(...names), anything);
    const routes = fc.oneof(fc.jsonValue(), aRouteList());
    const property = fc.asyncProperty(variables, routes, async (written, list) => {
      const values = { PUBLIC_ROUTES: list, ...written };
      for (const { value } of await problemsOf(values))
        expect(value?.length ?? 0).toBeLessThan(101);
    });
    return fc.assert(property, { numRuns: runs(2_000) });
  });
});

/** Values in the shape of a list of routes, with anything in it. */
function aRouteList(): fc.Arbitrary<unknown> {
  const row = fc.record({ methods: fc.anything(), path: fc.anything() }, { requiredKeys: [] });
  return fc.record({
    routes: fc.array(fc.oneof(row, fc.anything())),
    reservedWords: fc.anything(),
    encodedIds: fc.anything(),
  });
}

/** A value that a problem quotes, told in full or by a pattern. */
function expectable(value: string | RegExp | null): string | null {
  return value instanceof RegExp ? expect.stringMatching(value) : value;
}

describe('what is done about leaked tokens', () => {
  test('is nothing by default', async () => {
    expect((await configOf({})).leaks).toBeNull();
    expect((await configOf({ GITHUB_SECRET_SCANNING_KEYS: '' })).leaks).toBeNull();
  });

  test.each([
    [{}, { backend: 'revoke', cors: 'report' }],
    [{ LEAKED_KEY_ACTION: 'report' }, { backend: 'report', cors: 'report' }],
    [{ LEAKED_CORS_KEY_ACTION: 'revoke' }, { backend: 'revoke', cors: 'revoke' }],
  ])('with keys of GitHub and %j is %j', async (variables, actions) => {
    for (const keys of [scanningKeys, JSON.stringify(scanningKeys)]) {
      const { leaks } = await configOf({ GITHUB_SECRET_SCANNING_KEYS: keys, ...variables });
      expect(leaks?.actions).toEqual(actions);
      expect(leaks?.keys.map(({ id }) => id)).toEqual([
        scanningKeys.public_keys[0]?.key_identifier,
      ]);
    }
  });
});

describe('operators', () => {
  test('are reported with every problem of their list at once, without values', async () => {
    const secret = 'a-token-in-the-place-of-its-hash';
    const problems = await problemsOf({
      ADMIN_TOKENS: JSON.stringify([{ name: '', sha256: secret, scopes: [] }, secret]),
      MANAGE_JWT_OPERATOR_CLAIM: 'email',
    });
    expect(problems.map(({ name }) => name)).toEqual([
      ...Array.from({ length: 4 }, () => 'ADMIN_TOKENS'),
      'MANAGE_JWT_OPERATOR_CLAIM',
      'MANAGE_JWT_ISSUER',
      'MANAGE_JWT_AUDIENCE',
      'MANAGE_JWT_JWKS_URL',
    ]);
    expect(JSON.stringify(problems)).not.toContain(secret);
  });

  test.each(['sub', 'email', 'name', 'aud', 'preferred_username'])(
    'refuses a claim for operators that a person could set: %s',
    async (claim) => {
      const problems = await problemsOf({ ...people, MANAGE_JWT_OPERATOR_CLAIM: claim });
      expect(problems[0]).toMatchObject({ name: 'MANAGE_JWT_OPERATOR_CLAIM', value: claim });
    },
  );

  test('refuses the claim of owners as that of operators', async () => {
    const both = { MANAGE_JWT_OWNER_CLAIM: 'account', MANAGE_JWT_OPERATOR_CLAIM: 'account' };
    expect(await problemsOf({ ...people, ...both })).toHaveLength(1);
  });

  test('are read as JSON, or as wrangler.toml holds them', async () => {
    const tokens = [{ name: 'ci', sha256: 'a'.repeat(64), scopes: ['read'] }];
    expect((await configOf({ ADMIN_TOKENS: tokens })).adminTokens).toEqual(tokens);
    expect((await configOf({ ADMIN_TOKENS: JSON.stringify(tokens) })).adminTokens).toEqual(tokens);
    expect((await configOf({})).adminTokens).toEqual([]);
    const claim = { MANAGE_JWT_OPERATOR_CLAIM: 'custom.edge' };
    expect((await configOf({ ...people, ...claim })).people?.operatorClaim).toBe('custom.edge');
  });
});

describe('events', () => {
  test.each([
    {},
    { EVENTS_URL: '', EVENTS_SECRET: '' },
    { EVENTS_SECRET: eventsSecret },
    { EVENTS_TO_LOOPBACK: 'true' },
  ])('are not sent with %j', async (variables) => {
    expect((await configOf(variables)).events).toBeNull();
  });

  test.each([24, 64])('are signed with a secret of %i bytes', async (bytes) => {
    const written = `whsec_${btoa('x'.repeat(bytes))}`;
    expect((await configOf({ ...events, EVENTS_SECRET: written })).events).toEqual({
      url: events.EVENTS_URL,
      secrets: [written],
    });
  });

  test.each([' ', '  ', '\t', '\n', '\r\n'])(
    'are signed with two secrets, in their order, with %j between them',
    async (blanks) => {
      const both = `${newEventsSecret}${blanks}${eventsSecret}`;
      expect((await configOf({ ...events, EVENTS_SECRET: both })).events?.secrets).toEqual([
        newEventsSecret,
        eventsSecret,
      ]);
    },
  );

  test('are reported with the problems of both secrets at once, neither of them quoted', async () => {
    const cut = [newEventsSecret, eventsSecret].map((written) => written.slice(0, -1));
    const problems = await problemsOf({ ...events, EVENTS_SECRET: cut.join(' ') });
    expect(problems.map(({ reason }) => reason)).toEqual([
      'the first secret is not base64 after "whsec_"',
      'the second secret is not base64 after "whsec_"',
    ]);
    for (const written of cut) expect(JSON.stringify(problems)).not.toContain(written.slice(6));
  });

  test.each(['http://127.0.0.1:8080/hook', 'http://localhost:1', 'https://[::1]'])(
    'are sent to %s if they may go to this machine, and not otherwise',
    async (url) => {
      const toLoopback = { ...events, EVENTS_URL: url, EVENTS_TO_LOOPBACK: 'true' };
      expect((await configOf(toLoopback)).events?.url).toBe(url);
      expect(await problemsOf({ ...toLoopback, EVENTS_TO_LOOPBACK: 'false' })).toHaveLength(1);
    },
  );

  test('are reported with the problems of both settings at once', async () => {
    const both = { EVENTS_URL: 'http://a.example', EVENTS_SECRET: secret };
    expect((await problemsOf(both)).map(({ name }) => name)).toEqual([
      'EVENTS_SECRET',
      'EVENTS_URL',
    ]);
  });
});
