/**
 * The fields of a key's plan, folded away: its limit, its quota, its addresses, its metadata and its tags.
 *
 * The operator sets all of it. An owner sets the addresses alone, as the API decides.
 */

import type { FieldProblem } from '../../../core/field-problem.ts';
import { ADDRESS_BLOCKS_PER_KEY, META_MAX_BYTES, TAGS_PER_KEY } from '../../../core/limits.ts';
import { Field, LinesField } from '../parts/field.tsx';
import { linesOf, wordsOf } from '../parts/form-data.ts';
import { nameLines, type SortedProblems } from './fields.tsx';
import { MetaField } from './meta-field.tsx';
import type { PlanValues } from './plan-values.ts';
import { limitWays } from './plan-words.ts';

/** The properties of the fields. */
interface PlanFieldsProps {
  /** The beginning of each id. */
  readonly id: string;
  readonly values: PlanValues;
  readonly problems: SortedProblems;
  /** The names in the setting `LIMITERS`. */
  readonly limitNames: readonly string[];
  /** The owner whose keys alone the visitor changes; `null`: the operator. */
  readonly owner: string | null;
}

const ownFields = ['addresses'] as const;
const operatorFields = [
  ...ownFields,
  'limit',
  'limitBy',
  'quotaRequests',
  'quotaPeriod',
  'meta',
  'tags',
] as const;

/** Returns the problems of the fields that this visitor does not see, because the form was altered. */
export function problemsOfHidden(
  problems: SortedProblems,
  owner: string | null,
): readonly FieldProblem[] {
  if (owner === null) return [];
  return operatorFields
    .filter((field) => !ownFields.some((own) => own === field))
    .flatMap((field) => problems[field]);
}

/** The fields that this visitor may set. They open by themselves if one of them has a problem. */
export function PlanFields(props: PlanFieldsProps) {
  const { id, values, problems, owner } = props;
  const shown = owner === null ? operatorFields : ownFields;
  return (
    <details class="plan" open={shown.some((field) => problems[field].length > 0)}>
      <summary>
        {owner === null ? 'Limits, addresses and metadata' : 'Addresses'}
        <span class="optional"> (optional)</span>
      </summary>
      <div class="stack inset">
        {owner === null && <LimitFields {...props} />}
        {owner === null && <QuotaFields {...props} />}
        <AddressesField id={id} value={values.addresses} problems={problems.addresses} />
        {owner === null && <MetaField id={id} rows={values.meta} problems={problems.meta} />}
        {owner === null && <TagsField id={id} value={values.tags} problems={problems.tags} />}
      </div>
    </details>
  );
}

/** The choice of a named limit. Nothing if the deployment has none, and the key names none. */
function LimitFields({ id, values, problems, limitNames }: PlanFieldsProps) {
  const { limit, limitBy } = values;
  const names = limitNames.includes(limit) || limit === '' ? limitNames : [...limitNames, limit];
  if (names.length === 0 && problems.limit.length + problems.limitBy.length === 0) return null;
  return (
    <div class="pair">
      <Field
        id={`${id}-limit`}
        label="Rate limit"
        problems={problems.limit}
        help="One of the setting LIMITERS."
      >
        {(attributes) => (
          <select {...attributes} name="limit">
            <option value="">The limit of every key</option>
            {names.map((name) => (
              <option value={name} selected={name === limit}>
                {name}
              </option>
            ))}
          </select>
        )}
      </Field>
      <Field id={`${id}-limit-by`} label="The limit counts" problems={problems.limitBy}>
        {(attributes) => (
          <select {...attributes} name="limit_by">
            {limitWays.map(([way, label]) => (
              <option value={way} selected={way === limitBy}>
                {label}
              </option>
            ))}
          </select>
        )}
      </Field>
    </div>
  );
}

function QuotaFields({ id, values, problems }: PlanFieldsProps) {
  return (
    <div class="pair">
      <Field
        id={`${id}-quota`}
        label="Quota of requests"
        problems={problems.quotaRequests}
        help="Leave it empty for no quota."
      >
        {(attributes) => (
          <input
            {...attributes}
            type="text"
            name="quota_requests"
            inputmode="numeric"
            value={values.quotaRequests}
            placeholder="100000"
            autocomplete="off"
          />
        )}
      </Field>
      <Field id={`${id}-quota-period`} label="Period of the quota" problems={problems.quotaPeriod}>
        {(attributes) => (
          <select {...attributes} name="quota_period">
            <option value="day" selected={values.quotaPeriod === 'day'}>
              A day of UTC
            </option>
            <option value="month" selected={values.quotaPeriod === 'month'}>
              A month of UTC
            </option>
          </select>
        )}
      </Field>
    </div>
  );
}

interface TextFieldProps {
  readonly id: string;
  readonly value: string;
  readonly problems: readonly FieldProblem[];
}

function AddressesField({ id, value, problems }: TextFieldProps) {
  return (
    <LinesField
      id={`${id}-addresses`}
      label="Addresses"
      problems={nameLines(problems, value, wordsOf)}
      help={
        <>
          The key works from these addresses and CIDR blocks alone, one on each line, up to{' '}
          {ADDRESS_BLOCKS_PER_KEY}. Leave it empty for any address.
        </>
      }
      name="addresses"
      rows={3}
      placeholder={'203.0.113.0/24\n2001:db8::/32'}
      value={value}
    />
  );
}

function TagsField({ id, value, problems }: TextFieldProps) {
  return (
    <LinesField
      id={`${id}-tags`}
      label="Tags"
      problems={nameLines(problems, value, linesOf)}
      help={`One on each line, up to ${TAGS_PER_KEY}, in at most ${META_MAX_BYTES} bytes. Your API receives them as X-Edge-Tags.`}
      name="tags"
      rows={2}
      placeholder="beta"
      value={value}
    />
  );
}
