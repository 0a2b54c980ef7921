/**
 * Estimates how many bytes a memory entry takes, so that an isolate's memory stays within its bounds.
 *
 * The constants were measured in workerd: see `bench/memory.ts`.
 */

import type { StoredKey } from '../../core/key/key.ts';
import type { Subject } from '../types.ts';

/** Returns the bytes that a small entry takes. */
export function weightOf(name: string, subjects: readonly Subject[]): number {
  let bytes = 250 + name.length;
  for (const subject of subjects) bytes += 30 + subject.length;
  return bytes;
}

/** Returns the bytes that a key takes, with its token. */
export function weightOfKey(stored: StoredKey, token: string): number {
  let bytes = 320 + token.length;
  if (stored.allowedOrigins) bytes += 120;
  for (const origin of stored.allowedOrigins ?? []) bytes += 40 + origin.length;
  // A table of routes has a node for each segment.
  for (const { resources } of stored.rules ?? []) {
    for (const resource of resources) bytes += 480 * (resource.split('/').length - 1);
  }
  return bytes;
}
