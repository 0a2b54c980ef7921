/** The setting `ADMIN_TOKENS`: the named operators. Pure, no I/O. */

import { type OperatorToken, readOperatorTokens } from '../core/operators/operator-tokens.ts';
import type { Setting } from './values.ts';

/** A list of operators: JSON, or the tables that wrangler.toml can hold in its place. */
export const adminTokens: Setting<readonly OperatorToken[]> = {
  read(written, report) {
    const { tokens, faults } = readOperatorTokens(written);
    for (const fault of faults) report({ value: null, ...fault });
    return tokens;
  },
};
