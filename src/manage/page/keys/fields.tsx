/**
 * The fields that the form for a new key and the form for one that exists have in common.
 *
 * The wording follows the pages from which people know keys with CORS access. The API checks the
 * values. Its problems name their place in the document and are shown at the field they concern.
 */

import type { FieldProblem } from '../../../core/field-problem.ts';
import { NAME_MAX_LENGTH } from '../../limits.ts';
import { Field, LinesInput, sayProblem } from '../parts/field.tsx';
import { lineNumberOf } from '../parts/form-data.ts';

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

/** The fields that show problems, and the place in the document from which they have them. */
const fieldPlaces = [
  ['name', 'name'],
  ['owner', 'owner'],
  // The box of CORS access is no member of the document.
  ['cors', 'cors'],
  ['origins', 'access.cors.allowedOrigins'],
  ['clientRules', 'access.clientTokens.rules'],
  ['clientRuleSet', 'access.clientTokens.ruleSet'],
  ['clientTtl', 'access.clientTokens.maxTtlSeconds'],
  ['clientOrigins', 'access.clientTokens'],
  ['rules', 'access.rules'],
  ['ruleSet', 'access.ruleSet'],
  ['addresses', 'access.addresses'],
  ['expiry', 'expiresAt'],
  ['limitBy', 'limitBy'],
  ['limit', 'limit'],
  ['quotaPeriod', 'quota.period'],
  ['quotaRequests', 'quota'],
  ['meta', 'meta'],
  ['tags', 'tags'],
] as const;

type FieldName = (typeof fieldPlaces)[number][0];

/** Problems by the field that shows them. */
export type SortedProblems = Readonly<Record<FieldName | 'others', readonly FieldProblem[]>>;

/** Sorts the API's problems by the field that shows them. */
export function sortProblems(problems: readonly FieldProblem[]): SortedProblems {
  const fieldOf = ({ path }: FieldProblem): keyof SortedProblems =>
    fieldPlaces.find(([, place]) => isAt(path, place))?.[0] ?? 'others';
  const none = Object.fromEntries(
    [...fieldPlaces, ['others'] as const].map(([field]): [string, readonly FieldProblem[]] => [
      field,
      [],
    ]),
  ) as Record<keyof SortedProblems, readonly FieldProblem[]>;
  return { ...none, ...Object.groupBy(problems, fieldOf) };
}

/** Returns whether a path is that of a member, or of a part of it. */
function isAt(path: string, place: string): boolean {
  return path.startsWith(place) && /^$|^[.[]/.test(path.slice(place.length));
}

/** Puts the line before each problem of a list: "Line 2 "10.0.0": it is neither ...". */
export function nameLines(
  problems: readonly FieldProblem[],
  text: string,
  partsOf: (text: string) => readonly string[],
): readonly FieldProblem[] {
  return problems.map((problem) => {
    const [, index] = /\[(\d+)\]$/.exec(problem.path) ?? [];
    if (index === undefined) return problem;
    const value = typeof problem.value === 'string' ? ` "${problem.value}"` : '';
    const line = lineNumberOf(text, Number(index), partsOf);
    return { ...problem, reason: `line ${line}${value}: ${problem.reason}` };
  });
}
