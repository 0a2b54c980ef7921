/**
 * The batch of usage: what one isolate counted in a few seconds, as text on its way to D1.
 *
 * Written here and read here, so that both sides agree. It holds ids of keys, never a token or
 * anything derived from one. No I/O, no clock.
 */

import * as v from 'valibot';
import { type RejectionCode, rejectionKinds } from '../core/decide/rejection.ts';
import { USAGE_BATCH_MAX_BYTES } from './limits.ts';

/** The outcome of a request. Disjoint: every request counts under one of them. */
export type UsageOutcome =
  | 'allowed'
  | 'preflight_granted'
  | typeof EXTRA_COST
  | `denied:${RejectionCode}`
  | `upstream_error:${RejectionCode}`;

/** Stands for the key of preflights, and of requests without a known key. */
export const NO_KEY = 'none';
/** Stands for all keys that an isolate had no room to tell apart. */
export const UNATTRIBUTED = 'unattributed';

/**
 * Counts no requests, but what allowed ones cost beyond 1 towards a quota. An outcome, so that a version that
 * knows no costs merges it too.
 */
export const EXTRA_COST = 'extra_cost';

/** A refusal's outcome, by its code. */
export const outcomeByCode = Object.fromEntries(
  Object.keys(rejectionKinds).map((code) => [
    code,
    code.startsWith('upstream_') ? `upstream_error:${code}` : `denied:${code}`,
  ]),
) as Readonly<Record<RejectionCode, UsageOutcome>>;

/** The lists of a batch, each a table without its heading. */
export type UsageRow =
  /**
   * Key, day, outcome, requests and, if there are any, those among them that came with a client token.
   * Both may be negative: see `UsageCounter.countRefused`.
   */
  | readonly [
      'counts',
      (
        | readonly [string, string, UsageOutcome, number]
        | readonly [string, string, UsageOutcome, number, number]
      ),
    ]
  /** Key, and when it was last let through, in milliseconds. */
  | readonly ['used', readonly [string, number]]
  /** Key, origin, code, when last, in milliseconds, and how often. */
  | readonly ['origins', readonly [string, string, RejectionCode, number, number]];

/** A batch ready to be sent. Sent again, it is the same, and counts once. */
export interface ClosedBatch {
  readonly id: string;
  /** JSON in ASCII, so that its length is its size in bytes. */
  readonly text: string;
}

/** The result of reading a message. */
export type BatchReading =
  | { readonly outcome: 'batch'; readonly batch: ClosedBatch }
  /** Written by a later version of this Worker, which will read it. */
  | { readonly outcome: 'later_version' }
  | { readonly outcome: 'malformed'; readonly reason: string };

/** A batch without requests of client tokens. Every version of the Worker reads it. */
const VERSION = 1;
/**
 * A batch with some. A version that does not know client tokens puts it back into the Queue, for one
 * that does: it would take the fifth column for damage.
 */
const VERSION_WITH_CLIENTS = 2;

const count = v.pipe(v.number(), v.safeInteger());
const keyId = v.pipe(v.string(), v.regex(/^[0-9A-Za-z_]{1,64}$/));
const timeMs = v.pipe(v.number(), v.safeInteger(), v.minValue(0));
const code = v.pipe(v.string(), v.regex(/^[a-z_]{1,64}$/));
const countColumns = [
  keyId,
  v.pipe(v.string(), v.regex(/^\d{4}-\d\d-\d\d$/)),
  // Codes come and go; a batch of the version before or after is still good.
  v.pipe(v.string(), v.regex(/^[a-z_]{1,32}(?::[a-z_]{1,64})?$/)),
  count,
] as const;
const batchSchema = v.strictObject({
  v: v.picklist([VERSION, VERSION_WITH_CLIENTS]),
  id: v.pipe(v.string(), v.regex(/^\d{13}-[0-9a-f-]{36}$/)),
  counts: v.array(v.union([v.strictTuple(countColumns), v.strictTuple([...countColumns, count])])),
  used: v.array(v.strictTuple([keyId, timeMs])),
  origins: v.array(
    v.strictTuple([
      keyId,
      v.pipe(v.string(), v.regex(/^[\x21-\x7e]{1,512}$/)),
      code,
      timeMs,
      v.pipe(count, v.minValue(1)),
    ]),
  ),
});

/** A day in milliseconds. Days are UTC's, which have no other length. */
export const DAY_MS = 24 * 60 * 60 * 1000;

/** The UTC day of a time, as YYYY-MM-DD. */
export function dayOf(timeMs: number): string {
  return new Date(timeMs).toISOString().slice(0, 10);
}

/**
 * The first id that a batch closed at a time can have. Ids are in the order of time, so that old
 * ones are found without an index of their own.
 */
export function batchIdFrom(closedAtMs: number): string {
  return String(Math.max(0, Math.floor(closedAtMs))).padStart(13, '0');
}

/** Writes rows into as few batches as their largest size allows; none for no rows. */
export function writeBatches(
  rows: Iterable<UsageRow>,
  options: { readonly nowMs: number; readonly newId: () => string },
): ClosedBatch[] {
  const batches: ClosedBatch[] = [];
  let lists: Record<UsageRow[0], string[]> = { counts: [], used: [], origins: [] };
  let bytes = 0;
  let version = VERSION;

  const close = () => {
    const id = `${batchIdFrom(options.nowMs)}-${options.newId()}`;
    const [counts, used, origins] = [lists.counts, lists.used, lists.origins].map(
      (rows) => `[${rows.join(',')}]`,
    );
    const text = `{"v":${version},"id":"${id}","counts":${counts},"used":${used},"origins":${origins}}`;
    batches.push({ id, text });
    lists = { counts: [], used: [], origins: [] };
    bytes = 0;
    version = VERSION;
  };

  for (const [list, row] of rows) {
    const text = JSON.stringify(row);
    if (bytes + text.length + 1 > USAGE_BATCH_MAX_BYTES - FRAME_BYTES) close();
    lists[list].push(text);
    if (list === 'counts' && row.length > countColumns.length) version = VERSION_WITH_CLIENTS;
    bytes += text.length + 1;
  }
  if (bytes > 0) close();
  return batches;
}

/** The bytes of a batch besides its rows: names, brackets, the id. */
const FRAME_BYTES = 200;

/** Reads a message. Everything in a batch that comes out is of its type. Never throws. */
export function readBatch(body: unknown): BatchReading {
  if (typeof body !== 'string') return { outcome: 'malformed', reason: 'it is not text' };
  let json: unknown;
  try {
    json = JSON.parse(body);
  } catch {
    return { outcome: 'malformed', reason: 'it is not JSON' };
  }
  if (hasLaterVersion(json)) return { outcome: 'later_version' };
  const result = v.safeParse(batchSchema, json, { abortEarly: true });
  if (!result.success) {
    const [issue] = result.issues;
    return { outcome: 'malformed', reason: `${v.getDotPath(issue) ?? 'it'}: ${issue.message}` };
  }
  return { outcome: 'batch', batch: { id: result.output.id, text: body } };
}

function hasLaterVersion(json: unknown): boolean {
  return (
    typeof json === 'object' &&
    json !== null &&
    'v' in json &&
    typeof json.v === 'number' &&
    json.v > VERSION_WITH_CLIENTS
  );
}
