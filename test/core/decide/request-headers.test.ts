/** The fate of request headers by their names: refusals first. */

import { describe, expect, test } from 'vitest';
import {
  fateOfHeader,
  type HeaderFate,
  isForwarded,
  isReported,
  noAdditionalHeaders,
} from '../../../src/core/decide/request-headers.ts';

/** By the program that reads them. Each renames a path, host, scheme, client, user or TLS client. */
const identifying = {
  'any network or product, by the end of the name': [
    'Oxylabs-Client-IP',
    'NS-Client-Cert',
    'Acme-Connecting-IP',
    'Acme-Forwarded-For',
    'Acme-Original-URL',
    'Acme_Script_Name',
    'My-Proxy-Remote-User',
  ],
  'servers that take the method from a header': ['X-Method', 'X-Verb', 'Acme-Method-Override'],
  'hosts that sign people in': [
    'X-Sandstorm-User-Id',
    'X-Replit-User-Id',
    'X-Cognito-Identity',
    'X-Impersonate-User',
    'X-Run-As-User',
    'X-Gateway-User',
    'SSO-User',
  ],
  'WSGI, CGI': ['Script-Name', 'X-Script-Name', 'Path-Info', 'Request-URI', 'X-Scheme', 'Https'],
  PHP: ['PHP-Auth-User', 'PHP-Self', 'Orig-Path-Info', 'Redirect-URL', 'Document-Root'],
  'IIS, ARR': ['X-Original-URL', 'X-Rewrite-URL', 'X-ARR-ClientCert', 'X-ARR-SSL', 'Logon-User'],
  'ASP.NET': ['MS-ASPNETCORE-ClientCert', 'MS-ASPNETCORE-Token', 'X-Original-Proto'],
  Envoy: ['X-Envoy-Original-Path', 'X-Envoy-External-Address', 'X-Forwarded-Client-Cert'],
  nginx: ['X-Accel-Redirect', 'X-Original-URI', 'X-Real-Port', 'SSL-Client-S-DN', 'X-URI'],
  Traefik: ['X-Replaced-Path', 'X-Forwarded-Tls-Client-Cert', 'X-Forwarded-Prefix'],
  Caddy: ['X-Token-User-Email', 'X-Forwarded-Method'],
  'Next.js': ['X-Middleware-Subrequest', 'X-Invoke-Path', 'X-Matched-Path', 'X-Now-Route-Matches'],
  Rails: ['X-HTTP-Method-Override', 'X-Sendfile-Type', 'X-Forwarded-Ssl', 'Client-IP'],
  Akamai: ['Akamai-Origin-Hop', 'X-Akamai-Edgescape'],
  Fastly: ['Fastly-Client-IP', 'Fastly-SSL', 'Fastly-FF'],
  'Google IAP': [
    'X-Goog-Authenticated-User-Email',
    'X-Goog-IAP-JWT-Assertion',
    'X-Appengine-User-IP',
  ],
  'AWS ALB': ['X-Amzn-Oidc-Identity', 'X-Amzn-Mtls-Clientcert', 'X-Amzn-Request-Context'],
  'Azure App Service': ['X-MS-Client-Principal', 'X-MS-Token-AAD-Id-Token', 'Disguised-Host'],
  'Cloudflare Access': ['Cf-Access-Jwt-Assertion', 'Cf-Access-Authenticated-User-Email'],
  Tailscale: ['Tailscale-User-Login'],
  'oauth2-proxy': ['X-Auth-Request-User', 'X-Forwarded-Email', 'Gap-Auth'],
  Authelia: ['Remote-User', 'Remote-Groups', 'Remote-Email'],
  Shibboleth: ['Shib-Session-ID', 'Eppn', 'Persistent-Id'],
  mod_ssl: ['SSL-Client-Cert', 'SSL-Client-Verify'],
  HAProxy: ['X-SSL', 'X-SSL-Client-DN', 'X-Client-Cert-CN', 'X-HAProxy-Server-State'],
  'RFC 9440': ['Client-Cert', 'Client-Cert-Chain'],
  others: ['$WSRU', 'WL-Proxy-SSL', 'SM-User', 'IV-User', 'X-Webauth-User', 'X-Consumer-Username'],
  methods: ['X-HTTP-Method', 'X-Method-Override'],
  Daphne: ['Daphne-Root-Path'],
  'NiFi, Knox': ['X-ProxyScheme', 'X-ProxyContextPath', 'X-ProxiedEntitiesChain'],
  Linkerd: ['L5d-Dst-Override', 'L5d-Client-Id'],
  Dapr: ['Dapr-App-Id'],
  'Cloud Foundry': ['X-CF-Forwarded-Url', 'X-CF-Applicationid', 'X-CF-App-Instance'],
  'React Router, OpenNext': ['X-React-Router-Prerender-Data', 'X-Opennext-Initial-Url'],
  'RStudio, Shiny': ['X-RStudio-Root-Path', 'X-RSC-Request', 'RStudio-Connect-App-Base-Url'],
  'Cloud Tasks': ['X-CloudTasks-QueueName', 'X-CloudScheduler-JobName'],
  'WSO2, Envoy': ['X-JWT-Assertion', 'X-JWT-Payload', 'X-JWT-Claim-Sub'],
  'CAS, Okta, Kubernetes': ['CAS-User', 'OAG-Username', 'Impersonate-User'],
  'F5, Citrix, Zscaler': ['X-Volterra-Ip', 'NSC-Client-IP', 'Z-Forwarded-For'],
  'access-control recipes': [
    'X-Custom-IP-Authorization',
    'Cluster-Client-IP',
    'Real-IP',
    'Base-Url',
    'Http-Url',
    'Http-Forwarded-For',
    'X-Override-Url',
    'X-HTTP-Path-Override',
    'X-HTTP-DestinationURL',
    'X-User-Id',
    'X-Basepath',
    'X-Url-Prefix',
    'X-Original-Query-String',
    'X-Original-Authority',
  ],
};

