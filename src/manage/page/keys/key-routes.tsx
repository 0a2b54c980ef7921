/**
 * The actions on a key: making it, and everything on its own page.
 *
 * Each action is one request to the management API, which checks, guards against a stale view, writes
 * and audits. What it refuses is shown where it was asked for.
 */

import type { Context } from 'hono';
import type { HonoBase } from 'hono/hono-base';
import type { FieldProblem } from '../../../core/field-problem.ts';
import { operatorBounds } from '../../../core/key/key-access.ts';
import { shownName } from '../../../core/key/key-name.ts';
import { type KeyDocument, readNewKey } from '../../documents.ts';
import type { Guards } from '../access/guards.tsx';
import { NoticePage } from '../access/sign-in.tsx';
import type { Visit } from '../access/visitor.ts';
import type { ApiAnswer, ApiProblem } from '../api-client.ts';
import type { Dashboard } from '../dashboard.ts';
import { loadKeyPage } from '../load.ts';
import { textOf } from '../parts/form-data.ts';
import { Layout, toHtml } from '../parts/layout.tsx';
import { ExactTime } from '../parts/words.tsx';
import { CreateForm, type KeyFormState } from './create.tsx';
import { emptyCreateValues, findMistakes, readCreateValues, toNewKey } from './create-values.ts';
import { type KeyPatch, mergeValues, readKeyValues, toPatch } from './edit-values.ts';
import { changesBetween, type Editable, readEditable } from './editable.ts';
import type { ExplainQuery } from './explain.tsx';
import { KeyPage, type KeyPageState } from './show.tsx';
import { curlFor, exampleEndpoint, TokenPanel } from './token-panel.tsx';

type KeyWithToken = KeyDocument & { readonly token: string };

/** The message after an action, by its name in the address. */
const notices: Readonly<Record<string, string>> = {
  saved: 'The changes are saved. They hold everywhere within seconds.',
  unchanged: 'There was nothing to change.',
  enabled: 'The key is enabled.',
  disabled: 'The key is disabled. It stops working everywhere within seconds.',
  suspended: 'The key is suspended. It stops working everywhere within seconds.',
  unsuspended: 'The suspension has ended.',
  allowed: 'The origin is allowed. Reload the page that was refused.',
};

/** A form for a new key, before anything is typed. */
export function newFormState(): KeyFormState {
  return {
    values: emptyCreateValues,
    problems: [],
    failure: null,
    idempotencyKey: crypto.randomUUID(),
  };
}

