/**
 * One key: what it is, how it is used, and everything that can be done with it.
 */

import type { Child } from 'hono/jsx';
import type { Explanation } from '../../../core/decide/explain.ts';
import type { RouteList } from '../../../core/routes/route-table.ts';
import type { KeyDocument } from '../../documents.ts';
import type { Visitor } from '../access/visitor.ts';
import type { ApiProblem, RefusedOriginDocument } from '../api-client.ts';
import { Layout } from '../parts/layout.tsx';
import { type DailyUsage, UsageChart } from '../parts/usage-chart.tsx';
import { Access, State, stateOf, Time } from '../parts/words.tsx';
import { RefusedOrigins } from './allow-origin.tsx';
import { EditForm } from './edit.tsx';
import type { KeyValues } from './edit-values.ts';
import { ExplainPanel, type ExplainQuery } from './explain.tsx';
import { type NoticeState, Notices } from './notices.tsx';
import { RemovePanel } from './remove.tsx';
import { RollPanel } from './roll.tsx';
import { StateButtons } from './state.tsx';
import type { Subject } from './subject.tsx';

/** What the page shows of a key. */
export interface KeyPageState extends NoticeState {
  readonly key: KeyDocument;
  readonly etag: string;
  readonly values: KeyValues;
  readonly usage: readonly DailyUsage[];
  readonly refusedOrigins: readonly RefusedOriginDocument[];
  readonly explain: {
    readonly query: ExplainQuery;
    readonly result: Explanation | ApiProblem | null;
  };
  /** What was typed to confirm that the key is deleted, and is not its name. */
  readonly confirmation?: string | undefined;
}

/** The days that the usage chart shows. */
export const KEY_CHART_DAYS = 30;

/** The page of one key. */
export function KeyPage(props: {
  readonly visitor: Visitor;
  readonly state: KeyPageState;
  readonly restrictedRoutes: RouteList;
  readonly nowMs: number;
}) {
  const { visitor, state, nowMs } = props;
  const { key, etag } = state;
  const subject: Subject = { visitor, key, etag };
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
      <Facts document={key} nowMs={nowMs} />
      <section class="panel padded stack" aria-labelledby="usage-heading">
        <h2 id="usage-heading">Usage in the last {KEY_CHART_DAYS} days</h2>
        <UsageChart usage={state.usage} days={KEY_CHART_DAYS} nowMs={nowMs} />
      </section>
      <div class="columns">
        <div class="stack">
          <EditForm
            subject={subject}
            values={state.values}
            problems={state.problems ?? []}
            restrictedRoutes={props.restrictedRoutes}
          />
          <ExplainPanel keyId={key.id} {...state.explain} />
        </div>
        <div class="stack">
          {key.access?.cors != null && (
            <RefusedOrigins subject={subject} refusedOrigins={state.refusedOrigins} nowMs={nowMs} />
          )}
          <RollPanel subject={subject} nowMs={nowMs} />
          <RemovePanel subject={subject} confirmation={state.confirmation} />
        </div>
      </div>
    </Layout>
  );
}

function Head({ subject, nowMs }: { subject: Subject; nowMs: number }) {
  const { key } = subject;
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
        </p>
      </div>
      <StateButtons subject={subject} />
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
      <Fact name="Id">
        <code>{key.id}</code>
      </Fact>
    </dl>
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
