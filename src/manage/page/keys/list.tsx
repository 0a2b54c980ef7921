/**
 * The list of keys, and the dialog that makes one.
 */

import type { RestrictedRoutes } from '../../../core/routes/rule-sets.ts';
import { DAY_MS, dayOf } from '../../../usage/batch.ts';
import type { KeyListDocument } from '../../list-keys.ts';
import type { View } from '../access/guards.tsx';
import type { Visitor } from '../access/visitor.ts';
import type { ApiAnswer, ApiClient } from '../api-client.ts';
import { iconUrl } from '../parts/assets.ts';
import { Layout } from '../parts/layout.tsx';
import { pageResponse } from '../parts/respond.ts';
import type { DailyUsage } from '../parts/usage-chart.tsx';
import { count, countOf } from '../parts/words.tsx';
import { CreateForm, type KeyFormState, newFormState } from './create.tsx';
import { KeyTable, LIST_CHART_DAYS } from './key-table.tsx';
import { ListFilters } from './list-filters.tsx';
import { isFiltered, type ListQuery, listUrl, readListQuery, toApiQuery } from './list-query.ts';

const KEYS_PER_PAGE = 25;
/** Pages of the API that one page of the list reads at most: one may be empty and not the last. */
const PAGES_TRIED = 8;

/** Shows the keys that the address asks for. */
export const showList: View = async ({ visitor, api }, context) => {
  const { management, usageOfKeys } = context.env;
  const parameters = new URL(context.req.url).searchParams;
  const query = readListQuery(parameters);
  const nowMs = management.now();
  const list = await readKeys(api, query, nowMs);
  // A refusal of the API is shown on an empty page.
  const found: KeyListDocument = list.ok ? list.document : { keys: [], nextCursor: null };
  const usage = await usageOfKeys(
    found.keys.map(({ id }) => id),
    dayOf(nowMs - (LIST_CHART_DAYS - 1) * DAY_MS),
  );
  return pageResponse(
    <ListPage
      visitor={visitor}
      query={query}
      found={found}
      usage={usage}
      notice={
        parameters.has('deleted')
          ? 'The key was deleted. It stops working everywhere within seconds.'
          : null
      }
      failure={list.ok ? null : list.problem.detail}
      form={newFormState()}
      restrictedRoutes={management.restrictedRoutes}
      limitNames={management.plans.limitNames}
      nowMs={nowMs}
    />,
    list.ok ? 200 : 422,
  );
};

/** Reads keys until there is one to show, or no more. The total is that of the first page. */
async function readKeys(
  api: ApiClient,
  query: ListQuery,
  nowMs: number,
): Promise<ApiAnswer<KeyListDocument>> {
  const asked = { ...toApiQuery(query, nowMs), limit: String(KEYS_PER_PAGE) };
  let answer = await api<KeyListDocument>({ path: '/keys', query: { ...asked, total: 'true' } });
  const first = answer;
  for (let page = 1; page < PAGES_TRIED; page += 1) {
    if (!answer.ok || answer.document.keys.length > 0 || answer.document.nextCursor === null) break;
    const cursor = answer.document.nextCursor;
    answer = await api<KeyListDocument>({ path: '/keys', query: { ...asked, cursor } });
  }
  return answer.ok && first.ok
    ? { ...answer, document: { ...first.document, ...answer.document } }
    : answer;
}

/** The properties of the page. */
interface ListPageProps {
  readonly visitor: Visitor;
  readonly query: ListQuery;
  readonly found: KeyListDocument;
  readonly usage: ReadonlyMap<string, readonly DailyUsage[]>;
  readonly notice: string | null;
  /** The reason why the API listed nothing; `null`: it listed keys. */
  readonly failure: string | null;
  readonly form: KeyFormState;
  readonly restrictedRoutes: RestrictedRoutes;
  readonly limitNames: readonly string[];
  readonly nowMs: number;
}

/** The page of all keys. */
function ListPage(props: ListPageProps) {
  const { visitor, query } = props;
  const { keys } = props.found;
  const mayCreate = visitor.may('createKey');
  const isEmpty =
    keys.length === 0 && !isFiltered(query) && query.cursor === null && props.failure === null;
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
        {!isEmpty && mayCreate && <CreateLink />}
      </div>
      {props.notice !== null && (
        <p class="notice good" role="status">
          {props.notice}
        </p>
      )}
      {isEmpty ? (
        <Empty mayCreate={mayCreate} />
      ) : (
        <>
          <ListFilters query={query} visitor={visitor} />
          <Result {...props} />
        </>
      )}
      <Pager query={query} found={props.found} />
      {mayCreate && (
        <dialog id="create" aria-labelledby="create-title">
          <CreateForm
            visitor={visitor}
            state={props.form}
            restrictedRoutes={props.restrictedRoutes}
            limitNames={props.limitNames}
            inDialog
          />
        </dialog>
      )}
    </Layout>
  );
}

/** Says how many keys there are, and leads to the next ones. */
function Pager({ query, found }: { query: ListQuery; found: KeyListDocument }) {
  const { keys, nextCursor, total, totalIsExact = true } = found;
  if (keys.length === 0 && nextCursor === null) return null;
  return (
    <nav class="pager" aria-label="Pages">
      <span class="quiet small">
        {total === undefined || total === keys.length
          ? countOf(keys.length, 'key')
          : `${count(keys.length)} of ${totalIsExact ? '' : 'more than '}${countOf(total, 'key')}`}
      </span>
      {nextCursor !== null && (
        <a class="button" href={listUrl({ ...query, cursor: nextCursor })} rel="next">
          {keys.length === 0 ? 'Search further' : 'Next page'}
        </a>
      )}
    </nav>
  );
}

/** The list of a deployment without keys. */
function Empty({ mayCreate }: { mayCreate: boolean }) {
  return (
    <section class="panel empty">
      <img src={iconUrl} width="44" height="44" alt="" />
      <h2>No API keys yet</h2>
      <p class="empty-text">
        By default, API keys can only be used from a backend server. A key with CORS access can be
        used from the browser, from any origin that you configure it for.
      </p>
      {mayCreate && <CreateLink />}
    </section>
  );
}

/** The keys, or the reason why the list is empty. */
function Result(props: ListPageProps) {
  const { query, failure } = props;
  const { keys, nextCursor } = props.found;
  if (failure !== null) {
    return (
      <p class="notice bad" role="alert">
        {failure}.
      </p>
    );
  }
  if (keys.length === 0) {
    return (
      <p class="panel padded quiet" role="status">
        {nextCursor === null ? nothingFound(query) : 'Nothing was found so far.'}
      </p>
    );
  }
  return (
    <div class="panel">
      <KeyTable visitor={props.visitor} keys={keys} usage={props.usage} nowMs={props.nowMs} />
    </div>
  );
}

function nothingFound(query: ListQuery): string {
  if (!isFiltered(query)) return 'There are no further keys.';
  const { search, ...others } = query;
  if (search === null) return 'No key fits these filters.';
  const filters = isFiltered({ ...others, search: null }) ? ', with these filters' : '';
  return `No key was found for “${search}”${filters}.`;
}

function CreateLink() {
  return (
    <a class="button primary" href="/_edge/keys/new" data-dialog="create">
      Create API key
    </a>
  );
}
