/**
 * The form that mints a client token, on the page of a key that gives them.
 */

import type { FieldProblem } from '../../../core/field-problem.ts';
import type { ClientTokenAccess } from '../../../core/key/key.ts';
import { API_KEY_FIELD } from '../access/resume.ts';
import { Field, LinesField } from '../parts/field.tsx';
import { FormToken } from '../parts/layout.tsx';
import { OtherProblems } from './fields.tsx';
import { emptyMintValues, type MintState, type MintValues } from './mint-values.ts';
import { RulesField } from './reach-field.tsx';
import type { Subject } from './subject.tsx';

/** The problems of one field. */
type ProblemsAt = (name: string) => readonly FieldProblem[];

/** The form, with what was typed if it was refused. */
export function MintPanel(props: {
  readonly subject: Subject;
  readonly clientTokens: Pick<ClientTokenAccess, 'maxTtlSeconds'>;
  readonly state: MintState | undefined;
}) {
  const { subject, clientTokens } = props;
  const { maxTtlSeconds } = clientTokens;
  const { values, problems } = props.state ?? {
    values: emptyMintValues(maxTtlSeconds),
    problems: [],
  };
  const at: ProblemsAt = (name) => problems.filter(({ path }) => path.split(/[[.]/)[0] === name);
  return (
    <section class="panel padded stack" aria-labelledby="mint-heading" id="mint">
      <h2 id="mint-heading">Mint a client token</h2>
      <p class="quiet">
        Makes one token to try out. Your backend mints its own with the library{' '}
        <code>edge-authorizer/client-tokens</code>, without a request.
      </p>
      <form method="post" action={`/_edge/keys/${subject.key.id}/mint`} class="stack">
        <FormToken visitor={subject.visitor} />
        <Field
          id="mint-api-key"
          label="Token of this key"
          problems={at('apiKey')}
          help="Shown when the key was made or rolled. It is used for this one request and stored nowhere."
        >
          {(attributes) => (
            <input {...attributes} type="password" name={API_KEY_FIELD} autocomplete="off" />
          )}
        </Field>
        <TokenFields values={values} at={at} maxTtlSeconds={maxTtlSeconds} />
        <NarrowerFields values={values} at={at} />
        <OtherProblems problems={problems.filter(({ path }) => path === '').map(nameWholeToken)} />
        <div>
          <button type="submit">Mint a client token</button>
        </div>
      </form>
    </section>
  );
}

/** The fields that most tokens need. */
function TokenFields(props: {
  readonly values: MintValues;
  readonly at: ProblemsAt;
  readonly maxTtlSeconds: number;
}) {
  const { values, at, maxTtlSeconds } = props;
  return (
    <>
      <Field
        id="mint-ttl"
        label="Lifetime in seconds"
        problems={at('ttlSeconds')}
        help={`At most ${maxTtlSeconds}. Empty: as long as the key allows.`}
      >
        {(attributes) => (
          <input
            {...attributes}
            type="text"
            name="ttl_seconds"
            inputmode="numeric"
            value={values.ttlSeconds}
            autocomplete="off"
          />
        )}
      </Field>
      <Field
        id="mint-sub"
        label="Visitor id"
        optional
        problems={at('sub')}
        help="An opaque id, without personal data."
      >
        {(attributes) => (
          <input
            {...attributes}
            type="text"
            name="sub"
            class="mono-input"
            value={values.sub}
            placeholder="visitor-4711"
            autocomplete="off"
            autocapitalize="off"
            spellcheck={false}
          />
        )}
      </Field>
    </>
  );
}

/** The fields that few tokens need: closed, until one of them was filled in. */
function NarrowerFields(props: { readonly values: MintValues; readonly at: ProblemsAt }) {
  const { values, at } = props;
  const names = ['origins', 'rules', 'meta'] as const;
  const isOpen = names.some((name) => values[name] !== '' || at(name).length > 0);
  return (
    <details open={isOpen}>
      <summary>Narrow it further</summary>
      <div class="stack">
        <LinesField
          id="mint-origins"
          label="Origins of this token"
          optional
          problems={at('origins')}
          help="1 to 5 exact origins that the key allows, one on each line. Empty: all of them."
          name="origins"
          rows={2}
          placeholder="https://app.example.com"
          value={values.origins}
        />
        <RulesField id="mint-rules" value={values.rules} problems={at('rules')} />
        <LinesField
          id="mint-meta"
          label="Texts for your API"
          optional
          problems={at('meta')}
          help="Such as plan=free, one on each line. Your API receives them in the signed assertion."
          name="meta"
          rows={2}
          placeholder="plan=free"
          value={values.meta}
        />
      </div>
    </details>
  );
}

/** A problem of no field, in words that follow "token:". */
function nameWholeToken(problem: FieldProblem): FieldProblem {
  return { ...problem, path: 'Token' };
}
