/**
 * The plan of a key as everybody sees it who may see the key: its limit, its quota and what is left of it,
 * its addresses, its metadata and its tags. The last two lead to the keys that have the same.
 */

import type { KeyDocument } from '../../documents.ts';
import { Fact } from '../parts/fact.tsx';
import { count, countOf, ExactTime } from '../parts/words.tsx';
import { listUrl } from './list-query.ts';
import { sayLimit, sayQuota } from './plan-words.ts';

/** The plan. Nothing for a key without one. */
export function PlanFacts({ document: key, nowMs }: { document: KeyDocument; nowMs: number }) {
  const { access, quota, meta = {}, tags = [] } = key;
  const limit = sayLimit(key);
  const addresses = access?.addresses ?? [];
  const texts = Object.entries(meta);
  if (!limit && !quota && addresses.length + texts.length + tags.length === 0) return null;
  return (
    <dl class="panel facts plan-facts">
      {limit !== null && <Fact name="Rate limit">{limit}</Fact>}
      {quota !== undefined && (
        <Fact name="Quota">
          {sayQuota(quota)}
          <QuotaLeft document={key} nowMs={nowMs} />
        </Fact>
      )}
      {addresses.length > 0 && (
        <Fact name="Addresses">
          <Addresses addresses={addresses} />
        </Fact>
      )}
      {texts.length > 0 && (
        <Fact name="Metadata">
          <ul class="plain-list">
            {texts.map(([name, value]) => (
              <li>
                <FilterLink query={{ meta: [[name, value]] }}>{`${name}=${value}`}</FilterLink>
              </li>
            ))}
          </ul>
        </Fact>
      )}
      {tags.length > 0 && (
        <Fact name="Tags">
          <ul class="plain-list">
            {tags.map((tag) => (
              <li>
                <FilterLink query={{ tag }}>{tag}</FilterLink>
              </li>
            ))}
          </ul>
        </Fact>
      )}
    </dl>
  );
}

function QuotaLeft({ document: { quotaUse }, nowMs }: { document: KeyDocument; nowMs: number }) {
  if (quotaUse === undefined) return null;
  return (
    <p class="quiet small">
      {count(quotaUse.used)} used, {count(quotaUse.left)} left. Renews{' '}
      <ExactTime value={quotaUse.renewsAt} nowMs={nowMs} />.
    </p>
  );
}

/** The blocks; many of them folded away. */
function Addresses({ addresses }: { addresses: readonly string[] }) {
  const list = (
    <ul class="plain-list">
      {addresses.map((block) => (
        <li>
          <code>{block}</code>
        </li>
      ))}
    </ul>
  );
  if (addresses.length <= 3) return list;
  return (
    <details>
      <summary>{countOf(addresses.length, 'block')}</summary>
      {list}
    </details>
  );
}

function FilterLink(props: {
  readonly query: Parameters<typeof listUrl>[0];
  readonly children: string;
}) {
  return (
    <a href={listUrl(props.query)} title="Keys with the same">
      {props.children}
    </a>
  );
}
