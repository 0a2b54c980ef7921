/**
 * Deleting a key, which asks for its name first.
 */

import type { FieldProblem } from '../../../core/field-problem.ts';
import { shownName } from '../../../core/key/key-name.ts';
import { Field } from '../parts/field.tsx';
import { textOf } from '../parts/form-data.ts';
import { readEditable } from './editable.ts';
import { apiPathOf, type KeyAction, refusedBy, refuseForm } from './key-action.tsx';
import { ActionForm, type Subject } from './subject.tsx';

/** Deletes the key, if its name was typed to confirm that. */
export const remove: KeyAction = async (visit, form, context) => {
  const was = readEditable(textOf(form, 'was'));
  if (was === null) return refuseForm(visit);
  const confirmation = textOf(form, 'confirmation');
  // Invisible characters cannot be typed, and people compare only the visible ones.
  if (shownName(confirmation) !== shownName(was.name)) return { status: 422, confirmation };
  const deleted = await visit.api<null>({
    method: 'DELETE',
    path: apiPathOf(context),
    headers: { 'If-Match': textOf(form, 'etag') },
  });
  return deleted.ok ? context.redirect('/_edge/?deleted', 303) : refusedBy(deleted.problem, form);
};

/** The form that deletes a key. */
export function RemovePanel(props: {
  readonly subject: Subject;
  /** The text that was typed to confirm, and is not the name of the key. */
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
      reason: 'the key was not deleted, because this is not its name',
      fix: `Type "${name}", exactly as shown`,
    },
  ];
}
