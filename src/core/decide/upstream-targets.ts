/**
 * Maps URLs in the upstream's responses back to the edge, if the API is below a path of the upstream.
 *
 * With `UPSTREAM_URL = https://api.example/v1`, the edge's `/things` is the upstream's `/v1/things`. A
 * `Location` of the upstream says `/v1/things/7`; the caller has to ask the edge for `/things/7`. Every
 * other URL is left alone. Pure, no I/O.
 */

/** The edge as the caller addressed it, and the upstream. */
export interface Mapping {
  /** `UPSTREAM_URL`, without a trailing slash. */
  readonly upstreamUrl: string;
  /** Scheme and authority, for example `https://edge.example`. */
  readonly edgeOrigin: string;
}

const VALUE_MAX_LENGTH = 16 * 1024;
// A quoted parameter, whose text is no target, or a target, which holds no other one. Linear: the two begin
// with different signs, and none is read past the next "<".
const linkPattern = /"(?:[^"\\]|\\.)*"?|<([^<>]*)>/gs;

/** Returns whether an upstream has a path, so that there is something to map. */
export function hasBasePath(upstreamUrl: string): boolean {
  return /^[a-z]+:\/\/[^/]+\/./i.test(upstreamUrl);
}

/** Returns a `Link` value with its targets mapped. https://www.rfc-editor.org/rfc/rfc8288#section-3 */
export function mapLinks(value: string, mapping: Mapping): string {
  if (value.length > VALUE_MAX_LENGTH) return value;
  return value.replace(linkPattern, (whole: string, target: string | undefined) =>
    target === undefined ? whole : `<${mapTarget(target, mapping)}>`,
  );
}

/** Returns a URL reference, mapped if it points below the upstream's path. */
export function mapTarget(reference: string, { upstreamUrl, edgeOrigin }: Mapping): string {
  const isPathOnly = /^\/(?![/\\])/.test(reference);
  // A reference without a leading slash is relative to the request, on the edge as on the upstream.
  if (!isPathOnly && !/^(?:https?:)?\/\//i.test(reference)) return reference;
  if (reference.length > VALUE_MAX_LENGTH) return reference;
  const base = URL.parse(upstreamUrl);
  const url = URL.parse(reference, upstreamUrl);
  if (base === null || url === null || url.origin !== base.origin) return reference;
  if (url.username !== '' || url.password !== '') return reference;
  // Compared after the parser has resolved dot segments: `/v1/../admin` is not below `/v1`.
  const isBelow = url.pathname === base.pathname || url.pathname.startsWith(`${base.pathname}/`);
  if (!isBelow) return reference;
  const path = url.pathname.slice(base.pathname.length) || '/';
  // The edge does not forward its own namespace, so no such path of the upstream is reachable there.
  if (/^\/+_edge(?:\/|$)/i.test(path)) return reference;
  const mapped = path + url.search + url.hash;
  // `//host` would be another host, so what begins like that gets its own host written in front.
  return isPathOnly && !path.startsWith('//') ? mapped : edgeOrigin + mapped;
}