/** Adds the routes. */
export function mountKeyRoutes(page: HonoBase, guards: Guards, dashboard: Dashboard): void {
  const { management } = dashboard;

  page.get(
    '/_edge/keys/new',
    guards.view((visit, context) => showCreateForm(visit, context, newFormState())),
  );

  page.post(
    '/_edge/keys',
    guards.action(async (visit, form, context) => {
      const values = readCreateValues(form);
      const idempotencyKey = textOf(form, 'idempotency_key');
      const document = toNewKey(values, management.now());
      const mistakes = findMistakes(values);
      if (mistakes.length > 0) {
        const problems = [...mistakes, ...otherProblems(document, mistakes, management.now())];
        const state = { values, problems, failure: null, idempotencyKey: crypto.randomUUID() };
        return showCreateForm(visit, context, state, 422);
      }
      const created = await visit.api<KeyWithToken>({
        method: 'POST',
        path: '/keys',
        body: document,
        headers: { 'Idempotency-Key': idempotencyKey },
      });
      if (created.ok) return showToken(visit, form, context, created.document, 'created');
      const { problems = [], detail, status } = created.problem;
      return showCreateForm(
        visit,
        context,
        {
          values,
          problems,
          failure: problems.length > 0 ? null : detail,
          // A refused request may be sent again with other fields, and is then another request.
          idempotencyKey: crypto.randomUUID(),
        },
        status,
      );
    }),
  );

  page.get(
    '/_edge/keys/:id',
    guards.view((visit, context) => {
      const query = new URL(context.req.url).searchParams;
      return showKey(visit, context, {
        notice: notices[query.get('done') ?? ''],
      });
    }),
  );

  page.post(
    '/_edge/keys/:id',
    guards.action(async (visit, form, context) => {
      const was = readEditable(textOf(form, 'was'));
      if (was === null) return refuseForm(visit, context);
      const values = readKeyValues(form, was);
      const patch = toPatch(values, was);
      if (Object.keys(patch).length === 0) return done(context, 'unchanged');
      const edited = await change(visit, form, context, patch);
      if (edited.ok) return done(context, 'saved');
      const { problem } = edited;
      return showKey(
        visit,
        context,
        problem.status === 412
          ? { outdated: was, editValues: (key) => mergeValues(values, was, key) }
          : { ...failureOf(problem), editValues: () => values },
        problem.status,
      );
    }),
  );

  for (const [name, edit] of [
    ['enable', { enabled: true }],
    ['disable', { enabled: false }],
    // The API refuses these two to everybody but the operator.
    ['suspend', { suspended: true }],
    ['unsuspend', { suspended: false }],
  ] as const) {
    page.post(
      `/_edge/keys/:id/${name}`,
      guards.action(async (visit, form, context) => {
        const edited = await change(visit, form, context, edit);
        return edited.ok
          ? done(context, `${name}${name.endsWith('e') ? 'd' : 'ed'}`)
          : showRefusal(visit, form, context, edited.problem);
      }),
    );
  }

  page.post(
    '/_edge/keys/:id/allow-origin',
    guards.action(async (visit, form, context) => {
      const was = readEditable(textOf(form, 'was'));
      if (!was?.access?.cors) return refuseForm(visit, context);
      const { allowedOrigins, fullAccess } = was.access.cors;
      const edited = await change(visit, form, context, {
        access: {
          ...was.access,
          cors: { allowedOrigins: [...allowedOrigins, textOf(form, 'origin')], fullAccess },
        },
      });
      return edited.ok
        ? done(context, 'allowed')
        : showRefusal(visit, form, context, edited.problem);
    }),
  );

  page.post(
    '/_edge/keys/:id/roll',
    guards.action(async (visit, form, context) => {
      const rolled = await visit.api<KeyWithToken>({
        method: 'POST',
        path: `${apiPathOf(context)}/roll`,
        body: { graceSeconds: Number(textOf(form, 'grace')) },
        headers: {
          'If-Match': textOf(form, 'etag'),
          'Idempotency-Key': textOf(form, 'idempotency_key'),
        },
      });
      return rolled.ok
        ? showToken(visit, form, context, rolled.document, 'rolled')
        : showRefusal(visit, form, context, rolled.problem);
    }),
  );

  page.post(
    '/_edge/keys/:id/delete',
    guards.action(async (visit, form, context) => {
      const was = readEditable(textOf(form, 'was'));
      if (was === null) return refuseForm(visit, context);
      const confirmation = textOf(form, 'confirmation');
      // What does not show cannot be typed, and what shows is all that people compare.
      if (shownName(confirmation) !== shownName(was.name)) {
        return showKey(visit, context, { confirmation }, 422);
      }
      const deleted = await visit.api<null>({
        method: 'DELETE',
        path: apiPathOf(context),
        headers: { 'If-Match': textOf(form, 'etag') },
      });
      return deleted.ok
        ? context.redirect('/_edge/?deleted', 303)
        : showRefusal(visit, form, context, deleted.problem);
    }),
  );

  function change(
    { api }: Visit,
    form: FormData,
    context: Context,
    patch: KeyPatch,
  ): Promise<ApiAnswer<KeyDocument>> {
    return api<KeyDocument>({
      method: 'PATCH',
      path: apiPathOf(context),
      body: patch,
      headers: { 'If-Match': textOf(form, 'etag') },
    });
  }

  function showCreateForm(
    { visitor }: Visit,
    context: Context,
    state: KeyFormState,
    status = 200,
  ): Response {
    return toResponse(
      context,
      <Layout title="Create API key" section="keys" visitor={visitor}>
        <div class="panel padded narrow">
          <CreateForm
            visitor={visitor}
            state={state}
            restrictedRoutes={management.restrictedRoutes}
          />
        </div>
      </Layout>,
      status,
    );
  }

  /** Shows the key's page after something was not done. */
  function showRefusal(
    visit: Visit,
    form: FormData,
    context: Context,
    problem: ApiProblem,
  ): Promise<Response> {
    const was = readEditable(textOf(form, 'was'));
    return showKey(
      visit,
      context,
      problem.status === 412 && was !== null ? { outdated: was } : failureOf(problem),
      problem.status,
    );
  }

  async function showKey(
    visit: Visit,
    context: Context,
    more: Pick<KeyPageState, 'notice' | 'failure' | 'problems' | 'confirmation'> & {
      /** The key as it was when the form was shown, where it has changed since. */
      readonly outdated?: Editable;
      /** Values of the fields in place of those of the key. */
      readonly editValues?: (key: KeyDocument) => KeyPageState['values'];
    },
    status = 200,
  ): Promise<Response> {
    const loaded = await loadKeyPage(
      visit.api,
      context.req.param('id') ?? '',
      explainQueryOf(context),
    );
    if (!loaded.ok) return showMissing(visit, context, loaded.problem);
    const { outdated, editValues, ...rest } = more;
    const { key } = loaded.state;
    return toResponse(
      context,
      <KeyPage
        visitor={visit.visitor}
        state={{
          ...loaded.state,
          ...rest,
          ...(editValues ? { values: editValues(key) } : {}),
          ...(outdated ? { changes: changesBetween(outdated, key) } : {}),
        }}
        restrictedRoutes={management.restrictedRoutes}
        nowMs={management.now()}
      />,
      status,
    );
  }

  /** The page with a token, after which it is nowhere any more. */
  function showToken(
    { visitor }: Visit,
    form: FormData,
    context: Context,
    key: KeyWithToken,
    what: 'created' | 'rolled',
  ): Response {
    const title = what === 'created' ? 'API key created' : 'Token rolled';
    // The latest to end is the one that was just replaced. An answer kept by an earlier version of the
    // Worker, for a form that is sent again, has no such member.
    const [replaced] = key.retiringTokens ?? [];
    return toResponse(
      context,
      <Layout title={title} section="keys" visitor={visitor}>
        <div class="panel padded narrow">
          <TokenPanel
            title={title}
            inDialog={form.has('in_dialog')}
            token={key.token}
            curl={curlFor({
              origin: new URL(context.req.url).origin,
              endpoint: exampleEndpoint(management.restrictedRoutes),
              token: key.token,
            })}
            keyUrl={`/_edge/keys/${key.id}`}
          >
            <p>
              {what === 'created' ? (
                <>
                  <strong>{key.name}</strong> is ready to be used.
                </>
              ) : (
                <>
                  This is the new token of <strong>{key.name}</strong>.{' '}
                  {replaced === undefined ? (
                    'Every earlier one stops within seconds, everywhere.'
                  ) : (
                    <>
                      The one before can be used until{' '}
                      <ExactTime value={replaced.endsAt} nowMs={management.now()} />.
                    </>
                  )}
                </>
              )}
            </p>
          </TokenPanel>
        </div>
      </Layout>,
      what === 'created' ? 201 : 200,
    );
  }
}

