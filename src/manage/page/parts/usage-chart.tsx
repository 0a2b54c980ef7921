/**
 * Usage as pictures: a sparkline for a row of the list, and a chart with its figures as a table.
 *
 * Drawn on the server as SVG with attributes alone, since the CSP forbids inline styles.
 */

import { DAY_MS, dayOf } from '../../../usage/batch.ts';
import type { UsageDocument } from '../../usage.ts';
import { count, countOf } from './words.tsx';

/** Requests of one key on one day with one outcome, as the API counts them. */
export type DailyUsage = UsageDocument['usage'][number];

/** The parts of a bar, from the bottom up. */
const parts = [
  { name: 'allowed', label: 'Allowed' },
  { name: 'denied', label: 'Refused' },
  { name: 'failed', label: 'Upstream failed' },
] as const;

type Part = (typeof parts)[number]['name'];
type Bar = { readonly day: string } & Readonly<Record<Part, number>>;

/** The chart's own units. The chart is stretched to the available width. */
const CHART_WIDTH = 600;
const CHART_HEIGHT = 200;

/** All requests that were counted. */
export function totalOf(usage: readonly DailyUsage[]): number {
  return usage.reduce((sum, { requests }) => sum + requests, 0);
}

/** A bar per day. The figures are beside it. */
export function Spark(props: {
  readonly usage: readonly DailyUsage[];
  readonly days: number;
  readonly nowMs: number;
}) {
  const bars = barsOf(props.usage, props.days, props.nowMs);
  const most = Math.max(1, ...bars.map(sumOf));
  const width = 8;
  const height = 24;
  return (
    <svg
      class="spark"
      width={bars.length * (width + 2) - 2}
      height={height}
      aria-hidden="true"
      focusable="false"
    >
      {bars.map((bar, index) => (
        <Stack
          bar={bar}
          x={index * (width + 2)}
          width={width}
          bottom={height}
          scale={(height - 1) / most}
        />
      ))}
    </svg>
  );
}

/** Requests by day and outcome, with a legend, and with all figures as a table. */
export function UsageChart(props: {
  readonly usage: readonly DailyUsage[];
  readonly days: number;
  readonly nowMs: number;
}) {
  const { usage, days } = props;
  const bars = barsOf(usage, days, props.nowMs);
  const total = totalOf(usage);
  if (total === 0) return <p class="quiet">No requests in the last {days} days.</p>;
  const top = roundUp(Math.max(...bars.map(sumOf)));
  const step = CHART_WIDTH / bars.length;
  return (
    <figure class="stack">
      <div class="chart">
        <svg
          viewBox={`0 0 ${CHART_WIDTH} ${CHART_HEIGHT}`}
          preserveAspectRatio="none"
          role="img"
          aria-label={`${countOf(total, 'request')} in the last ${days} days, by day and outcome. The figures are in the table below.`}
          data-chart
        >
          {bars.map((bar, index) => (
            <g class="bar-of-day" data-values={sayBar(bar)}>
              <title>{sayBar(bar)}</title>
              {/* The whole height answers to the pointer, not the bar alone. */}
              <rect
                class="hit"
                x={round(index * step)}
                y="0"
                width={round(step)}
                height={CHART_HEIGHT}
              />
              <Stack
                bar={bar}
                x={(index + 0.16) * step}
                width={0.68 * step}
                bottom={CHART_HEIGHT}
                scale={CHART_HEIGHT / top}
              />
            </g>
          ))}
        </svg>
        {/* Beside the picture rather than in it, because that is stretched to the window's width. */}
        <div class="axis" aria-hidden="true">
          <span>{short(top)}</span>
          <span>{top % 2 === 0 ? short(top / 2) : ''}</span>
          <span>0</span>
        </div>
        <div class="span" aria-hidden="true">
          <span>{bars[0]?.day}</span>
          <span>{bars.at(-1)?.day}</span>
        </div>
      </div>
      {/* Filled in by the script, with the day under the pointer or the arrow keys. */}
      <p class="readout help" role="status" data-readout />
      <ul class="legend">
        {parts.map(({ name, label }) => (
          <li>
            <svg width="10" height="10" aria-hidden="true" focusable="false">
              <rect class={name} width="10" height="10" rx="2" />
            </svg>
            {label}{' '}
            <span class="number">{count(bars.reduce((sum, bar) => sum + bar[name], 0))}</span>
          </li>
        ))}
      </ul>
      <UsageTable usage={usage} />
    </figure>
  );
}

