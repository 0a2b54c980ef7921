/**
 * Making a key: the form, in the dialog and as a page.
 */

import type { FieldProblem } from '../../../core/field-problem.ts';
import type { RouteList } from '../../../core/routes/route-table.ts';
import type { Visitor } from '../access/visitor.ts';
import { Field, sayProblem } from '../parts/field.tsx';
import { FormToken } from '../parts/layout.tsx';
import { type CreateValues, expiryChoices } from './create-values.ts';
import {
  ExpiryField,
  FullAccessField,
  NameField,
  OriginsField,
  OtherProblems,
  type SortedProblems,
  sortProblems,
} from './fields.tsx';

/** A form for a new key: what is in its fields, and what was wrong with it. */
export interface KeyFormState {
  readonly values: CreateValues;
  readonly problems: readonly FieldProblem[];
  /** What went wrong beyond the fields; `null`: nothing. */
  readonly failure: string | null;
  /** The same for every sending of this form, so that it makes one key. */
  readonly idempotencyKey: string;
}

/** The form that makes a key, in the dialog and as a page. */
export function CreateForm(props: {
  readonly visitor: Visitor;
  readonly state: KeyFormState;
  readonly restrictedRoutes: RouteList;
  readonly inDialog?: boolean;
}) {
  const { visitor, state, inDialog = false } = props;
  const { values } = state;
  const problems = sortProblems(state.problems);
  const Heading = inDialog ? 'h2' : 'h1';
  return (
    <div id="create-content">
      <form method="post" action="/_edge/keys" class="stack">
        <Heading id="create-title">Create API key</Heading>
        <FormToken visitor={visitor} />
        <input type="hidden" name="idempotency_key" value={state.idempotencyKey} />
        {inDialog && <input type="hidden" name="in_dialog" value="yes" />}
        <Failure state={state} problems={problems} />
        <NameField
          id="create-name"
          value={values.name}
          problems={problems.name}
          help="Only used here, to tell keys apart. Say what it is for, so that it does not get reused across applications."
          isFirst={state.problems.length === 0 || problems.name.length > 0}
        />
        {visitor.owner === null && <OwnerField values={values} problems={problems.owner} />}
        <CorsFields values={values} problems={problems} restrictedRoutes={props.restrictedRoutes} />
        <ExpiryFields values={values} problems={problems.expiry} />
        <p class="notice bad" role="alert" data-failure hidden />
        <Buttons inDialog={inDialog} />
      </form>
    </div>
  );
}

function Failure({ state, problems }: { state: KeyFormState; problems: SortedProblems }) {
  if (state.failure === null && state.problems.length === 0) return null;
  return (
    <>
      <p class="notice bad" role="alert">
        {state.failure ?? 'The key was not created. What to mend is said at each field.'}
      </p>
      <OtherProblems problems={problems.others} />
    </>
  );
}

function OwnerField(props: {
  readonly values: CreateValues;
  readonly problems: readonly FieldProblem[];
}) {
  return (
    <Field
      id="create-owner"
      label="Owner"
      optional
      problems={props.problems}
      help="The account that the key acts for, as your API knows it."
    >
      {(attributes) => (
        <input
          {...attributes}
          type="text"
          name="owner"
          class="mono-input"
          value={props.values.owner}
          autocomplete="off"
          autocapitalize="off"
          spellcheck={false}
        />
      )}
    </Field>
  );
}

/** The box that allows CORS access, and what it reveals. */
function CorsFields(props: {
  readonly values: CreateValues;
  readonly problems: SortedProblems;
  readonly restrictedRoutes: RouteList;
}) {
  const { values, problems } = props;
  return (
    <div class="reveals">
      <div class="check">
        <input
          id="create-cors"
          type="checkbox"
          name="cors"
          checked={values.cors}
          aria-describedby={`${problems.cors.length > 0 ? 'create-cors-error ' : ''}create-cors-help`}
          {...(problems.cors.length > 0
            ? { 'aria-invalid': 'true', 'data-focus': true, autofocus: true }
            : {})}
        />
        <label for="create-cors">Allow CORS access</label>
        {problems.cors.map((problem) => (
          <p class="help error" id="create-cors-error">
            {sayProblem(problem)}
          </p>
        ))}
        <p class="help" id="create-cors-help">
          By default, API keys can only be used from a backend server. With CORS access a key can be
          used from the browser, from any origin that you configure it for.
        </p>
      </div>
      <div class="revealed inset stack">
        <OriginsField id="create-origins" value={values.origins} problems={problems.origins} />
        <FullAccessField
          id="create-full"
          isChecked={values.fullAccess}
          restrictedRoutes={props.restrictedRoutes}
        />
      </div>
    </div>
  );
}

/** The choice of an expiry, and the field that the last choice reveals. */
function ExpiryFields(props: {
  readonly values: CreateValues;
  readonly problems: readonly FieldProblem[];
}) {
  const { values, problems } = props;
  const isAt = values.expires === 'at';
  return (
    <>
      <Field id="create-expires" label="Expires" problems={isAt ? [] : problems}>
        {(attributes) => (
          <select {...attributes} name="expires" data-reveals="create-expires-at-field">
            {expiryChoices.map(([value, label]) => (
              <option value={value} selected={values.expires === value}>
                {label}
              </option>
            ))}
          </select>
        )}
      </Field>
      <div id="create-expires-at-field">
        <ExpiryField
          id="create-expires-at"
          label="Time of its own"
          value={values.expiresAt}
          problems={isAt ? problems : []}
        />
      </div>
    </>
  );
}

function Buttons({ inDialog }: { inDialog: boolean }) {
  return (
    <div class="actions">
      {inDialog ? (
        <button type="button" data-close hidden>
          Cancel
        </button>
      ) : (
        <a class="button" href="/_edge/">
          Cancel
        </a>
      )}
      <button type="submit" class="primary">
        Create
      </button>
    </div>
  );
}
