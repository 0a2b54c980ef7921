/**
 * Editing a key: the form with its settings.
 */

import type { FieldProblem } from '../../../core/field-problem.ts';
import type { RestrictedRoutes } from '../../../core/routes/rule-sets.ts';
import { textOf } from '../parts/form-data.ts';
import { type KeyValues, mergeValues, readKeyValues, toPatch } from './edit-values.ts';
import { readEditable } from './editable.ts';
import { ExpiryField, NameField, OriginsField, OtherProblems, sortProblems } from './fields.tsx';
import { changeKey, done, type KeyAction, refusedBy, refuseForm } from './key-action.tsx';
import { PlanFields, problemsOfHidden } from './plan-fields.tsx';
import { ReachField } from './reach-field.tsx';
import { HiddenFields, type Subject } from './subject.tsx';

/** Saves what the form changed. */
export const edit: KeyAction = async (visit, form, context) => {
  const was = readEditable(textOf(form, 'was'));
  if (was === null) return refuseForm(visit);
  const values = readKeyValues(form, was);
  const patch = toPatch(values, was);
  if (Object.keys(patch).length === 0) return done(context, 'unchanged');
  const edited = await changeKey(visit, form, context, patch);
  if (edited.ok) return done(context, 'saved');
  const refused = refusedBy(edited.problem, form);
  return {
    ...refused,
    editValues: (key) => (refused.outdated ? mergeValues(values, was, key) : values),
  };
};

/** The form that edits a key. */
export function EditForm(props: {
  readonly subject: Subject;
  readonly values: KeyValues;
  readonly problems: readonly FieldProblem[];
  readonly restrictedRoutes: RestrictedRoutes;
  readonly limitNames: readonly string[];
}) {
  const { key, visitor } = props.subject;
  return (
    <section class="panel padded" aria-labelledby="settings-heading">
      <form method="post" action={`/_edge/keys/${key.id}`} class="stack" id="settings">
        <h2 id="settings-heading">Settings</h2>
        <HiddenFields subject={props.subject} />
        <EditFields
          values={props.values}
          problems={props.problems}
          restrictedRoutes={props.restrictedRoutes}
          limitNames={props.limitNames}
          owner={visitor.owner}
        />
        <div class="actions">
          <button type="submit" class="primary">
            Save changes
          </button>
        </div>
      </form>
    </section>
  );
}

/** The fields of a key that exists. Its kind is fixed, so a backend key has no origins to edit. */
function EditFields(props: {
  readonly values: KeyValues;
  readonly problems: readonly FieldProblem[];
  readonly restrictedRoutes: RestrictedRoutes;
  readonly limitNames: readonly string[];
  readonly owner: string | null;
}) {
  const { values } = props;
  const problems = sortProblems(props.problems);
  return (
    <>
      <OtherProblems problems={[...problems.others, ...problemsOfHidden(problems, props.owner)]} />
      <NameField id="edit-name" value={values.name} problems={problems.name} />
      {values.origins === null ? (
        <p class="help">
          This is a backend key: any request with an <code>Origin</code> is refused. A secret that
          was made for a backend never becomes a browser key; create a key with CORS access for
          that.
        </p>
      ) : (
        <OriginsField id="edit-origins" value={values.origins} problems={problems.origins} />
      )}
      <ReachField
        id="edit"
        kind={values.origins === null ? 'backend' : 'cors'}
        reach={values.reach}
        rules={values.rules}
        ruleSet={values.ruleSet}
        problems={problems}
        restrictedRoutes={props.restrictedRoutes}
      />
      <ExpiryField
        id="edit-expires-at"
        label="Expires"
        value={values.expiresAt}
        problems={problems.expiry}
        help="Leave it empty for a key that never expires."
      />
      <PlanFields
        id="edit"
        values={values.plan}
        problems={problems}
        limitNames={props.limitNames}
        owner={props.owner}
      />
    </>
  );
}
