/**
 * The keys and origins that the conformance tables speak of.
 *
 * `app` is listed by the key that is asked with, `other` by another live key, `stranger` by none.
 */

import { vi } from 'vitest';
import type { CreatedKey, Deployment } from './deployment.ts';

export const origins = {
  app: 'https://app.example',
  other: 'https://other.example',
  stranger: 'https://stranger.example',
  /** Of sandboxed frames, `data:` and `file:` pages. */
  opaque: 'null',
  /** Of local files, where Chromium has access to them. */
  file: 'file://',
} as const;

/** Origins that the restricted key lists beside `app`, each with one that it so admits. */
export const furtherOrigins = [
  ['a subdomain of a wildcard', 'https://*.wild.example', 'https://a.wild.example'],
  ['a deep subdomain of a wildcard', 'https://*.wild.example', 'https://a.b.wild.example'],
  ['a wildcard with a port', 'https://*.ported.example:8443', 'https://a.ported.example:8443'],
  ['a development server', 'http://localhost:3000', 'http://localhost:3000'],
  ['an IPv6 address', 'http://[::1]:8080', 'http://[::1]:8080'],
  ['an IPv4 address', 'http://127.0.0.1:8080', 'http://127.0.0.1:8080'],
  ['an app', 'capacitor://localhost', 'capacitor://localhost'],
  [
    'a browser extension',
    'chrome-extension://abcdefghijklmnop',
    'chrome-extension://abcdefghijklmnop',
  ],
  ['a name in Punycode', 'https://xn--bcher-kva.example', 'https://xn--bcher-kva.example'],
  ['a name with a trailing dot', 'https://dotted.example.', 'https://dotted.example.'],
  ['a preview', 'https://my-app-*.vercel.app', 'https://my-app-git-main-team.vercel.app'],
  ['a preview by its end', 'https://*--site.netlify.app', 'https://preview-42--site.netlify.app'],
  ['a preview of a team', 'https://a-*-team.vercel.app', 'https://a-x-team.vercel.app'],
  ['any port', 'http://127.0.0.2:*', 'http://127.0.0.2:5173'],
  ['the default port as any port', 'https://127.0.0.2:*', 'https://127.0.0.2'],
  ['any extension', 'moz-extension://*', 'moz-extension://0a1b2c3d-0000-4e5f-aaaa-0123456789ab'],
  ['an app whose host is a dot', 'app://.', 'app://.'],
  ['an app with capital letters', 'app://MyHost', 'app://MyHost'],
  ['an app that ends in a number', 'app://device..42', 'app://device..42'],
] as const;

/** Near what the restricted key lists, and admitted by nothing. */
export const neighbouringOrigins = [
  ['another scheme', 'http://app.example'],
  ['another port', 'https://app.example:8443'],
  ['a subdomain of a plain origin', 'https://www.app.example'],
  ['a longer name', 'https://app.example.evil.example'],
  ['a name with a prefix', 'https://evilapp.example'],
  ['the apex of a wildcard', 'https://wild.example'],
  ['a name that only ends like a wildcard', 'https://evilwild.example'],
  ['a wildcard under another scheme', 'http://a.wild.example'],
  ['a wildcard on another port', 'https://a.wild.example:8443'],
  ['a wildcard with a port without it', 'https://a.ported.example'],
  ['a trailing dot', 'https://app.example.'],
  ['a dotted name without its dot', 'https://dotted.example'],
  ['another app', 'capacitor://app.example'],
  ['an app scheme with http', 'http://localhost'],
  ['an app with other capital letters', 'app://myhost'],
  ['a preview of another app', 'https://not-my-app-1.vercel.app'],
  ['a preview of nothing', 'https://my-app-.vercel.app'],
  ['a preview by more than its end', 'https://x--site2.netlify.app'],
  ['any port of another address', 'http://127.0.0.3:5173'],
  ['an extension of another browser', 'safari-web-extension://0A1B'],
] as const;

