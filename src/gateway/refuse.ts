/**
 * Refusals: recorded and counted once each, and readable by the origins that their kind allows.
 */

import { tooManyWrongKeys } from '../core/decide/authorize.ts';
import { exposedHeaders } from '../core/decide/exposed-headers.ts';
import { type Grant, grantOnRefusal, grantTo } from '../core/decide/grant.ts';
import type { Registration } from '../core/decide/preflight.ts';
import { clientNetwork } from '../core/decide/rate-limit.ts';
import {
  type GrantScope,
  type Rejection,
  reject,
  rejectionHeaders,
  rejectionKinds,
} from '../core/decide/rejection.ts';
import type { WebOrigin } from '../core/origins/web-origin.ts';
import { isOwnTarget, readTarget } from '../core/routes/request-target.ts';
import { RETRY_AFTER_SECONDS } from '../keys/limits.ts';
import { problemResponse } from '../problem.ts';
import { setOwnCorsHeaders } from './cors-headers.ts';
import { discardBody } from './discard-body.ts';
import type { Facts, Gateway } from './gateway.ts';
import type { KeyHolder } from './identity.ts';
import { readOrigin } from './origin-header.ts';

/**
 * Answers a request with a rejection: records it, counts it and sends it. `caller` is the holder of
 * the key, if the key is known. Never rejects.
 */
export async function respondWithRejection(
  gateway: Gateway,
  facts: Facts,
  rejection: Rejection,
  caller: KeyHolder | null,
): Promise<Response> {
  const { code, cause } = rejection;
  const key = caller?.key ?? null;
  gateway.record({ facts, code, cause, key, route: null });
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
  const grant = grantOnRefusal(scopeOf(rejection, caller), facts.origin, registration);
  return refusalResponse(facts, rejection, { grant, exposed: gateway.exposed });
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
  const network = networkOf(facts);
  const { failures } = gateway.limits;
  const isWithinLimit =
    failures === null ||
    network === null ||
    (!failures.hasRefused(network) && (await failures.take(network)));
  const sent = isWithinLimit
    ? rejection
    : tooManyWrongKeys({ cause: rejection.code, limit: failures.policy });
  return respondWithRejection(gateway, facts, sent, null);
}

/**
 * Returns the rejection of a request that would need a look-up, if its client network was refused
 * recently; `null` otherwise. Requests that memory can answer are answered: they cost nothing, and other
 * clients may share the address.
 */
export function rejectRefusedNetwork(gateway: Gateway, facts: Facts): Rejection | null {
  const { failures } = gateway.limits;
  if (failures === null || !isRefusedNetwork(gateway, facts)) return null;
  return tooManyWrongKeys({ cause: 'refused_before', limit: failures.policy });
}

function isRefusedNetwork(gateway: Gateway, facts: Facts): boolean {
  const { failures } = gateway.limits;
  const network = failures === null ? null : networkOf(facts);
  return failures !== null && network !== null && failures.hasRefused(network);
}

/** The client network, as Cloudflare reports it; `null` elsewhere. */
function networkOf({ request }: Facts): string | null {
  return clientNetwork(request.headers.get('cf-connecting-ip') ?? '');
}

/**
 * Returns whether some live key lists an origin. For a client network that was refused recently, only
 * memory is asked, and other origins are unknown, as while the index is out of reach. Never rejects.
 */
export function registrationOf(
  gateway: Gateway,
  facts: Facts,
  origin: WebOrigin,
  purpose: 'preflight' | 'refusal',
): Registration | Promise<Registration> {
  return (
    gateway.directory.recallOrigin(origin, facts.scope) ??
    (isRefusedNetwork(gateway, facts) ? 'unsure' : null) ??
    gateway.directory.findOrigin(origin, facts.scope, purpose)
  );
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
  const exposed = exposedHeaders();
  return refusalResponse({ request, requestId }, rejection, { grant: grantTo(origin), exposed });
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
  if (origin === null || scopeOf(rejection, caller) !== 'registered') return null;
  return registrationOf(gateway, facts, origin, 'refusal');
}

/** Without a caller, no key has admitted the origin. */
function scopeOf({ code }: Rejection, caller: KeyHolder | null): GrantScope {
  const { grantScope } = rejectionKinds[code];
  return grantScope === 'key' && caller === null ? 'registered' : grantScope;
}

function refusalResponse(
  { request, requestId }: Pick<Facts, 'request' | 'requestId'>,
  rejection: Rejection,
  { grant, exposed }: { readonly grant: Grant; readonly exposed: string },
): Response {
  const kind = rejectionKinds[rejection.code];
  const response = problemResponse(
    {
      code: rejection.code,
      status: kind.status,
      title: kind.title,
      detail: rejection.detail,
      ...(rejection.extensions && { extensions: rejection.extensions }),
    },
    { requestId, accept: request.headers.get('accept') },
  );
  const { headers } = response;
  const own = rejectionHeaders(rejection);
  for (const name in own) headers.set(name, own[name] as string);
  setOwnCorsHeaders(headers, grant, exposed);
  return response;
}
