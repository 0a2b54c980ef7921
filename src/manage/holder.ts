/**
 * Holders of keys: callers that show an API key, or a client token, of their own. They read what it may do
 * and mint client tokens with it, and can change nothing else.
 */

import { parseAddress } from '../core/addresses/address.ts';
import { admitsAddress, compileBlocks } from '../core/addresses/address-blocks.ts';
import { isClientToken } from '../core/client-token/client-token.ts';
import { addressNotAllowed, invalidKey as noSuchKey } from '../core/decide/authorize.ts';
import { readBearer } from '../core/decide/bearer.ts';
import { type Rejection, rejectionHeaders, rejectionKinds } from '../core/decide/rejection.ts';
import { isLive } from '../core/key/key.ts';
import { hashToken, readTokenForm } from '../core/key/token.ts';
import type { HeldKey } from '../keys/admin/types.ts';
import { countWrongKey, rejectRefusedNetwork } from '../keys/lookup/wrong-keys.ts';
import type { Manager } from './authenticate.ts';
import { type Call, type Refusal, refusal } from './operation.ts';

/**
 * The caller of an endpoint for holders. Its owner is one that no key has: nothing that a person or the
 * operator may do is open to it by mistake.
 */
export const holder: Manager = { actor: 'holder', owner: '' };

/** A holder, or the refusal. */
export type HolderResult =
  | { readonly ok: true; readonly token: string; readonly held: HeldKey }
  | Refusal;

/**
 * Finds the live key whose token a request carries. Refuses with 401 if no key has it, with 403 if the key
 * may not be used from the client's address, and with 429 a client network that keeps sending wrong keys.
 * D1's primary is asked, so a key that was revoked is refused at once.
 */
export async function findHolder({
  management,
  request,
}: Pick<Call, 'management' | 'request'>): Promise<HolderResult> {
  const { failures } = management;
  const refuseWrong = async (rejection: Rejection) =>
    refusalOf(await countWrongKey(failures, { request }, rejection));
  const bearer = readBearer(request.headers.get('authorization'));
  if (!bearer.ok) return refuseWrong(bearer.rejection);
  const { token } = bearer;
  // Before any look-up: neither can be an API key. A mistyped one cannot exist.
  const { form } = readTokenForm(token);
  if (isClientToken(token) || form === 'oversized' || form === 'mistyped') {
    return refuseWrong(noSuchKey('not a token of a key'));
  }
  const tooMany = rejectRefusedNetwork(failures, { request });
  if (tooMany !== null) return refusalOf(tooMany);
  const held = await management.store.holders.find(await hashToken(token));
  if (held === null || !isUsable(held, management.now())) {
    return refuseWrong(noSuchKey('no live key has this token'));
  }
  const { addresses } = held.key;
  const address = parseAddress(request.headers.get('cf-connecting-ip') ?? '');
  if (addresses && !admitsAddress(compileBlocks(addresses), address)) {
    return refusalOf(addressNotAllowed(address));
  }
  return { ok: true, token, held };
}

/** Returns whether a key works, and this token of it has not ended. */
function isUsable({ key, isRevoked, tokenExpiresAtMs }: HeldKey, nowMs: number): boolean {
  if (isRevoked || key.suspended || !isLive(key, nowMs)) return false;
  return tokenExpiresAtMs === null || nowMs < tokenExpiresAtMs;
}

/** The one answer for every token that does not work, as at the gateway. */
export function invalidKey(): Refusal {
  return refusalOf(noSuchKey('no live key has this token'));
}

/** A rejection as the answer of an endpoint. */
export function refusalOf(rejection: Rejection): Refusal {
  const { code, detail } = rejection;
  const { status, title } = rejectionKinds[code];
  return refusal({ code, status, title, detail }, rejectionHeaders(rejection));
}
