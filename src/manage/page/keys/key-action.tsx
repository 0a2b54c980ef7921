/**
 * An action on a key that exists: one request to the management API, which checks, guards against a
 * stale view, writes and audits. What it refuses is shown on the key's page, where it was asked for.
 */

import type { FieldProblem } from '../../../core/field-problem.ts';
import type { KeyDocument } from '../../documents.ts';
import type { Visit } from '../access/visitor.ts';
import type { ApiAnswer, ApiProblem } from '../api-client.ts';
import type { PageContext } from '../dashboard.ts';
import { textOf } from '../parts/form-data.ts';
import { NoticePage } from '../parts/notice-page.tsx';
import { pageResponse } from '../parts/respond.ts';
import type { ClientTokenValues } from './client-token-values.ts';
import type { KeyPatch, KeyValues } from './edit-values.ts';
import { type Editable, readEditable } from './editable.ts';
import type { MintState } from './mint-values.ts';

/** An action that was not carried out, as the key's page shows it. */
export interface Refused {
  readonly status: number;
  /** The reason, unless fields are at fault. */
  readonly failure?: string;
  readonly problems?: readonly FieldProblem[];
  /** The text that was typed to confirm the deletion, and is not the name. */
  readonly confirmation?: string;
  /** The fields about client tokens as they were typed. */
  readonly clientTokens?: ClientTokenValues;
  /** The form that mints, if that is what was refused. */
  readonly mint?: MintState;
  /** The key as it was when the form was shown, if it has changed since. */
  readonly outdated?: Editable;
  /** Values of the fields in place of those of the key. */
  readonly editValues?: (key: KeyDocument) => KeyValues;
}

/** Does something to a key. */
export type KeyAction = (
  visit: Visit,
  form: FormData,
  context: PageContext,
) => Promise<Response | Refused>;

/** The message after an action, by its name in the address. */
export const notices = {
  saved: 'The changes are saved. They take effect everywhere within seconds.',
  unchanged: 'There was nothing to change.',
  enabled: 'The key is enabled.',
  disabled: 'The key is disabled. It stops working everywhere within seconds.',
  suspended: 'The key is suspended. It stops working everywhere within seconds.',
  unsuspended: 'The suspension has ended.',
  tokensStopped: 'The key gives no client tokens any longer. They stop working within seconds.',
  signedOut: 'Everyone is signed out within 10 seconds. New client tokens work after that.',
  allowed: 'The origin is allowed. Reload the page that was refused.',
} as const;

/** Leads to the key's page, which says what was done. */
export function done(context: PageContext, what: keyof typeof notices): Response {
  return context.redirect(`/_edge/keys/${context.req.param('id')}?done=${what}`, 303);
}

/** Sends a patch of the key, as the form showed it. */
export function changeKey(
  { api }: Visit,
  form: FormData,
  context: PageContext,
  patch: KeyPatch,
): Promise<ApiAnswer<KeyDocument>> {
  return api<KeyDocument>({
    method: 'PATCH',
    path: apiPathOf(context),
    body: patch,
    headers: { 'If-Match': textOf(form, 'etag') },
  });
}

/** The refusal of the API. After a change by another person, the page shows that change. */
export function refusedBy(problem: ApiProblem, form: FormData): Refused {
  const { status, problems = [], detail } = problem;
  const outdated = readEditable(textOf(form, 'was'));
  if (status === 412 && outdated !== null) return { status, outdated };
  return problems.length > 0 ? { status, problems } : { status, failure: `${detail}.` };
}

/** Refuses a form whose hidden fields were altered. */
export function refuseForm({ visitor }: Visit): Response {
  return pageResponse(
    <NoticePage title="Form not understood" visitor={visitor}>
      Nothing was changed: the form lacks something that the page put into it. Open the key again.
    </NoticePage>,
    400,
  );
}

/** The key's path in the API. */
export function apiPathOf(context: PageContext): string {
  return `/keys/${encodeURIComponent(context.req.param('id') ?? '')}`;
}
