/**
 * One key: what it is, how it is used, and everything that can be done with it.
 *
 * Every form carries the ETag of the key as it was shown, so that nothing is done to a key that
 * somebody else has changed in the meantime.
 */

import type { Child } from 'hono/jsx';
import type { Explanation } from '../../../core/decide/explain.ts';
import type { FieldProblem } from '../../../core/field-problem.ts';
import { canonicalizeOriginPattern } from '../../../core/origins/pattern.ts';
import type { RouteList } from '../../../core/routes/route-table.ts';
import type { KeyDocument } from '../../documents.ts';
import type { Visitor } from '../access/visitor.ts';
import type { ApiProblem, RefusedOriginDocument } from '../api-client.ts';
import { Field } from '../parts/field.tsx';
import { FormToken, Layout } from '../parts/layout.tsx';
import { type DailyUsage, UsageChart } from '../parts/usage-chart.tsx';
import { Access, count, ExactTime, State, stateOf, Time } from '../parts/words.tsx';
import { ExplainPanel, type ExplainQuery } from './explain-panel.tsx';
import { EditFields } from './key-form.tsx';
import { type Change, type KeyValues, writeEditable } from './key-values.ts';

/** What the page shows of a key. */
export interface KeyPageState {
  readonly key: KeyDocument;
  readonly etag: string;
  readonly values: KeyValues;
  readonly usage: readonly DailyUsage[];
  readonly refusedOrigins: readonly RefusedOriginDocument[];
  readonly explain: {
    readonly query: ExplainQuery;
    readonly result: Explanation | ApiProblem | null;
  };
  /** What was done. */
  readonly notice?: string | undefined;
  /** What was not done, and why. */
  readonly failure?: string | undefined;
  readonly problems?: readonly FieldProblem[] | undefined;
  /** What was typed to confirm that the key is deleted, and is not its name. */
  readonly confirmation?: string | undefined;
  /** What somebody else changed while the form was open; absent: the form was up to date. */
  readonly changes?: readonly Change[] | undefined;
}

/** The days that the usage chart shows. */
export const KEY_CHART_DAYS = 30;

const graceChoices = [
  [0, 'Stop the present token at once'],
  [60 * 60, 'Keep the present token for an hour'],
  [24 * 60 * 60, 'Keep the present token for a day'],
  [7 * 24 * 60 * 60, 'Keep the present token for a week'],
] as const;

