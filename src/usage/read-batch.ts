/**
 * Reads a batch of usage from a message of the Queue. Apart from its writing, because isolates that serve
 * requests write batches and read none.
 */

import * as v from 'valibot';
import {
  BATCH_VERSION,
  BATCH_VERSION_WITH_CLIENTS,
  BATCH_VERSION_WITH_ENDPOINTS,
  type ClosedBatch,
} from './batch.ts';

/** The result of reading a message. */
export type BatchReading =
  | { readonly outcome: 'batch'; readonly batch: ClosedBatch }
  /** Written by a later version of this Worker, which will read it. */
  | { readonly outcome: 'later_version' }
  | { readonly outcome: 'malformed'; readonly reason: string };

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
  v: v.picklist([BATCH_VERSION, BATCH_VERSION_WITH_CLIENTS, BATCH_VERSION_WITH_ENDPOINTS]),
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
    json.v > BATCH_VERSION_WITH_ENDPOINTS
  );
}
