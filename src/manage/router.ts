/**
 * The router of management: Hono, with the simplest of its ways to find a route.
 *
 * The usual one compiles all routes into one expression, which pays only after many requests. The routes
 * of the API and of the page are built once per isolate.
 */

import type { Env } from 'hono';
import { HonoBase } from 'hono/hono-base';
import { TrieRouter } from 'hono/router/trie-router';

/** A router without routes. */
export function createRouter<E extends Env = Env>(): HonoBase<E> {
  return new HonoBase<E>({ router: new TrieRouter() });
}
