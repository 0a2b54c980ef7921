/**
 * Times, states and access in words, as every view says them.
 */

import type { KeyDocument } from '../../documents.ts';

const units = [
  ['year', 365 * 24 * 60 * 60],
  ['month', 30 * 24 * 60 * 60],
  ['week', 7 * 24 * 60 * 60],
  ['day', 24 * 60 * 60],
  ['hour', 60 * 60],
  ['minute', 60],
] as const;

const relative = new Intl.RelativeTimeFormat('en', { numeric: 'auto' });
const counting = new Intl.NumberFormat('en');

/** A relative time ("3 days ago"). The exact time is in its title and its attribute. */
export function Time({ value, nowMs }: { value: string; nowMs: number }) {
  return (
    <time class="nowrap" datetime={value} title={inUtc(value)}>
      {sayRelative(Date.parse(value), nowMs)}
    </time>
  );
}

/** An exact time, with the relative one: "2030-01-31 12:00 UTC (in 3 days)". */
export function ExactTime({ value, nowMs }: { value: string; nowMs: number }) {
  return (
    <>
      <time datetime={value}>{inUtc(value)}</time> ({sayRelative(Date.parse(value), nowMs)})
    </>
  );
}

/** "in 3 days", "yesterday", "5 minutes ago", "just now". */
export function sayRelative(timeMs: number, nowMs: number): string {
  const seconds = (timeMs - nowMs) / 1000;
  for (const [unit, length] of units) {
    if (Math.abs(seconds) >= length) return relative.format(Math.trunc(seconds / length), unit);
  }
  return seconds > 0 ? 'in a moment' : 'just now';
}

/** "2030-01-31 12:00 UTC", with seconds unless they are zero. */
export function inUtc(time: string): string {
  return `${time.slice(0, 10)} ${time.slice(11, 19).replace(/:00$/, '')} UTC`;
}

/** "1,204". */
export function count(number: number): string {
  return counting.format(number);
}

/** "1 request", "1,204 requests". */
export function countOf(number: number, one: string, many = `${one}s`): string {
  return `${count(number)} ${number === 1 ? one : many}`;
}

/** The state of a key. Nothing else stops a key that is listed. */
export function stateOf(
  key: Pick<KeyDocument, 'enabled' | 'expiresAt' | 'suspended' | 'revokedAt'>,
  nowMs: number,
): 'live' | 'disabled' | 'suspended' | 'expired' | 'revoked' {
  if (key.revokedAt !== null) return 'revoked';
  if (key.suspended) return 'suspended';
  if (key.expiresAt !== null && Date.parse(key.expiresAt) <= nowMs) return 'expired';
  return key.enabled ? 'live' : 'disabled';
}

/** The badge of a key's state. */
export function State({ document, nowMs }: { document: KeyDocument; nowMs: number }) {
  const state = stateOf(document, nowMs);
  const labels = {
    live: 'Live',
    disabled: 'Disabled',
    suspended: 'Suspended',
    expired: 'Expired',
    revoked: 'Revoked',
  };
  const label = labels[state];
  return <span class={`badge state ${state}`}>{label}</span>;
}

/** The access that a key gives to pages. */
export function accessOf({
  access,
}: Pick<KeyDocument, 'access'>): 'none' | 'restricted' | 'full' | 'rules' {
  if (access?.cors == null) return 'none';
  if (access.rules != null) return 'rules';
  return access.cors.fullAccess ? 'full' : 'restricted';
}

/** The badge of a key's CORS access. */
export function Access({ document }: { document: KeyDocument }) {
  const access = accessOf(document);
  const label = { none: 'None', restricted: 'Restricted', full: 'Full', rules: 'Rules' }[access];
  return <span class={`badge ${access}`}>{label}</span>;
}
