/**
 * Explains what the gateway does with a request: asks `pipeline.ts`, as the gateway does, and says a
 * sentence for each rule instead of having an effect.
 *
 * Nothing is decided here. The steps follow from the decision: the rules before the one that refused
 * have passed, and the rules after it were not asked. Pure, no I/O, no clock.
 */

import type { Address } from '../addresses/address.ts';
import type { Key } from '../key/key.ts';
import { parseOrigin, patternsAdmitting, type WebOrigin } from '../origins/web-origin.ts';
import { isForwardedMethod } from '../routes/methods.ts';
import { isOwnTarget, type RequestTarget } from '../routes/request-target.ts';
import type { RouteTable } from '../routes/route-table.ts';
import { truncate } from '../text.ts';
import type { Decision } from './authorize.ts';
import { causeText, keyText, type MissingKey, rejectionOf } from './explain-key.ts';
import { routeRefusalText } from './explain-route.ts';
import {
  type Grant,
  grantHeaders,
  grantOnRefusal,
  grantTo,
  type HeaderSet,
  PREFLIGHT_VARY,
  preflightHeaders,
} from './grant.ts';
import {
  type BeforeKey,
  decideBeforeKey,
  decideWithKey,
  isOpen,
  type RequestFacts,
} from './pipeline.ts';
import { decidePreflight, type Registration } from './preflight.ts';
import {
  type Rejection,
  type RejectionCode,
  rejectionHeaders,
  rejectionKinds,
} from './rejection.ts';
import {
  type AdditionalHeaders,
  fateOfHeader,
  isForwarded,
  isReported,
} from './request-headers.ts';

/** A request, and all that the rules ask about it. */
export interface ExplainedRequest {
  readonly method: string;
  readonly target: RequestTarget;
  /** As the browser sends it; `null` for none. */
  readonly originHeader: string | null;
  /** The headers that the page wants to send, as `Access-Control-Request-Headers` names it. */
  readonly requestedHeaders: string;
  /** The key, or why a token has none. */
  readonly key: Key | MissingKey;
  /** The client's address; `null` if it is not known. */
  readonly address: Address | null;
  /** `true` if some live key lists the origin. Of no matter without a well-formed one. */
  readonly registration: Registration;
  /** `true` if it is registered only because some live key allows any origin. */
  readonly isRegisteredByAny: boolean;
  /** The value of `Access-Control-Expose-Headers`. */
  readonly exposed: string;
  /** The setting `FORWARD_REQUEST_HEADERS`. */
  readonly additionalHeaders: AdditionalHeaders;
  /** The setting `FORWARD_TOKEN`. */
  readonly forwardToken: boolean;
  readonly restrictedTable: RouteTable;
  /** Routes that need no key; `null`: no route does. */
  readonly publicTable: RouteTable | null;
  readonly nowMs: number;
}

/** The rules in the order in which they are asked. */
export const explainSteps = [
  'target',
  'origin',
  'preflight',
  'public_route',
  'key',
  'allowed_origins',
  'address',
  'route',
  'quota',
] as const;

/** One of the rules. */
export type ExplainStep = (typeof explainSteps)[number];

/** The result of one rule. `skipped`: it was not asked, or does not concern this request. */
export interface ExplainedStep {
  readonly step: ExplainStep;
  readonly outcome: 'passed' | 'failed' | 'skipped';
  readonly detail: string;
}

/** The decision of the gateway, with its reasons. */
export interface Explanation {
  /** `true` if the request is forwarded. */
  readonly allowed: boolean;
  /** The client's address in the form that is compared; `null` if it is not known. */
  readonly address: string | null;
  /** The rule that refused it; `null` when it is forwarded. */
  readonly decidedBy: ExplainStep | null;
  /** `null` when it is forwarded: the upstream decides then. */
  readonly status: number | null;
  readonly code: RejectionCode | 'not_found' | null;
  readonly detail: string;
  readonly steps: readonly ExplainedStep[];
  /** The response to the browser's preflight; `null` for a request without an origin. */
  readonly preflight: {
    readonly status: number;
    readonly code: RejectionCode | null;
    readonly headers: HeaderSet;
  } | null;
  /**
   * The names among the requested headers that do not reach the upstream, as `X-Edge-Dropped-Headers`
   * lists them; empty if the request is refused.
   */
  readonly droppedHeaders: readonly string[];
  /** The headers of the answer that are the gateway's own, where it comes so far. */
  readonly headers: HeaderSet;
}

/** The rule behind each code that a decision can come to. */
const stepByCode: Readonly<Partial<Record<RejectionCode, ExplainStep>>> = {
  invalid_origin: 'origin',
  invalid_key: 'key',
  client_token_expired: 'key',
  cors_not_enabled: 'allowed_origins',
  origin_not_allowed: 'allowed_origins',
  address_not_allowed: 'address',
  origin_required: 'allowed_origins',
  route_not_allowed: 'route',
  quota_exceeded: 'quota',
};

