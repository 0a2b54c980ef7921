/**
 * Client networks that send wrong keys: they have to wait, and cost no look-up meanwhile.
 *
 * The gateway and the endpoints for holders count together, and decide by these functions alone. The order
 * matters: what memory can answer is answered, because other clients may share the address.
 */

import { keyUnavailable, tooManyWrongKeys } from '../../core/decide/authorize.ts';
import type { Registration } from '../../core/decide/preflight.ts';
import { clientNetwork, type FailureLimit } from '../../core/decide/rate-limit.ts';
import type { Rejection } from '../../core/decide/rejection.ts';
import type { WebOrigin } from '../../core/origins/web-origin.ts';
import { RETRY_AFTER_SECONDS } from '../limits.ts';
import type { KeyDirectory } from './directory.ts';
import type { RequestScope } from './request-scope.ts';

/** A request that shows a key, or a page's question whether it may send one. */
export interface Asked {
  readonly request: Request;
  readonly scope: RequestScope;
}

/** The count of wrong keys; `null`: they are not limited. */
export type Failures = FailureLimit | null;

/**
 * Counts credentials that do not work. Returns their rejection, or `rate_limited` if the client network
 * has sent too many. Never rejects.
 */
export function countWrongKey(
  failures: Failures,
  { request }: Pick<Asked, 'request'>,
  rejection: Rejection,
): Rejection | Promise<Rejection> {
  const network = failures === null ? null : networkOf(request);
  if (failures === null || network === null) return rejection;
  const limited = () => tooManyWrongKeys({ cause: rejection.code, limit: failures.policy });
  if (failures.hasRefused(network)) return limited();
  return failures.take(network).then((isWithinLimit) => (isWithinLimit ? rejection : limited()));
}

/**
 * Returns the rejection of a request that would need a look-up, if its client network was refused
 * recently; `null` otherwise. Counts nothing.
 */
export function rejectRefusedNetwork(
  failures: Failures,
  { request }: Pick<Asked, 'request'>,
): Rejection | null {
  if (failures === null || !isRefusedNetwork(failures, request)) return null;
  return tooManyWrongKeys({ cause: 'refused_before', limit: failures.policy });
}

/**
 * Returns whether some live key lists an origin. For a client network that was refused recently, only
 * memory is asked, and other origins are unknown, as while the index is out of reach. Never rejects.
 */
export function registrationOf(
  {
    directory,
    failures,
  }: {
    readonly directory: Pick<KeyDirectory, 'recallOrigin' | 'findOrigin'>;
    readonly failures: Failures;
  },
  { request, scope }: Asked,
  origin: WebOrigin,
  purpose: 'preflight' | 'refusal',
): Registration | Promise<Registration> {
  return (
    directory.recallOrigin(origin, scope) ??
    (isRefusedNetwork(failures, request) ? 'unsure' : null) ??
    directory.findOrigin(origin, scope, purpose)
  );
}

/** The rejection while a key cannot be looked up. */
export function rejectUnavailable(): Rejection {
  return keyUnavailable(RETRY_AFTER_SECONDS);
}

function isRefusedNetwork(failures: Failures, request: Request): boolean {
  const network = failures === null ? null : networkOf(request);
  return failures !== null && network !== null && failures.hasRefused(network);
}

/** The client network, as Cloudflare reports it; `null` elsewhere. */
function networkOf(request: Request): string | null {
  return clientNetwork(request.headers.get('cf-connecting-ip') ?? '');
}
