/**
 * Copies of keys and of origins' registrations in KV, near the reader.
 *
 * | KV key             | value                                          | written by                           | lives |
 * |--------------------|------------------------------------------------|--------------------------------------|-------|
 * | `key:<token hash>` | `{"v":3,"seqAt":7,"mark":5,"value":StoredKey}` | management, cold readers, the repair | 30 d  |
 * | the same           | `{"v":3,"seqAt":9,"mark":3,"value":null}`      | management, the repair: a tombstone  | 30 d  |
 * | `kid:<kid>`        | `{"v":3,"seqAt":7,"mark":5,"value":Parent}`    | cold readers                         | 1 d   |
 * | `pattern:<origin>` | `{"v":3,"seqAt":7,"mark":5,"value":untilMs}`   | allowed requests                     | 1 d   |
 *
 * A copy may be stale for as long as it likes: it counts only as far as the change log vouches for
 * its `seqAt`. That is why KV may be cached for long, why nothing is ever deleted (a delete says
 * nothing about when), and why a lifetime that ends costs one read of D1 and no more.
 * Limits: one write a second per KV key, `cacheTtl` of at least 30 s, `expirationTtl` of at least 60 s.
 */

import type { StoredKey } from '../../core/key/key.ts';
import type { KeyReplica, ParentRecord, Versioned } from '../types.ts';

// 3: a copy without a member of a plan says that the key has none.
const SHAPE = 3;
const CACHE_TTL_SECONDS = 60;
const KEY_TTL_SECONDS = 30 * 24 * 60 * 60;
const PARENT_TTL_SECONDS = 24 * 60 * 60;
const ORIGIN_TTL_SECONDS = 24 * 60 * 60;

const PATTERN_PREFIX = 'pattern:';

interface Copy<Value> {
  readonly v: number;
  /** The line of the log at which the value was true: its seq and its mark. */
  readonly seqAt: number;
  readonly mark: number;
  readonly value: Value | null;
}

/** Copies in this KV namespace. Reads and writes reject when KV does. */
export function createKeyReplica(kv: KVNamespace): KeyReplica {
  async function get<Value>(name: string): Promise<Versioned<Value> | null> {
    const copy = await kv.get<Copy<Value>>(name, { type: 'json', cacheTtl: CACHE_TTL_SECONDS });
    return versioned(copy);
  }
  async function put<Value>(name: string, { value, at }: Versioned<Value>, ttlSeconds: number) {
    const copy: Copy<Value> = { v: SHAPE, seqAt: at.seq, mark: at.mark, value };
    await kv.put(name, JSON.stringify(copy), { expirationTtl: ttlSeconds });
  }

  return {
    getKey: (tokenHash) => get<StoredKey>(`key:${tokenHash}`),
    putKey: (tokenHash, copy) => put(`key:${tokenHash}`, copy, KEY_TTL_SECONDS),
    getParent: (kid) => get<ParentRecord>(`kid:${kid}`),
    putParent: (kid, copy) => put(`kid:${kid}`, copy, PARENT_TTL_SECONDS),
    async getOrigins(patterns) {
      const names = patterns.map((pattern) => PATTERN_PREFIX + pattern);
      const copies = await kv.get<Copy<number>>(names, {
        type: 'json',
        cacheTtl: CACHE_TTL_SECONDS,
      });
      return patterns.flatMap((pattern, index) => {
        const copy = versioned(copies.get(names[index] as string) ?? null);
        if (copy === null || copy.value === null) return [];
        return [{ value: { pattern, untilMs: copy.value }, at: copy.at }];
      });
    },
    async putOrigin({ value, at }) {
      if (value === null) return;
      const { pattern, untilMs } = value;
      await put(PATTERN_PREFIX + pattern, { value: untilMs, at }, ORIGIN_TTL_SECONDS);
    },
  };
}

/** A copy with its line of the log. One of another shape, from an older or newer Worker, is no copy. */
function versioned<Value>(copy: Copy<Value> | null): Versioned<Value> | null {
  if (copy?.v !== SHAPE) return null;
  return { value: copy.value, at: { seq: copy.seqAt, mark: copy.mark } };
}