/** How often each code was the reason of a refusal, the most frequent first. Nothing without refusals. */
export function RefusalsByCode({ usage }: { usage: readonly DailyUsage[] }) {
  const totals = new Map<string, number>();
  for (const { outcome, requests } of usage) {
    const [, code] = outcome.split(':');
    if (code !== undefined) totals.set(code, (totals.get(code) ?? 0) + requests);
  }
  if (totals.size === 0) return null;
  const rows = [...totals].sort(([, left], [, right]) => right - left);
  return (
    <table class="refusals figures">
      <caption class="unseen">Refusals and failures by code</caption>
      <thead>
        <tr>
          <th scope="col">Refused or failed with</th>
          <th scope="col">Requests</th>
        </tr>
      </thead>
      <tbody>
        {rows.map(([code, requests]) => (
          <tr>
            <th scope="row">
              <a href={`/_edge/errors#${code}`}>{code}</a>
            </th>
            <td class="number">{count(requests)}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

/** All figures: a row per day, a column per outcome. */
function UsageTable({ usage }: { usage: readonly DailyUsage[] }) {
  const outcomes = [...new Set(usage.map(({ outcome }) => outcome))].sort();
  const byDay = new Map<string, Map<string, number>>();
  for (const { day, outcome, requests } of usage) {
    const row = byDay.get(day) ?? new Map<string, number>();
    row.set(outcome, (row.get(outcome) ?? 0) + requests);
    byDay.set(day, row);
  }
  const days = [...byDay].sort(([left], [right]) => (left < right ? 1 : -1));
  return (
    <details>
      <summary>Figures by day and outcome</summary>
      <section class="scroll figures" tabindex={0} aria-label="Usage table, scrolls sideways">
        <table>
          <caption class="unseen">Requests by day and outcome</caption>
          <thead>
            <tr>
              <th scope="col">Day (UTC)</th>
              {outcomes.map((outcome) => (
                <th scope="col">{sayOutcome(outcome)}</th>
              ))}
            </tr>
          </thead>
          <tbody>
            {days.map(([day, row]) => (
              <tr>
                <th scope="row" class="nowrap">
                  {day}
                </th>
                {outcomes.map((outcome) => (
                  <td class="number">{count(row.get(outcome) ?? 0)}</td>
                ))}
              </tr>
            ))}
          </tbody>
        </table>
      </section>
    </details>
  );
}

/** The values of a day in words, for the pointer and the keyboard. */
function sayBar(bar: Bar): string {
  const values = parts
    .filter(({ name }) => bar[name] > 0)
    .map(({ name, label }) => `${label.toLowerCase()} ${count(bar[name])}`);
  return `${bar.day}: ${values.length === 0 ? 'no requests' : values.join(', ')}`;
}

function Stack(props: { bar: Bar; x: number; width: number; bottom: number; scale: number }) {
  const { bar, bottom, scale, x, width } = props;
  if (sumOf(bar) === 0) {
    return <rect class="idle" x={round(x)} y={bottom - 2} width={round(width)} height="2" />;
  }
  let y = bottom;
  return (
    <g>
      {parts.map(({ name }) => {
        const height = bar[name] * scale;
        if (height === 0) return null;
        y -= height;
        return (
          <rect
            class={name}
            x={round(x)}
            y={round(y)}
            width={round(width)}
            height={round(height)}
          />
        );
      })}
    </g>
  );
}

/** A bar for each of the last days, also those without requests. Today's is the last. */
function barsOf(usage: readonly DailyUsage[], days: number, nowMs: number): readonly Bar[] {
  const byDay = new Map<string, Record<Part, number>>();
  for (let ago = days - 1; ago >= 0; ago -= 1) {
    byDay.set(dayOf(nowMs - ago * DAY_MS), { allowed: 0, denied: 0, failed: 0 });
  }
  for (const { day, outcome, requests } of usage) {
    const bar = byDay.get(day);
    if (bar) bar[partOf(outcome)] += requests;
  }
  return [...byDay].map(([day, bar]) => ({ day, ...bar }));
}

function partOf(outcome: string): Part {
  if (outcome.startsWith('denied:')) return 'denied';
  return outcome.startsWith('upstream_error:') ? 'failed' : 'allowed';
}

/** `denied:origin_not_allowed` as "refused: origin not allowed". */
function sayOutcome(outcome: string): string {
  const [kind = '', code] = outcome.split(':');
  const name = { allowed: 'Allowed', denied: 'Refused', upstream_error: 'Upstream' }[kind] ?? kind;
  return code === undefined ? name : `${name}: ${code.replaceAll('_', ' ')}`;
}

function sumOf(bar: Bar): number {
  return bar.allowed + bar.denied + bar.failed;
}

/** The next of 1, 2, 5, 10, 20, 50 and so on. */
function roundUp(value: number): number {
  const power = 10 ** Math.floor(Math.log10(value));
  return ([1, 2, 5, 10].find((step) => step * power >= value) ?? 10) * power;
}

function round(value: number): number {
  return Math.round(value * 100) / 100;
}

/** 1500 as "1.5k": axes have little room. */
function short(value: number): string {
  return new Intl.NumberFormat('en', { notation: 'compact' }).format(value);
}
