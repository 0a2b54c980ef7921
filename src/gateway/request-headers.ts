/**
 * Makes the headers of the upstream's request: the client's own without those that are not its to send
 * (`core/decide/request-headers.ts`), and the edge's.
 *
 * Headers are copied as a whole and then edited, because copying them one by one in JavaScript would
 * re-encode bytes outside ASCII.
 */

import { BoundedMap } from '../core/bounded-map.ts';
import {
  type AdditionalHeaders,
  fateOfHeader,
  type HeaderFate,
  type HeaderScope,
  isForwarded,
  isReported,
} from '../core/decide/request-headers.ts';
import { readSubprotocols } from '../core/decide/subprotocols.ts';
import { withoutOwnCookies } from '../core/isolation/own-cookies.ts';
import { dropNominated } from './header-names.ts';
import { HEADER_NAMES_IN_MEMORY, HEADER_NAMES_IN_MEMORY_BYTES } from './limits.ts';

/** The headers of the upstream's request, and the names that a client chose to send in vain. */
export interface UpstreamHeaders {
  readonly headers: Headers;
  /** In lower case; `null` without any. */
  readonly dropped: readonly string[] | null;
  /** The request asks for a WebSocket. */
  readonly isUpgrade: boolean;
}

/** Edits the headers of a request. `identity` has names in lower case and replaces the client's own. */
export type HeaderFilter = (
  request: Request,
  scope: HeaderScope,
  identity: Readonly<Record<string, string>>,
) => UpstreamHeaders;

/** Returns the filter of a deployment. It remembers the names that clients send. */
export function createHeaderFilter(additional: AdditionalHeaders): HeaderFilter {
  const fates = new BoundedMap<HeaderFate>(HEADER_NAMES_IN_MEMORY, HEADER_NAMES_IN_MEMORY_BYTES);

  function fateOf(name: string): HeaderFate {
    const known = fates.get(name);
    if (known !== undefined) return known;
    const fate = fateOfHeader(name, additional);
    fates.set(name, fate, name.length);
    return fate;
  }

  return (request, scope, identity) => {
    const headers = new Headers(request.headers);
    let connection: string | null = null;
    let isUpgrade = false;
    let dropped: string[] | null = null;
    // Each call into the runtime costs as much as a page of our own code, so the value of a header is
    // read only if the header is there.
    for (const name of request.headers.keys()) {
      const fate = fateOf(name);
      if (isForwarded(fate, scope)) {
        if (name === 'cookie') dropOwnCookies(headers);
        else if (name === 'sec-websocket-protocol') dropOwnSubprotocols(headers);
        continue;
      }
      headers.delete(name);
      if (name === 'connection') connection = request.headers.get(name);
      else if (name === 'upgrade') isUpgrade = isWebSocketUpgrade(request.method, request);
      else if (isReported(fate)) {
        dropped ??= [];
        dropped.push(name);
      }
    }
    if (connection !== null) dropNominated(headers, connection);
    if (isUpgrade) headers.set('upgrade', 'websocket');
    for (const name in identity) headers.set(name, identity[name] as string);
    return { headers, dropped, isUpgrade };
  };
}

/** A cookie that opens the management page is for the edge alone: its copy would be a session. */
function dropOwnCookies(headers: Headers): void {
  const cookies = headers.get('cookie') ?? '';
  const others = withoutOwnCookies(cookies);
  if (others === null) headers.delete('cookie');
  else if (others !== cookies) headers.set('cookie', others);
}

/** The subprotocols for the edge hold the token, which the upstream never sees. */
function dropOwnSubprotocols(headers: Headers): void {
  const offered = readSubprotocols(headers.get('sec-websocket-protocol'));
  if (offered === null) return;
  if (offered.others.length === 0) headers.delete('sec-websocket-protocol');
  else headers.set('sec-websocket-protocol', offered.others.join(', '));
}

/**
 * Returns whether a request is the handshake of a WebSocket: https://www.rfc-editor.org/rfc/rfc6455#section-4.2.1
 * With another method than GET, the runtime would turn the upgrade into a GET of the same URL. Without a key or
 * with another version, it refuses the client only after the upstream has opened its end, which nothing would
 * close then. Such an upgrade is ignored: https://www.rfc-editor.org/rfc/rfc9110#section-7.8
 */
export function isWebSocketUpgrade(method: string, { headers }: Request): boolean {
  return (
    method === 'GET' &&
    headers.get('upgrade')?.toLowerCase() === 'websocket' &&
    headers.get('sec-websocket-version') === '13' &&
    headers.has('sec-websocket-key')
  );
}
