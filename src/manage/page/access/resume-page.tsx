/**
 * The page after signing in again, with the form that was sent too late.
 */

import { BareLayout, Brand } from '../parts/layout.tsx';
import { FORM_TOKEN_FIELD } from './csrf.ts';
import type { Resumed } from './resume.ts';

/** The action of a form in words, by the last part of its address. */
const labels: Readonly<Record<string, string>> = {
  keys: 'Create the key',
  enable: 'Enable the key',
  disable: 'Disable the key',
  suspend: 'Suspend the key',
  unsuspend: 'End the suspension',
  'allow-origin': 'Allow the origin',
  roll: 'Roll the token',
  delete: 'Delete the key',
};

/** Offers to send the form, as it was typed. Nothing is sent without the visitor. */
export function ResumePage({ resumed, formToken }: { resumed: Resumed; formToken: string }) {
  const { action, fields } = resumed;
  const label = labels[action.split('/').at(-1) ?? ''] ?? 'Save the changes';
  const name = fields.find(([field]) => field === 'name')?.[1] ?? '';
  return (
    <BareLayout title="Signed in again">
      <Brand />
      <form method="post" action={action} class="panel padded stack">
        <h1>Signed in again</h1>
        <p>
          Your session had ended before the form was sent, so nothing was carried out. What you
          typed is still here{name === '' ? '' : ': '}
          {name !== '' && <strong>{name}</strong>}.
        </p>
        <input type="hidden" name={FORM_TOKEN_FIELD} value={formToken} />
        {fields.map(([field, value]) => (
          <input type="hidden" name={field} value={value} />
        ))}
        <div class="actions">
          <a class="button" href="/_edge/">
            Discard it
          </a>
          <button type="submit" class="primary" autofocus>
            {label}
          </button>
        </div>
      </form>
    </BareLayout>
  );
}
