/**
 * The most frequent endpoints and refused origins of a period, each list as a table with bars.
 */

import type { UsageOverviewDocument } from '../../usage-overview.ts';
import { count } from './words.tsx';

/** A row of a list: its name, and how many requests it stands for. */
interface Row {
  readonly name: string;
  readonly requests: number;
}

/** The endpoints that were called most, as a panel. */
export function TopEndpoints({ overview }: { overview: UsageOverviewDocument }) {
  return (
    <section class="panel padded stack" aria-labelledby="endpoints-heading">
      <h2 id="endpoints-heading">Top endpoints</h2>
      <EndpointTable overview={overview} />
    </section>
  );
}

/** The endpoints that were called most. */
export function EndpointTable({ overview }: { overview: UsageOverviewDocument }) {
  const { endpoints, otherEndpointRequests } = overview;
  return (
    <>
      <NameTable
        caption="Allowed requests by endpoint"
        heading="Endpoint"
        rows={endpoints.map(({ method, template, requests }) => ({
          name: template === null ? `${method}, no listed route` : `${method} ${template}`,
          requests,
        }))}
        others={otherEndpointRequests}
        none="No request was allowed."
      />
      <ByDay overview={overview} />
    </>
  );
}

/** The origins that keys refused most, as a panel. */
export function TopRefusedOrigins({ overview }: { overview: UsageOverviewDocument }) {
  return (
    <section class="panel padded stack" aria-labelledby="refused-heading">
      <h2 id="refused-heading">Top refused origins</h2>
      <RefusedOriginTable overview={overview} />
    </section>
  );
}

/** The origins that keys refused most. */
export function RefusedOriginTable({ overview }: { overview: UsageOverviewDocument }) {
  const { refusedOrigins, otherRefusedOriginRequests } = overview;
  return (
    <>
      <NameTable
        caption="Refusals by origin"
        heading="Refused origin"
        rows={refusedOrigins.map(({ origin, requests }) => ({ name: origin, requests }))}
        others={otherRefusedOriginRequests}
        none="No key refused an origin."
      />
      <ByDay overview={overview} />
    </>
  );
}

/** Says for which days the names are, if they are not those of the period. */
function ByDay({ overview: { unit, namesFrom } }: { overview: UsageOverviewDocument }) {
  return unit === 'day' ? null : <p class="quiet small">Kept by day: since {namesFrom}, UTC.</p>;
}

const BAR_WIDTH = 100;

function NameTable(props: {
  readonly caption: string;
  readonly heading: string;
  readonly rows: readonly Row[];
  readonly others: number;
  readonly none: string;
}) {
  const { rows, others } = props;
  if (rows.length === 0 && others === 0) return <p class="quiet">{props.none}</p>;
  const most = Math.max(1, ...rows.map(({ requests }) => requests));
  return (
    <table class="names">
      <caption class="unseen">{props.caption}</caption>
      <thead>
        <tr>
          <th scope="col">{props.heading}</th>
          <th scope="col">Requests</th>
        </tr>
      </thead>
      <tbody>
        {rows.map(({ name, requests }) => (
          <tr>
            <th scope="row">
              <code>{name}</code>
              <svg
                class="share"
                viewBox={`0 0 ${BAR_WIDTH} 1`}
                preserveAspectRatio="none"
                aria-hidden="true"
                focusable="false"
              >
                <rect
                  class="allowed"
                  width={Math.max(0.5, (BAR_WIDTH * requests) / most)}
                  height="1"
                />
              </svg>
            </th>
            <td class="number">{count(requests)}</td>
          </tr>
        ))}
        {others > 0 && (
          <tr>
            <th scope="row" class="quiet">
              All others
            </th>
            <td class="number">{count(others)}</td>
          </tr>
        )}
      </tbody>
    </table>
  );
}
