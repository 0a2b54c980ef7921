/**
 * The search, the filters and the order of the list, as a form whose values are in the address.
 */

import { SEARCH_MAX_LENGTH } from '../../limits.ts';
import type { Visitor } from '../access/visitor.ts';
import {
  accessChoices,
  ageChoices,
  type Choices,
  isFiltered,
  type ListQuery,
  listUrl,
  META_PREFIX,
  sortChoices,
  stateChoices,
} from './list-query.ts';

/** The form above the list. */
export function ListFilters({ query, visitor }: { query: ListQuery; visitor: Visitor }) {
  // A person who is limited to one owner has no use for it.
  const members = visitor.owner === null ? 'hint, id, owner or origin' : 'hint, id or origin';
  return (
    <search>
      <form class="toolbar" method="get" action="/_edge/" data-filters>
        <label class="unseen" for="search">
          Search keys by name, {members}
        </label>
        <input
          id="search"
          type="search"
          name="q"
          value={query.search ?? ''}
          placeholder={`Name, ${members}`}
          maxlength={2 * SEARCH_MAX_LENGTH}
        />
        <Filter name="state" label="State" any="Any state" choices={stateChoices} query={query} />
        <Filter
          name="access"
          label="Access"
          any="Any access"
          choices={accessChoices}
          query={query}
        />
        <Filter name="age" label="Use" any="Any use" choices={ageChoices} query={query} />
        <Filter name="sort" label="Order" any={null} choices={sortChoices} query={query} />
        {fromAddress(query).map(({ name, value }) => (
          <input type="hidden" name={name} value={value} />
        ))}
        <button type="submit">Search</button>
        {(isFiltered(query) || query.cursor !== null) && (
          <a class="button" href="/_edge/">
            Show all
          </a>
        )}
      </form>
      <SetFilters query={query} />
    </search>
  );
}

/** The filters that have no control, because links set them: a tag, and texts of the metadata. */
function SetFilters({ query }: { query: ListQuery }) {
  const filters = fromAddress(query);
  if (filters.length === 0) return null;
  return (
    <ul class="set-filters" aria-label="Filters by tag and metadata">
      {filters.map(({ label, without }) => (
        <li>
          <span class="badge">{label}</span>
          <a href={listUrl({ ...query, ...without, cursor: null })} aria-label={`Remove ${label}`}>
            Remove
          </a>
        </li>
      ))}
    </ul>
  );
}

function fromAddress({ tag, meta }: ListQuery) {
  return [
    ...(tag === null
      ? []
      : [{ name: 'tag', value: tag, label: `tag ${tag}`, without: { tag: null } }]),
    ...meta.map(([name, value]) => ({
      name: META_PREFIX + name,
      value,
      label: `${name}=${value}`,
      without: { meta: meta.filter(([other]) => other !== name) },
    })),
  ];
}

function Filter(props: {
  readonly name: 'state' | 'access' | 'age' | 'sort';
  readonly label: string;
  /** The words for no filter; `null`: the first choice stands for it. */
  readonly any: string | null;
  readonly choices: Choices;
  readonly query: ListQuery;
}) {
  const { name, any, query } = props;
  return (
    <select name={name} aria-label={props.label}>
      {any !== null && <option value="">{any}</option>}
      {props.choices.map(([value, label]) => (
        <option value={value} selected={query[name] === value}>
          {label}
        </option>
      ))}
    </select>
  );
}