/** Values of Origin that no browser sends. */
export const malformedOrigins = [
  ['a word', 'app'],
  ['a host alone', 'app.example'],
  ['a path', 'https://app.example/'],
  ['a deeper path', 'https://app.example/a'],
  ['a query', 'https://app.example?a'],
  ['a fragment', 'https://app.example#a'],
  ['a user name', 'https://user@app.example'],
  ['upper case', 'https://APP.example'],
  ['an upper-case scheme', 'HTTPS://app.example'],
  ['the default port', 'https://app.example:443'],
  ['an empty port', 'https://app.example:'],
  ['a port out of range', 'https://app.example:65536'],
  ['a wildcard', 'https://*.example'],
  ['a star', '*'],
  ['a listed wildcard itself', 'https://*.wild.example'],
  ['two origins', 'https://app.example https://other.example'],
  ['two origins and a comma', 'https://app.example,https://other.example'],
  ['null in upper case', 'NULL'],
  ['null twice', 'null, null'],
  ['a file', 'file:///etc/passwd'],
  ['a file with three slashes', 'file:///'],
  ['empty Punycode', 'https://xn--'],
  ['a data URL', 'data:text/html,x'],
  ['a script', 'javascript:alert(1)'],
  ['a WebSocket', 'wss://app.example'],
  ['a percent sign', 'https://app%2eexample'],
  ['a backslash', 'https://app.example\\'],
  ['markup', 'https://app.example"><script>'],
  ['a numeric host', 'https://2130706433'],
  ['a host of 254 characters', `https://${'a.'.repeat(123)}examples`],
  ['a label of 64 characters', `https://${'a'.repeat(64)}.example`],
  ['8 KiB of blanks in the middle', `https://app.example${' '.repeat(8 * 1024)}a`],
] as const;

export interface World {
  readonly deployment: Deployment;
  /** Made for backends. Owner: `acct_backend`. */
  readonly backend: CreatedKey;
  /** Lists `app` and `furtherOrigins`. Owner: `acct_app`. */
  readonly restricted: CreatedKey;
  /** Lists `app`, may call everything. Without an owner. */
  readonly full: CreatedKey;
  /** Lists `app`, with routes of its own. */
  readonly rules: CreatedKey;
  /** For backends, with routes of its own. */
  readonly backendRules: CreatedKey;
  /** Lists `other`. */
  readonly other: CreatedKey;
  readonly expired: CreatedKey;
  readonly disabled: CreatedKey;
  readonly revoked: CreatedKey;
}

const rules = [
  { methods: ['get'], resources: ['/api/asset/:id', '/files/*'] },
  { methods: ['*'], resources: ['/any'] },
  {
    methods: ['get'],
    resources: ['/v1beta/models/x:generateContent', '/npm/@scope/:name(.)', "/a+b,c(d)!'=$&"],
  },
  { methods: ['patch'], resources: ['/api/stream/:id', '/api/stream/hook'] },
];

/** Makes the keys. */
export async function createWorld(deployment: Deployment): Promise<World> {
  const cors = (name: string, allowedOrigins: readonly string[], more: object = {}) =>
    deployment.createKey({ name, access: { cors: { allowedOrigins, ...more } } });

  const backend = await deployment.createKey({ name: 'backend', owner: 'acct_backend' });
  const restricted = await deployment.createKey({
    name: 'restricted',
    owner: 'acct_app',
    access: {
      cors: {
        allowedOrigins: [
          ...new Set([origins.app, ...furtherOrigins.map(([, pattern]) => pattern)]),
        ],
      },
    },
  });
  const full = await cors('full', [origins.app], { fullAccess: true });
  const ofRules = await deployment.createKey({
    name: 'rules',
    access: { cors: { allowedOrigins: [origins.app] }, rules },
  });
  const backendRules = await deployment.createKey({ name: 'backend rules', access: { rules } });
  const other = await cors('other', [origins.other]);
  const expired = await cors('expired', [origins.app]);
  const disabled = await cors('disabled', [origins.app]);
  const revoked = await cors('revoked', [origins.app]);
  await deployment.call({
    method: 'DELETE',
    target: `/_edge/v1/keys/${revoked.id}`,
    headers: [['Authorization', `Bearer ${deployment.adminToken}`]],
  });
  // No request has used these keys yet, so that D1 alone decides once the copies are gone.
  await copiesAreWritten(deployment);
  await deployment.query('UPDATE keys SET expires_at_ms = 1 WHERE id = ?1', expired.id);
  await deployment.query('UPDATE keys SET enabled = 0 WHERE id = ?1', disabled.id);
  await deployment.forgetCopies();
  return {
    deployment,
    backend,
    restricted,
    full,
    rules: ofRules,
    backendRules,
    other,
    expired,
    disabled,
    revoked,
  };
}

/** Waits until KV holds what was copied in the background. */
export async function copiesAreWritten(deployment: Deployment): Promise<void> {
  await vi.waitFor(
    async () => {
      const due = await deployment.query('SELECT token_hash FROM replica_writes');
      if (due.length > 0) throw new Error(`Cannot find ${due.length} keys in KV yet`);
    },
    { timeout: 5_000, interval: 20 },
  );
}

/** The Authorization line of a key. */
export function bearer(key: CreatedKey): readonly [string, string] {
  return ['Authorization', `Bearer ${key.token}`];
}
