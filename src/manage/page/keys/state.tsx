/**
 * Enabling and disabling a key, and suspending it.
 */

import type { KeyPatch } from './edit-values.ts';
import { changeKey, done, type KeyAction, type notices, refusedBy } from './key-action.tsx';
import { ActionForm, type Subject } from './subject.tsx';

/** Actions that set one member of the key. The API allows the last two to the operator alone. */
export const enable = switchTo({ enabled: true }, 'enabled');
export const disable = switchTo({ enabled: false }, 'disabled');
export const suspend = switchTo({ suspended: true }, 'suspended');
export const unsuspend = switchTo({ suspended: false }, 'unsuspended');

function switchTo(patch: KeyPatch, state: keyof typeof notices): KeyAction {
  return async (visit, form, context) => {
    const changed = await changeKey(visit, form, context, patch);
    return changed.ok ? done(context, state) : refusedBy(changed.problem, form);
  };
}

/** The buttons that stop a key and let it work again. Only the operator suspends. */
export function StateButtons({ subject }: { subject: Subject }) {
  const { key, visitor } = subject;
  if (!visitor.may('editKey')) return null;
  return (
    <div class="row" id="state">
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
