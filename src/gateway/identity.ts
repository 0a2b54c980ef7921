/**
 * The facts about a request that the upstream may trust: the headers that only the edge can have written.
 */

import type { Key } from '../core/key/key.ts';
import type { Facts, Gateway } from './gateway.ts';

/** The caller as the key identifies it. `key` is `null` on a public route. */
export interface KeyHolder {
  readonly key: Key | null;
  /** `true` if the key was accepted by its last known record, while D1 is out of reach. */
  readonly isStale: boolean;
  /** `true` if the request is forwarded before its key was confirmed. */
  readonly isUnconfirmed?: boolean;
  /** The cost of the request towards the quota of the key, beyond 1. */
  readonly extraCost?: number;
  /** The token that the caller sent. Absent on a public route. */
  readonly token?: string;
}

/** The headers for one request, without its assertion. Names in lower case. */
export function identityHeaders(
  gateway: Gateway,
  facts: Facts,
  { key, isUnconfirmed }: KeyHolder,
): Record<string, string> {
  const { request, target } = facts;
  const { upstreamAuthorization } = gateway.config;
  const identity: Record<string, string> = {
    'x-edge-access': key?.access ?? 'public',
    'x-request-id': facts.requestId,
    'x-forwarded-proto': target.scheme,
  };
  if (key !== null) identity['x-edge-key-id'] = key.id;
  if (isUnconfirmed) identity['x-edge-unconfirmed'] = '1';
  if (key !== null && key.owner !== null) identity['x-edge-owner'] = key.owner;
  if (key !== null && key.details !== null) addDetails(identity, key.details);
  const subject = key?.client?.subject ?? null;
  if (subject !== null) identity['x-edge-client-subject'] = subject;
  // The API is at the root of the edge, whatever its path on the upstream is.
  if (gateway.hasBasePath) identity['x-forwarded-prefix'] = '/';
  if (target.authority !== '') identity['x-forwarded-host'] = target.authority;
  // Set by Cloudflare, which overwrites what a client sends; elsewhere it may be anything.
  const clientAddress = request.headers.get('cf-connecting-ip') ?? '';
  if (/^[0-9A-Fa-f.:]+$/.test(clientAddress)) identity['x-forwarded-for'] = clientAddress;
  if (upstreamAuthorization !== null) identity['authorization'] = upstreamAuthorization;
  return identity;
}

function addDetails(
  identity: Record<string, string>,
  { metaText, tagsText }: NonNullable<Key['details']>,
): void {
  if (metaText !== null) identity['x-edge-meta'] = metaText;
  if (tagsText !== null) identity['x-edge-tags'] = tagsText;
}

/** Returns scheme and authority of the edge, as the caller addressed it. */
export function edgeOrigin({ target }: Facts): string {
  return `${target.scheme}://${target.authority}`;
}
