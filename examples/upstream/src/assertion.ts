/**
 * Lets in only requests that came through the edge, and only as the edge authorised them: an example of how
 * an upstream verifies `X-Edge-Assertion`. A setting that is absent closes the API rather than the check.
 */

import type { Context, MiddlewareHandler } from 'hono';
import { createRemoteJWKSet, errors, type JWTPayload, jwtVerify } from 'jose';

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

/**
 * How soon a key that is not known yet is looked for again. An edge whose key was rotated signs with the
 * new one at once, and what it signs is refused here until that key was fetched. A key that the edge
 * stopped publishing counts on until the set is fetched again, after 10 minutes at the latest.
 */
const KEY_SET_COOLDOWN_MS = 5_000;

let keySet: { url: string; get: ReturnType<typeof createRemoteJWKSet> } | null = null;

/**
 * Answers 401 to a request without a valid assertion, and to one whose method or path is not the one
 * that the edge signed; 503 to every request if a setting is absent. The query and the body are not signed.
 * Sets nothing: the claims are for logs and for decisions of your own.
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
  const reason = await faultOf(c, EDGE_JWKS_URL, EDGE_AUDIENCE);
  return reason === null ? next() : c.json({ errors: [`not from the edge: ${reason}`] }, 401);
};

async function faultOf(
  c: Context<{ Bindings: AssertionBindings }>,
  jwksUrl: string,
  audience: string,
): Promise<string | null> {
  const assertion = c.req.header('X-Edge-Assertion');
  if (assertion === undefined) return 'there is no assertion';
  if (keySet?.url !== jwksUrl) {
    const options = { cooldownDuration: KEY_SET_COOLDOWN_MS };
    keySet = { url: jwksUrl, get: createRemoteJWKSet(new URL(jwksUrl), options) };
  }
  try {
    const { payload } = await jwtVerify(assertion, keySet.get, {
      algorithms: ['EdDSA'],
      issuer: c.env.EDGE_ISSUER ?? 'edge-authorizer',
      audience,
      requiredClaims: ['access', 'exp', 'jti'],
      clockTolerance: 5,
    });
    // A public route takes no key, so its requests have none to name.
    if (typeof payload['key_id'] !== 'string' && payload['access'] !== 'public') {
      return 'it names no key';
    }
    const isBound = payload['htm'] !== undefined || payload['htu'] !== undefined;
    if (!isBound && c.env.EDGE_ASSERTION === 'key') return null;
    return isForThisRequest(payload, c.req.raw) ? null : 'it was signed for another request';
  } catch (error) {
    if (error instanceof errors.JOSEError) return error.message;
    throw error;
  }
}

/** Compared as this server received it, before any router folds case or slashes. */
function isForThisRequest({ htm, htu }: JWTPayload, request: Request): boolean {
  if (typeof htm !== 'string' || typeof htu !== 'string' || !URL.canParse(htu)) return false;
  return htm === request.method && new URL(htu).pathname === new URL(request.url).pathname;
}
