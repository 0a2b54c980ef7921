/**
 * The list of keys, and the dialog that makes one.
 */

import type { RouteList } from '../../../core/routes/route-table.ts';
import { DAY_MS, dayOf } from '../../../usage/batch.ts';
import type { KeyDocument } from '../../documents.ts';
import { SEARCH_MAX_LENGTH } from '../../limits.ts';
import type { KeyListDocument } from '../../list-keys.ts';
import type { View } from '../access/guards.tsx';
import type { Visitor } from '../access/visitor.ts';
import { iconUrl } from '../parts/assets.ts';
import { Layout } from '../parts/layout.tsx';
import { pageResponse } from '../parts/respond.ts';
import { type DailyUsage, Spark, totalOf } from '../parts/usage-chart.tsx';
import { Access, count, countOf, State, Time } from '../parts/words.tsx';
import { CreateForm, type KeyFormState, newFormState } from './create.tsx';

/** The part of the list that was asked for. */
interface ListQuery {
  /** `null`: every name. */
  readonly search: string | null;
  readonly cursor: string | null;
}

/** The days that a row's chart shows. */
const LIST_CHART_DAYS = 7;

const KEYS_PER_PAGE = 25;

/** Shows the keys, by name if that was asked for. */
export const showList: View = async ({ visitor, api }, context) => {
  const { management, usageOfKeys } = context.env;
  const query = new URL(context.req.url).searchParams;
  const search = query.get('q')?.trim() || null;
  const cursor = query.get('cursor') || null;
  const list = await api<KeyListDocument>({
    path: '/keys',
    query: { search, cursor, limit: String(KEYS_PER_PAGE) },
  });
  const nowMs = management.now();
  // A refusal of the API is shown on an empty page.
  const { keys, nextCursor } = list.ok ? list.document : { keys: [], nextCursor: null };
  const usage = await usageOfKeys(
    keys.map(({ id }) => id),
    dayOf(nowMs - (LIST_CHART_DAYS - 1) * DAY_MS),
  );
  return pageResponse(
    <ListPage
      visitor={visitor}
      query={{ search, cursor }}
      keys={keys}
      usage={usage}
      nextCursor={nextCursor}
      notice={
        query.has('deleted')
          ? 'The key was deleted. It stops working everywhere within seconds.'
          : null
      }
      failure={list.ok ? null : list.problem.detail}
      form={newFormState()}
      restrictedRoutes={management.restrictedRoutes}
      nowMs={nowMs}
    />,
    list.ok ? 200 : 422,
  );
};

/** The properties of the page. */
interface ListPageProps {
  readonly visitor: Visitor;
  readonly query: ListQuery;
  readonly keys: readonly KeyDocument[];
  readonly usage: ReadonlyMap<string, readonly DailyUsage[]>;
  readonly nextCursor: string | null;
  readonly notice: string | null;
  /** The reason why the API listed nothing; `null`: it listed keys. */
  readonly failure: string | null;
  readonly form: KeyFormState;
  readonly restrictedRoutes: RouteList;
  readonly nowMs: number;
}

/** The page of all keys. */
function ListPage(props: ListPageProps) {
  const { visitor, query, keys } = props;
  const isEmpty = keys.length === 0 && !isFiltered(query);
  return (
    <Layout title="API keys" section="keys" visitor={visitor}>
      <div class="head">
        <div>
          <h1>API keys</h1>
          <p>
            Keys for backends, and keys with CORS access that work in browsers from the origins they
            list.
          </p>
        </div>
        {!isEmpty && <CreateLink />}
      </div>
      {props.notice !== null && (
        <p class="notice good" role="status">
          {props.notice}
        </p>
      )}
      {isEmpty ? (
        <Empty />
      ) : (
        <>
          <Search query={query} />
          <Result {...props} />
        </>
      )}
      {props.nextCursor !== null && (
        <nav class="pager" aria-label="Pages">
          <span class="quiet small">{countOf(keys.length, 'key')} on this page, newest first</span>
          <a class="button" href={pageUrl({ ...query, cursor: props.nextCursor })} rel="next">
            Older keys
          </a>
        </nav>
      )}
      <dialog id="create" aria-labelledby="create-title">
        <CreateForm
          visitor={visitor}
          state={props.form}
          restrictedRoutes={props.restrictedRoutes}
          inDialog
        />
      </dialog>
    </Layout>
  );
}

function isFiltered({ search, cursor }: ListQuery): boolean {
  return search !== null || cursor !== null;
}