/** Returns the problems that the API would report for a form with mistakes, in other places than theirs. */
function otherProblems(
  document: unknown,
  mistakes: readonly FieldProblem[],
  nowMs: number,
): readonly FieldProblem[] {
  const reading = readNewKey(document, { owner: null, ...operatorBounds, nowMs });
  if (reading.ok) return [];
  return reading.problems.filter(({ path }) => !mistakes.some((mistake) => mistake.path === path));
}

function showMissing({ visitor }: Visit, context: Context, problem: ApiProblem): Response {
  const id = context.req.param('id') ?? '';
  return toResponse(
    context,
    <NoticePage
      title={problem.title}
      visitor={visitor}
      back={{ href: `/_edge/audit?keyId=${encodeURIComponent(id)}`, label: 'Look into the audit' }}
    >
      {problem.detail}.
    </NoticePage>,
    problem.status,
  );
}

/** For a form whose hidden fields are not what we put into them. */
function refuseForm({ visitor }: Visit, context: Context): Response {
  return toResponse(
    context,
    <NoticePage title="Form not understood" visitor={visitor}>
      Nothing was changed: the form lacks something that the page put into it. Open the key again.
    </NoticePage>,
    400,
  );
}

function failureOf({
  problems = [],
  detail,
}: ApiProblem): Pick<KeyPageState, 'failure' | 'problems'> {
  return problems.length > 0 ? { problems } : { failure: `${detail}.` };
}

function done(context: Context, what: string): Response {
  return context.redirect(`/_edge/keys/${context.req.param('id')}?done=${what}`, 303);
}

function apiPathOf(context: Context): string {
  return `/keys/${encodeURIComponent(context.req.param('id') ?? '')}`;
}

/** Reads the question of the explain form; `null` if it was not sent. */
function explainQueryOf(context: Context): ExplainQuery | null {
  const query = new URL(context.req.url).searchParams;
  const path = query.get('path');
  if (path === null) return null;
  return {
    path: path.trim(),
    method: query.get('method') ?? 'GET',
    origin: query.get('origin')?.trim() ?? '',
  };
}

function toResponse(
  context: Context,
  page: Parameters<typeof toHtml>[0],
  status: number,
): Response {
  context.status(status as 200);
  return context.html(toHtml(page)) as Response;
}
