/**
 * The endpoints that a key may call, as the choice of a form. Pure.
 */

import { textOf } from '../parts/form-data.ts';

/**
 * The choice. `standard`: a backend key calls everything, a key with CORS access the restricted endpoints.
 * `set`: the key refers to a rule set. `full`: a key with CORS access calls everything.
 */
export type Reach = 'standard' | 'set' | 'rules' | 'full';

/** Reads the choice of a form. Without one, a form asks for the least. */
export function readReach(form: FormData): Reach {
  const text = textOf(form, 'reach');
  return text === 'set' || text === 'rules' || text === 'full' ? text : 'standard';
}
