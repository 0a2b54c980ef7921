/**
 * The response headers that a page may read: ours, those of the setting `EXPOSE_HEADERS`, and those
 * that the upstream exposes by itself. Pure, no I/O.
 * https://fetch.spec.whatwg.org/#http-access-control-expose-headers
 */

/** Exposed on every response with a grant, beyond the few that Fetch always allows. */
const OWN_EXPOSED = [
  'Location',
  'Link',
  'ETag',
  'Retry-After',
  'X-Total-Count',
  'WWW-Authenticate',
  'X-Edge-Reason',
  'X-Edge-Dropped-Headers',
  'X-Request-Id',
  'RateLimit',
  'RateLimit-Policy',
  'Upload-Offset',
  'Upload-Length',
  'Content-Range',
  'Accept-Ranges',
];

const UPSTREAM_NAMES_MAX = 32;
const UPSTREAM_VALUE_MAX_LENGTH = 4 * 1024;
const tokenPattern = /^[A-Za-z0-9!#$%&'+\-.^_`|~][A-Za-z0-9!#$%&'*+\-.^_`|~]*$/;

/** Returns the value of `Access-Control-Expose-Headers` for a deployment. */
export function exposedHeaders(additional: readonly string[] = []): string {
  const known = new Set(OWN_EXPOSED.map((name) => name.toLowerCase()));
  const added = additional.filter((name) => !known.has(name.toLowerCase()));
  return [...OWN_EXPOSED, ...added].join(', ');
}

/**
 * Returns the value with the names that the upstream exposes: at most 32 valid ones, in its order. The
 * wildcard is left out, and so is every name that only the edge may use.
 */
export function mergeExposed(exposed: string, upstreamValue: string): string {
  if (upstreamValue.length > UPSTREAM_VALUE_MAX_LENGTH) return exposed;
  const known = new Set(exposed.toLowerCase().split(', '));
  const added: string[] = [];
  for (const element of upstreamValue.split(',')) {
    const name = element.trim();
    const lower = name.toLowerCase();
    if (!tokenPattern.test(name) || known.has(lower) || isReserved(lower)) continue;
    known.add(lower);
    if (added.push(name) === UPSTREAM_NAMES_MAX) break;
  }
  return added.length === 0 ? exposed : `${exposed}, ${added.join(', ')}`;
}

/** `Set-Cookie` can never be read by a page, and the others are the edge's. */
function isReserved(lower: string): boolean {
  return /^(?:x[-_]edge[-_]|access-control-|set-cookie)/.test(lower);
}
