/**
 * Keys, their changes, usage and explanations as text for people.
 */

import Table from 'cli-table3';
import { ruleText } from '../core/key/key.ts';
import type {
  ExplainRequestAnswer,
  GetSelfAnswer,
  GetUsageAnswer,
  GetUsageOverviewAnswer,
  Key,
  KeyWithToken,
  ListAuditAnswer,
  ListEventsAnswer,
} from '../management-client/schema.ts';
import { plain, type Style } from './style.ts';

/** Blanks between two columns. */
const GAP = 2;
/** Narrower than this, sentences are harder to read than lines that the terminal breaks. */
const SENTENCE_MIN_WIDTH = 30;

/** A key of any age of the API, with its token if it was just made. */
type KeyRow = Key & Partial<KeyWithToken>;

/** A list of keys. */
export function keyTable(keys: readonly Key[], style: Style = plain): string {
  if (keys.length === 0) return 'No keys';
  const head = ['ID', 'NAME', 'OWNER', 'TOKEN', 'ACCESS', 'STATE', 'LAST USED'];
  const table = plainTable(head.map((title) => style('bold', title)));
  for (const key of keys) {
    table.push([
      key.id,
      cleanText(key.name),
      cleanText(key.owner ?? '-'),
      `${cleanText(key.hint)}…`,
      accessText(key),
      stateText(key, style),
      key.lastUsedAt ?? 'never',
    ]);
  }
  return drawn(table);
}

/** Changes of keys. The addresses of leaked tokens have a column if one of them is known. */
export function auditTable(
  entries: Readonly<ListAuditAnswer['entries']>,
  style: Style = plain,
): string {
  if (entries.length === 0) return 'No changes';
  const hasLeaks = entries.some(({ leakUrl }) => leakUrl !== null);
  const head = ['AT', 'CHANGE', 'KEY', 'NAME', 'BY', ...(hasLeaks ? ['FOUND IN PUBLIC AT'] : [])];
  const table = plainTable(head.map((title) => style('bold', title)));
  for (const { at, action, keyId, before, after, actor, leakUrl } of entries) {
    const name = after?.name ?? before?.name ?? '-';
    const leak = hasLeaks ? [cleanText(leakUrl ?? '')] : [];
    table.push([at, action, keyId, cleanText(name), cleanText(actor), ...leak]);
  }
  return drawn(table);
}

/** One key, with its token if it was just made. */
export function keyText(row: KeyRow, style: Style = plain): string {
  const table = plainTable();
  table.push(
    ['id', row.id],
    ['name', cleanText(row.name)],
    ['owner', cleanText(row.owner ?? '-')],
    ['access', accessText(row)],
    ...(row.access?.cors ? [['origins', row.access.cors.allowedOrigins.join('\n')]] : []),
    ...(row.access?.rules ? [['rules', row.access.rules.map(ruleText).join('\n')]] : []),
    ...(row.access?.ruleSet ? [['rule set', cleanText(row.access.ruleSet)]] : []),
    ...(row.access?.addresses ? [['addresses', row.access.addresses.join('\n')]] : []),
    ...clientTokenRows(row),
    ...planRows(row),
    ['state', stateText(row, style)],
    ['created', row.createdAt],
    ['expires', row.expiresAt ?? 'never'],
    ['last used', row.lastUsedAt ?? 'never'],
    ...retiringEnds(row).map((end) => ['older token', `until ${end}`]),
  );
  if (row.token === undefined) return drawn(table);
  return `${drawn(table)}\n\nThe token, shown this once:\n\n${style('bold', row.token)}`;
}

function clientTokenRows({ access }: KeyRow): string[][] {
  const clients = access?.clientTokens;
  if (!clients) return [];
  const { allowedOrigins, rules, ruleSet, maxTtlSeconds } = clients;
  const reach = ruleSet
    ? `the rule set ${cleanText(ruleSet)}`
    : (rules?.map(ruleText).join('\n') ?? 'the restricted routes');
  return [
    ['client tokens', allowedOrigins.join('\n')],
    ['they may call', reach],
    ['they live for', `at most ${maxTtlSeconds} s`],
  ];
}