/** Explains one request. Never throws. */
export function explain(request: ExplainedRequest): Explanation {
  if (isOwnTarget(request.target)) return explainOwnTarget(request);
  const next = decideBeforeKey(factsOf(request, null), request);
  const origin = request.originHeader === null ? null : parseOrigin(request.originHeader);
  const isPublic = next.step === 'forward';
  const decision = decide(request, next);
  const rejection = decision.allowed ? null : decision.rejection;
  const decidedBy = rejection && (stepByCode[rejection.code] ?? 'route');
  const preflight = origin && explainPreflight(request, origin);
  return {
    allowed: decision.allowed,
    address: request.address?.text ?? null,
    decidedBy,
    status: rejection && rejectionKinds[rejection.code].status,
    code: rejection?.code ?? null,
    detail: rejection === null ? forwardedDetail(decision) : rejection.detail,
    steps: explainSteps.map((step) =>
      explainStep(step, { request, origin, isPublic, decision, decidedBy }),
    ),
    preflight,
    droppedHeaders: decision.allowed ? droppedHeaders(request, isPublic) : [],
    headers: answerHeaders(request, origin, rejection),
  };
}

/** The facts of the actual request, or of the preflight for `requestedMethod`. */
function factsOf(request: ExplainedRequest, requestedMethod: string | null): RequestFacts {
  const { originHeader, target } = request;
  const origin = originHeader === null ? null : (parseOrigin(originHeader) ?? 'malformed');
  const method = requestedMethod === null ? request.method : 'OPTIONS';
  return { method, target, origin, requestedMethod };
}

/** The decision about the actual request, as `gateway/handle.ts` makes it. */
function decide(request: ExplainedRequest, next: BeforeKey): Decision {
  if (next.step === 'refuse') return refused(next.rejection);
  if (next.step === 'forward') return { allowed: true, ...next.route };
  const { key, method, target, address, nowMs } = request;
  if ('missing' in key) return refused(rejectionOf(key));
  return decideWithKey(key, { method, target, origin: next.origin, address }, request, nowMs);
}

function explainPreflight(
  request: ExplainedRequest,
  origin: WebOrigin,
): NonNullable<Explanation['preflight']> {
  const next = decideBeforeKey(factsOf(request, request.method), request);
  const isPublic = next.step === 'preflight' && next.isPublic;
  const decision = decidePreflight({
    origin,
    registration: isPublic ? 'registered' : request.registration,
    requestedMethod: request.method,
    requestedHeaders: request.requestedHeaders,
  });
  if (decision.granted) {
    const headers = preflightHeaders(grantTo(origin), decision);
    return { status: 204, code: null, headers };
  }
  const { code } = decision.rejection;
  const headers = { ...refusalHeaders(request, origin, decision.rejection), Vary: PREFLIGHT_VARY };
  return { status: rejectionKinds[code].status, code, headers };
}

function droppedHeaders(request: ExplainedRequest, isPublic: boolean): readonly string[] {
  const { key, additionalHeaders, forwardToken } = request;
  const scope = { isOpen: !isPublic && !('missing' in key) && isOpen(key), forwardToken };
  const names = request.requestedHeaders.split(',').map((name) => name.trim().toLowerCase());
  return [...new Set(names)].filter((name) => {
    const fate = fateOfHeader(name, additionalHeaders);
    return name !== '' && !isForwarded(fate, scope) && isReported(fate);
  });
}

function answerHeaders(
  request: ExplainedRequest,
  origin: WebOrigin | null,
  rejection: Rejection | null,
): HeaderSet {
  if (rejection !== null) return refusalHeaders(request, origin, rejection);
  return withVary(grantTo(origin), request.exposed);
}

function refusalHeaders(
  { registration, exposed }: ExplainedRequest,
  origin: WebOrigin | null,
  rejection: Rejection,
): HeaderSet {
  const { grantScope } = rejectionKinds[rejection.code];
  return {
    ...withVary(grantOnRefusal(grantScope, origin, registration), exposed),
    ...rejectionHeaders(rejection),
    'X-Edge-Reason': rejection.code,
  };
}

function withVary(grant: Grant, exposed: string): HeaderSet {
  return { ...grantHeaders(grant, exposed), Vary: 'Origin' };
}

function explainOwnTarget(request: ExplainedRequest): Explanation {
  const detail = `${quote(request.target.path)} is in the namespace of the edge, or could be read so, and is never forwarded`;
  return {
    allowed: false,
    address: request.address?.text ?? null,
    decidedBy: 'target',
    status: 404,
    code: 'not_found',
    detail,
    steps: explainSteps.map((step) =>
      step === 'target' ? { step, outcome: 'failed', detail } : notAsked(step),
    ),
    preflight: null,
    droppedHeaders: [],
    headers: { 'X-Edge-Reason': 'not_found' },
  };
}

/** The facts that the sentences are made from. */
interface Case {
  readonly request: ExplainedRequest;
  readonly origin: WebOrigin | null;
  readonly isPublic: boolean;
  readonly decision: Decision;
  readonly decidedBy: ExplainStep | null;
}

