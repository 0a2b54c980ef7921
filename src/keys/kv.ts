/**
 * Copies of keys and of origins' registrations in KV, near the reader.
 *
 * | KV key             | value                                 | written by                            | lives |
 * |--------------------|---------------------------------------|---------------------------------------|-------|
 * | `key:<token hash>` | `{"v":1,"seqAt":7,"value":StoredKey}` | management, cold readers, the repair  | 30 d  |
 * | the same           | `{"v":1,"seqAt":9,"value":null}`      | management, the repair: a tombstone   | 30 d  |
 * | `origin:<origin>`  | `{"v":1,"seqAt":7,"value":untilMs}`   | cold readers                          | 1 d   |
 *
 * A copy may be stale for as long as it likes: it counts only as far as the change log vouches for
 * its `seqAt`. That is why KV may be cached for long, why nothing is ever deleted (a delete says
 * nothing about when), and why a lifetime that ends costs one read of D1 and no more.
 * Limits: one write a second per KV key, `cacheTtl` of at least 30 s, `expirationTtl` of at least 60 s.
 */

import type { StoredKey } from '../core/key.ts';
import type { KeyReplica, Versioned } from './types.ts';

const SHAPE = 1;
const CACHE_TTL_SECONDS = 60;
const KEY_TTL_SECONDS = 30 * 24 * 60 * 60;
const ORIGIN_TTL_SECONDS = 24 * 60 * 60;

interface Copy<Value> extends Versioned<Value> {
  readonly v: number;
}

/** Copies in this KV namespace. Reads and writes reject when KV does. */
export function createKeyReplica(kv: KVNamespace): KeyReplica {
  async function get<Value>(name: string): Promise<Versioned<Value> | null> {
    const copy = await kv.get<Copy<Value>>(name, { type: 'json', cacheTtl: CACHE_TTL_SECONDS });
    // A copy of another shape, from an older or newer Worker, is no copy.
    return copy?.v === SHAPE ? { value: copy.value, seqAt: copy.seqAt } : null;
  }
  async function put<Value>(name: string, copy: Versioned<Value>, ttlSeconds: number) {
    const shaped: Copy<Value> = { v: SHAPE, seqAt: copy.seqAt, value: copy.value };
    await kv.put(name, JSON.stringify(shaped), { expirationTtl: ttlSeconds });
  }

  return {
    getKey: (tokenHash) => get<StoredKey>(`key:${tokenHash}`),
    putKey: (tokenHash, copy) => put(`key:${tokenHash}`, copy, KEY_TTL_SECONDS),
    getOrigin: (origin) => get<number>(`origin:${origin}`),
    putOrigin: (origin, copy) => put(`origin:${origin}`, copy, ORIGIN_TTL_SECONDS),
  };
}
