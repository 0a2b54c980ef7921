/**
 * Lets in only requests that came through the edge, and only as the edge authorised them: an example of how
 * an upstream verifies `X-Edge-Assertion`. A setting that is absent closes the API rather than the check.
 */

import { createVerifier, UnverifiedRequestError, type Verify } from 'edge-authorizer/verify';
import type { MiddlewareHandler } from 'hono';

export interface AssertionBindings {
  /** The edge's key set, for example `https://edge.example/_edge/jwks.json`. */
  EDGE_JWKS_URL?: string;
  /** The edge's `ASSERTION_ISSUER`. */
  EDGE_ISSUER?: string;
  /**
   * The edge's `ASSERTION_AUDIENCE`; if it has none, the origin under which it calls this API. Not derived
   * from the request: its `Host` is the client's.
   */
  EDGE_AUDIENCE?: string;
  /**
   * The edge's `ASSERTION`. `key` accepts assertions that are bound to no request, which hold for every
   * endpoint while they live; by default such are refused. `off` verifies nothing: for an API that only the
   * edge can reach.
   */
  EDGE_ASSERTION?: 'request' | 'key' | 'off';
}

/** Kept with its key set, and made again if a setting is another one. */
let verifier: { readonly settings: string; readonly verify: Verify } | null = null;

/**
 * Answers 401 to a request without a valid assertion, and to one whose method or path is not the one
 * that the edge signed; 503 to every request if a setting is absent, and while the key set cannot be
 * fetched. The query and the body are not signed.
 */
export const requireAssertion: MiddlewareHandler<{ Bindings: AssertionBindings }> = async (
  c,
  next,
) => {
  const { EDGE_ASSERTION, EDGE_JWKS_URL, EDGE_AUDIENCE } = c.env ?? {};
  if (EDGE_ASSERTION === 'off') return next();
  if (!EDGE_JWKS_URL || !EDGE_AUDIENCE) {
    const absent = EDGE_JWKS_URL ? 'EDGE_AUDIENCE' : 'EDGE_JWKS_URL';
    return c.json({ errors: [`cannot verify assertions: ${absent} is not set`] }, 503);
  }
  try {
    // The caller that it returns is for logs, and for decisions of your own.
    await verifierFor(c.env)(c.req.raw);
  } catch (error) {
    if (!(error instanceof UnverifiedRequestError)) throw error;
    return c.json({ errors: [error.message] }, error.status);
  }
  return next();
};

function verifierFor({
  EDGE_JWKS_URL: jwksUrl,
  EDGE_AUDIENCE: audience,
  EDGE_ISSUER: issuer = 'edge-authorizer',
  EDGE_ASSERTION,
}: AssertionBindings): Verify {
  const assertion = EDGE_ASSERTION === 'key' ? 'key' : 'request';
  const settings = JSON.stringify([jwksUrl, audience, issuer, assertion]);
  if (verifier?.settings !== settings) {
    verifier = { settings, verify: createVerifier({ jwksUrl, audience, issuer, assertion }) };
  }
  return verifier.verify;
}
