/**
 * The signed assertion: a short-lived JWT by which the upstream knows that a request came through the
 * edge, on whose behalf, and that it is the one that was authorised.
 *
 * JWT: https://www.rfc-editor.org/rfc/rfc7519, EdDSA: https://www.rfc-editor.org/rfc/rfc8037,
 * `htm` and `htu` as in DPoP: https://www.rfc-editor.org/rfc/rfc9449#section-4.2
 */

import type { JSONWebKeySet } from 'jose';
import type { AssertionKey } from '../core/assertion-jwks.ts';
import { BoundedMap } from '../core/bounded-map.ts';
import type { Key } from '../core/key/key.ts';
import type { ClaimsSigner } from './assertion-jws.ts';
import { ASSERTION_SECONDS, ASSERTIONS_IN_MEMORY } from './limits.ts';

/**
 * How assertions are made: bound to each request, or signed once per key and lifetime. The second is
 * cheaper, but a server that sees such an assertion can replay it against another endpoint.
 */
export type AssertionMode = 'request' | 'key';

/** How a signer is made. */
export interface AssertionOptions {
  readonly mode: AssertionMode;
  /** The first one signs; all are published, so that a rotation overlaps. Never empty. */
  readonly keys: readonly AssertionKey[];
  readonly issuer: string;
  readonly audience: string;
  readonly newId: () => string;
}

/** The facts of one request that an assertion states. */
export interface AssertedRequest {
  /** `null` on a public route: the assertion then says only that the edge sent the request. */
  readonly key: Key | null;
  readonly isStale: boolean;
  /** `true` if the request is forwarded before its key was confirmed. */
  readonly isUnconfirmed?: boolean;
  readonly method: string;
  /** The upstream's URL as it is fetched; the query is not part of the binding. */
  readonly url: string;
  readonly nowMs: number;
}

/** Signs assertions and publishes the keys that verify them. */
export interface AssertionSigner {
  /** A compact JWT that is valid for at most `ASSERTION_SECONDS`. Rejects when a key is unusable. */
  sign(request: AssertedRequest): Promise<string>;
  /** The public keys, for `/_edge/jwks.json`. https://www.rfc-editor.org/rfc/rfc7517#section-5 */
  publicKeys(): Promise<JSONWebKeySet>;
}

/** Loads the library on first use, so that an isolate that signs nothing starts faster. */
const loadJws = () => import('./assertion-jws.ts');

/** A signer for one deployment. Keys are imported on first use. */
export function createAssertionSigner(options: AssertionOptions): AssertionSigner {
  const remembered = new BoundedMap<{ readonly jwt: string; readonly signedAtMs: number }>(
    ASSERTIONS_IN_MEMORY,
  );
  let signer: ClaimsSigner | null = null;

  async function signJwt(request: AssertedRequest, binding: { htm: string; htu: string } | null) {
    signer ??= await (await loadJws()).createClaimsSigner(options.keys[0]);
    const issuedAtSeconds = Math.floor(request.nowMs / 1000);
    const { key } = request;
    // Those that are undefined are not in the JSON.
    const claims = {
      iss: options.issuer,
      aud: options.audience,
      sub: key?.owner ?? undefined,
      key_id: key?.id,
      access: key?.access ?? 'public',
      stale: request.isStale,
      unconfirmed: request.isUnconfirmed || undefined,
      meta: key?.details?.meta ?? undefined,
      tags: key?.details?.tags ?? undefined,
      client: clientClaim(key),
      ...binding,
      jti: options.newId(),
      iat: issuedAtSeconds,
      exp: issuedAtSeconds + ASSERTION_SECONDS,
    };
    return signer(claims);
  }

  return {
    async sign(request) {
      if (options.mode === 'request') {
        return signJwt(request, { htm: request.method, htu: withoutQuery(request.url) });
      }
      // Remembered, it would be said of confirmed requests too.
      if (request.isUnconfirmed) return signJwt(request, null);
      // An entry says the same for half of its life, so that what arrives is valid for a while.
      const { key, isStale, nowMs } = request;
      const visitor = JSON.stringify(clientClaim(key));
      const { metaText, tagsText } = key?.details ?? {};
      const name = `${key?.id} ${key?.owner} ${key?.access} ${isStale} ${metaText} ${tagsText} ${visitor}`;
      const entry = remembered.get(name);
      if (entry && nowMs - entry.signedAtMs < (ASSERTION_SECONDS * 1000) / 2) return entry.jwt;
      const jwt = await signJwt(request, null);
      remembered.set(name, { jwt, signedAtMs: nowMs });
      return jwt;
    },

    async publicKeys() {
      const { toPublicKey } = await loadJws();
      return { keys: await Promise.all(options.keys.map(toPublicKey)) };
    },
  };
}

/** The claim about a client token; `undefined` if the caller sent another kind of token. */
function clientClaim(key: Key | null): object | undefined {
  const client = key?.client;
  if (!client) return undefined;
  const { subject, tokenId, meta } = client;
  return { sub: subject ?? undefined, jti: tokenId ?? undefined, meta: meta ?? undefined };
}

function withoutQuery(url: string): string {
  const end = url.search(/[?#]/);
  return end === -1 ? url : url.slice(0, end);
}
