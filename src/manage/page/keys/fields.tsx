/**
 * The fields that the form for a new key and the form for one that exists have in common.
 *
 * The wording follows the pages from which people know keys with CORS access. The API checks the
 * values. Its problems name their place in the document and are shown at the field they concern.
 */

import type { FieldProblem } from '../../../core/field-problem.ts';
import { NAME_MAX_LENGTH } from '../../limits.ts';
import { Field, LinesInput, sayProblem } from '../parts/field.tsx';

// Browsers count code units, of which one character may take two. The API counts characters.
const NAME_MAX_CODE_UNITS = 2 * NAME_MAX_LENGTH;

/** The name of a key. */
export function NameField(props: {
  readonly id: string;
  readonly value: string;
  readonly problems: readonly FieldProblem[];
  readonly help?: string;
  /** True if the page opens with the focus on this field. Default: if the field has problems. */
  readonly isFirst?: boolean;
}) {
  const { help, isFirst } = props;
  return (
    <Field
      id={props.id}
      label="Name"
      problems={props.problems}
      {...(help === undefined ? {} : { help })}
    >
      {(attributes) => (
        <input
          {...attributes}
          type="text"
          name="name"
          value={props.value}
          required
          maxlength={NAME_MAX_CODE_UNITS}
          autocomplete="off"
          {...(isFirst === undefined ? {} : { autofocus: isFirst })}
        />
      )}
    </Field>
  );
}

/** The origins that a key may be used from. The script makes them a list. */
export function OriginsField(props: {
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
            One on each line, or with commas between them.
          </p>
          <LinesInput
            attributes={attributes}
            name="origins"
            rows={4}
            placeholder="https://app.example.com"
            value={props.value}
            enhancedAs="origins"
          />
        </>
      )}
    </Field>
  );
}

/** The time when a key expires. */
export function ExpiryField(props: {
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

/** The problems that belong to no field of the form. */
export function OtherProblems({ problems }: { problems: readonly FieldProblem[] }) {
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

/** Problems by the field that shows them. */
export type SortedProblems = Record<
  'name' | 'owner' | 'cors' | 'origins' | 'clientTokens' | 'rules' | 'expiry' | 'others',
  readonly FieldProblem[]
>;

/** Sorts the API's problems by the field that shows them. */
export function sortProblems(problems: readonly FieldProblem[]): SortedProblems {
  const fieldOf = ({ path }: FieldProblem): keyof SortedProblems => {
    if (path === 'name' || path === 'owner' || path === 'cors') return path;
    if (path === 'expiresAt') return 'expiry';
    if (path.startsWith('access.clientTokens')) return 'clientTokens';
    if (path.startsWith('access.rules')) return 'rules';
    return path.startsWith('access.cors.allowedOrigins') ? 'origins' : 'others';
  };
  const sorted = Object.groupBy(problems, fieldOf);
  const none: readonly FieldProblem[] = [];
  return {
    name: none,
    owner: none,
    cors: none,
    origins: none,
    clientTokens: none,
    rules: none,
    expiry: none,
    others: none,
    ...sorted,
  };
}
