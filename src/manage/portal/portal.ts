/**
 * The portal of an isolate: a page for the provider's customers, opened by a link of the operator.
 *
 *     operator -> POST /portal-sessions -> link, for one use within a minute
 *     customer -> GET the link -> a page with a button -> POST -> session -> the page, for one owner
 *
 * The link is read as often as anything likes; the button alone uses it. The session is bound to the owner
 * and to the credential of the operator who made the link (`secrets.ts`).
 */

import type { PortalConfig } from '../../config/config.ts';
import { readReturnUrl } from '../../core/portal/return-url.ts';
import type { Credentials } from '../authenticate.ts';
import { credentialsToday, hashSecret, makeSecret } from './secrets.ts';
import type { PortalRow, PortalStore } from './store.ts';

/** How long a link can be used. */
export const LINK_SECONDS = 60;
/** How long the session of a link lasts. */
export const PORTAL_SESSION_SECONDS = { default: 60 * 60, min: 60, max: 12 * 60 * 60 } as const;

/** The parts of the portal. */
export interface Portal {
  readonly config: PortalConfig;
  readonly store: PortalStore;
}

/** A link, and what became of it. */
export interface FoundLink {
  readonly state: 'open' | 'used' | 'expired';
  readonly row: PortalRow;
  /** The credential that it is bound to. */
  readonly credential: string;
}

/** A session of a browser. */
export interface PortalSession {
  readonly secret: string;
  readonly hash: string;
  readonly owner: string;
  readonly returnUrl: string;
}

/** The sessions that a browser's cookies hold: one that may be used, or that one has ended. */
export type PortalReading =
  | { readonly state: 'open'; readonly session: PortalSession }
  | { readonly state: 'ended'; readonly returnUrl: string }
  | { readonly state: 'none' };

/** Finds the link of a secret; `null`: no link has it, or its operator's credential is gone. */
export async function findLink(
  { store }: Portal,
  credentials: Credentials,
  secret: string,
  nowMs: number,
): Promise<FoundLink | null> {
  const known = await credentialsToday(credentials);
  const hashes = await Promise.all(known.map((credential) => hashSecret(credential, secret)));
  const row = await store.findLink(hashes);
  const credential = row === null ? undefined : known[hashes.indexOf(row.linkHash)];
  if (row === null || credential === undefined) return null;
  const isExpired = row.linkExpiresAtMs <= nowMs;
  const state = row.sessionHash === null ? (isExpired ? 'expired' : 'open') : 'used';
  return { state, row, credential };
}

/** Uses a link. Returns the secret of its session; `null`: it was used or has expired. */
export async function openLink(
  { store }: Portal,
  { row, credential }: FoundLink,
  fillRandom: (bytes: Uint8Array<ArrayBuffer>) => void,
): Promise<string | null> {
  const secret = makeSecret('session', fillRandom);
  const isOpened = await store.open(row.linkHash, await hashSecret(credential, secret));
  return isOpened ? secret : null;
}

/** Finds the session of one of these secrets. */
export async function findSession(
  { store }: Portal,
  credentials: Credentials,
  secrets: readonly string[],
  nowMs: number,
): Promise<PortalReading> {
  if (secrets.length === 0) return { state: 'none' };
  const known = await credentialsToday(credentials);
  const secretOf = new Map<string, string>();
  for (const secret of secrets) {
    for (const credential of known) secretOf.set(await hashSecret(credential, secret), secret);
  }
  const [row] = await store.findSessions([...secretOf.keys()]);
  // The cookie is of a session that was forgotten, or whose operator's credential is gone.
  if (row === undefined) return { state: 'ended', returnUrl: '' };
  const { owner, returnUrl, sessionHash, sessionExpiresAtMs } = row;
  const secret = secretOf.get(sessionHash ?? '');
  const isOpen = (sessionExpiresAtMs ?? 0) > nowMs;
  return sessionHash !== null && secret !== undefined && isOpen
    ? { state: 'open', session: { secret, hash: sessionHash, owner, returnUrl } }
    : { state: 'ended', returnUrl };
}

/** The address that leads back to the provider; `null` if it is not on the list, or no more. */
export function wayBack({ config }: Portal, returnUrl: string, edgeUrl: string): string | null {
  const reading = readReturnUrl(returnUrl, config.returnUrls, edgeUrl);
  return reading.ok ? reading.value : null;
}
