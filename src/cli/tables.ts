/**
 * What the command line prints for people: keys, their changes, usage and explanations as text.
 */

import Table from 'cli-table3';
import { type AccessRule, ruleText } from '../core/key/key.ts';

/** Blanks between two columns. */
const GAP = 2;
/** Narrower than this, sentences are harder to read than lines that the terminal breaks. */
const SENTENCE_MIN_WIDTH = 30;

interface KeyRow {
  id: string;
  name: string;
  owner: string | null;
  access: {
    cors?: { allowedOrigins: string[]; fullAccess: boolean };
    rules?: AccessRule[];
  } | null;
  hint: string;
  createdAt: string;
  expiresAt: string | null;
  enabled: boolean;
  /** Absent in answers of an older edge. */
  suspended?: boolean;
  lastUsedAt: string | null;
  retiringTokens: { endsAt: string }[];
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
  return drawn(table);
}

interface AuditEntry {
  at: string;
  actor: string;
  action: string;
  keyId: string;
  before: { name: string } | null;
  after: { name: string } | null;
  leakUrl: string | null;
}

/** Changes of keys. Where a token was found in public is shown where that is known of any. */
export function auditTable(changes: readonly unknown[]): string {
  const entries = changes as AuditEntry[];
  if (entries.length === 0) return 'No changes';
  const hasLeaks = entries.some(({ leakUrl }) => leakUrl !== null);
  const head = ['AT', 'CHANGE', 'KEY', 'NAME', 'BY', ...(hasLeaks ? ['FOUND IN PUBLIC AT'] : [])];
  const table = plainTable(head);
  for (const { at, action, keyId, before, after, actor, leakUrl } of entries) {
    const name = after?.name ?? before?.name ?? '-';
    const leak = hasLeaks ? [clean(leakUrl ?? '')] : [];
    table.push([at, action, keyId, clean(name), clean(actor), ...leak]);
  }
  return drawn(table);
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
    ...(row.access?.rules ? [['rules', row.access.rules.map(ruleText).join('\n')]] : []),
    ['state', stateText(row)],
    ['created', row.createdAt],
    ['expires', row.expiresAt ?? 'never'],
    ['last used', row.lastUsedAt ?? 'never'],
    ...retiringEnds(row).map((end) => ['older token', `until ${end}`]),
  );
  if (row.token === undefined) return drawn(table);
  return `${drawn(table)}\n\nThe token, shown this once:\n\n${row.token}`;
}

/** A key with its new token, and what became of the token before it. */
export function rolledKeyText(key: unknown): string {
  // None ends later than the one that has just been replaced.
  const [end] = retiringEnds(key as KeyRow);
  return `${keyText(key)}\n\nThe token before it ${end === undefined ? 'has ended' : `works until ${end}`}`;
}

/** Requests by day and outcome, newest day first and outcomes by name, with the sums below. */
export function usageTable(document: unknown): string {
  const { usage, totals } = document as {
    usage: { day: string; outcome: string; requests: number }[];
    totals: Record<string, number>;
  };
  if (usage.length === 0) return 'Not used in this time';
  const table = plainTable(['DAY', 'OUTCOME', 'REQUESTS']);
  const rows = usage.toSorted(
    (left, right) => compare(right.day, left.day) || compare(left.outcome, right.outcome),
  );
  for (const { day, outcome, requests } of rows) table.push([day, outcome, String(requests)]);
  const sums = Object.entries(totals).toSorted(([left], [right]) => compare(left, right));
  for (const [outcome, requests] of sums) table.push(['total', outcome, String(requests)]);
  return drawn(table);
}

interface Explanation {
  allowed: boolean;
  status: number | null;
  code: string | null;
  detail: string;
  steps: { step: string; outcome: 'passed' | 'failed' | 'skipped'; detail: string }[];
}

const outcomeMarks = { passed: 'ok', failed: 'NO', skipped: '-' } as const;

/** The steps of an explanation within so many columns, and what comes of them. */
export function explanationText(document: unknown, columns: number): string {
  const { allowed, status, code, detail, steps } = document as Explanation;
  const markWidth = 2 + GAP;
  const ruleWidth = Math.max(...steps.map(({ step }) => step.length)) + GAP;
  const sentenceWidth = Math.max(columns - markWidth - ruleWidth, SENTENCE_MIN_WIDTH);
  const table = plainTable(['', 'RULE', 'WHAT IT SAYS'], [markWidth, ruleWidth, sentenceWidth]);
  for (const step of steps) {
    const sentence = breakable(clean(step.detail), sentenceWidth - GAP);
    table.push([outcomeMarks[step.outcome], step.step, sentence]);
  }
  const result = allowed ? 'Allowed: forwarded to the API' : `Refused: ${status} ${code}`;
  const isSaid = steps.some((step) => step.detail.includes(detail));
  return [drawn(table), '', result, ...(isSaid ? [] : [clean(detail)])].join('\n');
}

function accessText({ access }: KeyRow): string {
  if (access?.rules) return 'rules';
  if (!access?.cors) return 'backend';
  return access.cors.fullAccess ? 'full' : 'restricted';
}

/** When the tokens from before a roll end that have not, the last one first. */
function retiringEnds({ retiringTokens, expiresAt }: KeyRow): string[] {
  const ends = retiringTokens.map(({ endsAt }) =>
    // No token outlives its key.
    expiresAt !== null && Date.parse(expiresAt) < Date.parse(endsAt) ? expiresAt : endsAt,
  );
  return ends.filter((end) => Date.parse(end) > Date.now());
}

function stateText(key: KeyRow): string {
  if (key.suspended) return 'suspended';
  if (!key.enabled) return 'disabled';
  return key.expiresAt !== null && Date.parse(key.expiresAt) <= Date.now() ? 'expired' : 'live';
}

function compare(left: string, right: string): number {
  if (left === right) return 0;
  return left < right ? -1 : 1;
}

/** The text with a blank in each word that is longer than a line, where the table would cut it off. */
function breakable(text: string, width: number): string {
  return text.replace(new RegExp(`\\S{${width}}(?=\\S)`, 'gu'), '$& ');
}

/** Names are anybody's text; control characters could move a terminal's cursor. */
function clean(text: string): string {
  return text.replace(/\p{C}/gu, '\u{fffd}');
}

/** The table as text, without the blanks that would widen each row to the longest. */
function drawn(table: Table.Table): string {
  return table.toString().replace(/ +$/gm, '');
}

/** A table without lines; text that is longer than the width of its column goes on in the next line. */
function plainTable(head: string[] = [], widths: number[] = []): Table.Table {
  const none = { top: '', 'top-mid': '', 'top-left': '', 'top-right': '' };
  return new Table({
    head,
    style: { head: [], border: [], 'padding-left': 0, 'padding-right': GAP },
    colWidths: widths,
    wordWrap: true,
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
