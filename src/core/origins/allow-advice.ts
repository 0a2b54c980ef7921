/**
 * Advice for a refused origin: what to add to a key, so that it is admitted. Pure, no I/O.
 */

import type { WebOrigin } from './web-origin.ts';

/**
 * Returns the sentence that tells how to allow an origin, without a full stop. Every origin that
 * `parseOrigin()` accepts can be listed as it is; an opaque origin names no site, and only `*` admits it.
 */
export function allowAdvice(origin: WebOrigin, key: string): string {
  return origin.isOpaque
    ? `Such pages have an opaque origin: serve the page from a web server, or add "*" to the allowed origins of ${key}`
    : `Add it to the allowed origins of ${key}`;
}
