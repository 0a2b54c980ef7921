/**
 * The fields about client tokens: the pages that hold them and, folded away, what they may do at most.
 */

import {
  CLIENT_TTL_DEFAULT_SECONDS,
  CLIENT_TTL_MAX_SECONDS,
} from '../../../core/client-token/claims.ts';
import type { RestrictedRoutes } from '../../../core/routes/rule-sets.ts';
import { Choice } from '../parts/choice.tsx';
import { Field, LinesField } from '../parts/field.tsx';
import { linesOf, wordsOf } from '../parts/form-data.ts';
import { type ClientTokenValues, emptyClientTokens } from './client-token-values.ts';
import { nameLines, type SortedProblems } from './fields.tsx';
import { RuleSetChoice } from './rule-set-choice.tsx';

interface ClientTokenFieldsProps {
  /** The beginning of each id. */
  readonly id: string;
  readonly values: ClientTokenValues;
  readonly problems: SortedProblems;
  readonly restrictedRoutes: RestrictedRoutes;
}

/** All fields about client tokens. */
export function ClientTokenFields(props: ClientTokenFieldsProps) {
  const { id, values, problems } = props;
  const { origins: _origins, ...rest } = values;
  const { origins: _none, ...usual } = emptyClientTokens;
  const { clientRules, clientRuleSet, clientTtl } = problems;
  const isWrong = clientRules.length + clientRuleSet.length + clientTtl.length > 0;
  const isUnusual = JSON.stringify(rest) !== JSON.stringify(usual);
  return (
    <>
      <LinesField
        id={`${id}-origins`}
        label="Origins of pages with client tokens"
        problems={nameLines(problems.clientOrigins, values.origins, wordsOf)}
        help="One on each line, such as https://app.example.com."
        name="client_origins"
        rows={3}
        placeholder="https://app.example.com"
        value={values.origins}
      />
      <details open={isWrong || isUnusual}>
        <summary>What client tokens may do at most</summary>
        <div class="stack inset">
          <Endpoints {...props} />
          <LifetimeField {...props} />
          <Switches {...props} />
        </div>
      </details>
    </>
  );
}

function Endpoints({ id, values, problems, restrictedRoutes }: ClientTokenFieldsProps) {
  const { reach, ruleSet } = values;
  return (
    <fieldset class="choices">
      <legend class="label">Endpoints of client tokens</legend>
      <Choice
        id={`${id}-standard`}
        name="client_reach"
        value="restricted"
        isChosen={reach === 'standard'}
      >
        Restricted endpoints
      </Choice>
      <RuleSetChoice
        id={id}
        choice="client_reach"
        isChosen={reach === 'set'}
        name="client_rule_set"
        ruleSet={ruleSet}
        problems={problems.clientRuleSet}
        restrictedRoutes={restrictedRoutes}
      />
      <div class="reveals">
        <Choice id={`${id}-own`} name="client_reach" value="rules" isChosen={reach === 'rules'}>
          Rules of their own
        </Choice>
        <div class="revealed inset">
          <LinesField
            id={`${id}-rules`}
            label="Rules of client tokens"
            problems={nameRules(problems.clientRules, values.rules)}
            help={
              <>
                One rule on each line: its methods, then its paths, such as{' '}
                <code>GET /api/asset/:id</code>.
              </>
            }
            name="client_rules"
            rows={3}
            placeholder="GET /api/asset/:id"
            value={values.rules}
          />
        </div>
      </div>
    </fieldset>
  );
}

/** Finds the line of a rule by its place, whichever of its parts has the problem. */
function nameRules(problems: SortedProblems['clientRules'], text: string) {
  return problems.flatMap((problem) => {
    const [path] = /^access\.clientTokens\.rules\[\d+\]/.exec(problem.path) ?? [problem.path];
    return nameLines([{ ...problem, path }], text, linesOf);
  });
}

function LifetimeField({ id, values, problems }: ClientTokenFieldsProps) {
  return (
    <Field
      id={`${id}-ttl`}
      label={
        <>
          Longest lifetime <span class="optional">(seconds)</span>
        </>
      }
      problems={problems.clientTtl}
      help={`At most ${CLIENT_TTL_MAX_SECONDS}. Left empty, it is ${CLIENT_TTL_DEFAULT_SECONDS}.`}
    >
      {(attributes) => (
        <input
          {...attributes}
          type="text"
          name="client_ttl"
          inputmode="numeric"
          value={values.maxTtl}
          autocomplete="off"
        />
      )}
    </Field>
  );
}

function Switches({ id, values }: ClientTokenFieldsProps) {
  return (
    <>
      <div class="check">
        <input
          id={`${id}-end`}
          type="checkbox"
          name="client_end_connections"
          checked={values.endConnectionsAtExpiry}
          aria-describedby={`${id}-end-help`}
        />
        <label for={`${id}-end`}>End connections at the expiry</label>
        <p class="help" id={`${id}-end-help`}>
          WebSockets and event streams end when their client token expires.
        </p>
      </div>
      <div class="check">
        <input
          id={`${id}-optional`}
          type="checkbox"
          name="client_origin_optional"
          checked={values.originOptional}
          aria-describedby={`${id}-optional-help`}
        />
        <label for={`${id}-optional`}>GET and HEAD without an Origin</label>
        <p class="help" id={`${id}-optional-help`}>
          Media elements of Safari send no Origin. Without this, they are refused.
        </p>
      </div>
    </>
  );
}
