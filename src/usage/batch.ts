/**
 * The batch of usage: what one isolate counted in a few seconds, as text on its way to D1.
 *
 * Written here and read here, so that both sides agree. It holds ids of keys, never a token or
 * anything derived from one. No I/O, no clock.
 */

import * as v from 'valibot';
import { type RejectionCode, rejectionKinds } from '../core/decide/rejection.ts';
import { ENDPOINT_TEMPLATE_MAX_LENGTH, USAGE_BATCH_MAX_BYTES } from './limits.ts';

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

/** Stands for the endpoints, or the origins, beyond those that have names of their own. */
export const OTHER_NAMES = 'other';

/**
 * The name of an endpoint: its method, and the template of its route. A path is never a part of it. Without a
 * route, and for a template that is too long to keep, it is the method alone.
 */
export function endpointName(method: string, template: string | null): string {
  const isKept = template !== null && template.length <= ENDPOINT_TEMPLATE_MAX_LENGTH;
  return isKept ? `${method} ${template}` : method;
}

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
  | readonly ['origins', readonly [string, string, RejectionCode, number, number]]
  /** Key, day, endpoint as `endpointName` writes it, and the requests that were allowed. */
  | readonly ['endpoints', readonly [string, string, string, number]];

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
/** A batch with endpoints, and with all that the versions before hold. They put it back into the Queue as well. */
const VERSION_WITH_ENDPOINTS = 3;

const count = v.pipe(v.number(), v.safeInteger());
const keyId = v.pipe(v.string(), v.regex(/^[0-9A-Za-z_]{1,64}$/));
const timeMs = v.pipe(v.number(), v.safeInteger(), v.minValue(0));
const code = v.pipe(v.string(), v.regex(/^[a-z_]{1,64}$/));
const dayPattern = /^\d{4}-\d\d-\d\d$/;
const countColumns = [
  keyId,
  v.pipe(v.string(), v.regex(dayPattern)),
  // Codes come and go; a batch of the version before or after is still good.
  v.pipe(v.string(), v.regex(/^[a-z_]{1,32}(?::[a-z_]{1,64})?$/)),
  count,
] as const;
const batchSchema = v.strictObject({
  v: v.picklist([VERSION, VERSION_WITH_CLIENTS, VERSION_WITH_ENDPOINTS]),
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
  // Absent in the versions before.
  endpoints: v.optional(
    v.array(
      v.strictTuple([
        keyId,
        v.pipe(v.string(), v.regex(dayPattern)),
        v.pipe(v.string(), v.regex(/^(?:[A-Z-]{1,32}(?: [\x21-\x7e]{1,512})?|other)$/)),
        v.pipe(count, v.minValue(1)),
      ]),
    ),
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
  let lists = noRows();
  let bytes = 0;
  let version = VERSION;

  const close = () => {
    const id = `${batchIdFrom(options.nowMs)}-${options.newId()}`;
    const { endpoints: _, ...others } = lists;
    // Earlier versions know no list of endpoints.
    const written = Object.entries(version === VERSION_WITH_ENDPOINTS ? lists : others).map(
      ([name, rows]) => `"${name}":[${rows.join(',')}]`,
    );
    batches.push({ id, text: `{"v":${version},"id":"${id}",${written.join(',')}}` });
    lists = noRows();
    bytes = 0;
    version = VERSION;
  };

  for (const [list, row] of rows) {
    const text = JSON.stringify(row);
    if (bytes + text.length + 1 > USAGE_BATCH_MAX_BYTES - FRAME_BYTES) close();
    lists[list].push(text);
    if (list === 'endpoints') version = VERSION_WITH_ENDPOINTS;
    const isOfClients = list === 'counts' && row.length > countColumns.length;
    if (isOfClients && version === VERSION) version = VERSION_WITH_CLIENTS;
    bytes += text.length + 1;
  }
  if (bytes > 0) close();
  return batches;
}

function noRows(): Record<UsageRow[0], string[]> {
  return { counts: [], used: [], origins: [], endpoints: [] };
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
    json.v > VERSION_WITH_ENDPOINTS
  );
}
