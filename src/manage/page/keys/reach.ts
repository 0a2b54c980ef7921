/**
 * The endpoints that a key may call, as the choice of a form. Pure.
 */

import { textOf } from '../parts/form-data.ts';

/**
 * The choice. `standard`: a backend key calls everything, a key with CORS access the restricted endpoints.
 * `set`: the key refers to a rule set. `full`: a key with CORS access calls everything.
 */
export type Reach = 'standard' | 'set' | 'rules' | 'full';

const reaches: readonly Reach[] = ['standard', 'set', 'rules', 'full'];

/**
 * Reads the choice of a form; `standard` without one. A choice that is not offered, such as one of another
 * version of the page, counts as rules: without any the API refuses it, and a key keeps those that it has. As
 * `standard` it would let a backend key call everything.
 */
export function readReach(form: FormData, name = 'reach'): Reach {
  const text = textOf(form, name);
  return text === '' ? 'standard' : (reaches.find((reach) => reach === text) ?? 'rules');
}
