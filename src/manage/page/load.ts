/**
 * What the page of a key shows, asked of the API at once.
 */

import type { Explanation } from '../../core/decide/explain.ts';
import type { KeyDocument } from '../documents.ts';
import type { ApiAnswer, ApiClient, ApiProblem, RefusedOriginDocument } from './api-client.ts';
import { toKeyValues } from './keys/edit-values.ts';
import type { ExplainQuery } from './keys/explain.tsx';
import { KEY_CHART_DAYS, type KeyPageState } from './keys/show.tsx';
import type { DailyUsage } from './parts/usage-chart.tsx';

const emptyExplain: KeyPageState['explain'] = {
  query: { method: 'GET', path: '', origin: '' },
  result: null,
};

/**
 * The key with its usage, the origins it refused, and the explanation that was asked for. A problem
 * when there is no such key; what is missing beside it is left out.
 */
export async function loadKeyPage(
  api: ApiClient,
  id: string,
  query: ExplainQuery | null,
): Promise<{ ok: true; state: KeyPageState } | { ok: false; problem: ApiProblem }> {
  const path = `/keys/${encodeURIComponent(id)}`;
  const [key, usage, refused, explanation] = await Promise.all([
    api<KeyDocument>({ path }),
    api<{ usage: readonly DailyUsage[] }>({
      path: `${path}/usage`,
      query: { days: String(KEY_CHART_DAYS) },
    }),
    api<{ origins: readonly RefusedOriginDocument[] }>({ path: `${path}/refused-origins` }),
    query && explain(api, id, query),
  ]);
  if (!key.ok) return key;
  return {
    ok: true,
    state: {
      key: key.document,
      etag: key.etag ?? '',
      values: toKeyValues(key.document),
      usage: usage.ok ? usage.document.usage : [],
      refusedOrigins: refused.ok ? refused.document.origins : [],
      explain:
        query === null || explanation === null
          ? emptyExplain
          : { query, result: explanation.ok ? explanation.document : explanation.problem },
    },
  };
}

function explain(
  api: ApiClient,
  keyId: string,
  { method, path, origin }: ExplainQuery,
): Promise<ApiAnswer<Explanation>> {
  return api<Explanation>({
    method: 'POST',
    path: '/explain',
    body: { keyId, method, path, ...(origin === '' ? {} : { origin }) },
  });
}
