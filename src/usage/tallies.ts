/**
 * The counts of one isolate since it last sent a batch, in bounded memory. No I/O, no clock.
 *
 * Counting a request of a key that is there already costs one look-up in a map and an increment.
 * When there is no room for another row, requests are still counted, but together: totals stay
 * right, and only whose requests they were is lost.
 */

import type { RejectionCode } from '../core/decide/rejection.ts';
import {
  DAY_MS,
  dayOf,
  NO_KEY,
  OTHER_NAMES,
  UNATTRIBUTED,
  type UsageOutcome,
  type UsageRow,
} from './batch.ts';
import {
  ENDPOINTS_PER_KEY,
  REFUSED_ORIGINS_PER_KEY,
  USAGE_ENDPOINTS_IN_MEMORY,
  USAGE_ORIGINS_IN_MEMORY,
  USAGE_ROWS_IN_MEMORY,
} from './limits.ts';

interface KeyTally {
  allowed: number;
  lastUsedAtMs: number;
  /** Every outcome but `allowed`; most keys have none. */
  others: Map<UsageOutcome, number> | null;
  /** The requests among all of them that came with a client token; most keys give none. */
  clients: Map<UsageOutcome, number> | null;
  /** The allowed requests by endpoint. */
  endpoints: Map<string, number> | null;
}

interface DayTallies {
  readonly day: string;
  readonly startMs: number;
  readonly keys: Map<string, KeyTally>;
}

interface RefusedOrigin {
  readonly code: RejectionCode;
  lastAtMs: number;
  count: number;
}

/** See the file's head. */
export class UsageTallies {
  readonly #days = new Map<number, DayTallies>();
  readonly #origins = new Map<string, Map<string, RefusedOrigin>>();
  #today: DayTallies = { day: '', startMs: Number.POSITIVE_INFINITY, keys: new Map() };
  #rows = 0;
  #originCount = 0;
  #endpointCount = 0;
  #droppedOrigins = 0;

  /** Rows that the tallies take at most, which is what their memory is bounded by. */
  get rows(): number {
    return this.#rows;
  }

  /** Counts a request that was let through. An `endpoint` of `null` is not counted. */
  countAllowed(keyId: string, isClient: boolean, nowMs: number, endpoint: string | null): void {
    const tally = this.#tallyOf(keyId, nowMs);
    tally.allowed += 1;
    if (endpoint !== null) this.#countEndpoint(tally, endpoint);
    if (isClient) addClient(tally, 'allowed', 1);
    if (nowMs > tally.lastUsedAtMs) tally.lastUsedAtMs = nowMs;
  }

  /** Takes back a request that was counted as let through. */
  uncountAllowed(keyId: string, isClient: boolean, nowMs: number): void {
    const tally = this.#tallyOf(keyId, nowMs);
    tally.allowed -= 1;
    if (isClient) addClient(tally, 'allowed', -1);
  }

