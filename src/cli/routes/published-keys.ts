/**
 * The keys whose reach the restricted table decides, and which are in pages for everybody to read.
 */

import type { ManagementClient } from '../../management-client/client.ts';
import { eachKey } from '../../management-client/pages.ts';
import type { Key } from '../../management-client/schema.ts';

/** Counts restricted keys that work today. Reads every key once. */
export async function countPublishedKeys(client: ManagementClient): Promise<number> {
  let count = 0;
  for await (const key of eachKey(client, { limit: 100 })) if (isPublished(key)) count++;
  return count;
}

function isPublished({ access, enabled, expiresAt }: Key): boolean {
  const isRestricted = access?.cors !== undefined && !access.cors.fullAccess && !access.rules;
  return isRestricted && enabled && (expiresAt === null || Date.parse(expiresAt) > Date.now());
}
