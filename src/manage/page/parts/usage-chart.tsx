/**
 * Usage as pictures: a sparkline for a row of the list, and a chart with its figures as a table.
 *
 * Drawn on the server as SVG with attributes alone, since the CSP forbids inline styles.
 */

import { DAY_MS, dayOf } from '../../../usage/batch.ts';
import { spanOf, type UsagePeriod } from '../../../usage/period.ts';
import type { UsageDocument } from '../../usage.ts';
import type { UsageOverviewDocument } from '../../usage-overview.ts';
import { count, countOf } from './words.tsx';

/** Requests of one key on one day with one outcome, as the API counts them. */
export type DailyUsage = UsageDocument['usage'][number];

/** The parts of a bar, from the bottom up. */
const parts = [
  { name: 'allowed', label: 'Allowed' },
  // A key has none: preflights carry no key.
  { name: 'preflights', label: 'Preflights granted' },
  { name: 'denied', label: 'Refused' },
  { name: 'failed', label: 'Upstream failed' },
] as const;

type Part = (typeof parts)[number]['name'];
type Bar = { readonly slot: string } & Readonly<Record<Part, number>>;

/** The chart's own units. The chart is stretched to the available width. */
const CHART_WIDTH = 600;
const CHART_HEIGHT = 200;

/** Requests with one outcome. */
export type Counted = Pick<DailyUsage, 'outcome' | 'requests'>;

/** Requests of an hour or a day with one outcome. */
export interface Point extends Counted {
  /** The hour or day, as a bar is labelled. */
  readonly slot: string;
}

/** The contents of a chart. */
export interface Series {
  readonly points: readonly Point[];
  /** Every hour or day, the earliest first. */
  readonly slots: readonly string[];
  readonly unit: 'hour' | 'day';
  /** The whole time in words, such as "the last 30 days". */
  readonly span: string;
}

/** All requests that were counted. */
export function totalOf(usage: readonly Counted[]): number {
  return usage.reduce((sum, { requests }) => sum + requests, 0);
}

/** The usage of the last days, up to today, for a chart. */
export function dailySeries(usage: readonly DailyUsage[], days: number, nowMs: number): Series {
  return {
    points: usage.map(({ day, ...counted }) => ({ ...counted, slot: day })),
    slots: lastDays(days, nowMs),
    unit: 'day',
    span: `the last ${days} days`,
  };
}

function lastDays(days: number, nowMs: number): readonly string[] {
  return Array.from({ length: days }, (_, index) => dayOf(nowMs - (days - 1 - index) * DAY_MS));
}

/** The usage of a period for a chart. */
export function periodSeries({ period, unit, from, usage }: UsageOverviewDocument): Series {
  const startMs = Date.parse(from);
  const { length, stepMs } = spanOf(period, startMs);
  const label = (time: string) =>
    unit === 'day' ? time.slice(0, 10) : `${time.slice(5, 10)} ${time.slice(11, 16)}`;
  return {
    points: usage.map(({ start, ...counted }) => ({ ...counted, slot: label(start) })),
    slots: Array.from({ length }, (_, i) => label(new Date(startMs + i * stepMs).toISOString())),
    unit,
    span: periodInWords[period],
  };
}

/** The periods in words. */
export const periodInWords: Readonly<Record<UsagePeriod, string>> = {
  '24h': 'the last 24 hours',
  '7d': 'the last 7 days',
  '30d': 'the last 30 days',
  '90d': 'the last 90 days',
};