function planRows({ meta, tags, limit, limitBy, quota }: KeyRow): string[][] {
  const texts = Object.entries(meta ?? {}).map(([name, text]) => `${name}=${cleanText(text)}`);
  return [
    ...(meta ? [['meta', texts.join('\n')]] : []),
    ...(tags ? [['tags', tags.map(cleanText).join('\n')]] : []),
    ...(limit ? [['limit', `${cleanText(limit)} by ${limitBy}`]] : []),
    ...(quota ? [['quota', `${quota.requests} a ${quota.period}`]] : []),
  ];
}

/** A key with its new token, and the end of the token before it. */
export function rolledKeyText(key: KeyWithToken, style: Style = plain): string {
  // None ends later than the one that has just been replaced.
  const [end] = retiringEnds(key);
  return `${keyText(key, style)}\n\nThe token before it ${end === undefined ? 'has ended' : `works until ${end}`}`;
}

/** A key as its holder sees it. */
export function selfText(self: GetSelfAnswer, style: Style = plain): string {
  const table = plainTable();
  const { name, owner, access, routes } = self;
  const calls = routes?.map(({ methods, path }) => `${methods.join(', ')} ${path}`);
  table.push(
    ['id', self.id],
    ...(name === undefined ? [] : [['name', cleanText(name)]]),
    ...(owner === undefined ? [] : [['owner', cleanText(owner ?? '-')]]),
    ['access', style('bold', self.level)],
    ...(access?.cors ? [['origins', access.cors.allowedOrigins.join('\n')]] : []),
    ['may call', calls?.join('\n') ?? 'everything'],
    ['expires', self.expiresAt ?? 'never'],
    ...(self.subject ? [['visitor', cleanText(self.subject)]] : []),
  );
  return drawn(table);
}

/** Events about keys. The reason of the last failure has a column of its own. */
export function eventTable(events: ListEventsAnswer['events'], style: Style = plain): string {
  if (events.length === 0) return 'No events';
  const head = ['ID', 'KEY', 'NO.', 'TYPE', 'STATE', 'ATTEMPTS', 'FAILURE'];
  const table = plainTable(head.map((title) => style('bold', title)));
  for (const { id, keyId, number, type, state, attempts, failure } of events) {
    const looks = state === 'failed' ? style('red', state) : state;
    table.push([
      id,
      keyId,
      String(number),
      type,
      looks,
      String(attempts),
      cleanText(failure ?? ''),
    ]);
  }
  return drawn(table);
}

/**
 * Requests by day and outcome, newest day first and outcomes by name, with the sums below. Those of client
 * tokens have a column if there are any. An edge of an older version does not report them.
 */
export function usageTable(
  {
    usage,
    totals,
    clientTotals = {},
  }: Pick<GetUsageAnswer, 'usage' | 'totals'> & Partial<Pick<GetUsageAnswer, 'clientTotals'>>,
  style: Style = plain,
): string {
  if (usage.length === 0) return 'Not used in this time';
  const hasClients = Object.keys(clientTotals).length > 0;
  const head = ['DAY', 'OUTCOME', 'REQUESTS', ...(hasClients ? ['WITH CLIENT TOKENS'] : [])];
  const table = plainTable(head.map((title) => style('bold', title)));
  const ofClients = (requests: number | undefined) => (hasClients ? [String(requests ?? 0)] : []);
  const rows = usage.toSorted(
    (left, right) => compare(right.day, left.day) || compare(left.outcome, right.outcome),
  );
  for (const { day, outcome, requests, clientRequests } of rows) {
    table.push([day, outcome, String(requests), ...ofClients(clientRequests)]);
  }
  const sums = Object.entries(totals).toSorted(([left], [right]) => compare(left, right));
  for (const [outcome, requests] of sums) {
    table.push(['total', outcome, String(requests), ...ofClients(clientTotals[outcome])]);
  }
  return drawn(table);
}

