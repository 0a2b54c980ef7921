/**
 * Refusals: recorded and counted once each, and readable by the origins that their kind allows.
 */

import { exposedHeaders } from '../core/decide/exposed-headers.ts';
import { grantOnRefusal, grantTo, refusalScope } from '../core/decide/grant.ts';
import type { Registration } from '../core/decide/preflight.ts';
import {
  hasOwnHeaders,
  type Rejection,
  reject,
  rejectionHeaders,
  rejectionKinds,
} from '../core/decide/rejection.ts';
import { isOwnTarget, readTarget } from '../core/routes/request-target.ts';
import { RETRY_AFTER_SECONDS } from '../keys/limits.ts';
import { countWrongKey, registrationOf } from '../keys/lookup/wrong-keys.ts';
import { prefersProblemJson, problemText } from '../problem.ts';
import { discardBody } from './discard-body.ts';
import type { Facts, Gateway } from './gateway.ts';
import type { KeyHolder } from './identity.ts';
import { readOrigin } from './origin-header.ts';
import { makeRefusalHeaders } from './refusal-headers.ts';

/**
 * Answers a request with a rejection: records it, counts it and sends it. `caller` is the holder of
 * the key, if the key is known. `route` is the row that allowed a request which then failed at the
 * upstream. Never rejects.
 */
export async function respondWithRejection(
  gateway: Gateway,
  facts: Facts,
  rejection: Rejection,
  caller: KeyHolder | null,
  route: string | null = null,
): Promise<Response> {
  const { code, cause } = rejection;
  const key = caller?.key ?? null;
  gateway.record({ facts, code, cause, key, route });
  gateway.usage.countRefused(
    {
      code,
      keyId: key?.id ?? null,
      isClient: key?.client != null,
      origin: facts.origin?.value ?? null,
      extraCost: caller?.extraCost ?? 0,
    },
    facts.scope,
  );
  const registration = await registrationFor(gateway, facts, rejection, caller);
  await discardBody(facts.request);
  const grant = grantOnRefusal(
    refusalScope(rejection, caller !== null),
    facts.origin,
    registration,
  );
  return refusalResponse(facts, rejection, gateway.refusalHeaders(rejection.code, grant));
}

/**
 * Answers credentials that do not work. A client network that keeps failing gets `rate_limited`
 * instead. Never rejects.
 */
export async function respondToBadCredentials(
  gateway: Gateway,
  facts: Facts,
  rejection: Rejection,
): Promise<Response> {
  const sent = await countWrongKey(gateway.limits.failures, facts, rejection);
  return respondWithRejection(gateway, facts, sent, null);
}

/**
 * The answer to a request that failed inside, or that came before the gateway could be built. It
 * says nothing, so every well-formed origin may read it; pages have no business under `/_edge/`.
 */
export function failureResponse(
  request: Request,
  requestId: string,
  code: 'internal_error' | 'unavailable' | 'not_configured',
  detail: string = failureDetails[code === 'not_configured' ? 'unavailable' : code],
): Response {
  const read = isOwnTarget(readTarget(request.url)) ? null : readOrigin(request);
  const origin = read === 'malformed' ? null : read;
  const retry = code === 'unavailable' ? { retryAfterSeconds: RETRY_AFTER_SECONDS } : {};
  const rejection = reject(code, detail, retry);
  return refusalResponse(
    { request, requestId },
    rejection,
    makeRefusalHeaders(code, grantTo(origin), exposedHeaders()),
  );
}

const failureDetails = {
  internal_error: 'Cannot answer the request: the edge failed. Send the operator the request id',
  unavailable:
    'Cannot answer the request: the configuration of the edge has problems. "npx wrangler tail" lists them with the request id',
} as const;

/** The registration that the grant depends on; `null` where it depends on none. */
function registrationFor(
  gateway: Gateway,
  facts: Facts,
  rejection: Rejection,
  caller: KeyHolder | null,
): Registration | null | Promise<Registration> {
  const { origin } = facts;
  const { directory, limits } = gateway;
  if (origin === null || refusalScope(rejection, caller !== null) !== 'registered') return null;
  return registrationOf({ directory, failures: limits.failures }, facts, origin, 'refusal');
}

/** Returns the response to a rejection. `common` are the headers of its kind, which are copied. */
function refusalResponse(
  { request, requestId }: Pick<Facts, 'request' | 'requestId'>,
  rejection: Rejection,
  common: Headers,
): Response {
  const { code, detail, extensions } = rejection;
  const { status, title } = rejectionKinds[code];
  const text = problemText({ code, status, title, detail, extensions }, requestId);
  const response = new Response(text, { status, headers: common });
  const { headers } = response;
  headers.set('X-Request-Id', requestId);
  if (prefersProblemJson(request.headers.get('accept'))) {
    headers.set('Content-Type', 'application/problem+json');
  }
  if (hasOwnHeaders(rejection)) {
    const own = rejectionHeaders(rejection);
    for (const name in own) headers.set(name, own[name] as string);
  }
  return response;
}
