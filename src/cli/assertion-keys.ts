/**
 * Makes the keys that sign assertions, in the form of the Worker's secret `ASSERTION_KEYS`.
 */

import { calculateJwkThumbprint, exportJWK, generateKeyPair } from 'jose';
import { readAssertionKeys } from '../core/assertion-jwks.ts';
import { usageError } from './failures.ts';

/**
 * Returns a JWK Set: a new key, then the key that has signed until now, so that its assertions can
 * still be verified during the change. Throws a `CommandError` if `present` is not such a set.
 */
export async function newAssertionKeys(present: string | undefined): Promise<{ keys: unknown[] }> {
  const before = present ? readAssertionKeys(present) : [];
  if (before === null) {
    const message =
      'Cannot rotate: ASSERTION_KEYS in the environment is not a JWK Set of such keys';
    throw usageError(message);
  }
  const { privateKey } = await generateKeyPair('EdDSA', { extractable: true });
  const jwk = await exportJWK(privateKey);
  const kid = await calculateJwkThumbprint(jwk);
  return { keys: [{ ...jwk, kid }, ...before.slice(0, 1)] };
}
