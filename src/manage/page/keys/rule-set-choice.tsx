/**
 * The choice of a rule set, for a key itself and for its client tokens.
 */

import type { FieldProblem } from '../../../core/field-problem.ts';
import type { RestrictedRoutes } from '../../../core/routes/rule-sets.ts';
import { Choice } from '../parts/choice.tsx';
import { Field } from '../parts/field.tsx';

/**
 * A choice that reveals the rule sets of the deployment. It is left out if the deployment has only the one that
 * each has, and the key refers to no other.
 */
export function RuleSetChoice(props: {
  /** The beginning of each id. */
  readonly id: string;
  /** The name of the group of choices, in which this one has the value `set`. */
  readonly choice: string;
  readonly isChosen: boolean;
  /** The name of the field of the rule set. */
  readonly name: string;
  /** The rule set that is chosen; empty: no one. */
  readonly ruleSet: string;
  readonly problems: readonly FieldProblem[];
  readonly restrictedRoutes: RestrictedRoutes;
}) {
  const { ruleSet, problems } = props;
  const known = [...(props.restrictedRoutes.sets?.keys() ?? [])];
  // A set that a key refers to and the deployment has no more stays chosen until another one is.
  const names = [...new Set([...known, ...(ruleSet === '' ? [] : [ruleSet])])];
  if (names.length < 2 && problems.length === 0) return null;
  const id = `${props.id}-set`;
  return (
    <div class="reveals">
      <Choice id={`${id}-choice`} name={props.choice} value="set" isChosen={props.isChosen}>
        A rule set
      </Choice>
      <div class="revealed inset">
        <Field id={id} label="Rule set" problems={problems}>
          {(attributes) => (
            <select {...attributes} name={props.name}>
              {names.map((name) => (
                <option value={name} selected={name === ruleSet}>
                  {name}
                </option>
              ))}
            </select>
          )}
        </Field>
      </div>
    </div>
  );
}