/** The list of a deployment without keys. */
function Empty() {
  return (
    <section class="panel empty">
      <img src={iconUrl} width="44" height="44" alt="" />
      <h2>No API keys yet</h2>
      <p class="empty-text">
        By default, API keys can only be used from a backend server. A key with CORS access can be
        used from the browser, from any origin that you configure it for.
      </p>
      <CreateLink />
    </section>
  );
}

function Search({ query }: { query: ListQuery }) {
  return (
    <search>
      <form class="toolbar" method="get" action="/_edge/">
        <label class="unseen" for="search">
          Search keys by name
        </label>
        <input
          id="search"
          type="search"
          name="q"
          value={query.search ?? ''}
          placeholder="Search by name"
          maxlength={2 * SEARCH_MAX_LENGTH}
        />
        <button type="submit">Search</button>
        {isFiltered(query) && (
          <a class="button" href="/_edge/">
            Show all
          </a>
        )}
      </form>
    </search>
  );
}

/** The keys, or the reason why the list is empty. */
function Result(props: ListPageProps) {
  const { query, keys, failure } = props;
  if (failure !== null) {
    return (
      <p class="notice bad" role="alert">
        {failure}.
      </p>
    );
  }
  if (keys.length === 0) {
    return (
      <p class="panel padded quiet">
        {query.search === null
          ? 'There are no further keys.'
          : `No key has “${query.search}” in its name.`}
      </p>
    );
  }
  return (
    <div class="panel">
      <KeyTable {...props} />
    </div>
  );
}

function CreateLink() {
  return (
    <a class="button primary" href="/_edge/keys/new" data-dialog="create">
      Create API key
    </a>
  );
}

function KeyTable(props: {
  readonly visitor: Visitor;
  readonly keys: readonly KeyDocument[];
  readonly usage: ReadonlyMap<string, readonly DailyUsage[]>;
  readonly nowMs: number;
}) {
  const { nowMs, usage } = props;
  const hasOwners = props.visitor.owner === null && props.keys.some(({ owner }) => owner !== null);
  return (
    <table class="listing">
      <caption class="unseen">API keys, newest first</caption>
      <thead>
        <tr>
          <th scope="col">Name</th>
          <th scope="col">CORS access</th>
          {hasOwners && <th scope="col">Owner</th>}
          <th scope="col">Created</th>
          <th scope="col">Last used</th>
          <th scope="col">Last {LIST_CHART_DAYS} days</th>
          <th scope="col">State</th>
        </tr>
      </thead>
      <tbody>
        {props.keys.map((key) => (
          <KeyRow
            document={key}
            usage={usage.get(key.id) ?? []}
            hasOwners={hasOwners}
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
  readonly nowMs: number;
}) {
  const { document: key, usage: days, hasOwners, nowMs } = props;
  return (
    <tr>
      <th scope="row">
        <a class="key-name" href={`/_edge/keys/${key.id}`}>
          {key.name}
        </a>
        <code class="quiet">{key.hint}…</code>
      </th>
      <td data-label="CORS access">
        <div>
          <Access document={key} />
          <Origins origins={key.access?.cors?.allowedOrigins ?? []} />
        </div>
      </td>
      {hasOwners && (
        <td data-label="Owner">
          <span class="mono">{key.owner ?? '–'}</span>
        </td>
      )}
      <td data-label="Created">
        <Time value={key.createdAt} nowMs={nowMs} />
      </td>
      <td data-label="Last used">
        {key.lastUsedAt === null ? (
          <span class="quiet">Never</span>
        ) : (
          <Time value={key.lastUsedAt} nowMs={nowMs} />
        )}
      </td>
      <td data-label={`Last ${LIST_CHART_DAYS} days`}>
        <span class="traffic">
          <Spark usage={days} days={LIST_CHART_DAYS} nowMs={nowMs} />
          <span class="number">
            {count(totalOf(days))}
            <span class="unseen"> requests</span>
          </span>
        </span>
      </td>
      <td data-label="State">
        <State document={key} nowMs={nowMs} />
      </td>
    </tr>
  );
}

const ORIGINS_SHOWN = 2;

function Origins({ origins }: { origins: readonly string[] }) {
  if (origins.length === 0) return null;
  const hidden = origins.length - ORIGINS_SHOWN;
  return (
    <span class="origins">
      {origins.slice(0, ORIGINS_SHOWN).map((origin) => (
        <>
          {origin === '*' ? 'any origin (*)' : origin}
          <br />
        </>
      ))}
      {hidden > 0 && `and ${hidden} more`}
    </span>
  );
}

function pageUrl({ search, cursor }: ListQuery): string {
  const query = new URLSearchParams();
  if (search !== null) query.set('q', search);
  if (cursor !== null) query.set('cursor', cursor);
  return `/_edge/?${query}`;
}
