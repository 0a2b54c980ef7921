/**
 * A radio button and its label.
 */

import type { Child } from 'hono/jsx';

/** One choice of those that share a name. */
export function Choice(props: {
  readonly id: string;
  /** The name of the field that all of them set. */
  readonly name: string;
  readonly value: string;
  readonly isChosen: boolean;
  readonly children: Child;
}) {
  const { id, name, value, isChosen, children } = props;
  return (
    <div class="check">
      <input id={id} type="radio" name={name} value={value} checked={isChosen} />
      <label for={id}>{children}</label>
    </div>
  );
}
