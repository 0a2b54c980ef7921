/**
 * Notices about times of keys: `key.expiring`, `key.expired` and `key.idle`, written by the scheduled run.
 *
 * Each run reads a bounded number of keys: those that changed, those whose expiry comes near by the index of
 * expiries, and a part of all for the idle ones. A notice is an event once, by its row in `key_notices`.
 */

import {
  type DueNotice,
  dueNotices,
  EXPIRY_NOTICE_DAYS,
  type KeyTimes,
} from '../core/events/schedule.ts';

/** Keys that a run reads for each kind of notice. All 200,000 are visited within seven hours. */
export const KEYS_PER_RUN = 500;

const DAY_MS = 24 * 60 * 60 * 1000;

const keyTimes = `
  k.id, k.owner, k.created_at_ms AS createdAtMs, k.expires_at_ms AS expiresAtMs,
  k.last_used_at_ms AS lastUsedAtMs`;

const sql = {
  bookmarks: `SELECT name, audit_id AS auditId, until_ms AS untilMs, key_id AS keyId FROM event_bookmarks`,
  // In the order of the lines, so that the next run continues after the last one.
  changed: `
    SELECT ${keyTimes}, line.id AS auditId
      FROM (SELECT id, key_id FROM audit WHERE id > coalesce(?1, (SELECT max(id) FROM audit) - ?2)
             ORDER BY id LIMIT ?2) AS line
      JOIN keys AS k ON k.id = line.key_id AND k.revoked_at_ms IS NULL AND k.enabled = 1
     ORDER BY line.id`,
  lastLine: `
    SELECT max(id) AS auditId FROM (
      SELECT id FROM audit WHERE id > coalesce(?1, (SELECT max(id) FROM audit) - ?2)
       ORDER BY id LIMIT ?2)`,
  expiring: `
    SELECT ${keyTimes} FROM keys AS k
     WHERE revoked_at_ms IS NULL AND expires_at_ms IS NOT NULL
       AND (expires_at_ms, id) > (?1, ?2) AND expires_at_ms <= ?3
     ORDER BY expires_at_ms, id LIMIT ?4`,
  some: `
    SELECT ${keyTimes}, k.revoked_at_ms IS NULL AND k.enabled = 1 AS isLive FROM keys AS k
     WHERE id > ?1 ORDER BY id LIMIT ?2`,
  keep: `
    INSERT INTO event_bookmarks (name, audit_id, until_ms, key_id) VALUES (?1, ?2, ?3, ?4)
        ON CONFLICT (name) DO UPDATE
       SET audit_id = excluded.audit_id, until_ms = excluded.until_ms, key_id = excluded.key_id`,
  // An event for each notice of ?1 that is not known, in the order of the list.
  write: `
    WITH news AS (
           SELECT row.key AS place, value ->> 'keyId' AS key_id, value ->> 'owner' AS owner,
                  value ->> 'type' AS type, value -> 'data' AS data,
                  row_number() OVER (PARTITION BY value ->> 'keyId' ORDER BY row.key) AS turn
             FROM json_each(?1) AS row
            WHERE NOT EXISTS (SELECT 1 FROM key_notices
                               WHERE key_id = value ->> 'keyId' AND notice = value ->> 'notice'
                                 AND about_ms = value ->> 'aboutMs'))
    INSERT INTO events (event_id, key_id, owner, number, type, at_ms, data, due_at_ms, due_since_ms)
    SELECT 'evt_' || lower(hex(randomblob(16))), key_id, owner,
           turn + coalesce((SELECT last_number FROM event_numbers
                             WHERE event_numbers.key_id = news.key_id), 0),
           type, ?2, data, CASE WHEN isFree THEN ?2 END, CASE WHEN isFree THEN ?2 END
      FROM (SELECT news.*, turn = 1 AND NOT EXISTS (
                     SELECT 1 FROM events
                      WHERE events.key_id = news.key_id AND state = 'waiting') AS isFree
              FROM news) AS news
     ORDER BY place`,
  count: `
    INSERT INTO event_numbers (key_id, last_number)
    SELECT key_id, max(number) FROM events
     WHERE key_id IN (SELECT value ->> 'keyId' FROM json_each(?1)) GROUP BY key_id
        ON CONFLICT (key_id) DO UPDATE SET last_number = max(last_number, excluded.last_number)`,
  note: `
    INSERT INTO key_notices (key_id, notice, about_ms)
    SELECT value ->> 'keyId', value ->> 'notice', value ->> 'aboutMs' FROM json_each(?1) WHERE true
        ON CONFLICT (key_id, notice) DO UPDATE SET about_ms = excluded.about_ms`,
} as const;

/** A notice about a key, to be an event unless it was one before. */
interface KeyNotice {
  readonly keyId: string;
  readonly owner: string | null;
  /** Names the notice among those of the key, such as `key.idle`. */
  readonly notice: string;
  /** The type of the event. */
  readonly type: string;
  /** The time that it is about. Another time is another event. */
  readonly aboutMs: number;
  readonly data: Readonly<Record<string, unknown>>;
}

