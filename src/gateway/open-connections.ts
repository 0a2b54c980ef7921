/**
 * Connections that outlive their request: they end when their key does, and they are bounded.
 *
 * The runtime lets a request use only what it opened itself, so each connection asks on a timer of its
 * own, which lives as long as the connection. `waitUntil` would not do: Cloudflare ends it 30 seconds
 * after the response. The questions of all connections meet in the directory: the first that finds the
 * change log due reads it, and the others are answered from memory. If the connection that reads ends,
 * the next question of any other takes its place.
 */

import type { RejectionCode } from '../core/decide/rejection.ts';
import { OPEN_CONNECTION_CHECK_MS, OPEN_CONNECTION_LOST_MS } from './limits.ts';

/** Returns the code of the rejection that the same request would get now; `null` if it is allowed. */
export type StillAllowed = () => Promise<RejectionCode | null>;

/** The open connections of an isolate. */
export interface OpenConnections {
  /** Counts a connection of a key. Returns `null` if the key has as many as it may. */
  open(keyId: string): OpenConnection | null;
  /** How many there are, of all keys. */
  count(): number;
}

/** One connection. */
export interface OpenConnection {
  /** Counts relayed bytes. Returns whether the key may have that many this minute. */
  relay(bytes: number): boolean;
  /** Asks again and again, and calls `end` once, when the key does not allow the request any more. */
  watch(stillAllowed: StillAllowed, end: (code: RejectionCode) => void): void;
  /** The connection has ended. May be called more than once. */
  close(): void;
}

/** The bounds, for each key in one isolate. */
export interface OpenConnectionOptions {
  readonly perKey: number;
  readonly bytesPerMinute: number;
  readonly now: () => number;
}

/** The open connections of one key in this isolate. */
interface OfKey {
  /** When each of its connections was last heard of. */
  readonly heardMs: Map<symbol, number>;
  minuteStartMs: number;
  relayedBytes: number;
}

/** Keys that are remembered before those without a connection are forgotten. */
const KEYS_BEFORE_SWEEP = 1_000;

/** Returns the open connections of an isolate: none. */
export function createOpenConnections(options: OpenConnectionOptions): OpenConnections {
  const { now } = options;
  const keys = new Map<string, OfKey>();

  function forgetIdle(): void {
    for (const [keyId, ofKey] of keys) {
      forgetLost(ofKey, now());
      if (ofKey.heardMs.size === 0 && isMinuteOver(ofKey, now())) keys.delete(keyId);
    }
  }

  return {
    open(keyId) {
      if (keys.size >= KEYS_BEFORE_SWEEP) forgetIdle();
      const ofKey = keys.get(keyId) ?? newKey(now());
      forgetLost(ofKey, now());
      if (ofKey.heardMs.size >= options.perKey) return null;
      keys.set(keyId, ofKey);
      const id = Symbol();
      let timer: ReturnType<typeof setTimeout> | null = null;
      let isClosed = false;
      ofKey.heardMs.set(id, now());

      function close(): void {
        isClosed = true;
        clearTimeout(timer);
        ofKey.heardMs.delete(id);
        // Its bytes of this minute still count. Otherwise each new connection would start at zero.
        if (ofKey.heardMs.size === 0 && isMinuteOver(ofKey, now())) keys.delete(keyId);
      }

      return {
        close,
        relay(bytes) {
          if (isMinuteOver(ofKey, now())) Object.assign(ofKey, startOfMinute(now()));
          ofKey.relayedBytes += bytes;
          return ofKey.relayedBytes <= options.bytesPerMinute;
        },
        watch(stillAllowed, end) {
          const ask = async () => {
            ofKey.heardMs.set(id, now());
            // What fails here must not keep the connection open: fail closed.
            const code = await stillAllowed().catch((): RejectionCode => 'internal_error');
            if (isClosed) return;
            if (code === null) {
              timer = setTimeout(ask, OPEN_CONNECTION_CHECK_MS);
              return;
            }
            close();
            end(code);
          };
          timer = setTimeout(ask, OPEN_CONNECTION_CHECK_MS);
        },
      };
    },

    count() {
      forgetIdle();
      let count = 0;
      for (const { heardMs } of keys.values()) count += heardMs.size;
      return count;
    },
  };
}

function newKey(nowMs: number): OfKey {
  return { heardMs: new Map(), ...startOfMinute(nowMs) };
}

function startOfMinute(nowMs: number): Pick<OfKey, 'minuteStartMs' | 'relayedBytes'> {
  return { minuteStartMs: nowMs, relayedBytes: 0 };
}

function isMinuteOver({ minuteStartMs }: OfKey, nowMs: number): boolean {
  return nowMs - minuteStartMs >= 60 * 1000;
}

/** The runtime drops a connection whose client has gone without a word to anybody. */
function forgetLost({ heardMs }: OfKey, nowMs: number): void {
  for (const [id, atMs] of heardMs) {
    if (nowMs - atMs > OPEN_CONNECTION_LOST_MS) heardMs.delete(id);
  }
}
