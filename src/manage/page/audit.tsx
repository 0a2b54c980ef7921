/**
 * The audit: every change to a key, with its author and time.
 */

import type { AuditDocument } from '../audit.ts';
import type { KeyDocument } from '../documents.ts';
import type { View } from './access/guards.tsx';
import type { Visitor } from './access/visitor.ts';
import { changesBetween } from './keys/editable.ts';
import { Layout } from './parts/layout.tsx';
import { pageResponse } from './parts/respond.ts';
import { accessOf, Time } from './parts/words.tsx';

/** A change, as the API answers it. */
type AuditEntry = AuditDocument['entries'][number];

const actions: Readonly<Record<string, string>> = {
  create: 'Created',
  import: 'Imported',
  edit: 'Edited',
  roll: 'Rolled',
  revoke: 'Deleted',
  leak: 'Found in public',
};

const LINES_PER_PAGE = 50;

/** Shows the changes, of one key if that was asked for. */
export const showAudit: View = async ({ visitor, api }, context) => {
  const { management } = context.env;
  const query = new URL(context.req.url).searchParams;
  const keyId = query.get('keyId') || null;
  const audit = await api<AuditDocument>({
    path: '/audit',
    query: { keyId, cursor: query.get('cursor'), limit: String(LINES_PER_PAGE) },
  });
  const entries = audit.ok ? audit.document.entries : [];
  const keyIds = [...new Set(entries.map((entry) => entry.keyId))];
  return pageResponse(
    <AuditPage
      visitor={visitor}
      entries={entries}
      livingKeys={await management.store.keys.livingAmong(keyIds)}
      nextCursor={audit.ok ? audit.document.nextCursor : null}
      keyId={keyId}
      failure={audit.ok ? null : audit.problem.detail}
      nowMs={management.now()}
    />,
    audit.ok ? 200 : 422,
  );
};

/** The properties of the page. */
interface AuditPageProps {
  readonly visitor: Visitor;
  readonly entries: readonly AuditEntry[];
  /** The keys among them that still have a page. */
  readonly livingKeys: ReadonlySet<string>;
  readonly nextCursor: string | null;
  readonly keyId: string | null;
  /** The reason why the API listed nothing; `null`: it listed the changes. */
  readonly failure: string | null;
  readonly nowMs: number;
}

/** The page of changes. */
function AuditPage(props: AuditPageProps) {
  const { entries, keyId } = props;
  return (
    <Layout title="Audit" section="audit" visitor={props.visitor}>
      <div class="head">
        <div>
          <h1>Audit</h1>
          <p>Every change to a key, newest first. The audit holds no secrets.</p>
        </div>
        {keyId !== null && (
          <a class="button" href="/_edge/audit">
            Show all keys
          </a>
        )}
      </div>
      {props.failure !== null ? (
        <p class="notice bad" role="alert">
          {props.failure}.
        </p>
      ) : entries.length === 0 ? (
        <p class="panel padded quiet">There are no changes to show.</p>
      ) : (
        <div class="panel">
          <EntryTable {...props} />
        </div>
      )}
      {props.nextCursor !== null && (
        <nav class="pager" aria-label="Pages">
          <span />
          <a
            class="button"
            href={`/_edge/audit?${new URLSearchParams({ ...(keyId === null ? {} : { keyId }), cursor: props.nextCursor })}`}
            rel="next"
          >
            Older changes
          </a>
        </nav>
      )}
    </Layout>
  );
}

function EntryTable({ entries, livingKeys, keyId, nowMs }: AuditPageProps) {
  return (
    <table class="listing">
      <caption class="unseen">Changes to keys, newest first</caption>
      <thead>
        <tr>
          <th scope="col">What</th>
          <th scope="col">Key</th>
          <th scope="col">Changes</th>
          <th scope="col">Who</th>
          <th scope="col">When</th>
        </tr>
      </thead>
      <tbody>
        {entries.map((entry) => (
          <tr>
            <th scope="row">
              <strong>{actions[entry.action] ?? entry.action}</strong>
            </th>
            <td data-label="Key">
              <KeyOf entry={entry} isGone={!livingKeys.has(entry.keyId)} isAlone={keyId !== null} />
            </td>
            <td data-label="Changes">
              <Changes {...entry} />
            </td>
            <td data-label="Who">{entry.actor}</td>
            <td data-label="When">
              <Time value={entry.at} nowMs={nowMs} />
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

function KeyOf(props: {
  readonly entry: AuditEntry;
  readonly isGone: boolean;
  /** True if the page shows this key alone. */
  readonly isAlone: boolean;
}) {
  const { keyId, before, after } = props.entry;
  const name = after?.name ?? before?.name ?? keyId;
  if (!props.isGone) return <a href={`/_edge/keys/${keyId}`}>{name}</a>;
  // A deleted key has no page, but its changes can still be read together.
  return (
    <span>
      {props.isAlone ? (
        name
      ) : (
        <a href={`/_edge/audit?keyId=${encodeURIComponent(keyId)}`}>{name}</a>
      )}{' '}
      <span class="quiet">(deleted)</span>
    </span>
  );
}

function Changes({ action, before, after, leakUrl }: AuditEntry) {
  // As text and not as a link: the person who published the token wrote that page.
  if (leakUrl !== null) return <>Token found at {leakUrl}</>;
  if (after === null || action === 'leak') return <span class="quiet">–</span>;
  if (before === null) return <span class="quiet">{sayAccess(after)}</span>;
  const changes = changesBetween(before, after);
  return (
    <ul class="changes">
      {changes.map(({ field, before: was, now }) => (
        <li>
          {field}: <del>{was}</del> <ins>{now}</ins>
        </li>
      ))}
      {before.hint !== after.hint && (
        <li>
          Token: <del>{before.hint}…</del> <ins>{after.hint}…</ins>
        </li>
      )}
    </ul>
  );
}

/** "CORS access: restricted, from https://app.example.com". */
function sayAccess(key: Pick<KeyDocument, 'access'>): string {
  const origins = key.access?.cors?.allowedOrigins;
  return `CORS access: ${accessOf(key)}${origins ? `, from ${origins.join(', ')}` : ''}`;
}
