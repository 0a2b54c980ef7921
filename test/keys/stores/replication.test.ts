import { env } from 'cloudflare:workers';
import { beforeEach, describe, expect, test } from 'vitest';
import { createAdminStore } from '../../../src/keys/admin/store.ts';
import { REPLICA_REPAIRS_PER_RUN } from '../../../src/keys/limits.ts';
import { createCopySource } from '../../../src/keys/stores/copies.ts';
import { createKeyStore } from '../../../src/keys/stores/d1.ts';
import { createKeyReplica } from '../../../src/keys/stores/kv.ts';
import {
  type ReplicationOptions,
  repairReplica,
  replicateToken,
} from '../../../src/keys/stores/replication.ts';
import type { KeyReplica } from '../../../src/keys/types.ts';
import { aKey, applySchema } from '../../support/workers.ts';

const copies = createCopySource(env.DB);
const { keys: managed } = createAdminStore(env.DB);
const replica = createKeyReplica(env.KEYS);
const CHANGED_AT_MS = 1_000_000;

beforeEach(async () => {
  await applySchema();
  const tables = ['origins', 'tokens', 'audit', 'keys', 'changes', 'replica_writes'];
  await env.DB.batch(tables.map((table) => env.DB.prepare(`DELETE FROM ${table}`)));
  const { keys } = await env.KEYS.list();
  await Promise.all(keys.map(({ name }) => env.KEYS.delete(name)));
});

function options(overrides: Partial<ReplicationOptions> = {}): ReplicationOptions {
  return {
    copies,
    replica,
    now: () => CHANGED_AT_MS + 60_000,
    withTimeout: (work) => work,
    ...overrides,
  };
}

async function createKey(number = 0): Promise<{ id: string; tokenHash: string }> {
  const id = `key_${String(number).padStart(22, '0')}`;
  const tokenHash = String(number).padStart(64, '0');
  const key = aKey({ id });
  await managed.insert(
    key,
    { tokenHash },
    {
      atMs: CHANGED_AT_MS,
      actor: 'test',
      requestId: '',
      before: null,
      after: null,
      answer: null,
    },
  );
  return { id, tokenHash };
}

async function dueHashes(): Promise<string[]> {
  const { results } = await env.DB.prepare(
    'SELECT token_hash FROM replica_writes ORDER BY token_hash',
  ).all<{ token_hash: string }>();
  return results.map((row) => row.token_hash);
}

/** KV that fails for these tokens. */
function failingFor(...tokenHashes: string[]): KeyReplica {
  return {
    ...replica,
    async putKey(tokenHash, copy) {
      if (tokenHashes.includes(tokenHash)) throw new Error('KV PUT failed: 429');
      await replica.putKey(tokenHash, copy);
    },
  };
}

describe('a copy', () => {
  test('is due from the change until KV has taken it', async () => {
    const { id, tokenHash } = await createKey();
    expect(await dueHashes()).toEqual([tokenHash]);
    await replicateToken(options(), tokenHash);
    expect(await replica.getKey(tokenHash)).toMatchObject({ value: { id } });
    expect(await dueHashes()).toEqual([]);
  });

  test('carries the line at which D1 was read', async () => {
    const { tokenHash } = await createKey();
    await replicateToken(options(), tokenHash);
    const { feed } = await createKeyStore(env.DB).read({ fromSeq: null });
    const copy = await replica.getKey(tokenHash);
    expect(copy?.at).toEqual({ seq: feed.head.seq, mark: feed.head.mark });
  });

  test('of a token that must not work is a tombstone, never a deletion', async () => {
    const { tokenHash } = await createKey();
    await replicateToken(options(), tokenHash);
    await env.DB.prepare('UPDATE keys SET revoked_at_ms = 5').run();
    await replicateToken(options(), tokenHash);
    expect(await replica.getKey(tokenHash)).toMatchObject({ value: null });
    await replicateToken(options(), 'f'.repeat(64));
    expect(await replica.getKey('f'.repeat(64))).toMatchObject({ value: null });
  });

  test('that KV did not accept stays due, and the caller is informed', async () => {
    const { tokenHash } = await createKey();
    const broken = options({ replica: failingFor(tokenHash) });
    await expect(replicateToken(broken, tokenHash)).rejects.toThrow('429');
    expect(await dueHashes()).toEqual([tokenHash]);
  });

  test('that KV takes for ever stays due', async () => {
    const { tokenHash } = await createKey();
    const hanging = options({
      replica: { ...replica, putKey: () => new Promise(() => {}) },
      withTimeout: async (_work, timeoutMs) => {
        throw new Error(`no answer within ${timeoutMs} ms`);
      },
    });
    await expect(replicateToken(hanging, tokenHash)).rejects.toThrow('within 10000 ms');
    expect(await dueHashes()).toEqual([tokenHash]);
  });

  test('stays due when the key changed again while it was written', async () => {
    const { tokenHash } = await createKey();
    const changedMeanwhile: KeyReplica = {
      ...replica,
      async putKey(hash, copy) {
        await env.DB.batch([
          env.DB.prepare('INSERT INTO changes (token_hash, changed_at_ms) VALUES (?, 0)').bind(
            hash,
          ),
          env.DB.prepare('UPDATE replica_writes SET due_seq = (SELECT max(seq) FROM changes)'),
        ]);
        await replica.putKey(hash, copy);
      },
    };
    await replicateToken(options({ replica: changedMeanwhile }), tokenHash);
    expect(await dueHashes()).toEqual([tokenHash]);
  });
});

