/**
 * Makes the keys that sign assertions, as the Worker's secret `ASSERTION_KEYS` wants them.
 */

import { calculateJwkThumbprint, exportJWK, generateKeyPair } from 'jose';
import { readAssertionKeys } from '../core/assertion-jwks.ts';
import { CommandError, exitCodes } from './api-client.ts';

/**
 * A JWK Set with a new key in front, and the key that signed until now behind it, so that what it has
 * signed can be verified during the change. Throws a `CommandError` when `present` is not such a set.
 */
export async function newAssertionKeys(present: string | undefined): Promise<{ keys: unknown[] }> {
  const before = present ? readAssertionKeys(present) : [];
  if (before === null) {
    const message =
      'Cannot rotate: ASSERTION_KEYS in the environment is not a JWK Set of such keys';
    throw new CommandError(message, exitCodes.usage);
  }
  const { privateKey } = await generateKeyPair('EdDSA', { extractable: true });
  const jwk = await exportJWK(privateKey);
  const kid = await calculateJwkThumbprint(jwk);
  return { keys: [{ ...jwk, kid }, ...before.slice(0, 1)] };
}