/** Headers that an API needs to answer browsers and clients, by what they are for. */
const forwarded = {
  'content negotiation': ['accept', 'accept-charset', 'accept-encoding', 'accept-language'],
  'the content': [
    'content-digest',
    'content-disposition',
    'content-encoding',
    'content-language',
    'content-length',
    'content-md5',
    'content-range',
    'content-type',
    'digest',
    'repr-digest',
    'want-content-digest',
    'want-digest',
    'want-repr-digest',
    'host',
  ],
  'conditions and ranges': [
    'if-match',
    'if-modified-since',
    'if-none-match',
    'if-range',
    'if-unmodified-since',
    'range',
  ],
  preferences: ['cache-control', 'dnt', 'pragma', 'prefer', 'priority', 'sec-gpc', 'user-agent'],
  'client hints': [
    'device-memory',
    'downlink',
    'dpr',
    'ect',
    'rtt',
    'save-data',
    'viewport-width',
    'width',
    'sec-ch-ua-mobile',
  ],
  tracing: ['b3', 'x-b3-traceid', 'baggage', 'sentry-trace', 'traceparent', 'tracestate'],
  clients: [
    'apollo-require-preflight',
    'connect-protocol-version',
    'connect-timeout-ms',
    'grpc-timeout',
    'idempotency-key',
    'last-event-id',
    'tus-resumable',
    'upload-length',
    'x-apollo-operation-name',
    'x-core-sdk-version',
    'x-grpc-web',
    'x-react-native-sdk-version',
    'x-react-sdk-version',
    'x-requested-with',
    'x-user-agent',
    'sec-websocket-key',
  ],
};