/** The sums of a period by outcome, then the most frequent endpoints and refused origins. */
export function overviewText(
  {
    from,
    totals,
    endpoints,
    otherEndpointRequests,
    refusedOrigins,
    otherRefusedOriginRequests,
  }: GetUsageOverviewAnswer,
  style: Style = plain,
): string {
  const outcomes = Object.entries(totals);
  if (outcomes.length === 0) return `No requests since ${from}`;
  const others = (requests: number): readonly (readonly [string, number])[] =>
    requests === 0 ? [] : [['others', requests]];
  const parts: [title: string, rows: readonly (readonly [string, number])[]][] = [
    [`OUTCOME SINCE ${from}`, outcomes],
    [
      'ENDPOINT',
      [
        ...endpoints.map(
          ({ method, template, requests }) =>
            [`${method} ${template ?? '(no route of a table)'}`, requests] as const,
        ),
        ...others(otherEndpointRequests),
      ],
    ],
    [
      'REFUSED ORIGIN',
      [
        ...refusedOrigins.map(({ origin, requests }) => [origin, requests] as const),
        ...others(otherRefusedOriginRequests),
      ],
    ],
  ];
  return parts
    .filter(([, rows]) => rows.length > 0)
    .map(([title, rows]) => {
      const table = plainTable([title, 'REQUESTS'].map((text) => style('bold', text)));
      for (const [name, requests] of rows) table.push([cleanText(name), String(requests)]);
      return drawn(table);
    })
    .join('\n\n');
}

const outcomeMarks = { passed: 'ok', failed: 'NO', skipped: '-' } as const;
const outcomeLooks = { passed: 'green', failed: 'red', skipped: 'dim' } as const;

/** The steps of an explanation within so many columns, and the result. */
export function explanationText(
  { allowed, status, code, detail, steps }: ExplainRequestAnswer,
  columns: number,
  style: Style = plain,
): string {
  const markWidth = 2 + GAP;
  const ruleWidth = Math.max(...steps.map(({ step }) => step.length)) + GAP;
  const sentenceWidth = Math.max(columns - markWidth - ruleWidth, SENTENCE_MIN_WIDTH);
  const table = plainTable(['', 'RULE', 'WHAT IT SAYS'], [markWidth, ruleWidth, sentenceWidth]);
  for (const step of steps) {
    const sentence = breakable(cleanText(step.detail), sentenceWidth - GAP);
    const mark = style(outcomeLooks[step.outcome], outcomeMarks[step.outcome]);
    table.push([mark, step.step, sentence]);
  }
  const result = allowed
    ? style('green', 'Allowed: forwarded to the API')
    : style('red', `Refused: ${status} ${code}`);
  const isSaid = steps.some((step) => step.detail.includes(detail));
  return [drawn(table), '', result, ...(isSaid ? [] : [cleanText(detail)])].join('\n');
}

function accessText({ access }: KeyRow): string {
  if (access?.rules || (access?.ruleSet && !access.cors)) return 'rules';
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

function stateText(key: KeyRow, style: Style): string {
  if (key.revokedAt) return style('red', 'revoked');
  if (key.suspended) return style('yellow', 'suspended');
  if (!key.enabled) return style('yellow', 'disabled');
  const hasExpired = key.expiresAt !== null && Date.parse(key.expiresAt) <= Date.now();
  return hasExpired ? style('red', 'expired') : style('green', 'live');
}

function compare(left: string, right: string): number {
  if (left === right) return 0;
  return left < right ? -1 : 1;
}

/** Breaks words that are longer than a line, which the table would cut off. */
function breakable(text: string, width: number): string {
  return text.replace(new RegExp(`\\S{${width}}(?=\\S)`, 'gu'), '$& ');
}

/** A number of things, such as `1 key` and `2 keys`. */
export function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`;
}

/** Replaces control characters, which could move a terminal's cursor: names and answers are anybody's text. */
export function cleanText(text: string): string {
  return text.replace(/\p{C}/gu, '\u{fffd}');
}

/** The table as text, without the blanks that would widen each row to the longest. */
function drawn(table: Table.Table): string {
  return table.toString().replace(/ +$/gm, '');
}

/** A table without lines; text that is wider than its column continues on the next line. */
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
