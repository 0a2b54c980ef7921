/**
 * The keys of a world, by slot, their tokens, and the client tokens that each of these mints.
 */

import type { ClientClaims } from '../../src/core/client-token/claims.ts';
import { readClientToken } from '../../src/core/client-token/client-token.ts';
import { signClientToken } from '../../src/core/client-token/signature.ts';
import { importVerifyingKey, isSignedBy } from '../../src/core/client-token/verification.ts';
import type { AccessRule, ClientTokenAccess, StoredKey } from '../../src/core/key/key.ts';
import {
  hashToken,
  hasValidTag,
  importTagKey,
  type MintingIdentity,
  type MintingToken,
  makeToken,
  mintingTokenOf,
  readTokenForm,
} from '../../src/core/key/token.ts';
import { createRandom } from './random.ts';
import { MODEL_TAG_KEY_HEX, wideRules } from './truth.ts';
import { BEGINNING_MS } from './virtual-time.ts';

/** A token that schedules use. */
export interface ModelToken {
  readonly token: string;
  readonly hash: string;
  /** `null`: its holder mints nothing. */
  readonly minting: MintingIdentity | null;
  readonly clients: readonly ModelClient[];
}

/** A client token that a page sends, and its claims. */
export interface ModelClient {
  readonly token: string;
  readonly claims: ClientClaims;
}

const HOUR_MS = 60 * 60 * 1000;
// Every clock of a world is within hours of the world's own, so both were issued in the past of each,
// and neither ends while a schedule runs. Their own times are tested with their rules.
const EARLY_MS = BEGINNING_MS - 9 * HOUR_MS;
const LATE_MS = BEGINNING_MS - 6 * HOUR_MS;
const END_MS = BEGINNING_MS + 48 * HOUR_MS;

/** The times that void no client token, the early ones, and all of them. */
export const validFromTimes: readonly (number | null)[] = [
  null,
  (EARLY_MS + LATE_MS) / 2,
  LATE_MS + HOUR_MS,
];

/** The opt-in of the key whose client tokens are used. Longer lives than management allows. */
export const wideClientTokens: ClientTokenAccess = {
  // No other key lists them, so that the origins of each are gained and lost as without the other.
  allowedOrigins: ['https://c.test', 'https://d.test'],
  rules: wideRules,
  maxTtlSeconds: 7 * 24 * 60 * 60,
  originOptional: false,
  endConnectionsAtExpiry: true,
};

/** The slot whose tokens were imported. */
export const IMPORTED_SLOT = 3;
/** The slot whose tokens mint. */
export const MINTING_SLOT = 4;
/** Tokens that the keys of a slot can have, one after the other. */
export const TOKENS_IN_SLOT = 4;

/** The keys of a world, by slot: what they are like when they are made. */
export const slots: readonly Omit<StoredKey, 'id'>[] = [
  aSlot({ kind: 'backend' }),
  aSlot({ kind: 'cors', allowedOrigins: ['https://a.test', 'https://b.test'] }),
  aSlot({ kind: 'cors', allowedOrigins: ['https://a.test'], rules: wideRules }),
  aSlot({ kind: 'backend' }),
  aSlot({ kind: 'backend', clientTokens: wideClientTokens, clientTokensValidFromMs: null }),
];

const narrowRule: AccessRule = { methods: ['get'], resources: ['/a'] };

/** The tokens of every slot. Made once: what they are plays no part. */
export async function makeModelTokens(): Promise<readonly (readonly ModelToken[])[]> {
  const random = createRandom(1);
  const tagKey = await importTagKey(MODEL_TAG_KEY_HEX);
  const fillRandom = (bytes: Uint8Array) => {
    for (const at of bytes.keys()) bytes[at] = random() * 256;
  };
  const made: ModelToken[][] = [];
  for (const [slot, { kind }] of slots.entries()) {
    const tokens: ModelToken[] = [];
    for (let number = 0; number < TOKENS_IN_SLOT; number++) {
      const mintsClientTokens = slot === MINTING_SLOT;
      const token =
        slot === IMPORTED_SLOT
          ? `imported-${number}`
          : await makeToken({ prefix: 'ea', kind, tagKey, fillRandom, mintsClientTokens });
      const hash = await hashToken(token);
      const form = readTokenForm(token);
      // Checked once here, because the check of a minting token computes the other kind of tag as well.
      if (form.form === 'ours') await hasValidTag(form, tagKey);
      const minting = mintsClientTokens ? await mintingTokenOf(token, tagKey) : null;
      tokens.push({
        token,
        hash,
        minting: minting && { kid: minting.kid, publicKey: minting.publicKey },
        clients: minting === null ? [] : await mintAll(minting),
      });
    }
    made.push(tokens);
  }
  return made;
}

/** One after the other, so that what they share is computed once and remembered. */
async function mintAll(minting: MintingToken): Promise<readonly ModelClient[]> {
  const minted: ModelClient[] = [];
  for (const claims of claimsInUse) minted.push(await mint(minting, claims));
  return minted;
}

/** Mints, and verifies once: a world knows only crypto that was computed before. */
async function mint(minting: MintingToken, claims: ClientClaims): Promise<ModelClient> {
  const { prefix, kid, randomPart, publicKey } = minting;
  const token = await signClientToken({ prefix, kid, claims }, randomPart);
  const form = readClientToken(token);
  const isGood = form !== null && (await isSignedBy(await importVerifyingKey(publicKey), form));
  if (!isGood) throw new Error('A client token of the model does not verify');
  return { token, claims };
}

const issued = (atMs: number) => ({ iat: atMs / 1000, exp: END_MS / 1000 });
const claimsInUse: readonly ClientClaims[] = [
  issued(LATE_MS),
  issued(EARLY_MS),
  { ...issued(LATE_MS), origins: ['https://d.test'], rules: [narrowRule] },
];

function aSlot(slot: Partial<StoredKey> & Pick<StoredKey, 'kind'>): Omit<StoredKey, 'id'> {
  return {
    owner: null,
    allowedOrigins: null,
    fullAccess: false,
    rules: null,
    enabled: true,
    expiresAtMs: null,
    ...slot,
  };
}
