/**
 * Rewrites the headers of the upstream's response. They are read in one pass, because a call into the
 * runtime costs as much as a page of our own code; then what must not reach the caller is removed.
 */

import { BoundedMap } from '../core/bounded-map.ts';
import { mergeExposed } from '../core/decide/exposed-headers.ts';
import type { Grant } from '../core/decide/grant.ts';
import { fateOfResponseHeader, type ResponseFate } from '../core/decide/response-headers.ts';
import { type Mapping, mapLinks, mapTarget } from '../core/decide/upstream-targets.ts';
import { setsOwnCookie } from '../core/isolation/own-cookies.ts';
import { privateCacheControl } from './cache-control.ts';
import { setCorsHeaders } from './cors-headers.ts';
import { HEADER_NAMES_IN_MEMORY, HEADER_NAMES_IN_MEMORY_BYTES } from './limits.ts';
import { dropOwnCookies, hostWideHeaders, sandboxDocument } from './page-shield.ts';

/** The caller of a response, as far as its headers depend on it. */
export interface ResponseContext {
  readonly grant: Grant;
  /** The value of `Access-Control-Expose-Headers` for this deployment. */
  readonly exposed: string;
  readonly requestId: string;
  /** `true` if it answers one key, and so must not reach another one through a cache that both share. */
  readonly isPrivate: boolean;
  /** `true` if the management page is on the host that the response comes from. */
  readonly isOnPageHost: boolean;
  readonly status: number;
  /** The request headers that were dropped; `null` without any. */
  readonly dropped: readonly string[] | null;
  /** `null`: the upstream's paths are the edge's. */
  readonly mapping: Mapping | null;
}

/**
 * Changes the headers of a response in place, and returns its content type. Whatever the upstream said
 * about CORS is dropped.
 */
export function rewriteResponseHeaders(headers: Headers, context: ResponseContext): string | null {
  const { grant, isPrivate, isOnPageHost, status, dropped, mapping } = context;
  const removed: string[] = [];
  const targets: [name: string, value: string][] = [];
  let { exposed } = context;
  let vary: string | null = null;
  let cacheControl: string | null = null;
  let contentType: string | null = null;
  let hasOwnCookie = false;
  headers.forEach((value, name) => {
    const fate = fateOf(name);
    if (fate === 'vary') vary = value;
    else if (fate === 'cache-control') cacheControl = value;
    else if (fate === 'target') targets.push([name, value]);
    else if (fate === 'kept') {
      if (name === 'content-type') contentType = value;
      else if (name === 'set-cookie') hasOwnCookie ||= setsOwnCookie(value);
      else if (isOnPageHost && hostWideHeaders.has(name)) removed.push(name);
    } else {
      if (fate !== 'targeted' || isPrivate) removed.push(name);
      if (fate === 'expose' && grant !== null) exposed = mergeExposed(exposed, value);
    }
  });
  for (const name of removed) headers.delete(name);
  if (hasOwnCookie) dropOwnCookies(headers);
  // Without it, a browser may take a response of any type for a script, a style sheet or a document.
  headers.set('X-Content-Type-Options', 'nosniff');
  // A WebSocket contains no document.
  if (isOnPageHost && status !== 101) sandboxDocument(headers, { status, contentType });
  if (mapping !== null) for (const target of targets) mapHeader(headers, target, mapping);
  setCorsHeaders(headers, grant, exposed, vary);
  headers.set('X-Request-Id', context.requestId);
  if (dropped !== null) headers.set('X-Edge-Dropped-Headers', boundedList(dropped));
  const becomes = isPrivate ? privateCacheControl(cacheControl) : cacheControl;
  if (becomes !== null && becomes !== cacheControl) headers.set('Cache-Control', becomes);
  return contentType;
}

const fates = new BoundedMap<ResponseFate>(HEADER_NAMES_IN_MEMORY, HEADER_NAMES_IN_MEMORY_BYTES);

function fateOf(name: string): ResponseFate {
  const known = fates.get(name);
  if (known !== undefined) return known;
  const fate = fateOfResponseHeader(name);
  fates.set(name, fate, name.length);
  return fate;
}

function mapHeader(headers: Headers, [name, value]: [string, string], mapping: Mapping): void {
  const mapped = name === 'link' ? mapLinks(value, mapping) : mapTarget(value, mapping);
  if (mapped !== value) headers.set(name, mapped);
}

const DROPPED_NAMES_MAX = 32;
const DROPPED_MAX_LENGTH = 1024;

/** Returns the names as a list, which ends with `...` if there are more. */
function boundedList(names: readonly string[]): string {
  let list = '';
  for (const [index, name] of names.entries()) {
    const next = index === 0 ? name : `${list}, ${name}`;
    if (index === DROPPED_NAMES_MAX || next.length > DROPPED_MAX_LENGTH) {
      return list === '' ? '...' : `${list}, ...`;
    }
    list = next;
  }
  return list;
}
