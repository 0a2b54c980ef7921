/**
 * A field of a form: its label, its control, its help and its problems.
 */

import type { Child } from 'hono/jsx';
import type { FieldProblem } from '../../../core/field-problem.ts';

/** The parts of a field around its control. */
interface FieldProps {
  readonly id: string;
  readonly label: Child;
  readonly optional?: boolean;
  readonly help?: Child;
  readonly problems?: readonly FieldProblem[];
}

/** A label and its control, with help and problems. */
export function Field(
  props: FieldProps & { readonly children: (attributes: ControlAttributes) => Child },
) {
  const { id, problems = [], help } = props;
  const isWrong = problems.length > 0;
  const describedBy = [isWrong && `${id}-error`, help !== undefined && `${id}-help`].filter(
    Boolean,
  );
  return (
    <div class="field">
      <label for={id}>
        {props.label}
        {props.optional && <span class="optional"> (optional)</span>}
      </label>
      {props.children({
        id,
        ...(describedBy.length > 0 ? { 'aria-describedby': describedBy.join(' ') } : {}),
        // The first field with a problem gets the focus: by the attribute on a page, by the script in the dialog.
        ...(isWrong
          ? {
              'aria-invalid': 'true' as const,
              'data-focus': true as const,
              autofocus: true as const,
            }
          : {}),
      })}
      {isWrong && (
        <ul class="error" id={`${id}-error`}>
          {problems.map((problem) => (
            <li>{sayProblem(problem)}</li>
          ))}
        </ul>
      )}
      {help !== undefined && (
        <p class="help" id={`${id}-help`}>
          {help}
        </p>
      )}
    </div>
  );
}

/** A problem as a sentence: "Cannot allow origin "app.io": the scheme is missing. Write "https://app.io"." */
export function sayProblem({ reason, fix }: FieldProblem): string {
  const sentence = `${reason}. ${fix}.`;
  return sentence.charAt(0).toUpperCase() + sentence.slice(1);
}

/** A field whose control is lines of text. */
export function LinesField({
  name,
  rows,
  placeholder,
  value,
  ...field
}: FieldProps & Omit<LinesProps, 'attributes' | 'enhancedAs'>) {
  return (
    <Field {...field}>
      {(attributes) => (
        <LinesInput
          attributes={attributes}
          name={name}
          rows={rows}
          placeholder={placeholder}
          value={value}
        />
      )}
    </Field>
  );
}

interface LinesProps {
  readonly attributes: ControlAttributes;
  readonly name: string;
  readonly rows: number;
  readonly placeholder: string;
  readonly value: string;
  /** The script's name for it; without one it stays as it is. */
  readonly enhancedAs?: 'origins' | 'rules';
}

/** Entries of a list as lines of text. The script makes some of them a list with a control for each. */
export function LinesInput(props: LinesProps) {
  const { attributes, name, rows, placeholder, enhancedAs } = props;
  return (
    <textarea
      {...attributes}
      name={name}
      class="mono-input"
      rows={rows}
      {...(enhancedAs === undefined ? {} : { [`data-${enhancedAs}`]: true })}
      autocapitalize="off"
      spellcheck={false}
      placeholder={placeholder}
    >
      {props.value}
    </textarea>
  );
}

interface ControlAttributes {
  readonly id: string;
  readonly 'aria-describedby'?: string;
  readonly 'aria-invalid'?: 'true';
  readonly 'data-focus'?: true;
  readonly autofocus?: true;
}
