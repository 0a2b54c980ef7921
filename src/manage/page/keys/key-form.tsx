/**
 * The fields of a key, for making one and for editing one.
 *
 * The wording follows the pages that taught people what a key with CORS access is. What a field says
 * is checked by the API; problems come back with their place in the document and are shown at the
 * field they are about.
 */

import type { FieldProblem } from '../../../core/field-problem.ts';
import { ruleText } from '../../../core/key/key.ts';
import type { RouteList } from '../../../core/routes/route-table.ts';
import { EndpointList } from '../../endpoint-list.tsx';
import { NAME_MAX_LENGTH } from '../../limits.ts';
import type { Visitor } from '../access/visitor.ts';
import type { RuleDocument } from '../api-client.ts';
import { Field, sayProblem } from '../parts/field.tsx';
import { FormToken } from '../parts/layout.tsx';
import { type CreateValues, expiryChoices, type KeyValues } from './key-values.ts';

/** A form for a new key: what is in its fields, and what was wrong with it. */
export interface KeyFormState {
  readonly values: CreateValues;
  readonly problems: readonly FieldProblem[];
  /** What went wrong beyond the fields; `null`: nothing. */
  readonly failure: string | null;
  /** The same for every sending of this form, so that it makes one key. */
  readonly idempotencyKey: string;
}

// Browsers count code units, of which one character may take two. The API counts characters.
const NAME_MAX_CODE_UNITS = 2 * NAME_MAX_LENGTH;

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
        <Field
          id="create-name"
          label="Name"
          problems={problems.name}
          help="Only used here, to tell keys apart. Say what it is for, so that it does not get reused across applications."
        >
          {(attributes) => (
            <input
              {...attributes}
              type="text"
              name="name"
              value={values.name}
              required
              maxlength={NAME_MAX_CODE_UNITS}
              autocomplete="off"
              autofocus={state.problems.length === 0 || problems.name.length > 0}
            />
          )}
        </Field>
        {visitor.owner === null && (
          <Field
            id="create-owner"
            label="Owner"
            optional
            problems={problems.owner}
            help="The account that the key acts for, as your API knows it."
          >
            {(attributes) => (
              <input
                {...attributes}
                type="text"
                name="owner"
                class="mono-input"
                value={values.owner}
                autocomplete="off"
                autocapitalize="off"
                spellcheck={false}
              />
            )}
          </Field>
        )}
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
              By default, API keys can only be used from a backend server. With CORS access a key
              can be used from the browser, from any origin that you configure it for.
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
        <Field
          id="create-expires"
          label="Expires"
          problems={values.expires === 'at' ? [] : problems.expiry}
        >
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
            problems={values.expires === 'at' ? problems.expiry : []}
          />
        </div>
        <p class="notice bad" role="alert" data-failure hidden />
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
      </form>
    </div>
  );
}

/** The fields of a key that exists. Its kind is fixed, so a backend key has no origins to edit. */
export function EditFields(props: {
  readonly values: KeyValues;
  readonly problems: readonly FieldProblem[];
  readonly rules: readonly RuleDocument[] | null;
  readonly restrictedRoutes: RouteList;
}) {
  const { values } = props;
  const problems = sortProblems(props.problems);
  return (
    <>
      <Others problems={problems.others} />
      <Field id="edit-name" label="Name" problems={problems.name}>
        {(attributes) => (
          <input
            {...attributes}
            type="text"
            name="name"
            value={values.name}
            required
            maxlength={NAME_MAX_CODE_UNITS}
            autocomplete="off"
          />
        )}
      </Field>
      {values.origins === null ? (
        <p class="help">
          This is a backend key: any request with an <code>Origin</code> is refused. A secret that
          was made for a backend never becomes a browser key; create a key with CORS access for
          that.
        </p>
      ) : (
        <>
          <OriginsField id="edit-origins" value={values.origins} problems={problems.origins} />
          {props.rules === null && (
            <FullAccessField
              id="edit-full"
              isChecked={values.fullAccess}
              restrictedRoutes={props.restrictedRoutes}
            />
          )}
        </>
      )}
      {props.rules !== null && <Rules rules={props.rules} />}
      <ExpiryField
        id="edit-expires-at"
        label="Expires"
        value={values.expiresAt}
        problems={problems.expiry}
        help="Leave it empty for a key that never expires."
      />
    </>
  );
}

