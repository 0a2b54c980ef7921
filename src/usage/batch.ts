/**
 * The batch of usage: what one isolate counted in a few seconds, as text on its way to D1.
 *
 * Written here and read in `read-batch.ts`. It holds ids of keys, never a token or
 * anything derived from one. No I/O, no clock.
 */

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

/** A batch without requests of client tokens. Every version of the Worker reads it. */
export const BATCH_VERSION = 1;
/**
 * A batch with some. A version that does not know client tokens puts it back into the Queue, for one
 * that does: it would take the fifth column for damage.
 */
export const BATCH_VERSION_WITH_CLIENTS = 2;
/** A batch with endpoints, and with all that the versions before hold. They put it back into the Queue as well. */
export const BATCH_VERSION_WITH_ENDPOINTS = 3;

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
  let version: number = BATCH_VERSION;

  const close = () => {
    const id = `${batchIdFrom(options.nowMs)}-${options.newId()}`;
    const { endpoints: _, ...others } = lists;
    // Earlier versions know no list of endpoints.
    const written = Object.entries(version === BATCH_VERSION_WITH_ENDPOINTS ? lists : others).map(
      ([name, rows]) => `"${name}":[${rows.join(',')}]`,
    );
    batches.push({ id, text: `{"v":${version},"id":"${id}",${written.join(',')}}` });
    lists = noRows();
    bytes = 0;
    version = BATCH_VERSION;
  };

  for (const [list, row] of rows) {
    const text = JSON.stringify(row);
    if (bytes + text.length + 1 > USAGE_BATCH_MAX_BYTES - FRAME_BYTES) close();
    lists[list].push(text);
    if (list === 'endpoints') version = BATCH_VERSION_WITH_ENDPOINTS;
    const isOfClients = list === 'counts' && row.length > COUNT_COLUMNS;
    if (isOfClients && version === BATCH_VERSION) version = BATCH_VERSION_WITH_CLIENTS;
    bytes += text.length + 1;
  }
  if (bytes > 0) close();
  return batches;
}

function noRows(): Record<UsageRow[0], string[]> {
  return { counts: [], used: [], origins: [], endpoints: [] };
}

/** The columns of a count without those of client tokens. */
const COUNT_COLUMNS = 4;

/** The bytes of a batch besides its rows: names, brackets, the id. */
const FRAME_BYTES = 200;