  /** Counts a request with any other outcome. */
  countOther(
    keyId: string,
    outcome: UsageOutcome,
    isClient: boolean,
    nowMs: number,
    amount = 1,
  ): void {
    let tally = this.#tallyOf(keyId, nowMs);
    if (!tally.others?.has(outcome)) {
      if (this.#isFullFor(keyId)) tally = this.#tallyOf(UNATTRIBUTED, nowMs);
      else this.#rows += 1;
    }
    tally.others ??= new Map();
    tally.others.set(outcome, (tally.others.get(outcome) ?? 0) + amount);
    if (isClient) addClient(tally, outcome, amount);
  }

  /** Remembers an origin that a key refused: the newest of each key, as far as there is room. */
  noteRefusedOrigin(keyId: string, origin: string, code: RejectionCode, nowMs: number): void {
    let origins = this.#origins.get(keyId);
    const known = origins?.get(origin);
    if (origins && known) {
      // Moved to the end: what was seen longest ago comes first.
      origins.delete(origin);
      origins.set(origin, known);
      known.lastAtMs = Math.max(known.lastAtMs, nowMs);
      known.count += 1;
      return;
    }
    if (origins && origins.size >= REFUSED_ORIGINS_PER_KEY) {
      for (const [oldest] of origins) {
        origins.delete(oldest);
        break;
      }
      this.#originCount -= 1;
    } else if (this.#originCount >= USAGE_ORIGINS_IN_MEMORY) {
      this.#droppedOrigins += 1;
      return;
    }
    if (!origins) {
      origins = new Map();
      this.#origins.set(keyId, origins);
    }
    origins.set(origin, { code, lastAtMs: nowMs, count: 1 });
    this.#originCount += 1;
  }

  /** Everything that was counted, as the rows of batches. */
  *toRows(): Generator<UsageRow> {
    for (const { day, keys } of this.#days.values()) {
      for (const [keyId, tally] of keys) {
        // The count may be 0 for all requests and not for those of client tokens, after a failure.
        if (tally.allowed !== 0 || tally.clients?.get('allowed')) {
          yield countRow(keyId, day, 'allowed', tally.allowed, tally);
        }
        for (const [outcome, requests] of tally.others ?? []) {
          if (requests === 0) continue;
          yield countRow(keyId, day, outcome, requests, tally);
        }
        if (tally.lastUsedAtMs > 0 && !isCommon(keyId)) {
          yield ['used', [keyId, tally.lastUsedAtMs]];
        }
        for (const [endpoint, requests] of tally.endpoints ?? []) {
          yield ['endpoints', [keyId, day, endpoint, requests]];
        }
      }
    }
    for (const [keyId, origins] of this.#origins) {
      for (const [origin, { code, lastAtMs, count }] of origins) {
        yield ['origins', [keyId, origin, code, lastAtMs, count]];
      }
    }
  }

  /** Returns the counts that did not fit: requests that were counted together, and origins that were left out. */
  overflow(): { readonly unattributedRequests: number; readonly droppedOrigins: number } {
    let unattributedRequests = 0;
    for (const { keys } of this.#days.values()) {
      const tally = keys.get(UNATTRIBUTED);
      unattributedRequests += tally?.allowed ?? 0;
      for (const requests of tally?.others?.values() ?? []) unattributedRequests += requests;
    }
    return { unattributedRequests, droppedOrigins: this.#droppedOrigins };
  }

  /** Starts again from nothing. */
  clear(): void {
    this.#days.clear();
    this.#origins.clear();
    this.#today = { day: '', startMs: Number.POSITIVE_INFINITY, keys: new Map() };
    this.#rows = 0;
    this.#originCount = 0;
    this.#endpointCount = 0;
    this.#droppedOrigins = 0;
  }

  /** Without room for another one the endpoint is left out: the request itself is counted all the same. */
  #countEndpoint(tally: KeyTally, endpoint: string): void {
    tally.endpoints ??= new Map();
    const { endpoints } = tally;
    const isKnown = endpoints.has(endpoint);
    const name = isKnown || endpoints.size < ENDPOINTS_PER_KEY ? endpoint : OTHER_NAMES;
    const requests = endpoints.get(name);
    if (requests === undefined) {
      // Apart from the rows of counts, so that no endpoint takes the place of a key.
      if (this.#endpointCount >= USAGE_ENDPOINTS_IN_MEMORY) return;
      this.#endpointCount += 1;
    }
    endpoints.set(name, (requests ?? 0) + 1);
  }

  #tallyOf(keyId: string, nowMs: number): KeyTally {
    const today = this.#today;
    // Requests of the day before may still come in after midnight, so this goes both ways.
    const keys =
      nowMs >= today.startMs && nowMs < today.startMs + DAY_MS ? today.keys : this.#turnTo(nowMs);
    return keys.get(keyId) ?? this.#add(keys, keyId);
  }

  #turnTo(nowMs: number): Map<string, KeyTally> {
    const startMs = nowMs - (nowMs % DAY_MS);
    let day = this.#days.get(startMs);
    if (!day) {
      day = { day: dayOf(startMs), startMs, keys: new Map() };
      this.#days.set(startMs, day);
    }
    this.#today = day;
    return day.keys;
  }

  #add(keys: Map<string, KeyTally>, keyId: string): KeyTally {
    if (this.#isFullFor(keyId)) return keys.get(UNATTRIBUTED) ?? this.#add(keys, UNATTRIBUTED);
    const tally: KeyTally = {
      allowed: 0,
      lastUsedAtMs: 0,
      others: null,
      clients: null,
      endpoints: null,
    };
    keys.set(keyId, tally);
    this.#rows += 1;
    return tally;
  }

  #isFullFor(keyId: string): boolean {
    return this.#rows >= USAGE_ROWS_IN_MEMORY && !isCommon(keyId);
  }
}

function addClient(tally: KeyTally, outcome: UsageOutcome, requests: number): void {
  tally.clients ??= new Map();
  tally.clients.set(outcome, (tally.clients.get(outcome) ?? 0) + requests);
}

/** A row of counts. Rows without requests of client tokens are as older versions write them. */
function countRow(
  keyId: string,
  day: string,
  outcome: UsageOutcome,
  requests: number,
  { clients }: KeyTally,
): UsageRow {
  const ofClients = clients?.get(outcome) ?? 0;
  if (ofClients === 0) return ['counts', [keyId, day, outcome, requests]];
  return ['counts', [keyId, day, outcome, requests, ofClients]];
}

/** Returns whether this is the row for requests of no particular key, which always have room. */
function isCommon(keyId: string): boolean {
  return keyId === NO_KEY || keyId === UNATTRIBUTED;
}
