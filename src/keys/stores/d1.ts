/**
 * Looking keys up in D1: all SQL of look-ups is in this file. That of the copies in KV is in `copies.ts`; what
 * management reads and changes is in `admin/reads.ts`.
 *
 * Look-ups read the primary, in one batch that is one transaction: what they return was true at the
 * log's head that came with it. The columns are explained in `schema.sql`.
 */

import type {
  AccessRule,
  ClientTokenAccess,
  LimitBy,
  Quota,
  StoredKey,
} from '../../core/key/key.ts';
import type { KeyKind } from '../../core/key/token.ts';
import { FEED_PAGE_LINES, FEED_WINDOW_LINES } from '../limits.ts';
import {
  type ChangeLine,
  type DatabaseAnswer,
  type DatabaseRequest,
  type FeedSnapshot,
  type KeyDatabase,
  LOG_START,
  type ParentRecord,
  tokenSubject,
} from '../types.ts';

/** The columns of a token and its key that decide about requests. */
export const keysOfTokens = `
    SELECT t.token_hash, k.id, k.owner, k.kind, k.allowed_origins, k.full_access, k.rules,
           k.enabled AND NOT k.suspended AS enabled, k.expires_at_ms, k.revoked_at_ms, k.client_tokens,
           k.client_tokens_valid_from_ms, k.addresses, k.meta, k.tags, k.limit_name, k.limit_by,
           k.quota_requests, k.quota_period, k.quota_renews_at_ms,
           t.expires_at_ms AS token_expires_at_ms
      FROM tokens AS t JOIN keys AS k ON k.id = t.key_id`;

const sql = {
  feedState: `
    SELECT (SELECT value FROM settings WHERE name = 'token_tag_key') AS tag_key,
           EXISTS (SELECT 1 FROM tokens WHERE imported = 1) AS has_imported`,
  // From the wanted line on, to see that it is still the same one; the newest in any case.
  feedLines: `
    SELECT seq, mark, token_hash, pattern FROM changes
     WHERE seq >= min(?1, (SELECT max(seq) FROM changes)) ORDER BY seq DESC LIMIT ?2`,
  feedPage: `
    SELECT seq, mark, token_hash, pattern FROM changes WHERE seq >= ?1 ORDER BY seq LIMIT ?2`,
  keyByToken: `${keysOfTokens} WHERE t.token_hash = ?1`,
  publicKeyByKid: `SELECT token_hash, public_key FROM minting_tokens WHERE kid = ?1`,
  keyByKid: `
    ${keysOfTokens}
     WHERE t.token_hash = (SELECT token_hash FROM minting_tokens WHERE kid = ?1)`,
  // One row a listed pattern at most: the primary key puts the longest-lived first, and D1 counts no row
  // for VALUES, as it does for json_each(). SQLite takes a column beside max() from the row that has it:
  // https://sqlite.org/lang_select.html#bareagg
  registered: (patterns: number) => `
    SELECT column1 AS pattern,
           max((SELECT o.expires_at_ms FROM origins AS o WHERE o.pattern = column1
                 ORDER BY o.expires_at_ms DESC LIMIT 1)) AS until_ms
      FROM (VALUES ${Array.from({ length: patterns }, (_, index) => `(?${index + 1})`).join(', ')})`,
} as const;

interface RegisteredRow {
  pattern: string;
  until_ms: number | null;
}
interface FeedStateRow {
  tag_key: string | null;
  has_imported: number;
}
interface FeedLineRow {
  seq: number;
  mark: number;
  token_hash: string | null;
  pattern: string | null;
}
/** The columns of `keys` that decide about requests. */
export interface KeyRow {
  id: string;
  owner: string | null;
  kind: KeyKind;
  allowed_origins: string | null;
  full_access: number;
  rules: string | null;
  enabled: number;
  expires_at_ms: number | null;
  client_tokens: string | null;
  client_tokens_valid_from_ms: number | null;
  addresses: string | null;
  meta: string | null;
  tags: string | null;
  limit_name: string | null;
  limit_by: LimitBy | null;
  quota_requests: number | null;
  quota_period: Quota['period'] | null;
  quota_renews_at_ms: number | null;
}
interface MintingTokenRow {
  token_hash: string;
  public_key: string;
}
/** A row of `keysOfTokens`. */
export type KeyByTokenRow = KeyRow & {
  token_hash: string;
  token_expires_at_ms: number | null;
  revoked_at_ms: number | null;
};