/** The page of one key. */
export function KeyPage(props: {
  readonly visitor: Visitor;
  readonly state: KeyPageState;
  readonly restrictedRoutes: RouteList;
  readonly nowMs: number;
}) {
  const { visitor, state, nowMs } = props;
  const { key } = state;
  const action = (name: string) => ({ visitor, state, name });
  return (
    <Layout title={key.name} section="keys" visitor={visitor}>
      <div class="head">
        <div>
          <p class="crumb">
            <a href="/_edge/">API keys</a>
          </p>
          <h1>{key.name}</h1>
          <p class="row">
            <State document={key} nowMs={nowMs} />
            <code>{key.hint}…</code>
          </p>
        </div>
        <div class="row">
          <Action {...action(key.enabled ? 'disable' : 'enable')}>
            <button type="submit">{key.enabled ? 'Disable' : 'Enable'}</button>
          </Action>
          {visitor.owner === null ? (
            <Action {...action(key.suspended ? 'unsuspend' : 'suspend')}>
              <button type="submit">{key.suspended ? 'End the suspension' : 'Suspend'}</button>
            </Action>
          ) : null}
        </div>
      </div>
      {key.suspended ? (
        <p class="notice">
          The operator has suspended this key. It does not work until the operator ends the
          suspension.
        </p>
      ) : null}
      <Notices state={state} />
      <dl class="panel facts">
        <Fact name="CORS access">
          <Access document={key} />
        </Fact>
        <Fact name="Owner">{key.owner === null ? '–' : <code>{key.owner}</code>}</Fact>
        <Fact name="Created">
          <Time value={key.createdAt} nowMs={nowMs} />
        </Fact>
        <Fact name="Last used">
          {key.lastUsedAt === null ? 'Never' : <Time value={key.lastUsedAt} nowMs={nowMs} />}
        </Fact>
        <Fact name={stateOf(key, nowMs) === 'expired' ? 'Expired' : 'Expires'}>
          {key.expiresAt === null ? 'Never' : <Time value={key.expiresAt} nowMs={nowMs} />}
        </Fact>
        <Fact name="Id">
          <code>{key.id}</code>
        </Fact>
      </dl>
      <section class="panel padded stack" aria-labelledby="usage-heading">
        <h2 id="usage-heading">Usage in the last {KEY_CHART_DAYS} days</h2>
        <UsageChart usage={state.usage} days={KEY_CHART_DAYS} nowMs={nowMs} />
      </section>
      <div class="columns">
        <div class="stack">
          <section class="panel padded" aria-labelledby="settings-heading">
            <form method="post" action={`/_edge/keys/${key.id}`} class="stack" id="settings">
              <h2 id="settings-heading">Settings</h2>
              <Guards {...action('edit')} />
              <EditFields
                values={state.values}
                problems={state.problems ?? []}
                rules={key.access?.rules ?? null}
                restrictedRoutes={props.restrictedRoutes}
              />
              <div class="actions">
                <button type="submit" class="primary">
                  Save changes
                </button>
              </div>
            </form>
          </section>
          <ExplainPanel keyId={key.id} {...state.explain} />
        </div>
        <div class="stack">
          {key.access?.cors != null && <RefusedOrigins {...action('allow-origin')} nowMs={nowMs} />}
          <section class="panel padded stack" aria-labelledby="roll-heading">
            <h2 id="roll-heading">Roll the token</h2>
            <p class="quiet">
              Makes a new token for this key. The present one can go on for a while, so that nothing
              breaks while you replace it.
            </p>
            <Retiring tokens={key.retiringTokens} nowMs={nowMs} />
            <Action {...action('roll')}>
              <input type="hidden" name="idempotency_key" value={crypto.randomUUID()} />
              <div class="stack">
                <div class="field">
                  <label for="grace">Present token</label>
                  <select id="grace" name="grace">
                    {graceChoices.map(([seconds, label]) => (
                      <option value={String(seconds)} selected={seconds === 24 * 60 * 60}>
                        {label}
                      </option>
                    ))}
                  </select>
                </div>
                <div>
                  <button type="submit">Roll the token</button>
                </div>
              </div>
            </Action>
          </section>
          <section class="panel padded stack" aria-labelledby="delete-heading" id="delete">
            <h2 id="delete-heading">Delete the key</h2>
            <p class="quiet">
              Every token of this key stops working within seconds, everywhere and for good.
            </p>
            <Action {...action('delete')}>
              <div class="stack">
                <Field
                  id="confirmation"
                  label={
                    <>
                      Type <strong>{key.name}</strong> to confirm
                    </>
                  }
                  problems={confirmationProblems(key.name, state.confirmation)}
                >
                  {(attributes) => (
                    <input
                      {...attributes}
                      type="text"
                      name="confirmation"
                      value={state.confirmation ?? ''}
                      required
                      autocomplete="off"
                      autocapitalize="off"
                      spellcheck={false}
                    />
                  )}
                </Field>
                <div>
                  <button type="submit" class="danger">
                    Delete this key
                  </button>
                </div>
              </div>
            </Action>
          </section>
        </div>
      </div>
    </Layout>
  );
}

function confirmationProblems(
  name: string,
  confirmation: string | undefined,
): readonly FieldProblem[] {
  if (confirmation === undefined) return [];
  return [
    {
      path: 'confirmation',
      value: confirmation,
      reason: 'the key was not deleted, since this is not its name',
      fix: `Type "${name}", exactly like that`,
    },
  ];
}

interface ActionProps {
  readonly visitor: Visitor;
  readonly state: KeyPageState;
  readonly name: string;
}

