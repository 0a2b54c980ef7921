/**
 * The choice of the endpoints that a key may call, and the editor of its rules.
 */

import type { FieldProblem } from '../../../core/field-problem.ts';
import { restrictedRoutes as builtInRoutes } from '../../../core/routes/restricted-routes.ts';
import type { RestrictedRoutes } from '../../../core/routes/rule-sets.ts';
import { EndpointList } from '../../endpoint-list.tsx';
import { Choice } from '../parts/choice.tsx';
import { Field, LinesInput } from '../parts/field.tsx';
import { countOf } from '../parts/words.tsx';
import type { SortedProblems } from './fields.tsx';
import type { Reach } from './reach.ts';
import { RuleSetChoice } from './rule-set-choice.tsx';

/** Whom the choice is for. `open`: the form also asks if the key has CORS access. */
type Kind = 'backend' | 'cors' | 'open';

/** The endpoints that a key may call. */
export function ReachField(props: {
  /** The beginning of each id. */
  readonly id: string;
  readonly kind: Kind;
  readonly reach: Reach;
  readonly rules: string;
  readonly problems: Pick<SortedProblems, 'rules' | 'ruleSet'>;
  readonly restrictedRoutes: RestrictedRoutes;
  /** The rule set that is chosen; empty: none. */
  readonly ruleSet: string;
}) {
  const { id, kind, reach } = props;
  return (
    <fieldset class="choices" aria-describedby={`${id}-reach-help`}>
      <legend class="label">Endpoints</legend>
      <p class="help" id={`${id}-reach-help`}>
        {helps[kind]}
      </p>
      <Choice id={`${id}-standard`} name="reach" value="standard" isChosen={reach === 'standard'}>
        {standardLabels[kind]}
      </Choice>
      {kind !== 'backend' && (
        <div class="help inner">
          <EndpointList summary="Which endpoints?" table={props.restrictedRoutes} />
        </div>
      )}
      <RuleSetChoice
        id={id}
        choice="reach"
        isChosen={reach === 'set'}
        name="rule_set"
        ruleSet={props.ruleSet}
        problems={props.problems.ruleSet}
        restrictedRoutes={props.restrictedRoutes}
      />
      <div class="reveals">
        <Choice id={`${id}-own`} name="reach" value="rules" isChosen={reach === 'rules'}>
          Rules of its own
        </Choice>
        <div class="revealed inset">
          <RulesField id={`${id}-rules`} value={props.rules} problems={props.problems.rules} />
        </div>
      </div>
      {kind !== 'backend' && (
        <div class={kind === 'open' ? 'reveals needs-cors' : 'reveals'}>
          <Choice id={`${id}-full`} name="reach" value="full" isChosen={reach === 'full'}>
            Full API access
          </Choice>
          <FullAccessWarning restrictedRoutes={props.restrictedRoutes} />
        </div>
      )}
    </fieldset>
  );
}

const helps: Readonly<Record<Kind, string>> = {
  backend: 'A backend key calls every endpoint, unless it has rules of its own.',
  cors: 'Anybody can copy a key with CORS access from a page. Allow no more than the page needs.',
  open: 'The standard is every endpoint for a backend, and a few restricted ones with CORS access, because anybody can copy such a key from a page.',
};

const standardLabels: Readonly<Record<Kind, string>> = {
  backend: 'Every endpoint',
  cors: 'Restricted endpoints',
  open: 'Standard endpoints',
};

/** Rules as lines of text. The script makes them a list with a box for each method. */
export function RulesField(props: {
  readonly id: string;
  readonly value: string;
  readonly problems: readonly FieldProblem[];
}) {
  return (
    <Field
      id={props.id}
      label="Rules"
      problems={props.problems.map(nameRule)}
      help={
        <>
          In a path, <code>:id</code> stands for one id, and <code>*</code> at the end for whatever
          follows.
        </>
      }
    >
      {(attributes) => (
        <>
          <p class="help" data-plain>
            One rule on each line: its methods, then its paths, such as{' '}
            <code>GET, PATCH /api/asset/:id</code>. The method <code>*</code> stands for all of
            them.
          </p>
          <LinesInput
            attributes={attributes}
            name="rules"
            rows={4}
            placeholder="GET /api/asset/:id"
            value={props.value}
            enhancedAs="rules"
          />
        </>
      )}
    </Field>
  );
}

/** Puts the rule's number before the problem: "Rule 2: it is not a path of plain segments". */
function nameRule(problem: FieldProblem): FieldProblem {
  const [, index] = /^(?:access\.)?rules\[(\d+)\]/.exec(problem.path) ?? [];
  if (index === undefined) return problem;
  const value = typeof problem.value === 'string' ? ` "${problem.value}"` : '';
  return { ...problem, reason: `rule ${Number(index) + 1}${value}: ${problem.reason}` };
}

/** The consequences of full access: those of Livepeer's API for its table, and of any API otherwise. */
function FullAccessWarning({ restrictedRoutes }: { restrictedRoutes: RestrictedRoutes }) {
  const isLivepeers = restrictedRoutes.routes === builtInRoutes.routes;
  return (
    <div class="revealed notice warn" role="note">
      {isLivepeers ? (
        <>
          <p>
            An API key with Full API access will be able to access and manage all information in
            your account. That includes:
          </p>
          <ul>
            <li>all your contact info provided on registration</li>
            <li>changing your billing plan</li>
            <li>listing and deleting all the streams and assets stored in your account</li>
          </ul>
        </>
      ) : (
        <p>
          An API key with Full API access calls every endpoint of the API, not only the{' '}
          {countOf(restrictedRoutes.routes.length, 'restricted one', 'restricted ones')}. That
          includes those that read, change and delete whatever your account holds.
        </p>
      )}
      <p>Anybody who reads the source of your page can do all of that, too.</p>
    </div>
  );
}
