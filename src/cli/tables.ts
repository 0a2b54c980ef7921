/**
 * What the command line prints for people: keys, usage and explanations as text.
 */

import Table from 'cli-table3';

interface KeyRow {
  id: string;
  name: string;
  owner: string | null;
  access: { cors?: { allowedOrigins: string[]; fullAccess: boolean }; rules?: unknown[] } | null;
  hint: string;
  createdAt: string;
  expiresAt: string | null;
  enabled: boolean;
  lastUsedAt: string | null;
  token?: string;
}

/** A list of keys. */
export function keyTable(keys: readonly unknown[]): string {
  if (keys.length === 0) return 'No keys';
  const table = plainTable(['ID', 'NAME', 'OWNER', 'TOKEN', 'ACCESS', 'STATE', 'LAST USED']);
  for (const key of keys as KeyRow[]) {
    table.push([
      key.id,
      clean(key.name),
      clean(key.owner ?? '-'),
      `${clean(key.hint)}…`,
      accessText(key),
      stateText(key),
      key.lastUsedAt ?? 'never',
    ]);
  }
  return table.toString();
}

/** One key, with its token where it was just made. */
export function keyText(key: unknown): string {
  const row = key as KeyRow;
  const table = plainTable();
  table.push(
    ['id', row.id],
    ['name', clean(row.name)],
    ['owner', clean(row.owner ?? '-')],
    ['access', accessText(row)],
    ...(row.access?.cors ? [['origins', row.access.cors.allowedOrigins.join('\n')]] : []),
    ['state', stateText(row)],
    ['created', row.createdAt],
    ['expires', row.expiresAt ?? 'never'],
    ['last used', row.lastUsedAt ?? 'never'],
  );
  if (row.token === undefined) return table.toString();
  return `${table.toString()}\n\nThe token, shown this once:\n\n${row.token}`;
}

/** A key with its new token, and what became of the token before it. */
export function rolledKeyText(key: unknown, graceEndMs: number): string {
  const { expiresAt } = key as KeyRow;
  // No token outlives its key.
  const endMs = Math.min(graceEndMs, expiresAt === null ? graceEndMs : Date.parse(expiresAt));
  const fate = endMs > Date.now() ? `works until ${new Date(endMs).toISOString()}` : 'has ended';
  return `${keyText(key)}\n\nThe token before it ${fate}`;
}

/** Requests by day and outcome, newest day first, with the sums. */
export function usageTable(document: unknown): string {
  const { usage, totals } = document as {
    usage: { day: string; outcome: string; requests: number }[];
    totals: Record<string, number>;
  };
  if (usage.length === 0) return 'Not used in this time';
  const table = plainTable(['DAY', 'OUTCOME', 'REQUESTS']);
  for (const { day, outcome, requests } of usage.toReversed()) {
    table.push([day, outcome, String(requests)]);
  }
  for (const [outcome, requests] of Object.entries(totals)) {
    table.push(['total', outcome, String(requests)]);
  }
  return table.toString();
}

interface Explanation {
  allowed: boolean;
  status: number | null;
  code: string | null;
  detail: string;
  steps: { step: string; outcome: 'passed' | 'failed' | 'skipped'; detail: string }[];
}

const outcomeMarks = { passed: 'ok', failed: 'NO', skipped: '-' } as const;

/** The steps of an explanation, and what comes of them. */
export function explanationText(document: unknown): string {
  const { allowed, status, code, detail, steps } = document as Explanation;
  const table = plainTable(['', 'RULE', 'WHAT IT SAYS']);
  for (const step of steps) {
    table.push([outcomeMarks[step.outcome], step.step, clean(step.detail)]);
  }
  const result = allowed ? 'Allowed: forwarded to the API' : `Refused: ${status} ${code}`;
  return `${table.toString()}\n\n${result}\n${clean(detail)}`;
}

function accessText({ access }: KeyRow): string {
  if (access?.rules) return 'rules';
  if (!access?.cors) return 'backend';
  return access.cors.fullAccess ? 'full' : 'restricted';
}

function stateText(key: KeyRow): string {
  if (!key.enabled) return 'disabled';
  return key.expiresAt !== null && Date.parse(key.expiresAt) <= Date.now() ? 'expired' : 'live';
}

/** Names are anybody's text; control characters could move a terminal's cursor. */
function clean(text: string): string {
  return text.replace(/\p{C}/gu, '\u{fffd}');
}

function plainTable(head: string[] = []): Table.Table {
  const none = { top: '', 'top-mid': '', 'top-left': '', 'top-right': '' };
  return new Table({
    head,
    style: { head: [], border: [], 'padding-left': 0, 'padding-right': 2 },
    chars: {
      ...none,
      bottom: '',
      'bottom-mid': '',
      'bottom-left': '',
      'bottom-right': '',
      left: '',
      'left-mid': '',
      mid: '',
      'mid-mid': '',
      right: '',
      'right-mid': '',
      middle: '',
    },
  });
}
