/** The filter of a list of keys that leaves every key. */

import type { KeyFilter } from '../../src/keys/admin/types.ts';

export const noFilter: KeyFilter = {
  owner: null,
  state: null,
  kind: null,
  access: null,
  origin: null,
  usedBeforeMs: null,
  expiresBeforeMs: null,
  search: null,
  meta: [],
  tag: null,
};
