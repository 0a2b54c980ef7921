/** The policy of a response whose content type was seen before. */

import { expect, test } from 'vitest';
import { SANDBOX_POLICY } from '../../src/core/isolation/active-content.ts';
import { sandboxDocument } from '../../src/gateway/page-shield.ts';

const own = "default-src 'self'";
function policyAfter(status: number, contentType: string | null): string | null {
  const headers = new Headers({ 'Content-Security-Policy': own });
  sandboxDocument(headers, { status, contentType });
  return headers.get('content-security-policy');
}

test.each([
  ['a document is sandboxed', 200, 'text/html', `${own}, ${SANDBOX_POLICY}`],
  ['data keeps its own', 200, 'application/json', own],
  // The stored response keeps its policy, whatever happened to a 200 of this type before.
  ['data that was not modified has none', 304, 'application/json', null],
  ['a document that was not modified is sandboxed', 304, 'text/html', `${own}, ${SANDBOX_POLICY}`],
  ['a response without a type is sandboxed', 200, null, `${own}, ${SANDBOX_POLICY}`],
  ['a response without a type that was not modified has none', 304, null, null],
])('%s, also the second time', (_, status, contentType, policy) => {
  expect(policyAfter(status, contentType)).toBe(policy);
  expect(policyAfter(status, contentType)).toBe(policy);
});