describe('the scheduled repair', () => {
  test('does nothing, and writes nothing, when nothing is due', async () => {
    const untouched = failingFor();
    untouched.putKey = () => {
      throw new Error('nothing was due');
    };
    expect(await repairReplica(options({ replica: untouched }))).toEqual({ due: 0, failed: 0 });
  });

  test('leaves changes younger than ten seconds to the request that made them', async () => {
    await createKey();
    const soon = options({ now: () => CHANGED_AT_MS + 9_999 });
    expect(await repairReplica(soon)).toEqual({ due: 0, failed: 0 });
    const later = options({ now: () => CHANGED_AT_MS + 10_000 });
    expect(await repairReplica(later)).toEqual({ due: 1, failed: 0 });
  });

  test('repeats what failed, each copy once, and keeps what fails again', async () => {
    const keys = [];
    for (let number = 0; number < 20; number++) keys.push(await createKey(number));
    const [first, second] = keys.map(({ tokenHash }) => tokenHash) as [string, string];
    const broken = options({ replica: failingFor(first, second) });
    expect(await repairReplica(broken)).toEqual({ due: 20, failed: 2 });
    expect(await dueHashes()).toEqual([first, second]);
    for (const { id, tokenHash } of keys.slice(2)) {
      expect(await replica.getKey(tokenHash)).toMatchObject({ value: { id } });
    }
    expect(await repairReplica(options())).toEqual({ due: 2, failed: 0 });
    expect(await dueHashes()).toEqual([]);
  });

  test('has six copies under way at most', async () => {
    for (let number = 0; number < 30; number++) await createKey(number);
    let underWay = 0;
    let most = 0;
    const counting: KeyReplica = {
      ...replica,
      async putKey(tokenHash, copy) {
        most = Math.max(most, ++underWay);
        await replica.putKey(tokenHash, copy);
        underWay--;
      },
    };
    expect(await repairReplica(options({ replica: counting }))).toEqual({ due: 30, failed: 0 });
    expect(most).toBe(6);
  });

  test('takes a bounded number at a time, and the rest at the next', async () => {
    await env.DB.prepare(
      `WITH RECURSIVE number (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM number WHERE n < ?1)
       INSERT INTO replica_writes (token_hash, due_seq, due_at_ms)
       SELECT printf('%064x', n), 0, 0 FROM number`,
    )
      .bind(REPLICA_REPAIRS_PER_RUN + 5)
      .run();
    const quick = options({ replica: { ...replica, putKey: async () => {} } });
    expect(await repairReplica(quick)).toEqual({ due: REPLICA_REPAIRS_PER_RUN, failed: 0 });
    expect(await repairReplica(quick)).toEqual({ due: 5, failed: 0 });
    expect(await repairReplica(quick)).toEqual({ due: 0, failed: 0 });
  });

  test('keeps everything due when D1 cannot be read', async () => {
    const { tokenHash } = await createKey();
    const broken = options({
      copies: {
        ...copies,
        readCopies: async () => {
          throw new Error('D1 is out of reach');
        },
      },
    });
    await expect(repairReplica(broken)).rejects.toThrow('out of reach');
    expect(await dueHashes()).toEqual([tokenHash]);
  });
});
