/**
 * A token in the subprotocols of a WebSocket. Pages cannot send Authorization with one, so they offer two
 * subprotocols beside their own: `edge-authorizer` and `edge-authorizer.bearer.<token>`.
 *
 * Both are for the edge alone. The upstream sees the others, and the response never names the one with
 * the token. Pure, no I/O. Grammar: https://www.rfc-editor.org/rfc/rfc6455#section-4.1
 */

import { type BearerResult, readBearer } from './bearer.ts';
import { reject } from './rejection.ts';

/** The subprotocol that the edge answers if the upstream chooses no subprotocol of the page. */
const EDGE_SUBPROTOCOL = 'edge-authorizer';
const BEARER_PREFIX = `${EDGE_SUBPROTOCOL}.bearer.`;
const tokenPattern = /^[A-Za-z0-9\-._~+]+$/;

/** The subprotocols that a client offers. */
export interface OfferedSubprotocols {
  /** Tokens in the order of the offer. Nearly always none or one. */
  readonly tokens: readonly string[];
  /** `true` if `edge-authorizer` is among them. */
  readonly hasEdge: boolean;
  /** Those for the upstream. */
  readonly others: readonly string[];
}

/** Reads the value of `Sec-WebSocket-Protocol`. Returns `null` if nothing in it is for the edge. */
export function readSubprotocols(offer: string | null): OfferedSubprotocols | null {
  if (offer === null || !offer.toLowerCase().includes(EDGE_SUBPROTOCOL)) return null;
  const names = offer.split(',').map((name) => name.trim());
  if (!names.some(isOwn)) return null;
  return {
    tokens: names
      .filter((name) => name.startsWith(BEARER_PREFIX))
      .map((name) => name.slice(BEARER_PREFIX.length)),
    hasEdge: names.includes(EDGE_SUBPROTOCOL),
    others: names.filter((name) => name !== '' && !isOwn(name)),
  };
}

/** Names are compared as they are, but one in another case may hold a token all the same. */
function isOwn(name: string): boolean {
  const lower = name.toLowerCase();
  return lower === EDGE_SUBPROTOCOL || lower.startsWith(BEARER_PREFIX);
}

/**
 * Returns the subprotocol to answer, by the one that the upstream has chosen; `null` without any. A page fails
 * a WebSocket whose answer it did not offer: https://www.rfc-editor.org/rfc/rfc6455#section-4.1
 */
export function subprotocolToAnswer(
  { hasEdge, others }: OfferedSubprotocols,
  chosen: string | null,
): string | null {
  if (chosen !== null && others.includes(chosen.trim())) return chosen;
  return hasEdge ? EDGE_SUBPROTOCOL : null;
}

/**
 * Reads the token of a request from `Authorization`, or from the subprotocols that a WebSocket offers.
 *
 * Refuses as `readBearer` does; with `malformed_credentials` if there are two credentials; and with
 * `subprotocol_required` if the offer holds nothing but the token, since the browser would then fail
 * every response that does not name it.
 */
export function readCredentials(
  authorization: string | null,
  offered: OfferedSubprotocols | null,
): BearerResult {
  if (offered === null || offered.tokens.length === 0) return readBearer(authorization);
  const [token = ''] = offered.tokens;
  if (offered.tokens.length > 1 || (authorization !== null && authorization.trim() !== '')) {
    return malformed('it carries two credentials. Send one');
  }
  if (!tokenPattern.test(token)) {
    return malformed(`"${BEARER_PREFIX}" is not followed by a token`);
  }
  if (!offered.hasEdge && offered.others.length === 0) {
    return {
      ok: false,
      rejection: reject(
        'subprotocol_required',
        `Cannot open the WebSocket: it offers the token as its only subprotocol. Offer "${EDGE_SUBPROTOCOL}" as well`,
      ),
    };
  }
  return { ok: true, token };
}

function malformed(reason: string): BearerResult {
  return {
    ok: false,
    rejection: reject('malformed_credentials', `Cannot authorize the request: ${reason}`),
  };
}
