/**
 * Which request headers reach the upstream, by their names alone.
 *
 * Every key: names that could tell the upstream another path, host, scheme, client or user are never
 * forwarded (`identifying-headers.ts`), nor is any name with an underscore. Keys that may call only
 * some routes, and public routes, get an allow-list on top: a list of what is dangerous can never be
 * complete, and one header that renames the path undoes the list of routes. Pure, no I/O.
 */

import { isIdentifying } from './identifying-headers.ts';

/**
 * The treatment of a header:
 * - `listed`: forwarded for everybody;
 * - `unlisted`: forwarded for keys that may call everything, otherwise dropped and reported;
 * - `network`: as `unlisted`, but not reported, since a proxy or a browser sent it by itself;
 * - `credential`: forwarded only if the caller's token is;
 * - `replaced`: removed and not reported, because the connection or the edge sets its own;
 * - `dropped`: never forwarded, and reported.
 */
export type HeaderFate = 'listed' | 'unlisted' | 'network' | 'credential' | 'replaced' | 'dropped';

/** Headers of one connection, and those that the edge sets itself. */
const replacedNames = new Set([
  // Hop-by-hop: https://www.rfc-editor.org/rfc/rfc9110#section-7.6.1
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
  // Answered by the runtime; forwarded, it would turn the upstream's 100 into our response.
  'expect',
  // The edge sets these; Cloudflare's network adds them to every request as well.
  'x-request-id',
  'x-forwarded-for',
  'x-forwarded-host',
  'x-forwarded-proto',
  'x-real-ip',
  'cf-connecting-ipv6',
  'cf-pseudo-ipv4',
  'cf-visitor',
  'true-client-ip',
]);

/**
 * The caller's credentials, and what a browser says about the page. An upstream that checks either of
 * them would judge a request that the edge has already judged: Go's `http.CrossOriginProtection`, for
 * example, rejects `Sec-Fetch-Site: cross-site` if it sees no `Origin` that it trusts.
 */
const credentialNames = new Set(['authorization', 'cookie', 'origin', 'referer']);
const credentialPrefix = 'sec-fetch-';

/** Correct under their own names, because the runtime or Cloudflare sets them. */
const vouchedNames = new Set(['host', 'content-length']);
const networkNames = new Set([
  'via',
  'cdn-loop',
  'early-data',
  'upgrade-insecure-requests',
  'purpose',
]);
const networkPrefixes = ['cf-', 'sec-'];

/** Forwarded for every caller. */
const listedNames = new Set([
  // Content negotiation, and the content itself.
  'accept',
  'accept-charset',
  'accept-encoding',
  'accept-language',
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
  // Conditional requests and ranges.
  'if-match',
  'if-modified-since',
  'if-none-match',
  'if-range',
  'if-unmodified-since',
  'range',
  // Preferences of the client.
  'cache-control',
  'dnt',
  'pragma',
  'prefer',
  'priority',
  'sec-gpc',
  'user-agent',
  // Client hints: https://www.rfc-editor.org/rfc/rfc8942
  'device-memory',
  'downlink',
  'dpr',
  'ect',
  'rtt',
  'save-data',
  'viewport-width',
  'width',
  // Tracing.
  'b3',
  'baggage',
  'sentry-trace',
  'traceparent',
  'tracestate',
  // Single features of clients.
  'apollo-require-preflight',
  'connect-protocol-version',
  'connect-timeout-ms',
  'grpc-timeout',
  'idempotency-key',
  'last-event-id',
  'tus-resumable',
  'x-apollo-operation-name',
  'x-core-sdk-version',
  'x-grpc-web',
  'x-react-native-sdk-version',
  'x-react-sdk-version',
  'x-requested-with',
  'x-user-agent',
]);
const listedPrefixes = ['sec-ch-', 'sec-websocket-', 'upload-', 'x-b3-'];

/** Additional names of `FORWARD_REQUEST_HEADERS`, in lower case. */
export interface AdditionalHeaders {
  readonly names: ReadonlySet<string>;
  readonly prefixes: readonly string[];
}

/** No additional names. */
export const noAdditionalHeaders: AdditionalHeaders = { names: new Set(), prefixes: [] };

/** Returns the fate of a header by its name, in lower case. */
export function fateOfHeader(name: string, additional: AdditionalHeaders): HeaderFate {
  const folded = foldName(name);
  if (replacedNames.has(folded)) return folded === name ? 'replaced' : 'dropped';
  // WSGI, CGI and others make one variable of `X_Edge_Owner` and `X-Edge-Owner`.
  if (name.includes('_') || isIdentifying(folded)) return 'dropped';
  if (isCredential(folded)) return folded === name ? 'credential' : 'dropped';
  if (folded !== name && (vouchedNames.has(folded) || folded.startsWith('cf-'))) return 'dropped';
  if (isListed(name) || isAdditional(name, additional)) return 'listed';
  return networkNames.has(name) || startsWithOneOf(name, networkPrefixes) ? 'network' : 'unlisted';
}

/**
 * Returns a name, in lower case, as it is compared: every other sign counts as `-`, since many an
 * upstream makes one variable of them. https://www.rfc-editor.org/rfc/rfc3875#section-4.1.18
 */
export function foldName(name: string): string {
  return name.replace(/[^a-z0-9-]/g, '-');
}

/** The facts that decide which headers of a request are forwarded, besides their names. */
export interface HeaderScope {
  /** The caller may call everything, and so may send any header that is not dropped for all. */
  readonly isOpen: boolean;
  /** The setting `FORWARD_TOKEN`. */
  readonly forwardToken: boolean;
}

/** Returns whether a header of this fate reaches the upstream. */
export function isForwarded(fate: HeaderFate, { isOpen, forwardToken }: HeaderScope): boolean {
  if (fate === 'listed') return true;
  if (fate === 'credential') return forwardToken;
  return isOpen && (fate === 'unlisted' || fate === 'network');
}

/** Returns whether a header of this fate, which was not forwarded, is reported to the caller. */
export function isReported(fate: HeaderFate): boolean {
  return fate === 'dropped' || fate === 'unlisted';
}

function isCredential(folded: string): boolean {
  return credentialNames.has(folded) || folded.startsWith(credentialPrefix);
}

function isListed(name: string): boolean {
  return listedNames.has(name) || startsWithOneOf(name, listedPrefixes);
}

function isAdditional(name: string, { names, prefixes }: AdditionalHeaders): boolean {
  return names.has(name) || startsWithOneOf(name, prefixes);
}

function startsWithOneOf(name: string, prefixes: readonly string[]): boolean {
  return prefixes.some((prefix) => name.startsWith(prefix));
}
