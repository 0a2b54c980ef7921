/**
 * Values of options: numbers, durations, headers and rules, read from text.
 */

import { type Command, InvalidArgumentError } from 'commander';
import type { AccessRule } from '../core/key/key.ts';
import { usageError } from './failures.ts';

/** A whole number from 0. */
export function wholeNumber(text: string): number {
  if (/^\d{1,9}$/.test(text)) return Number(text);
  throw new InvalidArgumentError('It must be a whole number.');
}

/** A whole number from 1. */
export function atLeastOne(text: string): number {
  if (/^0*[1-9]\d{0,8}$/.test(text)) return Number(text);
  throw new InvalidArgumentError('It must be a whole number of at least 1.');
}

/** Returns a reader of whole numbers within bounds. */
export function between(least: number, most: number): (text: string) => number {
  return (text) => {
    const number = /^\d{1,9}$/.test(text) ? Number(text) : Number.NaN;
    if (number >= least && number <= most) return number;
    throw new InvalidArgumentError(`It must be a whole number from ${least} to ${most}.`);
  };
}

/** Seconds, with a fraction if need be. More than a day would overflow timers. */
export function seconds(text: string): number {
  const number = /^\d{1,5}(\.\d{1,3})?s?$/.test(text) ? Number.parseFloat(text) : 0;
  if (number > 0 && number <= 24 * 60 * 60) return number;
  throw new InvalidArgumentError('It must be a number of seconds above 0, such as 30.');
}

const UNIT_SECONDS = { s: 1, m: 60, h: 60 * 60, d: 24 * 60 * 60, w: 7 * 24 * 60 * 60 } as const;
type Unit = keyof typeof UNIT_SECONDS;
/** Longer ones are more likely a mistake than a wish. */
const DURATION_MAX_SECONDS = 100 * 366 * UNIT_SECONDS.d;

/** A duration such as `30d`, `12h` or `1d12h`, in seconds. */
export function duration(text: string): number {
  const parts = [...text.toLowerCase().matchAll(/(\d{1,9})([smhdw])/g)];
  const isWhole = parts.map(([part]) => part).join('') === text.toLowerCase();
  const sum = parts.reduce(
    // The pattern has matched both groups.
    (total, [, count, unit]) => total + Number(count) * UNIT_SECONDS[unit as Unit],
    0,
  );
  if (isWhole && sum > 0 && sum <= DURATION_MAX_SECONDS) return sum;
  throw new InvalidArgumentError(
    'It must be a duration such as 30d, 12h or 90m (s, m, h, d or w; m is minutes).',
  );
}

/** Adds `Name: value` to the headers so far. */
export function headerOption(
  text: string,
  before: Readonly<Record<string, string>> = {},
): Readonly<Record<string, string>> {
  const colon = text.indexOf(':');
  const [name, value] = [text.slice(0, colon).trim(), text.slice(colon + 1).trim()];
  // A field name is a token: https://www.rfc-editor.org/rfc/rfc9110#section-5.6.2
  if (colon < 1 || !/^[\w!#$%&'*+.^`|~-]+$/.test(name) || /[^\t\x20-\x7e]/.test(value)) {
    throw new InvalidArgumentError('It must be a header such as "CF-Access-Client-Id: abc".');
  }
  if (/^(authorization|host|content-(type|length)|idempotency-key|if-match)$/i.test(name)) {
    throw new InvalidArgumentError(`The command sets ${name} itself.`);
  }
  return { ...before, [name]: value };
}

/** Adds a rule such as `GET /api/asset/:id` to the rules so far. */
export function ruleOption(text: string, before: readonly AccessRule[] = []): AccessRule[] {
  const [, methods = '', path = ''] = /^\s*(\S+(?:\s*,\s*\S+)*)\s+(\/\S*)\s*$/.exec(text) ?? [];
  if (methods === '' || path === '') {
    throw new InvalidArgumentError(
      'It must be one or more methods and a path, such as "GET /api/asset/:id" or "GET,PATCH /files/*".',
    );
  }
  const names = methods.split(',').map((method) => method.trim().toLowerCase());
  return [...before, { methods: names.filter(Boolean), resources: [path] }];
}

/** Adds a value to the values so far. */
export function repeated(text: string, before: readonly string[] = []): readonly string[] {
  return [...before, text];
}

/**
 * Throws a `CommandError` for an option or argument that is empty. Sent on, an empty owner would list
 * every owner's keys, and an empty id would name the whole list.
 */
export function refuseEmpty(command: Command): void {
  for (const option of command.options) {
    const value: unknown = command.getOptionValue(option.attributeName());
    const values: readonly unknown[] = Array.isArray(value) ? value : [value];
    if (!values.some((one) => typeof one === 'string' && one.trim() === '')) continue;
    throw usageError(`error: option '${option.flags}' has an empty value`);
  }
  for (const [index, argument] of command.registeredArguments.entries()) {
    const value: unknown = command.processedArgs[index];
    if (typeof value !== 'string' || value.trim() !== '') continue;
    throw usageError(`error: argument '${argument.name()}' is empty`);
  }
}

/** Throws a `CommandError` without a value that a command cannot do without. Unknown options come first. */
export function required<Value>(value: Value | undefined, flags: string): Value {
  if (value !== undefined) return value;
  throw usageError(`error: required option '${flags}' not specified`);
}
