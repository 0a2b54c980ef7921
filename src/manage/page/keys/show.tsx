/**
 * One key: what it is, how it is used, and everything that can be done with it.
 */

import type { RestrictedRoutes } from '../../../core/routes/rule-sets.ts';
import type { KeyDocument } from '../../documents.ts';
import type { RefusedOriginsDocument } from '../../usage.ts';
import type { Action, View } from '../access/guards.tsx';
import type { Visit, Visitor } from '../access/visitor.ts';
import type { ApiProblem } from '../api-client.ts';
import type { PageContext } from '../dashboard.ts';
import { eventsUrl } from '../events/events-query.ts';
import { Fact } from '../parts/fact.tsx';
import { Layout } from '../parts/layout.tsx';
import { NoticePage } from '../parts/notice-page.tsx';
import { pageResponse } from '../parts/respond.ts';
import { Access, ExactTime, State, stateOf, Time } from '../parts/words.tsx';
import { RefusedOrigins } from './allow-origin.tsx';
import type { ClientTokenValues } from './client-token-values.ts';
import { CLIENT_TOKENS_PATH, ClientTokensPanel } from './client-tokens.tsx';
import { EditForm } from './edit.tsx';
import { type KeyValues, toKeyValues } from './edit-values.ts';
import { changesBetween } from './editable.ts';
import { ExplainPanel, type ExplainState, explain } from './explain.tsx';
import { apiPathOf, type KeyAction, notices, type Refused } from './key-action.tsx';
import { MintPanel } from './mint-form.tsx';
import type { MintState } from './mint-values.ts';
import { type NoticeState, Notices } from './notices.tsx';
import { PlanFacts } from './plan-facts.tsx';
import { RemovePanel } from './remove.tsx';
import { RollPanel } from './roll.tsx';
import { SettingsView } from './settings-view.tsx';
import { StateButtons } from './state.tsx';
import type { Subject } from './subject.tsx';
import { type KeyUsage, loadUsage, UsagePanel } from './usage-panel.tsx';

/** The contents of the page. */
interface KeyPageState extends NoticeState {
  readonly key: KeyDocument;
  readonly etag: string;
  readonly values: KeyValues;
  readonly usage: KeyUsage;
  readonly refusedOrigins: RefusedOriginsDocument['origins'];
  readonly explain: ExplainState;
  /** The text that was typed to confirm the deletion, and is not the name. */
  readonly confirmation?: string | undefined;
  /** The fields about client tokens as they were typed, if they were refused. */
  readonly clientTokens?: ClientTokenValues | undefined;
  /** The form that mints as it was typed, if it was refused. */
  readonly mint?: MintState | undefined;
}

/** Shows the key, with a message after an action. */
export const showKey: View = (visit, context) => {
  const what = new URL(context.req.url).searchParams.get('done') ?? '';
  const notice = Object.hasOwn(notices, what) ? notices[what as keyof typeof notices] : undefined;
  return keyResponse(visit, context, { notice });
};

/** An action that shows the key again if it is refused. */
export function onKey(act: KeyAction): Action {
  return async (visit, form, context) => {
    const outcome = await act(visit, form, context);
    return outcome instanceof Response ? outcome : keyResponse(visit, context, outcome);
  };
}

async function keyResponse(
  visit: Visit,
  context: PageContext,
  more: Partial<Refused> & Pick<KeyPageState, 'notice'>,
): Promise<Response> {
  const loaded = await loadKey(visit, context);
  if (!loaded.ok) return missingResponse(visit, context, loaded.problem);
  const { status = 200, outdated, editValues, ...rest } = more;
  const { key } = loaded.state;
  const { management } = context.env;
  return pageResponse(
    <KeyPage
      visitor={visit.visitor}
      state={{
        ...loaded.state,
        ...rest,
        ...(editValues ? { values: editValues(key) } : {}),
        ...(outdated ? { changes: changesBetween(outdated, key) } : {}),
      }}
      restrictedRoutes={management.restrictedRoutes}
      limitNames={management.plans.limitNames}
      nowMs={management.now()}
    />,
    status,
  );
}

/**
 * Reads the key with its usage, the origins it refused, and the explanation that was asked for. The API
 * is asked for all of them at once. A problem if there is no such key; other failures are left out.
 */
async function loadKey(
  { api }: Visit,
  context: PageContext,
): Promise<{ ok: true; state: KeyPageState } | { ok: false; problem: ApiProblem }> {
  const path = apiPathOf(context);
  const id = context.req.param('id') ?? '';
  const [key, usage, refused, explanation] = await Promise.all([
    api<KeyDocument>({ path }),
    loadUsage(api, id, new URL(context.req.url).searchParams),
    api<RefusedOriginsDocument>({ path: `${path}/refused-origins` }),
    explain(api, id, context),
  ]);
  if (!key.ok) return key;
  return {
    ok: true,
    state: {
      key: key.document,
      etag: key.etag ?? '',
      values: toKeyValues(key.document),
      usage,
      refusedOrigins: refused.ok ? refused.document.origins : [],
      explain: explanation,
    },
  };
}

function missingResponse({ visitor }: Visit, context: PageContext, problem: ApiProblem): Response {
  const id = context.req.param('id') ?? '';
  const href = `/_edge/audit?keyId=${encodeURIComponent(id)}`;
  const back = { href, label: 'Look into the audit' };
  return pageResponse(
    <NoticePage
      title={problem.title}
      visitor={visitor}
      {...(visitor.may('listAudit') ? { back } : {})}
    >
      {problem.detail}.
    </NoticePage>,
    problem.status,
  );
}