function OriginsField(props: {
  readonly id: string;
  readonly value: string;
  readonly problems: readonly FieldProblem[];
}) {
  return (
    <Field
      id={props.id}
      label="Allowed origins"
      problems={props.problems}
      help={
        <>
          An origin is just a combination of a scheme, like <code>https</code>, with a domain, and a
          port if it is not the standard one: <code>http://localhost:8080</code> when developing
          locally or <code>https://my.app.io</code> after deploying. Write{' '}
          <code>https://*.app.io</code> for every subdomain, or <code>*</code> for any origin. We
          recommend a minimal list, and separate keys for development and production.
        </>
      }
    >
      {(attributes) => (
        <>
          <p class="help" data-plain>
            One on each line.
          </p>
          <textarea
            {...attributes}
            name="origins"
            class="mono-input"
            rows={4}
            data-origins
            autocapitalize="off"
            spellcheck={false}
            placeholder="https://app.example.com"
          >
            {props.value}
          </textarea>
        </>
      )}
    </Field>
  );
}

function FullAccessField(props: {
  readonly id: string;
  readonly isChecked: boolean;
  readonly restrictedRoutes: RouteList;
}) {
  const { id, isChecked } = props;
  return (
    <div class="reveals">
      <div class="check">
        <input
          id={id}
          type="checkbox"
          name="full_access"
          checked={isChecked}
          aria-describedby={`${id}-help`}
        />
        <label for={id}>Full API access</label>
        <p class="help" id={`${id}-help`}>
          CORS-enabled API keys have restricted access to the API by default: they are only allowed
          to call some specific endpoints.
        </p>
        <div class="help">
          <EndpointList summary="Which endpoints?" table={props.restrictedRoutes} />
        </div>
      </div>
      <div class="revealed notice warn" role="note">
        <p>
          An API key with Full API access will be able to access and manage every information in
          your account. That includes:
        </p>
        <ul>
          <li>all your contact info provided on registration</li>
          <li>changing your billing plan</li>
          <li>listing and deleting all the streams and assets stored in your account</li>
        </ul>
        <p>Whoever reads the source of your page can do all of that, too.</p>
      </div>
    </div>
  );
}

function ExpiryField(props: {
  readonly id: string;
  readonly label: string;
  readonly value: string;
  readonly problems: readonly FieldProblem[];
  readonly help?: string;
}) {
  return (
    <Field
      id={props.id}
      label={
        <>
          {props.label} <span class="optional">(UTC)</span>
        </>
      }
      problems={props.problems}
      {...(props.help === undefined ? {} : { help: props.help })}
    >
      {(attributes) => (
        <input
          {...attributes}
          type="datetime-local"
          name="expires_at"
          value={props.value}
          step={1}
        />
      )}
    </Field>
  );
}

function Rules({ rules }: { rules: readonly RuleDocument[] }) {
  return (
    <div class="field">
      <span class="label">Access rules</span>
      <p class="help">The key may call these endpoints alone. Rules are edited with the API.</p>
      <ul class="origin-list">
        {rules.map((rule) => (
          <li>
            <code>{ruleText(rule)}</code>
          </li>
        ))}
      </ul>
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
      <Others problems={problems.others} />
    </>
  );
}

function Others({ problems }: { problems: readonly FieldProblem[] }) {
  if (problems.length === 0) return null;
  return (
    <ul class="error">
      {problems.map((problem) => (
        <li>
          {problem.path}: {sayProblem(problem)}
        </li>
      ))}
    </ul>
  );
}

/** Problems by the field of the form that they are about. */
type SortedProblems = Record<
  'name' | 'owner' | 'cors' | 'origins' | 'expiry' | 'others',
  readonly FieldProblem[]
>;

function sortProblems(problems: readonly FieldProblem[]): SortedProblems {
  const fieldOf = ({ path }: FieldProblem): keyof SortedProblems => {
    if (path === 'name' || path === 'owner' || path === 'cors') return path;
    if (path === 'expiresAt') return 'expiry';
    return path.startsWith('access.cors.allowedOrigins') ? 'origins' : 'others';
  };
  const sorted = Object.groupBy(problems, fieldOf);
  const none: readonly FieldProblem[] = [];
  return {
    name: none,
    owner: none,
    cors: none,
    origins: none,
    expiry: none,
    others: none,
    ...sorted,
  };
}
