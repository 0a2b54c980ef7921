/**
 * Wildcards: which of them can admit an origin.
 *
 * The number of candidates is bounded, because an origin is looked up under each of them: at most one
 * for any port or id, `WILDCARD_BASE_LABELS_MAX` for subdomains, and nineteen beside hyphens. A wildcard
 * that could never be among the candidates is refused when it is written (`pattern-host.ts`), by the
 * same numbers. Pure, no I/O.
 *
 * | pattern                         | admits                                                      |
 * |---------------------------------|-------------------------------------------------------------|
 * | `http://localhost:*`            | any port of this loopback host, the default port too        |
 * | `moz-extension://*`             | any id of this extension scheme                             |
 * | `https://*.example.com`         | any subdomain at any depth, not the domain itself           |
 * | `https://my-app-*.vercel.app`   | names that start so: one character or more, no dot          |
 * | `https://*--site.netlify.app`   | names that end so                                           |
 * | `https://my-app-*-team.example` | names that start and end so                                 |
 */

import { endsInNumber, isLoopbackHost, labelsOf } from './host.ts';
import { PUNYCODE_PREFIX } from './punycode.ts';
import { isExtensionScheme, webDefaultPorts } from './scheme.ts';

/** Most labels after the leftmost one of a wildcard. */
export const WILDCARD_BASE_LABELS_MAX = 12;
/** Fewest characters beside a `*` inside a label, hyphens included. */
export const WILDCARD_LITERALS_MIN = 3;
/** Most hyphens in the text on one side of a `*`, if there is no text on the other side. */
export const HYPHENS_ON_ONE_SIDE_MAX = 5;
/** Most hyphens in the text on each side of a `*` that has text on both sides. */
export const HYPHENS_ON_EACH_SIDE_MAX = 3;

/** The parts of an origin that wildcards look at. */
interface OriginParts {
  readonly scheme: string;
  /** In its canonical form. */
  readonly host: string;
  /** Empty for the scheme's default port. */
  readonly port: string;
}

/**
 * Lists the wildcards for any port or id, and for subdomains from the longest parent to the shortest,
 * that admit an origin. At most 13. IP addresses and app schemes have no subdomains.
 */
export function wildcardsOfHost({ scheme, host, port }: OriginParts): string[] {
  if (!webDefaultPorts.has(scheme)) {
    return isExtensionScheme(scheme) && port === '' ? [`${scheme}://*`] : [];
  }
  const wildcards = isLoopbackHost(host) ? [`${scheme}://${host}:*`] : [];
  if (isAddress(host)) return wildcards;
  const portSuffix = port === '' ? '' : `:${port}`;
  let base = withoutLeftmostLabel(host);
  for (let labels = labelsOf(base); labels > 0; labels--) {
    if (labels <= WILDCARD_BASE_LABELS_MAX) wildcards.push(`${scheme}://*.${base}${portSuffix}`);
    base = withoutLeftmostLabel(base);
  }
  return wildcards;
}

/**
 * Lists the wildcards beside hyphens in the leftmost label that admit an origin. At most 19: 5 that
 * start like it, 5 that end like it, and 3 times 3 that do both.
 */
export function wildcardsOfLabel({ scheme, host, port }: OriginParts): string[] {
  const base = withoutLeftmostLabel(host);
  const label = host.slice(0, host.indexOf('.'));
  // What Punycode encodes cannot be read beside a `*`.
  if (!label.includes('-') || label.startsWith(PUNYCODE_PREFIX) || !webDefaultPorts.has(scheme)) {
    return [];
  }
  const labels = labelsOf(base);
  if (labels === 0 || labels > WILDCARD_BASE_LABELS_MAX || isAddress(host)) return [];

  const { heads, tails } = textsBesideHyphens(label);
  const fewHeads = heads.slice(0, HYPHENS_ON_EACH_SIDE_MAX);
  const fewTails = tails.slice(0, HYPHENS_ON_EACH_SIDE_MAX);
  const sides = [
    ...heads.map((head) => [head, ''] as const),
    ...tails.map((tail) => ['', tail] as const),
    ...fewHeads.flatMap((head) => fewTails.map((tail) => [head, tail] as const)),
  ];
  const rest = `.${base}${port === '' ? '' : `:${port}`}`;
  return sides.flatMap(([head, tail]) => {
    const literals = head.length + tail.length;
    // A `*` stands for one character at least.
    const fits = literals >= WILDCARD_LITERALS_MIN && literals < label.length;
    return fits ? [`${scheme}://${head}*${tail}${rest}`] : [];
  });
}

/** The texts up to and from the hyphens of a label, the shortest first. */
function textsBesideHyphens(label: string): { heads: string[]; tails: string[] } {
  const heads: string[] = [];
  const tails: string[] = [];
  for (let at = label.indexOf('-'); at !== -1; at = label.indexOf('-', at + 1)) {
    heads.push(label.slice(0, at + 1));
    tails.unshift(label.slice(at));
  }
  const most = HYPHENS_ON_ONE_SIDE_MAX;
  return { heads: heads.slice(0, most), tails: tails.slice(0, most) };
}

/** The host without its leftmost label; empty if there is no other label. */
function withoutLeftmostLabel(host: string): string {
  const dot = host.indexOf('.');
  return dot === -1 ? '' : host.slice(dot + 1);
}

function isAddress(host: string): boolean {
  return host.startsWith('[') || endsInNumber(host);
}
