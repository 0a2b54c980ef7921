/**
 * The setting `LIMITERS`: rate limits that keys select by name, each with the binding that counts. Pure, no
 * I/O.
 */

import { type RateLimitPolicy, readRateLimit } from '../core/decide/rate-limit.ts';
import { isRecord, parseJson } from '../core/json.ts';
import type { Report, Setting } from './values.ts';

/** A limit that keys select by the name of its policy. */
export interface NamedLimiter {
  readonly policy: RateLimitPolicy;
  /** The name of a binding of Workers' rate limiting. */
  readonly binding: string;
}

const LIMITERS_MAX = 50;
const example = '[{"name": "pro", "binding": "LIMITER_PRO", "limit": "1000/60"}]';
const members = ['name', 'binding', 'limit'];
/** The names of the limits that every deployment can have. */
const ownNames = ['failures', 'key', 'client'];

/** A list of named limits: JSON, or the tables that wrangler.toml can hold in its place. */
export const limiters: Setting<readonly NamedLimiter[]> = { read: readLimiters };

function readLimiters(written: unknown, report: Report): readonly NamedLimiter[] {
  const list = typeof written === 'string' ? parseJson(written) : written;
  if (!Array.isArray(list) || list.length === 0 || list.length > LIMITERS_MAX) {
    const reason = `it is not a JSON list of 1 to ${LIMITERS_MAX} limits`;
    report({ value: null, reason, fix: `Write ${example}, or remove it` });
    return [];
  }
  const names = new Set(ownNames);
  const bindings = new Set<string>();
  return list.flatMap((entry: unknown, index): NamedLimiter[] => {
    const limiter = readLimiter(entry, `[${index}]`, report);
    if (limiter === null) return [];
    const { policy, binding } = limiter;
    if (names.has(policy.name)) {
      const reason = `[${index}].name: another limit has this name`;
      report({ value: policy.name, reason, fix: 'Choose another name' });
    }
    if (bindings.has(binding)) {
      const reason = `[${index}].binding: an earlier limit has this binding, which counts for one`;
      report({ value: binding, reason, fix: 'Add a binding for each limit' });
    }
    names.add(policy.name);
    bindings.add(binding);
    return [limiter];
  });
}

/** Reads one entry, and reports everything that is wrong with it. `null` if anything is. */
function readLimiter(entry: unknown, place: string, report: Report): NamedLimiter | null {
  if (!isRecord(entry)) {
    report({ value: null, reason: `${place}: it is not an object`, fix: `Write ${example}` });
    return null;
  }
  let isWrong = false;
  const refuse = (name: string, reason: string, fix: string) => {
    const value = entry[name];
    const quoted = typeof value === 'string' && members.includes(name) ? value : null;
    report({ value: quoted, reason: `${place}.${name}: ${reason}`, fix });
    isWrong = true;
  };
  for (const name of Object.keys(entry)) {
    if (members.includes(name)) continue;
    refuse(name, 'there is no such field', 'Use name, binding and limit');
  }
  const { name, binding, limit } = entry;
  // It is in the headers RateLimit and RateLimit-Policy, in quotes.
  if (typeof name !== 'string' || !/^[a-z][a-z0-9_-]{0,31}$/.test(name)) {
    const reason = 'it is not a lower-case letter followed by up to 31 of a-z, 0-9, "_" and "-"';
    refuse('name', reason, 'Write a short name such as "pro"');
  }
  if (typeof binding !== 'string' || !/^[A-Za-z_][A-Za-z0-9_]{0,63}$/.test(binding)) {
    refuse('binding', 'it is not the name of a binding', 'Write it like "LIMITER_PRO"');
  }
  const policy = readRateLimit(String(name), typeof limit === 'string' ? limit : '');
  if (policy === null) {
    const reason = 'it is not the limit of the binding as requests and seconds';
    refuse('limit', reason, 'Repeat what the binding has, in 10 or 60 seconds, such as "1000/60"');
  }
  return isWrong || policy === null ? null : { policy, binding: String(binding) };
}
