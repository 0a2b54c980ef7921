/**
 * Metrics as text of OpenMetrics 1.0, which Prometheus and its kin scrape. Pure, no I/O.
 * https://github.com/prometheus/OpenMetrics/blob/main/specification/OpenMetrics.md
 */

/** The `Content-Type` of the text. */
export const OPEN_METRICS_TYPE = 'application/openmetrics-text; version=1.0.0; charset=utf-8';

/** One value of a family. Without labels, the family has this value alone. */
export interface MetricSample {
  readonly labels?: Readonly<Record<string, string>>;
  readonly value: number;
}

/** Values with one name. A family without samples is described and has no value at the moment. */
export interface MetricFamily {
  /** Letters, digits and underscores. It ends in the unit, if it has one, and never in `_total`. */
  readonly name: string;
  readonly type: 'counter' | 'gauge';
  readonly unit?: string;
  readonly help: string;
  readonly samples: readonly MetricSample[];
}

/** Writes families. Each sample of a counter has the suffix `_total`. */
export function writeOpenMetrics(families: readonly MetricFamily[]): string {
  return `${families.map(writeFamily).join('')}# EOF\n`;
}

function writeFamily({ name, type, unit, help, samples }: MetricFamily): string {
  const sampleName = type === 'counter' ? `${name}_total` : name;
  const lines = [
    `# TYPE ${name} ${type}`,
    ...(unit === undefined ? [] : [`# UNIT ${name} ${unit}`]),
    `# HELP ${name} ${escaped(help)}`,
    ...samples.map(({ labels = {}, value }) => `${sampleName}${writeLabels(labels)} ${value}`),
  ];
  return lines.map((line) => `${line}\n`).join('');
}

function writeLabels(labels: Readonly<Record<string, string>>): string {
  const pairs = Object.entries(labels).map(([name, value]) => `${name}="${escaped(value)}"`);
  return pairs.length === 0 ? '' : `{${pairs.join(',')}}`;
}

function escaped(text: string): string {
  return text.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n');
}