/**
 * Keys in this D1. Reads go to the primary: a replica may be behind by any amount, and a copy that
 * was read there could not say which log line it already holds.
 */
export function createKeyStore(db: D1Database): KeyDatabase {
  const primary = () => db.withSession('first-primary');

  return {
    async read(request) {
      const [state, lines, ...records] = await primary().batch([
        db.prepare(sql.feedState),
        db.prepare(sql.feedLines).bind(request.fromSeq ?? LOG_START.seq, FEED_WINDOW_LINES + 1),
        ...recordStatements(db, request),
      ]);
      const all = [state, lines, ...records];
      return {
        ...toRecords(request, records),
        feed: toFeed(
          request.fromSeq ?? LOG_START.seq,
          state?.results[0] as FeedStateRow | undefined,
          (lines?.results ?? []) as FeedLineRow[],
        ),
        rowsRead: all.reduce((rows, result) => rows + (result?.meta.rows_read ?? 0), 0),
      };
    },

    async readLines(fromSeq) {
      const page = primary()
        .prepare(sql.feedPage)
        .bind(fromSeq, FEED_PAGE_LINES + 1);
      return (await page.all<FeedLineRow>()).results.map(toChangeLine);
    },
  };
}

/** The records to read with the log: a token's key, an origin's registration, a client token's parent. */
type RecordRequest = Omit<DatabaseRequest, 'fromSeq'>;
type Records = Omit<DatabaseAnswer, 'feed' | 'rowsRead'>;

/** The statements that read what a request asks for beside the log. */
export function recordStatements(db: D1Database, request: RecordRequest): D1PreparedStatement[] {
  const statements: D1PreparedStatement[] = [];
  if (request.tokenHash !== undefined) {
    statements.push(db.prepare(sql.keyByToken).bind(request.tokenHash));
  }
  if (request.patterns !== undefined) {
    // VALUES needs a row. NULL is no pattern.
    const asked = request.patterns.length === 0 ? [null] : request.patterns;
    statements.push(db.prepare(sql.registered(asked.length)).bind(...asked));
  }
  if (request.kid !== undefined) {
    statements.push(db.prepare(sql.publicKeyByKid).bind(request.kid));
    statements.push(db.prepare(sql.keyByKid).bind(request.kid));
  }
  return statements;
}

/** Reads the results of `recordStatements`. */
export function toRecords(request: RecordRequest, results: readonly D1Result[]): Records {
  const asked = [...results];
  const answer: { -readonly [Name in keyof Records]: Records[Name] } = {};
  if (request.tokenHash !== undefined) {
    const row = asked.shift()?.results[0] as KeyByTokenRow | undefined;
    if (row === undefined) answer.key = null;
    else if (row.revoked_at_ms !== null) answer.key = 'revoked';
    else answer.key = toStoredKey(row, row.token_expires_at_ms);
  }
  if (request.patterns !== undefined) {
    const row = asked.shift()?.results[0] as RegisteredRow | undefined;
    answer.registered = row?.until_ms ? { pattern: row.pattern, untilMs: row.until_ms } : null;
  }
  if (request.kid !== undefined) {
    const named = asked.shift()?.results[0] as MintingTokenRow | undefined;
    answer.parent = toParent(named, asked.shift()?.results[0] as KeyByTokenRow | undefined);
  }
  return answer;
}

