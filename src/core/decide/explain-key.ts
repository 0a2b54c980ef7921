/**
 * The part of an explanation that is about the key: an API key, a client token of it, or neither.
 */

import type { Key } from '../key/key.ts';
import { clientTokenExpired, invalidKey } from './authorize.ts';
import type { Rejection } from './rejection.ts';

/** The reason for which a token stands for no key. */
export interface MissingKey {
  /** The cause, as the gateway logs it. */
  readonly missing: string;
  /** `true`: it is a client token that has ended, so the page is asked to fetch another one. */
  readonly isExpiredClientToken?: boolean;
}

/** Returns the refusal of a token without a key, with its cause. */
export function rejectionOf({ missing, isExpiredClientToken }: MissingKey): Rejection {
  return isExpiredClientToken ? { ...clientTokenExpired(), cause: missing } : invalidKey(missing);
}

const clientTokenCause = 'client token: ';

/** Returns the sentence for the cause of such a refusal. */
export function causeText(cause: string): string {
  if (!cause.startsWith(clientTokenCause)) return `the key is not valid: ${cause}`;
  return `the client token is not valid: ${cause.slice(clientTokenCause.length)}`;
}

/** Returns the sentence for a key that was found. */
export function keyText(key: Key | MissingKey): string {
  const isClient = !('missing' in key) && key.client !== null;
  const subject = isClient ? 'the client token is valid, and its key' : 'the key';
  return `${subject} is known, enabled and not expired`;
}