function explainStep(step: ExplainStep, of: Case): ExplainedStep {
  const { decision, decidedBy } = of;
  // A preflight is a request of its own, so the steps of the actual request go on after it.
  if (step === 'preflight') return explainPreflightStep(of);
  if (step === decidedBy && !decision.allowed) {
    const { cause, detail } = decision.rejection;
    const refusal = step === 'route' ? routeRefusalText(detail, of.request) : detail;
    return { step, outcome: 'failed', detail: cause === undefined ? refusal : causeText(cause) };
  }
  const last = of.isPublic ? 'public_route' : decidedBy;
  const isAfter = last !== null && explainSteps.indexOf(step) > explainSteps.indexOf(last);
  return isAfter ? notAsked(step, of.isPublic) : explainPassed(step, of);
}

function explainPreflightStep(of: Case): ExplainedStep {
  const { request, origin, decidedBy } = of;
  const step = 'preflight';
  if (origin === null) {
    return decidedBy === 'origin'
      ? notAsked(step)
      : { step, outcome: 'skipped', detail: 'only browsers send one, and they send an Origin' };
  }
  const { registration, isRegisteredByAny, method } = request;
  const allowed = isRegisteredByAny ? 'any origin' : origin.value;
  const why = of.isPublic
    ? 'the route is public, for pages of any origin'
    : `a live key allows ${allowed}, and the preflight carries no key that could be checked`;
  if (registration === 'unregistered' && !of.isPublic) {
    return {
      step,
      outcome: 'failed',
      detail: `no live key lists ${origin.value}, so a browser does not get as far as the actual request`,
    };
  }
  const isUnknownMethod = !isForwardedMethod(method);
  return {
    step,
    outcome: isUnknownMethod ? 'failed' : 'passed',
    detail: isUnknownMethod ? `no page of any origin is allowed to send ${method}` : why,
  };
}

function explainPassed(step: Exclude<ExplainStep, 'preflight'>, of: Case): ExplainedStep {
  const { request, origin, decision } = of;
  const { target } = request;
  switch (step) {
    case 'target':
      return {
        step,
        outcome: 'passed',
        detail: target.isPlain
          ? 'every server reads this path alike'
          : 'servers may read this path differently, so a key with a list of routes cannot call it',
      };
    case 'origin':
      return origin === null
        ? { step, outcome: 'skipped', detail: 'the request has no Origin, as from a backend' }
        : { step, outcome: 'passed', detail: `the Origin is ${origin.value}` };
    case 'public_route':
      return of.isPublic
        ? { step, outcome: 'passed', detail: `it needs no key; ${forwardedDetail(decision)}` }
        : { step, outcome: 'skipped', detail: 'the request fits no public route' };
    case 'key':
      return { step, outcome: 'passed', detail: keyText(request.key) };
    case 'allowed_origins':
      return explainAllowedOrigins(of);
    case 'address':
      return explainAddress(of);
    case 'route':
      // Without a decision to forward, it is the quota that refuses.
      return { step, outcome: 'passed', detail: forwardedDetail(decision) || 'the key covers it' };
    case 'quota':
      return explainQuota(of);
  }
}

function explainAllowedOrigins({ request, origin }: Case): ExplainedStep {
  const step = 'allowed_origins';
  if (origin === null) {
    return { step, outcome: 'skipped', detail: 'without an Origin there is nothing to check' };
  }
  const { key } = request;
  const patterns = 'missing' in key ? null : key.origins?.patterns;
  const admitting = patternsAdmitting(origin).find((pattern) => patterns?.has(pattern));
  return { step, outcome: 'passed', detail: `the key lists ${admitting ?? origin.value}` };
}

function explainAddress({ request: { key, address } }: Case): ExplainedStep {
  const step = 'address';
  const seen = address === null ? '' : `; the edge sees ${address.text}`;
  if ('missing' in key || key.addresses === null) {
    return { step, outcome: 'skipped', detail: `the key may be used from any address${seen}` };
  }
  return { step, outcome: 'passed', detail: `the key lists the address ${address?.text}` };
}

function explainQuota({ request: { key } }: Case): ExplainedStep {
  const step = 'quota';
  return 'missing' in key || !key.hasQuota
    ? { step, outcome: 'skipped', detail: 'the key has no quota' }
    : { step, outcome: 'passed', detail: 'the quota is not used up, as far as usage was counted' };
}

function forwardedDetail(decision: Decision): string {
  if (!decision.allowed) return '';
  const forwarded = `forwarded as ${quote(decision.path + decision.query)}`;
  return decision.route === null
    ? `the key may call everything; ${forwarded}`
    : `allowed by ${decision.route}; ${forwarded}`;
}

function notAsked(step: ExplainStep, isPublic = false): ExplainedStep {
  const why = isPublic ? 'the route is public' : 'the request is refused before';
  return { step, outcome: 'skipped', detail: `not asked, because ${why}` };
}

function refused(rejection: Rejection): Decision {
  return { allowed: false, rejection };
}

function quote(text: string): string {
  return JSON.stringify(truncate(text, 200));
}
