/**
 * Making a key: the form, in the dialog and as a page.
 */

import type { FieldProblem } from '../../../core/field-problem.ts';
import { operatorBounds } from '../../../core/key/key-access.ts';
import type { RestrictedRoutes } from '../../../core/routes/rule-sets.ts';
import { atOnce } from '../../../core/steps.ts';
import type { KeyWithToken } from '../../documents.ts';
import { type KeyBounds, readNewKey } from '../../new-key.ts';
import type { Action, View } from '../access/guards.tsx';
import type { Visit, Visitor } from '../access/visitor.ts';
import type { PageContext } from '../dashboard.ts';
import { Field, sayProblem } from '../parts/field.tsx';
import { textOf } from '../parts/form-data.ts';
import { FormToken, Layout } from '../parts/layout.tsx';
import { pageResponse } from '../parts/respond.ts';
import { NewClientTokens } from './client-tokens.tsx';
import {
  type CreateValues,
  emptyCreateValues,
  expiryChoices,
  findMistakes,
  readCreateValues,
  toNewKey,
} from './create-values.ts';
import {
  ExpiryField,
  NameField,
  OriginsField,
  OtherProblems,
  type SortedProblems,
  sortProblems,
} from './fields.tsx';
import { PlanFields, problemsOfHidden } from './plan-fields.tsx';
import { ReachField } from './reach-field.tsx';
import { tokenResponse } from './token-panel.tsx';

/** A form for a new key: the values of its fields, and their problems. */
export interface KeyFormState {
  readonly values: CreateValues;
  readonly problems: readonly FieldProblem[];
  /** A problem that concerns no field; `null`: there is no such problem. */
  readonly failure: string | null;
  /** Stays the same each time this form is sent, so that the form makes one key. */
  readonly idempotencyKey: string;
}

/** A form for a new key, before anything is typed. */
export function newFormState(): KeyFormState {
  return {
    values: emptyCreateValues,
    problems: [],
    failure: null,
    idempotencyKey: crypto.randomUUID(),
  };
}

/** Shows the form as a page. */
export const showCreateForm: View = (visit, context) =>
  createFormResponse(visit, context, newFormState());

/** Makes a key, and shows its token. */
export const create: Action = async (visit, form, context) => {
  const values = readCreateValues(form);
  const nowMs = context.env.management.now();
  const document = toNewKey(values, nowMs);
  // After a refusal the form may be sent with other values, which is another request.
  const again = { values, failure: null, idempotencyKey: crypto.randomUUID() };
  const mistakes = findMistakes(values);
  if (mistakes.length > 0) {
    const bounds = { owner: null, ...operatorBounds, ...context.env.management.plans, nowMs };
    const problems = [...mistakes, ...otherProblems(document, mistakes, bounds)];
    return createFormResponse(visit, context, { ...again, problems }, 422);
  }
  const created = await visit.api<KeyWithToken>({
    method: 'POST',
    path: '/keys',
    body: document,
    headers: { 'Idempotency-Key': textOf(form, 'idempotency_key') },
  });
  if (!created.ok) {
    const { problems = [], detail, status } = created.problem;
    const failure = problems.length > 0 ? null : detail;
    return createFormResponse(visit, context, { ...again, problems, failure }, status);
  }
  const key = created.document;
  return tokenResponse(visit, form, context, {
    key,
    title: 'API key created',
    status: 201,
    message: (
      <>
        <strong>{key.name}</strong> is ready to be used.
      </>
    ),
  });
};

/** Returns the API's problems with a form that has mistakes, in other places than theirs. */
function otherProblems(
  document: unknown,
  mistakes: readonly FieldProblem[],
  bounds: KeyBounds,
): readonly FieldProblem[] {
  const reading = atOnce(readNewKey(document, bounds));
  if (reading.ok) return [];
  return reading.problems.filter(({ path }) => !mistakes.some((mistake) => mistake.path === path));
}

function createFormResponse(
  { visitor }: Visit,
  context: PageContext,
  state: KeyFormState,
  status = 200,
): Response {
  return pageResponse(
    <Layout title="Create API key" section="keys" visitor={visitor}>
      <div class="panel padded narrow">
        <CreateForm
          visitor={visitor}
          state={state}
          restrictedRoutes={context.env.management.restrictedRoutes}
          limitNames={context.env.management.plans.limitNames}
        />
      </div>
    </Layout>,
    status,
  );
}

/** The form that makes a key, in the dialog and as a page. */
export function CreateForm(props: {
  readonly visitor: Visitor;
  readonly state: KeyFormState;
  readonly restrictedRoutes: RestrictedRoutes;
  readonly limitNames: readonly string[];
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
        <Failure
          failure={state.failure}
          isRefused={state.problems.length > 0}
          others={[...problems.others, ...problemsOfHidden(problems, visitor.owner)]}
        />
        <NameField
          id="create-name"
          value={values.name}
          problems={problems.name}
          help="Only used here, to tell keys apart. Name its purpose, so that it does not get reused across applications."
          isFirst={state.problems.length === 0 || problems.name.length > 0}
        />
        {visitor.owner === null && <OwnerField values={values} problems={problems.owner} />}
        <CorsFields values={values} problems={problems} />
        <NewClientTokens
          isTicked={values.clientTokens}
          values={values.client}
          problems={problems}
          restrictedRoutes={props.restrictedRoutes}
        />
        <ReachField
          id="create"
          kind="open"
          reach={values.reach}
          rules={values.rules}
          ruleSet={values.ruleSet}
          problems={problems}
          restrictedRoutes={props.restrictedRoutes}
        />
        <ExpiryFields values={values} problems={problems.expiry} />
        <PlanFields
          id="create"
          values={values.plan}
          problems={problems}
          limitNames={props.limitNames}
          owner={visitor.owner}
        />
        <p class="notice bad" role="alert" data-failure hidden />
        <Buttons inDialog={inDialog} />
      </form>
    </div>
  );
}

function Failure(props: {
  readonly failure: string | null;
  readonly isRefused: boolean;
  readonly others: readonly FieldProblem[];
}) {
  if (props.failure === null && !props.isRefused) return null;
  return (
    <>
      <p class="notice bad" role="alert">
        {props.failure ?? 'The key was not created. Fix the errors shown below.'}
      </p>
      <OtherProblems problems={props.others} />
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
function CorsFields(props: { readonly values: CreateValues; readonly problems: SortedProblems }) {
  const { values, problems } = props;
  return (
    <div class="reveals cors">
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
          label="Expiry time"
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
