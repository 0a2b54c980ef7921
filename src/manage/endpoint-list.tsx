/**
 * The endpoints that a restricted key may call, as this deployment has them. Shown where a key is made or
 * edited, and on the page of error codes, which is public: the table is no secret, and who develops a
 * page and is refused can find it nowhere else.
 */

import type { RouteList, RouteRow } from '../core/routes/route-table.ts';

/** A list to fold out, with the words that lead to it. */
export function EndpointList({ summary, table }: { summary: string; table: RouteList }) {
  return (
    <details>
      <summary>{summary}</summary>
      <ul class="endpoints">
        {table.routes.map((row) => (
          <li>
            <code>
              {row.methods.join(', ')} {pathOf(row)}
            </code>
          </li>
        ))}
      </ul>
    </details>
  );
}

/** A row's path as people write it: the table names an id by its kind, which callers do not know. */
export function pathOf({ path }: RouteRow): string {
  return path.replaceAll(/\{[^}]*\}/g, '{id}');
}