/** The page of one key. */
function KeyPage(props: {
  readonly visitor: Visitor;
  readonly state: KeyPageState;
  readonly restrictedRoutes: RestrictedRoutes;
  readonly limitNames: readonly string[];
  readonly nowMs: number;
}) {
  const { visitor, state, nowMs } = props;
  const { key, etag } = state;
  const subject: Subject = { visitor, key, etag };
  if (key.revokedAt !== null) return <RevokedKeyPage subject={subject} {...props} />;
  const mayEdit = visitor.may('editKey');
  const { ofTokens = [], ofSettings = [] } = Object.groupBy(state.problems ?? [], ({ path }) =>
    path.startsWith(CLIENT_TOKENS_PATH) ? 'ofTokens' : 'ofSettings',
  );
  return (
    <Layout title={key.name} section="keys" visitor={visitor}>
      <Head subject={subject} nowMs={nowMs} />
      {key.suspended ? (
        <p class="notice">
          The operator has suspended this key. It does not work until the operator ends the
          suspension.
        </p>
      ) : null}
      <Notices state={state} />
      <Expired document={key} nowMs={nowMs} />
      <Facts document={key} nowMs={nowMs} />
      <PlanFacts document={key} nowMs={nowMs} />
      <UsagePanel keyId={key.id} usage={state.usage} nowMs={nowMs} />
      <div class="columns">
        <div class="stack">
          {mayEdit ? (
            <EditForm
              subject={subject}
              values={state.values}
              problems={ofSettings}
              restrictedRoutes={props.restrictedRoutes}
              limitNames={props.limitNames}
            />
          ) : (
            <SettingsView
              document={key}
              reason="You may read this key. Your scope does not include changing it."
            />
          )}
          <ExplainPanel keyId={key.id} {...state.explain} />
        </div>
        <div class="stack">
          {key.access?.cors != null && (
            <RefusedOrigins subject={subject} refusedOrigins={state.refusedOrigins} nowMs={nowMs} />
          )}
          {key.access?.cors == null && mayEdit && (
            <ClientTokensPanel
              subject={subject}
              typed={state.clientTokens}
              problems={ofTokens}
              restrictedRoutes={props.restrictedRoutes}
              nowMs={nowMs}
            />
          )}
          {key.access?.clientTokens != null && (
            <MintPanel
              subject={subject}
              clientTokens={key.access.clientTokens}
              state={state.mint}
            />
          )}
          {visitor.may('rollKey') && <RollPanel subject={subject} nowMs={nowMs} />}
          {visitor.may('revokeKey') && (
            <RemovePanel subject={subject} confirmation={state.confirmation} />
          )}
        </div>
      </div>
    </Layout>
  );
}

/** The page of a key that was revoked, which is there to be read. */
function RevokedKeyPage(props: {
  readonly subject: Subject;
  readonly state: Pick<KeyPageState, 'usage'>;
  readonly nowMs: number;
}) {
  const { subject, state, nowMs } = props;
  const { key, visitor } = subject;
  return (
    <Layout title={key.name} section="keys" visitor={visitor}>
      <Head subject={subject} nowMs={nowMs} />
      <p class="notice warn" role="note">
        This key was revoked <Time value={key.revokedAt ?? ''} nowMs={nowMs} />. It is refused
        everywhere, and cannot be used again. <a href={`/_edge/audit?keyId=${key.id}`}>The audit</a>{' '}
        says who revoked it.
      </p>
      <Facts document={key} nowMs={nowMs} />
      <PlanFacts document={key} nowMs={nowMs} />
      <SettingsView document={key} reason={null} />
      <UsagePanel keyId={key.id} usage={state.usage} nowMs={nowMs} />
    </Layout>
  );
}

/** Points out that a key has expired, also one whose expiry was set to a time in the past. */
function Expired({ document: key, nowMs }: { document: KeyDocument; nowMs: number }) {
  if (key.expiresAt === null || stateOf(key, nowMs) !== 'expired') return null;
  return (
    <p class="notice warn" role="note">
      This key expired <Time value={key.expiresAt} nowMs={nowMs} /> and is refused everywhere. To
      use it again, set another expiry below.
    </p>
  );
}

function Head({ subject, nowMs }: { subject: Subject; nowMs: number }) {
  const { key, visitor } = subject;
  return (
    <div class="head">
      <div>
        <p class="crumb">
          <a href="/_edge/">API keys</a>
        </p>
        <h1>{key.name}</h1>
        <p class="row">
          <State document={key} nowMs={nowMs} />
          <code>{key.hint}…</code>
          {visitor.may('listAudit') && <a href={`/_edge/audit?keyId=${key.id}`}>Audit</a>}
          {visitor.seesEvents && <a href={eventsUrl({ choice: 'all', keyId: key.id })}>Events</a>}
        </p>
      </div>
      {key.revokedAt === null && <StateButtons subject={subject} />}
    </div>
  );
}

function Facts({ document: key, nowMs }: { document: KeyDocument; nowMs: number }) {
  return (
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
      {key.revokedAt !== null && (
        <Fact name="Revoked">
          <ExactTime value={key.revokedAt} nowMs={nowMs} />
        </Fact>
      )}
      <Fact name="Id">
        <code>{key.id}</code>
      </Fact>
    </dl>
  );
}