function toParent(
  named: MintingTokenRow | undefined,
  row: KeyByTokenRow | undefined,
): ParentRecord | null {
  if (named === undefined || row === undefined) return null;
  const isRevoked = row.revoked_at_ms !== null;
  return {
    tokenHash: named.token_hash,
    publicKey: named.public_key,
    key: isRevoked ? null : toStoredKey(row, row.token_expires_at_ms),
  };
}

function toFeed(
  fromSeq: number,
  state: FeedStateRow | undefined,
  newestFirst: readonly FeedLineRow[],
): FeedSnapshot {
  const lines = newestFirst.map(toChangeLine).reverse();
  const isWholeLog = fromSeq === LOG_START.seq && (lines[0]?.seq ?? 1) === 1;
  // Otherwise the oldest of them is where the others begin: the wanted line; or a later one, where
  // there are more lines than one answer takes or housekeeping has dropped some; or the newest, where
  // D1 went back.
  const after = isWholeLog ? LOG_START : (lines.shift() ?? LOG_START);
  return {
    after,
    head: lines.at(-1) ?? after,
    lines,
    tagKeyHex: tagKeyOf(state),
    hasImportedTokens: state?.has_imported === 1,
  };
}

function tagKeyOf(state: FeedStateRow | null | undefined): string {
  const tagKey = state?.tag_key;
  if (tagKey && /^[0-9a-f]{64}$/.test(tagKey)) return tagKey;
  throw new Error('Cannot find the token tag key in D1: apply schema.sql to the database');
}

function toChangeLine(row: FeedLineRow): ChangeLine {
  return {
    seq: row.seq,
    mark: row.mark,
    subject: row.token_hash === null ? `pattern:${row.pattern}` : tokenSubject(row.token_hash),
  };
}

/** A key as it is stored, for a token that ends by itself at this time; `null`: never. */
export function toStoredKey(row: KeyRow, tokenExpiresAtMs: number | null): StoredKey {
  return {
    id: row.id,
    owner: row.owner,
    kind: row.kind,
    allowedOrigins: parseColumn<string[]>(row.allowed_origins),
    fullAccess: row.full_access === 1,
    rules: parseColumn<AccessRule[]>(row.rules),
    enabled: row.enabled === 1,
    expiresAtMs: earliest(row.expires_at_ms, tokenExpiresAtMs),
    ...clientTokensOf(row),
    ...planOf(row),
  };
}

/** Nothing for a key that gives no client tokens, which nearly all keys are. */
function clientTokensOf(
  row: KeyRow,
): Pick<StoredKey, 'clientTokens' | 'clientTokensValidFromMs'> | null {
  const clientTokens = parseColumn<ClientTokenAccess>(row.client_tokens);
  if (clientTokens === null) return null;
  return { clientTokens, clientTokensValidFromMs: row.client_tokens_valid_from_ms };
}

/** The members of a plan that a key uses. Most keys use none of them. */
function planOf(
  row: KeyRow,
): Pick<StoredKey, 'addresses' | 'meta' | 'tags' | 'limit' | 'quota' | 'quotaRenewsAtMs'> {
  const addresses = parseColumn<string[]>(row.addresses);
  const meta = parseColumn<Record<string, string>>(row.meta);
  const tags = parseColumn<string[]>(row.tags);
  const { limit_name: name, limit_by: by, quota_requests: requests, quota_period: period } = row;
  return {
    ...(addresses && { addresses }),
    ...(meta && { meta }),
    ...(tags && { tags }),
    ...(name !== null && by !== null && { limit: { name, by } }),
    ...(requests !== null &&
      period !== null && { quota: { requests, period }, quotaRenewsAtMs: row.quota_renews_at_ms }),
  };
}

/** Only what management wrote is parsed, so its type is known. */
function parseColumn<Value>(text: string | null): Value | null {
  return text === null ? null : (JSON.parse(text) as Value);
}

function earliest(left: number | null, right: number | null): number | null {
  if (left === null) return right;
  return right === null ? left : Math.min(left, right);
}
