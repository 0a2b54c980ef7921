/**
 * The messages above a key: an action that was carried out, or the reason why it was not.
 */

import type { FieldProblem } from '../../../core/field-problem.ts';
import type { Change } from './editable.ts';

/** The messages above a key. Each may be absent. */
export interface NoticeState {
  /** The action that was carried out. */
  readonly notice?: string | undefined;
  /** The reason why an action was not carried out. */
  readonly failure?: string | undefined;
  readonly problems?: readonly FieldProblem[] | undefined;
  /** Changes by another person while the form was open; absent: the form was up to date. */
  readonly changes?: readonly Change[] | undefined;
}

/** Shows the messages. */
export function Notices({ state }: { state: NoticeState }) {
  const { notice, failure, problems = [], changes } = state;
  return (
    <>
      {notice !== undefined && (
        <p class="notice good" role="status">
          {notice}
        </p>
      )}
      {changes !== undefined && (
        <div class="notice warn" role="alert">
          <p>
            <strong>
              {/* cspell:disable-next-line */}
              Nothing was done: somebody else has changed this key since you opened it.
            </strong>{' '}
            Look at what is different now, and try again.
          </p>
          <Changes changes={changes} />
        </div>
      )}
      {(failure !== undefined || problems.length > 0) && (
        <p class="notice bad" role="alert">
          {failure ?? 'The changes were not saved. Fix the errors shown below.'}
        </p>
      )}
    </>
  );
}

function Changes({ changes }: { changes: readonly Change[] }) {
  // The token was rolled, or a change was undone.
  if (changes.length === 0) return <p>The settings are the same as before.</p>;
  return (
    <table>
      <thead>
        <tr>
          <th scope="col">Field</th>
          <th scope="col">When you opened it</th>
          <th scope="col">Now</th>
        </tr>
      </thead>
      <tbody>
        {changes.map(({ field, before, now }) => (
          <tr>
            <th scope="row">{field}</th>
            <td>{before}</td>
            <td>{now}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}
