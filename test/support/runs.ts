/** The number of random cases of a property. */

import { inject } from 'vitest';

/** Returns this many at night, and a tenth of it by day. */
export function runs(atNight: number): number {
  return inject('isNightly') ? atNight : Math.ceil(atNight / 10);
}