describe('fateOfHeader()', () => {
  const rows = Object.entries(identifying).flatMap(([program, names]) =>
    names.map((name) => [program, name] as const),
  );
  test.each(rows)('of %s: %s is never forwarded, in any spelling', (_program, name) => {
    const lower = name.toLowerCase();
    const everything = { names: new Set([lower]), prefixes: [lower.slice(0, 4)] };
    for (const spelling of [lower, lower.replaceAll('-', '_'), lower.replaceAll('-', '.')]) {
      const fate = fateOfHeader(spelling, everything);
      expect([spelling, fate]).toEqual([spelling, 'dropped']);
    }
  });

  test.each([
    ['x_anything', 'dropped'],
    ['x-user-agent', 'listed'],
    ['x-edgeless', 'unlisted'],
    ['x-original-filename', 'unlisted'],
    ['x-user-preference', 'unlisted'],
    ['x-user-id-hash', 'unlisted'],
    ['x-jwt-token', 'unlisted'],
    ['http-version-hint', 'unlisted'],
    ['sec-fetch-site', 'credential'],
    ['referer', 'credential'],
    ['sec-ch-ua', 'listed'],
    ['sec-websocket-protocol', 'listed'],
    ['upload-offset', 'listed'],
    ['uploads', 'unlisted'],
    ['x-b3-sampled', 'listed'],
    ['cf-ray', 'network'],
    ['cf-connecting-ip', 'network'],
    ['x-acme-client-ip-hash', 'unlisted'],
    ['cf.ray', 'dropped'],
    ['x-forwarded-for', 'replaced'],
    ['x.forwarded.for', 'dropped'],
    ['origin', 'credential'],
    ['ORIGIN'.toLowerCase().replace('o', '0'), 'unlisted'],
  ])('of %s is %s', (name, fate) => {
    expect(fateOfHeader(name, noAdditionalHeaders)).toBe(fate);
  });

  test('lets additional names in by name and by beginning', () => {
    const additional = { names: new Set(['x-acme']), prefixes: ['acme-'] };
    const fates = ['x-acme', 'x-acme-id', 'acme-id', 'acme'].map((name) =>
      fateOfHeader(name, additional),
    );
    expect(fates).toEqual(['listed', 'unlisted', 'listed', 'unlisted']);
  });

  test.each(
    Object.entries(forwarded).flatMap(([reason, names]) =>
      names.map((name) => [name, reason] as const),
    ),
  )('of %s is listed: %s', (name) => {
    expect(fateOfHeader(name, noAdditionalHeaders)).toBe('listed');
    // Only the name itself is known, not each name that holds it.
    expect(fateOfHeader(`x${name}`, noAdditionalHeaders)).not.toBe('listed');
  });

  test.each([
    'connection',
    'keep-alive',
    'proxy-authenticate',
    'proxy-authorization',
    'proxy-connection',
    'te',
    'trailer',
    'transfer-encoding',
    'upgrade',
    'http2-settings',
    'expect',
    'x-request-id',
    'x-forwarded-for',
    'x-forwarded-host',
    'x-forwarded-proto',
    'x-real-ip',
    'cf-connecting-ipv6',
    'cf-pseudo-ipv4',
    'cf-visitor',
    'true-client-ip',
  ])('of %s is replaced, whatever the settings add', (name) => {
    const everything = { names: new Set([name]), prefixes: [name.slice(0, 2)] };
    expect(fateOfHeader(name, everything)).toBe('replaced');
    if (name.includes('-')) {
      expect(fateOfHeader(name.replace('-', '.'), everything)).toBe('dropped');
      expect(fateOfHeader(name.replace('-', '_'), everything)).toBe('dropped');
    }
  });

  test.each([
    'authorization',
    'cookie',
    'origin',
    'referer',
    'sec-fetch-mode',
    'sec-fetch-storage-access',
  ])('of %s is that of a credential, whatever the settings add', (name) => {
    const everything = { names: new Set([name]), prefixes: [name.slice(0, 2)] };
    expect(fateOfHeader(name, everything)).toBe('credential');
  });

  test.each([
    ['via', 'network'],
    ['cdn-loop', 'network'],
    ['early-data', 'network'],
    ['upgrade-insecure-requests', 'network'],
    ['purpose', 'network'],
    ['sec-purpose', 'network'],
    ['cf-ipcountry', 'network'],
    ['cf', 'unlisted'],
    ['sec', 'unlisted'],
    ['x-via', 'unlisted'],
    // Another spelling of a name that the runtime or Cloudflare vouches for.
    ['content.length', 'dropped'],
    ['cf!ray', 'dropped'],
    ['sec.fetch.site', 'dropped'],
    ['sec.purpose', 'unlisted'],
    ['if.match', 'unlisted'],
  ])('of %s is %s', (name, fate) => {
    expect(fateOfHeader(name, noAdditionalHeaders)).toBe(fate);
  });
});

describe('by its fate, a header', () => {
  // Forwarded to a key of some routes, to a key that may call everything, and to both if tokens are; reported.
  test.each<[HeaderFate, boolean, boolean, boolean, boolean, boolean]>([
    ['dropped', false, false, false, false, true],
    ['replaced', false, false, false, false, false],
    ['unlisted', false, true, false, true, true],
    ['network', false, true, false, true, false],
    ['credential', false, false, true, true, false],
    ['listed', true, true, true, true, false],
  ])(
    '%s is forwarded and reported as its row says',
    (fate, closed, open, closedToken, openToken, reported) => {
      const to = (isOpen: boolean, forwardToken: boolean) =>
        isForwarded(fate, { isOpen, forwardToken });
      expect([to(false, false), to(true, false)]).toEqual([closed, open]);
      expect([to(false, true), to(true, true)]).toEqual([closedToken, openToken]);
      expect(isReported(fate)).toBe(reported);
    },
  );
});
