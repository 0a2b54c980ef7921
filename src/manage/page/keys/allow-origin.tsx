/**
 * Allowing an origin that the key refused.
 */

import { canonicalizeOriginPattern } from '../../../core/origins/pattern.ts';
import type { RefusedOriginsDocument } from '../../usage.ts';
import { textOf } from '../parts/form-data.ts';
import { count, Time } from '../parts/words.tsx';
import { readEditable } from './editable.ts';
import { changeKey, done, type KeyAction, refusedBy, refuseForm } from './key-action.tsx';
import { ActionForm, type Subject } from './subject.tsx';

/** Adds an origin to those of the key. */
export const allowOrigin: KeyAction = async (visit, form, context) => {
  const was = readEditable(textOf(form, 'was'));
  if (!was?.access?.cors) return refuseForm(visit);
  const { allowedOrigins, fullAccess } = was.access.cors;
  const edited = await changeKey(visit, form, context, {
    access: { cors: { allowedOrigins: [...allowedOrigins, textOf(form, 'origin')], fullAccess } },
  });
  return edited.ok ? done(context, 'allowed') : refusedBy(edited.problem, form);
};

/** The origins that a key refused, each with a form that allows it. */
export function RefusedOrigins(props: {
  readonly subject: Subject;
  readonly refusedOrigins: RefusedOriginsDocument['origins'];
  readonly nowMs: number;
}) {
  const { subject, refusedOrigins, nowMs } = props;
  const listed = new Set(subject.key.access?.cors?.allowedOrigins ?? []);
  return (
    <section class="panel padded stack" aria-labelledby="refused-heading">
      <h2 id="refused-heading">Recently refused origins</h2>
      {refusedOrigins.length === 0 ? (
        <p class="quiet">None. An origin that is refused with this key shows up here.</p>
      ) : (
        <ul class="origin-list">
          {refusedOrigins.map(({ origin, count: times, lastAt }) => (
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
                subject.visitor.may('editKey') &&
                canonicalizeOriginPattern(origin).ok && (
                  <ActionForm subject={subject} name="allow-origin">
                    <input type="hidden" name="origin" value={origin} />
                    <button type="submit" class="plain">
                      Allow this origin<span class="unseen"> {origin}</span>
                    </button>
                  </ActionForm>
                )
              )}
            </li>
          ))}
        </ul>
      )}
    </section>
  );
}
