/**
 * Enabling and disabling a key, and suspending it.
 */

import { ActionForm, type Subject } from './subject.tsx';

/** The buttons that stop a key and let it work again. Only the operator suspends. */
export function StateButtons({ subject }: { subject: Subject }) {
  const { key, visitor } = subject;
  return (
    <div class="row">
      <ActionForm subject={subject} name={key.enabled ? 'disable' : 'enable'}>
        <button type="submit">{key.enabled ? 'Disable' : 'Enable'}</button>
      </ActionForm>
      {visitor.owner === null ? (
        <ActionForm subject={subject} name={key.suspended ? 'unsuspend' : 'suspend'}>
          <button type="submit">{key.suspended ? 'End the suspension' : 'Suspend'}</button>
        </ActionForm>
      ) : null}
    </div>
  );
}
