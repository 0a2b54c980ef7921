/**
 * The rows of the list of keys: one line for each key, and a menu of what can be done with it.
 */

import type { KeyDocument } from '../../documents.ts';
import type { Visitor } from '../access/visitor.ts';
import { type DailyUsage, Spark, totalOf } from '../parts/usage-chart.tsx';
import { Access, count, countOf, State, stateOf, Time } from '../parts/words.tsx';

/** The days that a row's chart shows. */
export const LIST_CHART_DAYS = 7;

/** The table of keys. On a narrow window each row becomes a card. */
export function KeyTable(props: {
  readonly visitor: Visitor;
  readonly keys: readonly KeyDocument[];
  readonly usage: ReadonlyMap<string, readonly DailyUsage[]>;
  readonly nowMs: number;
}) {
  const { nowMs, usage } = props;
  const hasOwners = props.visitor.owner === null && props.keys.some(({ owner }) => owner !== null);
  return (
    <table class="keys">
      <caption class="unseen">API keys</caption>
      <thead>
        <tr>
          <th scope="col">Name</th>
          <th scope="col">CORS access</th>
          <th scope="col">Origins</th>
          {hasOwners && (
            <th scope="col" class="minor">
              Owner
            </th>
          )}
          <th scope="col">Last used</th>
          <th scope="col" class="minor">
            Last {LIST_CHART_DAYS} days
          </th>
          <th scope="col">State</th>
          <th scope="col">
            <span class="unseen">Actions</span>
          </th>
        </tr>
      </thead>
      <tbody>
        {props.keys.map((key) => (
          <KeyRow
            document={key}
            usage={usage.get(key.id) ?? []}
            hasOwners={hasOwners}
            visitor={props.visitor}
            nowMs={nowMs}
          />
        ))}
      </tbody>
    </table>
  );
}

function KeyRow(props: {
  readonly document: KeyDocument;
  readonly usage: readonly DailyUsage[];
  readonly hasOwners: boolean;
  readonly visitor: Visitor;
  readonly nowMs: number;
}) {
  const { document: key, usage: days, hasOwners, nowMs } = props;
  return (
    <tr>
      <th scope="row" class="name">
        <a class="key-name" href={`/_edge/keys/${key.id}`} title={key.name}>
          {key.name}
        </a>
        <code class="quiet">{key.hint}…</code>
      </th>
      <td class="access">
        <Access document={key} />
      </td>
      <td class="where">
        <Origins origins={key.access?.cors?.allowedOrigins ?? []} />
      </td>
      {hasOwners && (
        <td class="minor owner">
          <span class="mono" title={key.owner ?? undefined}>
            {key.owner ?? '–'}
          </span>
        </td>
      )}
      <td class="used">
        {key.lastUsedAt === null ? (
          <span class="quiet">Never</span>
        ) : (
          <Time value={key.lastUsedAt} nowMs={nowMs} />
        )}
      </td>
      <td class="minor">
        <span class="traffic">
          <Spark usage={days} days={LIST_CHART_DAYS} nowMs={nowMs} />
          <span class="number">
            {count(totalOf(days))}
            <span class="unseen"> requests</span>
          </span>
        </span>
      </td>
      <td class="state-cell">
        <State document={key} nowMs={nowMs} />
        {key.revokedAt !== null && (
          <span class="quiet small">
            {' '}
            <Time value={key.revokedAt} nowMs={nowMs} />
          </span>
        )}
      </td>
      <td class="actions-cell">
        <RowMenu document={key} visitor={props.visitor} nowMs={nowMs} />
      </td>
    </tr>
  );
}

/**
 * Leads to each action on the key's page. Nothing is done from here: an action is about a key as it was
 * shown, and a row shows a part of it. Each entry has the endpoint that it needs.
 */
function RowMenu(props: {
  readonly document: KeyDocument;
  readonly visitor: Visitor;
  readonly nowMs: number;
}) {
  const { document: key, visitor, nowMs } = props;
  const page = `/_edge/keys/${key.id}`;
  const state = stateOf(key, nowMs);
  const changes = [
    [`${page}#settings`, 'Edit', 'editKey'],
    [`${page}#explain`, 'Explain a request', 'explainRequest'],
    [`${page}#roll`, 'Roll the token', 'rollKey'],
    [`${page}#state`, state === 'live' ? 'Disable' : 'State', 'editKey'],
  ] as const;
  const isOver = state === 'revoked';
  const entries = [
    [page, 'Open', 'getKey'],
    ...(isOver ? [] : changes),
    [`/_edge/audit?keyId=${key.id}`, 'Audit', 'listAudit'],
    ...(isOver ? [] : ([[`${page}#delete`, 'Delete', 'revokeKey']] as const)),
  ] as const;
  const open = entries.filter(([, , operation]) => visitor.may(operation));
  return (
    <details class="menu">
      <summary class="menu-button" aria-label={`Actions for ${key.name}`}>
        <span aria-hidden="true">⋯</span>
      </summary>
      <ul>
        {open.map(([href, label]) => (
          <li>
            <a class="menu-entry" href={href}>
              {label}
            </a>
          </li>
        ))}
      </ul>
    </details>
  );
}

/** The first origin, and how many more there are. All of them are in the title. */
function Origins({ origins }: { origins: readonly string[] }) {
  const [first] = origins;
  if (first === undefined) return <span class="quiet">–</span>;
  const more = origins.length - 1;
  return (
    <span class="origins" title={origins.join('\n')}>
      <span>{first === '*' ? 'any origin (*)' : first}</span>
      {more > 0 && (
        <span class="quiet">
          +{more}
          <span class="unseen"> more: {countOf(origins.length, 'origin')} in all</span>
        </span>
      )}
    </span>
  );
}
