/**
 * Warnings about origin patterns that are allowed but deserve a second look. Pure, no I/O.
 */

import { isLoopback, isLoopbackHost } from './host.ts';
import { quote } from './pattern-help.ts';
import { isSharedAmongStrangers } from './pattern-wildcard.ts';
import { webDefaultPorts } from './scheme.ts';

/** An allowed pattern that deserves a second look, and why. */
export interface OriginWarning {
  readonly pattern: string;
  readonly warning: string;
}

/**
 * Lists the canonical patterns that are allowed but deserve a second look, in the order given: `*`,
 * wildcards that strangers can match, plain http to another machine, the user's own machine beside
 * public web origins, and capital letters in the host of an app. Never throws.
 */
export function originWarnings(patterns: readonly string[]): readonly OriginWarning[] {
  const hasPublic = patterns.some((pattern) => /^https?:/.test(pattern) && !isLoopback(pattern));
  return patterns.flatMap((pattern) => {
    const warning = warningFor(pattern, hasPublic);
    return warning === null ? [] : [{ pattern, warning }];
  });
}

function warningFor(pattern: string, hasPublic: boolean): string | null {
  if (pattern === '*') {
    return 'Origin "*" admits every website, and opaque origins such as sandboxed frames and local files';
  }
  const origin = `Origin ${quote(pattern)}`;
  const [, scheme = '', host = ''] = /^([^:]*):\/\/(\[[^\]]*\]|[^:]*)/.exec(pattern) ?? [];
  if (!webDefaultPorts.has(scheme)) return warningForApp(origin, host);
  if (isLoopbackHost(host)) {
    return hasPublic
      ? `${origin} is on the machine of whoever opens it and listed beside public origins: any program on that machine can use the key. A separate key for development is safer`
      : null;
  }
  const base = host.slice(host.indexOf('.') + 1);
  if (/-\*|\*-/.test(host) && isSharedAmongStrangers(base)) {
    return `${origin} admits every name of this form under ${quote(base)}, and strangers can register such names there`;
  }
  return scheme === 'http'
    ? `${origin} is not encrypted: anyone on the network path can serve a page there and use the key`
    : null;
}

function warningForApp(origin: string, host: string): string | null {
  if (host === '*') {
    return `${origin} admits every extension of the browser, and strangers can publish extensions`;
  }
  return /[A-Z]/.test(host)
    ? `${origin} is compared with its capital letters: browsers that send the host in lower case do not match it`
    : null;
}