/** Returns the statements that make events of notices, for a batch. */
function noticeStatements(
  db: D1Database,
  notices: readonly KeyNotice[],
  nowMs: number,
): readonly D1PreparedStatement[] {
  if (notices.length === 0) return [];
  const json = JSON.stringify(notices);
  return [
    db.prepare(sql.write).bind(json, nowMs),
    db.prepare(sql.count).bind(json),
    db.prepare(sql.note).bind(json),
  ];
}

interface Bookmark {
  readonly name: string;
  readonly auditId: number | null;
  readonly untilMs: number | null;
  readonly keyId: string | null;
}

/** Writes the notices that are due. Rejects if D1 does; the next run repeats what was not written. */
export async function writeNotices(db: D1Database, nowMs: number): Promise<void> {
  const primary = db.withSession('first-primary');
  const { results } = await primary.prepare(sql.bookmarks).all<Bookmark>();
  const bookmarks = new Map(results.map((row) => [row.name, row]));
  await writeChanged(db, bookmarks.get('changed') ?? null, nowMs);
  const ahead: readonly (readonly [name: string, aheadMs: number, sinceMs: number])[] = [
    ...EXPIRY_NOTICE_DAYS.map(
      (days) => [`expiring-${days}`, days * DAY_MS, days * DAY_MS] as const,
    ),
    ['expired', 0, DAY_MS],
  ];
  for (const [name, aheadMs, sinceMs] of ahead) {
    await writeExpiring(db, { name, aheadMs, sinceMs }, bookmarks.get(name) ?? null, nowMs);
  }
  await writeIdle(db, bookmarks.get('idle') ?? null, nowMs);
}

/** Keys that were created or edited: their times may be near already. */
async function writeChanged(db: D1Database, last: Bookmark | null, nowMs: number): Promise<void> {
  const primary = db.withSession('first-primary');
  const from = last?.auditId ?? null;
  const [changed, lastLine] = await primary.batch([
    db.prepare(sql.changed).bind(from, KEYS_PER_RUN),
    db.prepare(sql.lastLine).bind(from, KEYS_PER_RUN),
  ]);
  const keys = new Map(
    ((changed?.results ?? []) as unknown as KeyTimes[]).map((key) => [key.id, key]),
  );
  const [line] = (lastLine?.results ?? []) as { auditId: number | null }[];
  if (!line?.auditId) return;
  await write(db, [...keys.values()], { name: 'changed', auditId: line.auditId }, nowMs);
}

/** Keys whose expiry has come within `aheadMs` since the last run. */
async function writeExpiring(
  db: D1Database,
  kind: { readonly name: string; readonly aheadMs: number; readonly sinceMs: number },
  last: Bookmark | null,
  nowMs: number,
): Promise<void> {
  const untilMs = nowMs + kind.aheadMs;
  const { results: keys } = await db
    .withSession('first-primary')
    .prepare(sql.expiring)
    .bind(last?.untilMs ?? untilMs - kind.sinceMs, last?.keyId ?? '', untilMs, KEYS_PER_RUN)
    .all<KeyTimes>();
  const end = keys.length === KEYS_PER_RUN ? keys.at(-1) : undefined;
  const reached = end
    ? { untilMs: end.expiresAtMs ?? untilMs, keyId: end.id }
    : { untilMs, keyId: '' };
  // A run with nothing to do writes nothing while the mark is young.
  const isMarkYoung = last !== null && untilMs - (last.untilMs ?? 0) < 10 * 60 * 1000;
  if (keys.length === 0 && isMarkYoung) return;
  await write(db, keys, { name: kind.name, ...reached }, nowMs);
}

/** The next part of all keys. After the last one, the first follows. */
async function writeIdle(db: D1Database, last: Bookmark | null, nowMs: number): Promise<void> {
  const { results: keys } = await db
    .withSession('first-primary')
    .prepare(sql.some)
    .bind(last?.keyId ?? '', KEYS_PER_RUN)
    .all<KeyTimes & { isLive: number }>();
  const end = keys.length === KEYS_PER_RUN ? (keys.at(-1)?.id ?? '') : '';
  const live = keys.filter(({ isLive }) => isLive === 1);
  const idle = live.filter((key) => dueNotices(key, nowMs).some(({ type }) => type === 'key.idle'));
  if (idle.length === 0 && end === (last?.keyId ?? '')) return;
  await write(db, idle, { name: 'idle', keyId: end }, nowMs);
}

async function write(
  db: D1Database,
  keys: readonly KeyTimes[],
  mark: { readonly name: string } & Partial<Bookmark>,
  nowMs: number,
): Promise<void> {
  const notices = keys.flatMap((key) => dueNotices(key, nowMs).map((due) => toNotice(key, due)));
  const { name, auditId = null, untilMs = null, keyId = null } = mark;
  await db
    .withSession('first-primary')
    .batch([
      ...noticeStatements(db, notices, nowMs),
      db.prepare(sql.keep).bind(name, auditId, untilMs, keyId),
    ]);
}

function toNotice({ id, owner }: KeyTimes, { notice, type, aboutMs }: DueNotice): KeyNotice {
  const time = new Date(aboutMs).toISOString();
  const data = type === 'key.idle' ? { idleSince: time } : { expiresAt: time };
  return { keyId: id, owner, notice, type, aboutMs, data };
}
