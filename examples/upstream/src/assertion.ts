/**
 * Lets in only what came through the edge, and only as the edge authorised it: an example of how an
 * upstream verifies `X-Edge-Assertion`. Switched on by `EDGE_JWKS_URL`, the edge's key set.
 */

import type { Context, MiddlewareHandler } from 'hono';
import { createRemoteJWKSet, errors, type JWTPayload, jwtVerify } from 'jose';

export interface AssertionBindings {
  /** For example `https://edge.example/_edge/jwks.json`. Absent: nothing is verified. */
  EDGE_JWKS_URL?: string;
  /** The edge's `ASSERTION_ISSUER`. */
  EDGE_ISSUER?: string;
  /** The edge's `ASSERTION_AUDIENCE`: by default, the origin under which it calls this API. */
  EDGE_AUDIENCE?: string;
}

let keySet: { url: string; get: ReturnType<typeof createRemoteJWKSet> } | null = null;

/**
 * Answers 401 to a request without a valid assertion, and to one whose method or path is not the one
 * that the edge signed. Sets nothing: the claims are for logs and for decisions of your own.
 */
export const requireAssertion: MiddlewareHandler<{ Bindings: AssertionBindings }> = async (
  c,
  next,
) => {
  if (!c.env?.EDGE_JWKS_URL) return next();
  const reason = await faultOf(c, c.env.EDGE_JWKS_URL);
  return reason === null ? next() : c.json({ errors: [`not from the edge: ${reason}`] }, 401);
};

async function faultOf(
  c: Context<{ Bindings: AssertionBindings }>,
  jwksUrl: string,
): Promise<string | null> {
  const assertion = c.req.header('X-Edge-Assertion');
  if (assertion === undefined) return 'there is no assertion';
  if (keySet?.url !== jwksUrl) {
    keySet = { url: jwksUrl, get: createRemoteJWKSet(new URL(jwksUrl)) };
  }
  try {
    const { payload } = await jwtVerify(assertion, keySet.get, {
      algorithms: ['EdDSA'],
      issuer: c.env.EDGE_ISSUER ?? 'edge-authorizer',
      audience: c.env.EDGE_AUDIENCE ?? new URL(c.req.url).origin,
      requiredClaims: ['key_id', 'access', 'exp', 'jti'],
      clockTolerance: 5,
    });
    return isForThisRequest(payload, c.req.raw) ? null : 'it was signed for another request';
  } catch (error) {
    if (error instanceof errors.JOSEError) return error.message;
    throw error;
  }
}

/** Compared as this server received it, before any router folds case or slashes. */
function isForThisRequest({ htm, htu }: JWTPayload, request: Request): boolean {
  if (typeof htm !== 'string' || typeof htu !== 'string') return false;
  return htm === request.method && new URL(htu).pathname === new URL(request.url).pathname;
}
