/**
 * The answers of a key's page to what was asked of it: what was done, or why nothing was.
 */

import type { FieldProblem } from '../../../core/field-problem.ts';
import type { Change } from './editable.ts';

/** What a page of a key says above the key. All may be absent. */
export interface NoticeState {
  /** What was done. */
  readonly notice?: string | undefined;
  /** What was not done, and why. */
  readonly failure?: string | undefined;
  readonly problems?: readonly FieldProblem[] | undefined;
  /** What somebody else changed while the form was open; absent: the form was up to date. */
  readonly changes?: readonly Change[] | undefined;
}

/** What was done, or why nothing was. */
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
              Nothing was done: somebody else has changed this key since you opened it.
            </strong>{' '}
            Look at what is different now, and try again.
          </p>
          <Changes changes={changes} />
        </div>
      )}
      {(failure !== undefined || problems.length > 0) && (
        <p class="notice bad" role="alert">
          {failure ?? 'The changes were not saved. What to mend is said at each field.'}
        </p>
      )}
    </>
  );
}

function Changes({ changes }: { changes: readonly Change[] }) {
  // The token was rolled, or something was changed and changed back.
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
