/** Variables that the edge does not read, such as a setting with a misspelled name. */

import { loadUntyped } from '../load-untyped.ts';
import { nearestName } from './nearest-name.ts';

/**
 * A line for each variable that is no setting of the edge. They are warnings, not faults: a Worker that uses
 * the edge as a library has variables of its own.
 */
export async function unknownSettings(vars: object): Promise<string[]> {
  const { settings } = await loadUntyped('src/config/settings.ts');
  return Object.keys(vars)
    .filter((name) => !Object.hasOwn(settings, name))
    .map((name) => {
      const nearest = nearestName(name, Object.keys(settings));
      const fact = `${name} is no setting of the edge`;
      return nearest === null ? fact : `${fact}. Did you mean ${nearest}?`;
    });
}
