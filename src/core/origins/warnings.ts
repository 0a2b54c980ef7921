/**
 * Warnings about origin patterns that are allowed but deserve a second look. Pure, no I/O.
 */

import { isLoopback } from './host.ts';
import { quote } from './pattern-help.ts';

/** An allowed pattern that deserves a second look, and why. */
export interface OriginWarning {
  readonly pattern: string;
  readonly warning: string;
}

/**
 * Lists what is allowed but deserves a second look, in the order of the canonical patterns given:
 * `*`, plain http to another machine, and the user's own machine beside public web origins. App
 * schemes are none of these: `capacitor://localhost` is an app, wherever it runs. Empty when there
 * is nothing to say. Never throws.
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
  if (isLoopback(pattern)) {
    return hasPublic
      ? `Origin ${quote(pattern)} is on the machine of whoever opens it and listed beside public origins: any program on that machine can use the key, so that a separate key for development is safer`
      : null;
  }
  return pattern.startsWith('http:')
    ? `Origin ${quote(pattern)} is not encrypted: anyone on the network path can serve a page there and use the key`
    : null;
}