/** A bar per day. The figures are beside it. */
export function Spark(props: {
  readonly usage: readonly DailyUsage[];
  readonly days: number;
  readonly nowMs: number;
}) {
  const { points, slots } = dailySeries(props.usage, props.days, props.nowMs);
  const bars = barsOf(points, slots);
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

/** Requests over time by outcome, with a legend, and with all figures as a table. */
export function UsageChart({ series }: { series: Series }) {
  const { slots, points, unit, span } = series;
  const bars = barsOf(points, slots);
  const total = totalOf(points);
  if (total === 0) return <p class="quiet">No requests in {span}.</p>;
  const top = roundUp(Math.max(...bars.map(sumOf)));
  const step = CHART_WIDTH / bars.length;
  return (
    <figure class="stack">
      <div class="chart">
        <svg
          viewBox={`0 0 ${CHART_WIDTH} ${CHART_HEIGHT}`}
          preserveAspectRatio="none"
          role="img"
          aria-label={`${countOf(total, 'request')} in ${span}, by ${unit} and outcome. The figures are in the table below.`}
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
          <span>{slots[0]}</span>
          <span>{slots.at(-1)}</span>
        </div>
      </div>
      {/* Filled in by the script, with the time under the pointer or the arrow keys. */}
      <p class="readout help" role="status" data-readout />
      <ul class="legend">
        {parts
          .map((part) => ({ ...part, sum: bars.reduce((sum, bar) => sum + bar[part.name], 0) }))
          .filter(({ name, sum }) => name !== 'preflights' || sum > 0)
          .map(({ name, label, sum }) => (
            <li>
              <svg width="10" height="10" aria-hidden="true" focusable="false">
                <rect class={name} width="10" height="10" rx="2" />
              </svg>
              {label} <span class="number">{count(sum)}</span>
            </li>
          ))}
      </ul>
      <UsageTable series={series} />
    </figure>
  );
}

/** How often each code was the reason of a refusal, the most frequent first. Nothing without refusals. */
export function RefusalsByCode({ usage }: { usage: readonly Counted[] }) {
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

/** All figures: a row per hour or day, a column per outcome. */
function UsageTable({ series: { points, unit } }: { series: Series }) {
  const outcomes = [...new Set(points.map(({ outcome }) => outcome))].sort();
  const bySlot = new Map<string, Map<string, number>>();
  for (const { slot, outcome, requests } of points) {
    const row = bySlot.get(slot) ?? new Map<string, number>();
    row.set(outcome, (row.get(outcome) ?? 0) + requests);
    bySlot.set(slot, row);
  }
  const rows = [...bySlot].sort(([left], [right]) => (left < right ? 1 : -1));
  return (
    <details>
      <summary>Figures by {unit} and outcome</summary>
      <section class="scroll figures" tabindex={0} aria-label="Usage table, scrolls sideways">
        <table>
          <caption class="unseen">Requests by {unit} and outcome</caption>
          <thead>
            <tr>
              <th scope="col">{unit === 'day' ? 'Day (UTC)' : 'Hour (UTC)'}</th>
              {outcomes.map((outcome) => (
                <th scope="col">{sayOutcome(outcome)}</th>
              ))}
            </tr>
          </thead>
          <tbody>
            {rows.map(([slot, row]) => (
              <tr>
                <th scope="row" class="nowrap">
                  {slot}
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

/** The values of an hour or a day in words, for the pointer and the keyboard. */
function sayBar(bar: Bar): string {
  const values = parts
    .filter(({ name }) => bar[name] > 0)
    .map(({ name, label }) => `${label.toLowerCase()} ${count(bar[name])}`);
  return `${bar.slot}: ${values.length === 0 ? 'no requests' : values.join(', ')}`;
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

/** A bar for each slot, also those without requests. */
function barsOf(points: readonly Point[], slots: readonly string[]): readonly Bar[] {
  const bySlot = new Map<string, Record<Part, number>>();
  for (const slot of slots) bySlot.set(slot, { allowed: 0, preflights: 0, denied: 0, failed: 0 });
  for (const { slot, outcome, requests } of points) {
    const bar = bySlot.get(slot);
    if (bar) bar[partOf(outcome)] += requests;
  }
  return [...bySlot].map(([slot, bar]) => ({ slot, ...bar }));
}

/** Returns the part of a bar in which an outcome counts. */
export function partOf(outcome: string): Part {
  if (outcome === 'preflight_granted') return 'preflights';
  if (outcome.startsWith('denied:')) return 'denied';
  return outcome.startsWith('upstream_error:') ? 'failed' : 'allowed';
}

const names: Readonly<Record<string, string>> = {
  allowed: 'Allowed',
  preflight_granted: 'Preflights granted',
  denied: 'Refused',
  upstream_error: 'Upstream',
};

/** `denied:origin_not_allowed` as "refused: origin not allowed". */
function sayOutcome(outcome: string): string {
  const [kind = '', code] = outcome.split(':');
  const name = names[kind] ?? kind;
  return code === undefined ? name : `${name}: ${code.replaceAll('_', ' ')}`;
}

function sumOf(bar: Bar): number {
  return bar.allowed + bar.preflights + bar.denied + bar.failed;
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
