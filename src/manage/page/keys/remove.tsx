/**
 * Deleting a key, which asks for its name first.
 */

import type { FieldProblem } from '../../../core/field-problem.ts';
import { Field } from '../parts/field.tsx';
import { ActionForm, type Subject } from './subject.tsx';

/** The form that deletes a key. */
export function RemovePanel(props: {
  readonly subject: Subject;
  /** What was typed to confirm, and is not the name of the key. */
  readonly confirmation: string | undefined;
}) {
  const { subject, confirmation } = props;
  const { name } = subject.key;
  return (
    <section class="panel padded stack" aria-labelledby="delete-heading" id="delete">
      <h2 id="delete-heading">Delete the key</h2>
      <p class="quiet">
        Every token of this key stops working within seconds, everywhere and for good.
      </p>
      <ActionForm subject={subject} name="delete">
        <div class="stack">
          <Field
            id="confirmation"
            label={
              <>
                Type <strong>{name}</strong> to confirm
              </>
            }
            problems={confirmationProblems(name, confirmation)}
          >
            {(attributes) => (
              <input
                {...attributes}
                type="text"
                name="confirmation"
                value={confirmation ?? ''}
                required
                autocomplete="off"
                autocapitalize="off"
                spellcheck={false}
              />
            )}
          </Field>
          <div>
            <button type="submit" class="danger">
              Delete this key
            </button>
          </div>
        </div>
      </ActionForm>
    </section>
  );
}

function confirmationProblems(
  name: string,
  confirmation: string | undefined,
): readonly FieldProblem[] {
  if (confirmation === undefined) return [];
  return [
    {
      path: 'confirmation',
      value: confirmation,
      reason: 'the key was not deleted, since this is not its name',
      fix: `Type "${name}", exactly like that`,
    },
  ];
}
