/**
 * Client tokens of a backend key: which pages may hold them, and how to end all of them at once.
 */

import type { FieldProblem } from '../../../core/field-problem.ts';
import type { RestrictedRoutes } from '../../../core/routes/rule-sets.ts';
import { textOf } from '../parts/form-data.ts';
import { ExactTime } from '../parts/words.tsx';
import { ClientTokenFields } from './client-token-fields.tsx';
import {
  type ClientTokenValues,
  readClientTokens,
  toClientTokens,
  toClientTokenValues,
} from './client-token-values.ts';
import { readEditable } from './editable.ts';
import { type SortedProblems, sortProblems } from './fields.tsx';
import { changeKey, done, type KeyAction, refusedBy } from './key-action.tsx';
import { ActionForm, type Subject } from './subject.tsx';

/** The path of the member that the form changes, in problems of the API. */
export const CLIENT_TOKENS_PATH = 'access.clientTokens';

/** Opts in to client tokens, changes what they may do, or opts out. */
export const setClientTokens: KeyAction = async (visit, form, context) => {
  const was = readEditable(textOf(form, 'was'));
  const typed = readClientTokens(form, toClientTokenValues(was?.access ?? null));
  const clientTokens = form.has('stop') ? null : toClientTokens(typed);
  const changed = await changeKey(visit, form, context, { access: { clientTokens } });
  if (changed.ok) return done(context, clientTokens === null ? 'tokensStopped' : 'saved');
  return { ...refusedBy(changed.problem, form), clientTokens: typed };
};

/** Voids every client token that was issued until now. */
export const signOutEveryone: KeyAction = async (visit, form, context) => {
  const now = new Date(context.env.management.now()).toISOString();
  const changed = await changeKey(visit, form, context, { clientTokensValidFrom: now });
  return changed.ok ? done(context, 'signedOut') : refusedBy(changed.problem, form);
};

/** The panel of a backend key. */
export function ClientTokensPanel(props: {
  readonly subject: Subject;
  /** The fields as they were typed; `undefined`: those of the key. */
  readonly typed: ClientTokenValues | undefined;
  readonly problems: readonly FieldProblem[];
  readonly restrictedRoutes: RestrictedRoutes;
  readonly nowMs: number;
}) {
  const { subject, typed, problems, nowMs } = props;
  const { access, clientTokensValidFrom } = subject.key;
  const clientTokens = access?.clientTokens;
  return (
    <section
      class="panel padded stack"
      aria-labelledby="client-tokens-heading"
      id="client-tokens-panel"
    >
      <h2 id="client-tokens-heading">Client tokens</h2>
      <p class="quiet">
        Short-lived tokens that your backend gives to visitors of your pages. A token may do less
        than this key, and ends with it.
      </p>
      {clientTokens == null && (
        <div class="notice warn" role="note">
          <OlderVersions />
          <p>
            Until its next roll, this key mints by API. After that, it mints offline as well. An
            imported key has to be rolled first.
          </p>
        </div>
      )}
      <ActionForm subject={subject} name="client-tokens">
        <div class="stack">
          <ClientTokenFields
            id="client"
            values={typed ?? toClientTokenValues(access)}
            problems={sortProblems(problems)}
            restrictedRoutes={props.restrictedRoutes}
          />
          <div class="actions">
            {clientTokens != null && (
              <button type="submit" name="stop" value="yes">
                Stop client tokens
              </button>
            )}
            <button type="submit">
              {clientTokens == null ? 'Allow client tokens' : 'Save client tokens'}
            </button>
          </div>
        </div>
      </ActionForm>
      {clientTokens != null && (
        <ActionForm subject={subject} name="sign-out-everyone">
          <div class="stack">
            <p class="quiet">
              Refuses every client token that was issued until now. Takes effect within 10 seconds.
              Pages then fetch another one from your backend.
              {clientTokensValidFrom != null && (
                <>
                  {' '}
                  Last done: <ExactTime value={clientTokensValidFrom} nowMs={nowMs} />.
                </>
              )}
            </p>
            <div>
              <button type="submit" class="danger">
                Sign out everyone
              </button>
            </div>
          </div>
        </ActionForm>
      )}
    </section>
  );
}

/** The box of the form for a new key, and what it reveals. */
export function NewClientTokens(props: {
  readonly isTicked: boolean;
  readonly values: ClientTokenValues;
  readonly problems: SortedProblems;
  readonly restrictedRoutes: RestrictedRoutes;
}) {
  const { isTicked, values, problems } = props;
  const { clientOrigins, clientRules, clientRuleSet, clientTtl } = problems;
  const isWrong = [clientOrigins, clientRules, clientRuleSet, clientTtl].some(
    (ofField) => ofField.length > 0,
  );
  return (
    <div class="reveals">
      <div class="check">
        <input
          id="create-client-tokens"
          type="checkbox"
          name="client_tokens"
          checked={isTicked || isWrong}
          aria-describedby="create-client-tokens-help"
        />
        <label for="create-client-tokens">Allow client tokens</label>
        <p class="help" id="create-client-tokens-help">
          Your backend keeps this key, and gives visitors of your pages tokens that expire within
          minutes. Not for keys with CORS access.
        </p>
      </div>
      <div class="revealed inset stack">
        <div class="notice warn" role="note">
          <OlderVersions />
        </div>
        <ClientTokenFields
          id="create-client"
          values={values}
          problems={problems}
          restrictedRoutes={props.restrictedRoutes}
        />
      </div>
    </div>
  );
}

/** The consequence of opting in while an older version may serve requests. */
function OlderVersions() {
  return (
    <p>
      A version of the Worker without client tokens refuses them, and also this key if it was
      created or rolled with them. Allow them after every part of your deployment runs this version,
      and not while you may roll back.
    </p>
  );
}
