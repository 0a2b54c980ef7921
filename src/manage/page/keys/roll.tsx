/**
 * Rolling a key: a new token, and how long the present one remains valid.
 */

import type { KeyDocument, KeyWithToken } from '../../documents.ts';
import { textOf } from '../parts/form-data.ts';
import { ExactTime } from '../parts/words.tsx';
import { apiPathOf, type KeyAction, refusedBy } from './key-action.tsx';
import { ActionForm, type Subject } from './subject.tsx';
import { tokenResponse } from './token-panel.tsx';

const graceChoices = [
  [0, 'Stop the present token at once'],
  [60 * 60, 'Keep the present token for an hour'],
  [24 * 60 * 60, 'Keep the present token for a day'],
  [7 * 24 * 60 * 60, 'Keep the present token for a week'],
] as const;

/** Makes a new token for the key, and shows it. */
export const roll: KeyAction = async (visit, form, context) => {
  const rolled = await visit.api<KeyWithToken>({
    method: 'POST',
    path: `${apiPathOf(context)}/roll`,
    body: { graceSeconds: Number(textOf(form, 'grace')) },
    headers: {
      'If-Match': textOf(form, 'etag'),
      'Idempotency-Key': textOf(form, 'idempotency_key'),
    },
  });
  if (!rolled.ok) return refusedBy(rolled.problem, form);
  const key = rolled.document;
  // The token that ends last is the one that was just replaced. An answer that an earlier version of the
  // Worker kept, for a form that is sent again, lacks the member.
  const [replaced] = key.retiringTokens ?? [];
  return tokenResponse(visit, form, context, {
    key,
    title: 'Token rolled',
    status: 200,
    message: (
      <>
        This is the new token of <strong>{key.name}</strong>.{' '}
        {replaced === undefined ? (
          'Every earlier one stops within seconds, everywhere.'
        ) : (
          <>
            The previous one can be used until{' '}
            <ExactTime value={replaced.endsAt} nowMs={context.env.management.now()} />.
          </>
        )}
      </>
    ),
  });
};

/** The form that rolls a key. */
export function RollPanel({ subject, nowMs }: { subject: Subject; nowMs: number }) {
  return (
    <section class="panel padded stack" aria-labelledby="roll-heading" id="roll">
      <h2 id="roll-heading">Roll the token</h2>
      <p class="quiet">
        Makes a new token for this key. The present one can remain valid for a while, so that
        nothing breaks while you replace it.
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

/** Lists the earlier tokens that remain valid, so that a person who handles a leak knows about them. */
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
