/**
 * The metadata of a key as rows of a name and a value. Rows without either are left out, so that the form has
 * some to spare; the script adds more.
 */

import type { FieldProblem } from '../../../core/field-problem.ts';
import { META_MAX_BYTES } from '../../../core/limits.ts';
import { sayProblem } from '../parts/field.tsx';
import { type MetaRow, namesOfRows } from './plan-values.ts';

const SPARE_ROWS = 2;

/** The rows. Each problem of a text is at its row, and the others are below. */
export function MetaField(props: {
  readonly id: string;
  readonly rows: readonly MetaRow[];
  readonly problems: readonly FieldProblem[];
}) {
  const { rows, problems } = props;
  const id = `${props.id}-meta`;
  const paths = namesOfRows(rows).map((name) => `meta.${name}`);
  const ofAll = problems.filter(({ path }) => !paths.includes(path));
  const spare = Array.from({ length: SPARE_ROWS }, () => ({ name: '', value: '' }));
  return (
    <fieldset class="field" aria-describedby={`${id}-help`}>
      <legend class="label">Metadata</legend>
      <ul class="rows" data-rows>
        {[...rows, ...spare].map((row, index) => (
          <Row
            id={`${id}-${index + 1}`}
            place={index + 1}
            row={row}
            problems={problems
              .filter(({ path }) => path === paths[index])
              .map((problem) => nameRow(problem, rows, index))}
          />
        ))}
      </ul>
      {ofAll.length > 0 && (
        <ul class="error">
          {ofAll.map((problem) => (
            <li>{sayProblem(problem)}</li>
          ))}
        </ul>
      )}
      <p class="help" id={`${id}-help`}>
        Texts for your API, which receives them as <code>X-Edge-Meta</code>, in at most{' '}
        {META_MAX_BYTES} bytes of JSON. A row without a name and a value is left out.
      </p>
    </fieldset>
  );
}

function Row(props: {
  readonly id: string;
  readonly place: number;
  readonly row: MetaRow;
  readonly problems: readonly FieldProblem[];
}) {
  const { id, place, row, problems } = props;
  const isWrong = problems.length > 0;
  const attributes = {
    type: 'text',
    class: 'mono-input',
    autocomplete: 'off',
    autocapitalize: 'off' as const,
    spellcheck: false,
    ...(isWrong ? { 'aria-invalid': 'true' as const, 'aria-describedby': `${id}-error` } : {}),
  };
  return (
    <li>
      <input
        {...attributes}
        id={id}
        name="meta_name"
        aria-label={`Member ${place} of the metadata`}
        value={row.name}
        placeholder={place === 1 ? 'plan' : 'name'}
        {...(isWrong ? { 'data-focus': true, autofocus: true } : {})}
      />
      <input
        {...attributes}
        name="meta_value"
        aria-label={`Text ${place} of the metadata`}
        value={row.value}
        placeholder={place === 1 ? 'pro' : 'value'}
      />
      {isWrong && (
        <ul class="error" id={`${id}-error`}>
          {problems.map((problem) => (
            <li>{sayProblem(problem)}</li>
          ))}
        </ul>
      )}
    </li>
  );
}

/** Says of a name that is empty or in an earlier row what is wrong with it on the page. */
function nameRow(problem: FieldProblem, rows: readonly MetaRow[], index: number): FieldProblem {
  const name = rows[index]?.name ?? '';
  if (name === '') {
    return { ...problem, reason: 'the name is missing', fix: 'Name the text, or empty its row' };
  }
  const isRepeated = rows.slice(0, index).some((row) => row.name === name);
  if (!isRepeated) return problem;
  return {
    ...problem,
    reason: `another row has the name "${name}" as well`,
    fix: 'Give each text a name of its own',
  };
}