/** A form that does one thing to the key. */
function Action(props: ActionProps & { readonly children: Child }) {
  return (
    <form method="post" action={`/_edge/keys/${props.state.key.id}/${props.name}`}>
      <Guards {...props} />
      {props.children}
    </form>
  );
}

/** Against forgery, and against acting on a key that has changed. */
function Guards({ visitor, state }: ActionProps) {
  return (
    <>
      <FormToken visitor={visitor} />
      <input type="hidden" name="etag" value={state.etag} />
      <input type="hidden" name="was" value={writeEditable(state.key)} />
    </>
  );
}

function Notices({ state }: { state: KeyPageState }) {
  const { notice, failure, problems = [], changes } = state;
  return (
    <>
      {notice !== undefined && (
        <p class="notice good" role="status">
          {notice}
        </p>
      )}
      {changes !== undefined && (
        <div class="notice warn" role="alert">
          <p>
            <strong>
              Nothing was done: somebody else has changed this key since you opened it.
            </strong>{' '}
            Look at what is different now, and try again.
          </p>
          <Changes changes={changes} />
        </div>
      )}
      {(failure !== undefined || problems.length > 0) && (
        <p class="notice bad" role="alert">
          {failure ?? 'The changes were not saved. What to mend is said at each field.'}
        </p>
      )}
    </>
  );
}

function Changes({ changes }: { changes: readonly Change[] }) {
  // The token was rolled, or something was changed and changed back.
  if (changes.length === 0) return <p>The settings are the same as before.</p>;
  return (
    <table>
      <thead>
        <tr>
          <th scope="col">Field</th>
          <th scope="col">When you opened it</th>
          <th scope="col">Now</th>
        </tr>
      </thead>
      <tbody>
        {changes.map(({ field, before, now }) => (
          <tr>
            <th scope="row">{field}</th>
            <td>{before}</td>
            <td>{now}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

/** Which old tokens still work, so that who looks after a leak knows whether the leaked one does. */
function Retiring(props: {
  readonly tokens: KeyDocument['retiringTokens'];
  readonly nowMs: number;
}) {
  const { tokens, nowMs } = props;
  if (tokens.length === 0) return null;
  return (
    <div class="notice warn" role="note">
      {tokens.map(({ endsAt }, index) => (
        <p>
          {index === 0 ? 'The token before the last roll' : 'An earlier one'} can be used until{' '}
          <ExactTime value={endsAt} nowMs={nowMs} />.
        </p>
      ))}
      <p>
        To end {tokens.length === 1 ? 'it' : 'them'} now, roll again and stop the present token at
        once.
      </p>
    </div>
  );
}

function Fact({ name, children }: { name: string; children: Child }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </div>
  );
}

function RefusedOrigins(props: ActionProps & { readonly nowMs: number }) {
  const { state, nowMs } = props;
  const listed = new Set(state.key.access?.cors?.allowedOrigins ?? []);
  return (
    <section class="panel padded stack" aria-labelledby="refused-heading">
      <h2 id="refused-heading">Recently refused origins</h2>
      {state.refusedOrigins.length === 0 ? (
        <p class="quiet">None. An origin that is refused with this key shows up here.</p>
      ) : (
        <ul class="origin-list">
          {state.refusedOrigins.map(({ origin, count: times, lastAt }) => (
            <li>
              <span>
                <code>{origin}</code>
                <span class="help">
                  {' '}
                  {count(times)}×, <Time value={lastAt} nowMs={nowMs} />
                </span>
              </span>
              {listed.has(origin) ? (
                <span class="badge live">Allowed now</span>
              ) : (
                // An opaque origin, "null", can be refused and never be listed.
                canonicalizeOriginPattern(origin).ok && (
                  <Action {...props}>
                    <input type="hidden" name="origin" value={origin} />
                    <button type="submit" class="plain">
                      Allow this origin<span class="unseen"> {origin}</span>
                    </button>
                  </Action>
                )
              )}
            </li>
          ))}
        </ul>
      )}
    </section>
  );
}
