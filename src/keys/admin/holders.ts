/**
 * Reads for holders of keys: what D1 knows of a token whose bearer asks about it or mints with it, and the
 * name that the token's client tokens carry. The columns are explained in `schema.sql`.
 */

import type { MintingIdentity } from '../../core/key/token.ts';
import { keyOfToken } from './reads.ts';
import { type KeyOfTokenRow, toKeyOfToken } from './rows.ts';
import type { HeldKey, HolderReads } from './types.ts';

const sql = {
  held: `${keyOfToken} WHERE t.token_hash = ?1`,
  kid: `SELECT kid FROM minting_tokens WHERE token_hash = ?1`,
  tagKey: `SELECT value FROM settings WHERE name = 'token_tag_key'`,
  // Two requests may register the same token at once.
  register: `
    INSERT INTO minting_tokens (kid, token_hash, public_key)
    SELECT ?1, token_hash, ?3 FROM tokens WHERE token_hash = ?2
        ON CONFLICT DO NOTHING`,
} as const;

/** Reads for holders, in this D1. One round trip each. */
export function createHolderReads(db: D1Database): HolderReads {
  const primary = () => db.withSession('first-primary');

  return {
    async find(tokenHash): Promise<HeldKey | null> {
      const [held, kid, tagKey] = await primary().batch([
        db.prepare(sql.held).bind(tokenHash),
        db.prepare(sql.kid).bind(tokenHash),
        db.prepare(sql.tagKey),
      ]);
      const [row] = (held?.results ?? []) as KeyOfTokenRow[];
      if (row === undefined) return null;
      const [named] = (kid?.results ?? []) as { kid: string }[];
      const [setting] = (tagKey?.results ?? []) as { value: string }[];
      return {
        ...toKeyOfToken(row),
        kid: named?.kid ?? null,
        tagKeyHex: setting?.value ?? '',
      };
    },

    async register(tokenHash: string, { kid, publicKey }: MintingIdentity): Promise<void> {
      await primary().prepare(sql.register).bind(kid, tokenHash, publicKey).run();
    },
  };
}
