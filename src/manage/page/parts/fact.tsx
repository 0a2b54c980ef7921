/**
 * A fact about something: its name and what it is, in a list of facts.
 */

import type { Child } from 'hono/jsx';

/** A name and its value, in a `dl`. */
export function Fact({ name, children }: { name: string; children: Child }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </div>
  );
}
