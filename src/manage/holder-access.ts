/**
 * Access of holders from wherever they use their key: a backend, or a page with an API key or a client
 * token.
 *
 * The rules are the gateway's (`core/decide`). A preflight is granted if some live key lists the origin,
 * and the request itself is decided by the key's own list. The look-up is the gateway's too, so an
 * invented token costs no storage call, and a revoked key is refused within the same bound.
 */

import { parseAddress } from '../core/addresses/address.ts';
import {
  clientTokenExpired,
  invalidKey,
  invalidOrigin,
  refuseCaller,
} from '../core/decide/authorize.ts';
import { readBearer } from '../core/decide/bearer.ts';
import {
  type Grant,
  grantHeaders,
  grantOnRefusal,
  grantTo,
  PREFLIGHT_VARY,
  preflightHeaders,
  refusalScope,
} from '../core/decide/grant.ts';
import { limitOfKey } from '../core/decide/key-limits.ts';
import { decidePreflight } from '../core/decide/preflight.ts';
import type { Limit } from '../core/decide/rate-limit.ts';
import { type Rejection, reject, rejectionKinds } from '../core/decide/rejection.ts';
import type { Key } from '../core/key/key.ts';
import { parseOriginHeader, type WebOrigin } from '../core/origins/web-origin.ts';
import { RequestScope } from '../keys/lookup/request-scope.ts';
import {
  countWrongKey,
  registrationOf,
  rejectRefusedNetwork,
  rejectUnavailable,
} from '../keys/lookup/wrong-keys.ts';
import { problemResponse } from '../problem.ts';
import { refusalOf } from './holder.ts';
import {
  type Call,
  type Management,
  type OperationResult,
  type Refusal,
  type RequestParts,
  refusal,
} from './operation.ts';

/** A caller whose key may be used, from this origin and address and at this time. */
export interface Holder {
  readonly ok: true;
  readonly token: string;
  readonly key: Key;
  /** The permission of the page that asks; `null`: no page does. */
  readonly grant: Grant;
}

/** Finds who asks, and decides about the origin. A refusal is readable by whom the gateway lets read it. */
export async function identifyHolder(call: Call): Promise<Holder | Refusal> {
  const { management, request, runInBackground } = call;
  const origin = parseOriginHeader(request.headers.get('origin'));
  const visit: Visit = {
    management,
    request,
    origin: origin === 'malformed' ? null : origin,
    scope: new RequestScope(management.now(), runInBackground),
  };
  if (origin === 'malformed') return refuse(visit, invalidOrigin(), null);
  const bearer = readBearer(request.headers.get('authorization'));
  if (!bearer.ok) return refuseCredentials(visit, bearer.rejection);

  const { directory, now } = management;
  const known = directory.recall(bearer.token, visit.scope);
  const tooMany = known === undefined ? rejectRefusedNetwork(management.failures, visit) : null;
  if (tooMany !== null) return refuse(visit, tooMany, null);
  const found = known ?? (await directory.find(bearer.token, origin, visit.scope));
  if (found.outcome === 'unavailable') return refuse(visit, rejectUnavailable(), null);
  if (found.outcome === 'unknown') {
    return refuseCredentials(visit, found.code ? clientTokenExpired() : invalidKey(found.cause));
  }
  const { key } = found;
  const address = parseAddress(addressOf(request)());
  const refused = refuseCaller({ key, origin, address, method: request.method, nowMs: now() });
  if (refused !== null) return refuse(visit, refused, key);
  const counted = limitOfKey(management.keyLimits, key, addressOf(request));
  if (counted !== null && !(await counted.limit.take(counted.name))) {
    return refuse(visit, tooManyRequests(counted.limit), key);
  }
  visit.scope.startDeferredWrites();
  return { ok: true, token: bearer.token, key, grant: grantTo(origin) };
}

/** Reads the address of a holder, as Cloudflare reports it. */
export function addressOf(request: Request): () => string {
  return () => request.headers.get('cf-connecting-ip') ?? '';
}

/** Lets the page that asks read a result. Nothing of it may be cached for another origin. */
export function readableBy(
  { grant }: Pick<Holder, 'grant'>,
  result: OperationResult,
  { exposed }: Pick<Management, 'exposed'>,
): OperationResult {
  return { ...result, headers: { ...result.headers, ...corsHeaders(grant, exposed) } };
}

/** Returns whether a request is the preflight of a page. */
export function isPreflightOf(request: Request): boolean {
  const { headers, method } = request;
  return (
    method === 'OPTIONS' && headers.has('origin') && headers.has('access-control-request-method')
  );
}

/** Answers a preflight. `methods` are those of the endpoint that pages may use. */
export async function answerPreflight(
  management: Management,
  request: Request,
  { requestId, runInBackground }: RequestParts,
  methods: readonly string[],
): Promise<Response> {
  const origin = parseOriginHeader(request.headers.get('origin'));
  const refused = (rejection: Rejection) => {
    const { code, detail } = rejection;
    const { status, title } = rejectionKinds[code];
    const accept = request.headers.get('accept');
    const response = problemResponse({ code, status, title, detail }, { requestId, accept });
    response.headers.set('Vary', PREFLIGHT_VARY);
    return response;
  };
  if (origin === null || origin === 'malformed') return refused(invalidOrigin());
  const scope = new RequestScope(management.now(), runInBackground);
  const visit: Visit = { management, request, origin, scope };
  const decision = decidePreflight({
    origin,
    registration: await registrationOf(management, visit, origin, 'preflight'),
    requestedMethod: request.headers.get('access-control-request-method') ?? '',
    requestedHeaders: request.headers.get('access-control-request-headers'),
  });
  if (!decision.granted) return refused(decision.rejection);
  const headers = preflightHeaders(grantTo(origin), {
    ...decision,
    // Another method is still granted the rest, so that the browser's console names the culprit.
    allowMethods: methods.join(', '),
  });
  return new Response(null, { status: 204, headers });
}

/** One request of a holder, or of a caller that may be one. */
interface Visit {
  readonly management: Management;
  readonly request: Request;
  readonly origin: WebOrigin | null;
  readonly scope: RequestScope;
}

async function refuse(visit: Visit, rejection: Rejection, key: Key | null): Promise<Refusal> {
  const { management, origin } = visit;
  const scope = refusalScope(rejection, key !== null);
  const registration =
    scope === 'registered' && origin !== null
      ? await registrationOf(management, visit, origin, 'refusal')
      : null;
  const grant = grantOnRefusal(scope, origin, registration);
  const { problem, headers } = refusalOf(rejection);
  return refusal(problem, { ...headers, ...corsHeaders(grant, management.exposed) });
}

/** Refuses credentials that do not work. A client network that keeps failing has to wait. */
async function refuseCredentials(visit: Visit, rejection: Rejection): Promise<Refusal> {
  return refuse(visit, await countWrongKey(visit.management.failures, visit, rejection), null);
}

function corsHeaders(grant: Grant, exposed: string): Readonly<Record<string, string>> {
  return { ...grantHeaders(grant, exposed), Vary: 'Origin' };
}

function tooManyRequests({ policy }: Limit): Rejection {
  return reject(
    'rate_limited',
    'Cannot answer so many requests with this API key. Wait, then send requests more slowly',
    { limit: policy },
  );
}
