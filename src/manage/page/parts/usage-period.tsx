/**
 * The choice of a period of usage, in the address of a page.
 */

import { type UsagePeriod, usagePeriods } from '../../../usage/period.ts';
import { USAGE_PERIOD_DEFAULT } from '../../usage-overview.ts';

const labels: Readonly<Record<UsagePeriod, string>> = {
  '24h': '24 hours',
  '7d': '7 days',
  '30d': '30 days',
  '90d': '90 days',
};

/** The period that an address asks for, if there is such a choice. */
export function periodIn(
  parameters: URLSearchParams,
  fallback = USAGE_PERIOD_DEFAULT,
): UsagePeriod {
  return usagePeriods.find((period) => period === parameters.get('period')) ?? fallback;
}

/** The periods to choose from, as links to the same page. */
export function PeriodChoice(props: {
  readonly path: string;
  readonly period: UsagePeriod;
  /** Further parameters of the address; `null`: it has none of that name. */
  readonly parameters?: Readonly<Record<string, string | null>>;
}) {
  const addressOf = (period: UsagePeriod) => {
    const query = new URLSearchParams({ period });
    for (const [name, value] of Object.entries(props.parameters ?? {})) {
      if (value !== null) query.set(name, value);
    }
    return `${props.path}?${query}#usage`;
  };
  return (
    <nav aria-label="Period">
      {usagePeriods.map((choice) => (
        <a
          class="range"
          href={addressOf(choice)}
          aria-current={choice === props.period ? 'true' : undefined}
        >
          {labels[choice]}
        </a>
      ))}
    </nav>
  );
}
