/**
 * A strict reader of OpenMetrics 1.0, as far as counters and gauges need: by the grammar and the rules of
 * https://github.com/prometheus/OpenMetrics/blob/main/specification/OpenMetrics.md
 */

/** A family as it was read. */
export interface ReadFamily {
  readonly type: string;
  readonly unit: string | null;
  readonly help: string | null;
  /** By the sample's name and labels, as they are written. */
  readonly samples: ReadonlyMap<string, number>;
}

const METRIC_NAME = '[a-zA-Z_:][a-zA-Z0-9_:]*';
const LABEL = '[a-zA-Z_][a-zA-Z0-9_]*="(?:[^"\\\\\\n]|\\\\["\\\\n])*"';
const NUMBER = '[+-]?(?:\\d+(?:\\.\\d*)?|\\.\\d+)(?:[eE][+-]?\\d+)?';
const describedLine = new RegExp(
  `^# (TYPE|UNIT|HELP) (${METRIC_NAME}) ((?:[^\\\\\\n"]|\\\\["\\\\n])*)$`,
);
const sampleLine = new RegExp(`^(${METRIC_NAME})(?:\\{(${LABEL}(?:,${LABEL})*)?\\})? (${NUMBER})$`);

/** Reads a text. Throws an error that names the first line that breaks a rule. */
export function readOpenMetrics(text: string): ReadonlyMap<string, ReadFamily> {
  const reader = new Reader();
  const lines = text.split('\n');
  if (lines.pop() !== '') throw new Error('the last line is not ended');
  if (lines.pop() !== '# EOF') throw new Error('the last line is not "# EOF"');
  for (const line of lines) reader.read(line);
  return reader.families;
}

class Reader {
  readonly families = new Map<
    string,
    { type: string; unit: string | null; help: string | null; samples: Map<string, number> }
  >();
  #current = '';

  read(line: string): void {
    const fail = (reason: string) => new Error(`${reason}: ${JSON.stringify(line)}`);
    const [, keyword, described = '', value = ''] = describedLine.exec(line) ?? [];
    if (keyword !== undefined) {
      const reason = this.#describe(keyword, described, value);
      if (reason !== null) throw fail(reason);
      return;
    }
    const [matched, name = '', labels = '', number = ''] = sampleLine.exec(line) ?? [];
    if (matched === undefined) throw fail('it is no line of the grammar');
    const family = this.families.get(this.#current);
    const suffix = family?.type === 'counter' ? '_total' : '';
    if (family === undefined || name !== `${this.#current}${suffix}`) {
      throw fail('it is not of the family that is being described');
    }
    const names = [...labels.matchAll(/(\w+)="(?:[^"\\]|\\.)*"/g)].map(([, label]) => label);
    if (new Set(names).size < names.length) throw fail('a label occurs twice');
    const key = labels === '' ? name : `${name}{${labels}}`;
    if (family.samples.has(key)) throw fail('it occurs twice');
    if (family.type === 'counter' && Number(number) < 0) throw fail('a counter is below 0');
    family.samples.set(key, Number(number));
  }

  /** Returns the rule that a description breaks; `null`: none. */
  #describe(keyword: string, name: string, value: string): string | null {
    if (name !== this.#current) {
      if (this.families.has(name)) return 'the family is interleaved with another';
      this.families.set(name, { type: 'unknown', unit: null, help: null, samples: new Map() });
      this.#current = name;
    }
    // It was set above, or before.
    const family = this.families.get(name)!;
    if (family.samples.size > 0) return 'it follows a sample';
    switch (keyword) {
      case 'TYPE':
        if (family.type !== 'unknown') return 'it occurs twice';
        if (value !== 'counter' && value !== 'gauge') return 'the type is not known';
        if (name.endsWith('_total')) return 'the name of a family ends in "_total"';
        family.type = value;
        return null;
      case 'UNIT':
        if (family.unit !== null) return 'it occurs twice';
        if (!name.endsWith(`_${value}`)) return 'the name does not end in the unit';
        family.unit = value;
        return null;
      default:
        if (family.help !== null) return 'it occurs twice';
        family.help = value;
        return null;
    }
  }
}
