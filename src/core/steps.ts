/**
 * Work in steps: a generator that yields how large each step is before it takes it, so that its driver can let
 * other work have its turn in between. Pure, no I/O, no clock.
 */

/** Work that returns a value. What it yields is the size of the next step, in characters of its input. */
export type Steps<Value> = Generator<number, Value, void>;

/** Takes all steps at once. */
export function atOnce<Value>(steps: Steps<Value>): Value {
  for (;;) {
    const step = steps.next();
    if (step.done) return step.value;
  }
}
