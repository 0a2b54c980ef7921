/**
 * The kinds of settings: how each is read from what the operator wrote.
 *
 * An absent setting and an empty one mean the same. Numbers and booleans are accepted without quotes,
 * as wrangler.toml can hold them. Secrets are never quoted. Pure, no I/O.
 */

import { type RateLimitPolicy, readRateLimit } from '../core/decide/rate-limit.ts';

/** One thing that is wrong with a setting. */
export interface Fault {
  /** The value as it may be shown; `null` when it is absent, or a secret. */
  readonly value: string | null;
  readonly reason: string;
  readonly fix: string;
}

/** Takes note of a fault. Reading continues, so that all faults are reported at once. */
export type Report = (fault: Fault) => void;

/** A setting. Some kinds state their default, bounds and choices as well, which docs/configuration.md shows. */
export interface Setting<Value> {
  /** Returns the value, or any value after it has reported a fault. Never throws. */
  readonly read: (written: unknown, report: Report) => Value;
}

/**
 * A setting that few deployments have. Its reader is loaded if it is set, so that the isolates of the others
 * start without it.
 */
export interface LoadedSetting<Value> {
  /** The value if it is absent. */
  readonly default: Value;
  /** Loads the reader, which is asked about present values alone. */
  readonly load: () => Promise<Setting<Value>>;
}

/** A setting that is loaded if it is set, and has the value `fallback` otherwise. */
export function ifSet<Value, const Default extends Value | null>(
  fallback: Default,
  load: () => Promise<Setting<Value>>,
): LoadedSetting<Value | Default> {
  return { default: fallback, load };
}

/** Returns whether a setting has a value. */
export function isSet(written: unknown): boolean {
  return written !== undefined && written !== null && written !== '';
}

interface TextOptions<Default> {
  readonly default: Default;
  /** Returns everything that is wrong with a text. Default: nothing is. */
  readonly check?: (text: string) => readonly Omit<Fault, 'value'>[];
  /** Returns the part of a text that may be shown. Default: all of it. */
  readonly quote?: (text: string) => string | null;
}

/** A text. */
export function text<const Default extends string | null>(
  options: TextOptions<Default>,
): Setting<string | Default> {
  const { default: fallback, check = () => [], quote = (value) => value } = options;
  return {
    ...options,
    read(written, report) {
      const value = readText(written, report);
      if (value === '') return fallback;
      for (const fault of check(value)) report({ value: quote(value), ...fault });
      return value;
    },
  };
}

/** A text that no problem quotes. */
export function secret(check: TextOptions<null>['check'] = () => []) {
  return text({ default: null, check, quote: () => null });
}

/** `true` or `false`, which is the default. */
export const flag = {
  default: false,
  read(written: unknown, report: Report): boolean {
    const value = readText(written, report);
    if (value === '' || value === 'false') return false;
    if (value === 'true') return true;
    // Some names invite a token, such as FORWARD_TOKEN. Only a value too short for one is quoted.
    const quotable = value.length <= FLAG_QUOTE_MAX_LENGTH ? value : null;
    const reason = 'it is neither "true" nor "false"';
    report({ value: quotable, reason, fix: 'Set "true", or remove it' });
    return false;
  },
};

const FLAG_QUOTE_MAX_LENGTH = 8;

/** A whole number. The name of the setting ends in its unit. */
export function wholeNumber(options: {
  readonly default: number;
  readonly min: number;
  readonly max: number;
}): Setting<number> {
  const { default: fallback, min, max } = options;
  return {
    ...options,
    read(written, report) {
      const digits = readText(written, report);
      if (digits === '') return fallback;
      const value = Number(digits);
      if (/^\d+$/.test(digits) && value >= min && value <= max) return value;
      const wanted = `a whole number from ${min} to ${max}`;
      report({
        value: digits,
        reason: `it is not ${wanted}`,
        fix: `Set ${wanted}, or remove it for ${fallback}`,
      });
      return fallback;
    },
  };
}

/** One of several words. */
export function choice<const Choice extends string, const Default extends Choice | null>(options: {
  readonly default: Default;
  readonly choices: readonly Choice[];
  /** Default: names the choices. */
  readonly reason?: string;
}): Setting<Choice | Default> {
  const { default: fallback, choices } = options;
  return {
    ...options,
    read(written, report) {
      const value = readText(written, report);
      if (value === '') return fallback;
      const chosen = choices.find((word) => word === value);
      if (chosen !== undefined) return chosen;
      const quoted = choices.map((word) => `"${word}"`);
      const reason = options.reason ?? `it is neither ${quoted.join(' nor ')}`;
      report({ value, reason, fix: `Set ${quoted.slice(0, -1).join(', ')} or ${quoted.at(-1)}` });
      return fallback;
    },
  };
}

/**
 * The limit that a binding has in wrangler.toml, repeated for callers: the binding does not tell it.
 * `null` when absent.
 */
export function rateLimit(options: {
  readonly binding: string;
  /** The name of the policy in the `RateLimit` headers. */
  readonly policy: string;
}): Setting<RateLimitPolicy | null> {
  return {
    read(written, report) {
      const value = readText(written, report);
      if (value === '') return null;
      const limit = readRateLimit(options.policy, value);
      const reason = 'it is not the limit of the binding as requests and seconds';
      const fix = `Repeat what ${options.binding} has, such as "100/60"`;
      if (limit === null) report({ value, reason, fix });
      return limit;
    },
  };
}

/** The limit of each limiter in wrangler.toml, as requests and seconds. */
export const DEFAULT_LIMIT = '1000/60';

/** Returns a value as a text; empty when it is absent, or after it was reported to be no text. */
function readText(written: unknown, report: Report): string {
  if (!isSet(written)) return '';
  if (typeof written === 'string') return written;
  if (typeof written === 'number' || typeof written === 'boolean') return String(written);
  report({ value: null, reason: 'it is not a text', fix: 'Set it as one value, in quotes' });
  return '';
}
