/** The fate of the upstream's response headers, by their names. */

import { expect, test } from 'vitest';
import { fateOfResponseHeader } from '../../../src/core/decide/response-headers.ts';

test.each([
  ['access-control-allow-origin', 'ours'],
  ['access-control-allow-credentials', 'ours'],
  ['access-control-of-tomorrow', 'ours'],
  ['access.control.allow.origin', 'ours'],
  ['access_control_allow_origin', 'ours'],
  ['x-edge-reason', 'ours'],
  ['x_edge_reason', 'ours'],
  ['x-edge-dropped-headers', 'ours'],
  ['x.edge.dropped.headers', 'ours'],
  ['cdn-cache-control', 'targeted'],
  ['cloudflare-cdn-cache-control', 'targeted'],
  ['acme-cache-control', 'targeted'],
  ['acme_cache_control', 'targeted'],
  ['surrogate-control', 'targeted'],
  ['edge-control', 'targeted'],
  ['x-accel-expires', 'targeted'],
  ['x_accel_expires', 'targeted'],
  ['access-control-expose-headers', 'expose'],
  ['access_control_expose_headers', 'ours'],
  ['vary', 'vary'],
  ['cache-control', 'cache-control'],
  ['location', 'target'],
  ['content-location', 'target'],
  ['link', 'target'],
  ['x-edge-reason-2', 'kept'],
  ['x-edge', 'kept'],
  ['my-access-control-allow-origin', 'kept'],
  ['accesscontrol-allow-origin', 'kept'],
  ['x-cache-control-note', 'kept'],
  ['xcache-controls', 'kept'],
  ['surrogate-key', 'kept'],
  ['locations', 'kept'],
  ['x-link', 'kept'],
  ['content-type', 'kept'],
  ['etag', 'kept'],
  ['set-cookie', 'kept'],
])('%s is %s', (name, fate) => {
  expect(fateOfResponseHeader(name)).toBe(fate);
});
