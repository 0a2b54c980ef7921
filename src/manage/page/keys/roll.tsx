/**
 * Rolling a key: a new token, and how long the present one remains valid.
 */

import type { KeyDocument } from '../../documents.ts';
import { ExactTime } from '../parts/words.tsx';
import { ActionForm, type Subject } from './subject.tsx';

const graceChoices = [
  [0, 'Stop the present token at once'],
  [60 * 60, 'Keep the present token for an hour'],
  [24 * 60 * 60, 'Keep the present token for a day'],
  [7 * 24 * 60 * 60, 'Keep the present token for a week'],
] as const;

/** The form that rolls a key. */
export function RollPanel({ subject, nowMs }: { subject: Subject; nowMs: number }) {
  return (
    <section class="panel padded stack" aria-labelledby="roll-heading">
      <h2 id="roll-heading">Roll the token</h2>
      <p class="quiet">
        Makes a new token for this key. The present one can go on for a while, so that nothing
        breaks while you replace it.
      </p>
      <Retiring tokens={subject.key.retiringTokens} nowMs={nowMs} />
      <ActionForm subject={subject} name="roll">
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
      </ActionForm>
    </section>
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
