/**
 * Minting by API: `POST /_edge/v1/client-tokens` with a backend key returns a client token.
 *
 * For backends that cannot use the minting library. A client token never mints, and neither does a CORS
 * key: anyone who copies it from a page could. The token is in the response alone, and in no log.
 * Contract: docs/client-tokens.md
 */

import * as v from 'valibot';
import { isClientToken } from '../core/client-token/client-token.ts';
import { type ClientParent, compileParent } from '../core/client-token/rights.ts';
import { signClientToken } from '../core/client-token/signature.ts';
import { limitOfKey } from '../core/decide/key-limits.ts';
import { rateLimitHeaders } from '../core/decide/rate-limit.ts';
import { hashToken, importTagKey, type MintingToken, mintingTokenOf } from '../core/key/token.ts';
import type { HeldKey } from '../keys/admin/types.ts';
import { toTime } from './documents.ts';
import { invalidFields } from './field-problems.ts';
import { findHolder } from './holder.ts';
import { addressOf } from './holder-access.ts';
import { MANAGEMENT_BODY_MAX_BYTES } from './limits.ts';
import { mintSchema, readMintRequest } from './mint-document.ts';
import {
  answer,
  type Call,
  type Operation,
  type OperationResult,
  type Refusal,
  refusal,
} from './operation.ts';
import { problem } from './problems.ts';
import { readBody } from './request-body.ts';
import { shownTimeSchema } from './shown-time.ts';

/** The endpoint. */
export const clientTokenOperations: readonly Operation[] = [
  {
    method: 'POST',
    path: '/client-tokens',
    name: 'mintClientToken',
    summary: 'Mint a client token',
    description:
      'For holders of a backend key that opted in with "access.clientTokens": send the API key itself as the Bearer token. Every member narrows the key.',
    door: 'holder',
    body: {
      schema: mintSchema,
      example: { ttlSeconds: 300, sub: 'visitor-4711', origins: ['https://app.example.com'] },
      maxBytes: MANAGEMENT_BODY_MAX_BYTES,
      isOptional: true,
    },
    answer: {
      status: 201,
      description: 'The client token.',
      schema: v.object({
        token: v.pipe(
          v.string(),
          v.description('The client token.'),
          v.examples(['ea_ct_eyJhbGciOiJFZDI1NTE5Ii...']),
        ),
        expiresAt: v.pipe(shownTimeSchema, v.description('When it expires.')),
      }),
    },
    problems: [
      'invalid_key',
      'cors_not_enabled',
      'address_not_allowed',
      'client_tokens_not_enabled',
      'rate_limited',
    ],
    handle: mint,
  },
];

/** A holder whose key gives client tokens and whose token mints them, or the refusal. */
export type MinterResult =
  | {
      readonly ok: true;
      readonly token: string;
      readonly held: HeldKey;
      readonly parent: ClientParent;
      readonly minting: MintingToken;
    }
  | Refusal;

/** Finds who mints. The key is one that opted in, and its token is one that the edge made. */
export async function findMinter(
  call: Pick<Call, 'management' | 'request'>,
): Promise<MinterResult> {
  const { management, request } = call;
  const bearer = request.headers.get('authorization') ?? '';
  if (isClientToken(bearer.replace(/^bearer[ \t]+/i, ''))) {
    return refusal(notEnabled('a client token cannot mint another one'));
  }
  const holder = await findHolder(call);
  if (!holder.ok) return holder;
  const { token, held } = holder;
  // A page that can mint holds the API key, which client tokens are for keeping out of pages.
  if (request.headers.has('origin')) return refusal(calledFromPage());
  const parent = compileParent(held.key, management.restrictedRoutes, management.restrictedTable);
  if (parent === null) {
    return refusal(notEnabled('the key gives none. Set "access.clientTokens" on a backend key'));
  }
  const minting = await mintingTokenOf(token, await importTagKey(held.tagKeyHex));
  if (minting === null) {
    // Nothing is derived from a token of another form: a weak one could be guessed offline.
    return refusal(notEnabled('the token of the key was imported. Roll the key first'));
  }
  return { ok: true, token, held, parent, minting };
}

async function mint(call: Call): Promise<OperationResult> {
  const { management, request } = call;
  const minter = await findMinter(call);
  if (!minter.ok) return minter;
  const { token, held, parent, minting } = minter;
  const key = { ...held.key, limit: held.key.limit ?? null, client: null };
  const counted = limitOfKey(management.keyLimits, key, addressOf(request));
  if (counted !== null && !(await counted.limit.take(counted.name))) {
    return refusal(tooManyRequests(), rateLimitHeaders(counted.limit.policy));
  }

  const body = await readBody(request, { maxBytes: MANAGEMENT_BODY_MAX_BYTES, absent: {} });
  if (!body.ok) return body;
  const { prefix } = minting;
  const reading = readMintRequest(body.document, { parent, prefix, nowMs: management.now() });
  if (!reading.ok) return refusal(invalidFields(reading));
  const claims = reading.value;

  if (held.kid !== minting.kid) {
    await management.store.holders.register(await hashToken(token), minting);
  }
  const minted = await signClientToken({ ...minting, claims }, minting.randomPart);
  management.log({ event: 'client_token_minted', requestId: call.requestId, keyId: held.key.id });
  return answer(201, { token: minted, expiresAt: toTime(claims.exp * 1000) });
}

function notEnabled(reason: string) {
  return problem('client_tokens_not_enabled', `Cannot mint a client token: ${reason}`);
}

function calledFromPage() {
  return problem(
    'cors_not_enabled',
    'Cannot mint a client token from a browser page: the API key would be in the page. Call this from a backend',
  );
}

function tooManyRequests() {
  return problem(
    'rate_limited',
    'Cannot mint so many client tokens with this API key. Wait, then send requests more slowly',
  );
}
