/** Tokens that are refused by their characters alone, before any step of a look-up. */

import { describe, expect, test } from 'vitest';
import { checksumOf } from '../../../src/core/key/token.ts';
import { TOKEN_MAX_LENGTH } from '../../../src/core/limits.ts';
import { refuteCharacters } from '../../../src/keys/lookup/token-gate.ts';

describe('refuteCharacters()', () => {
  const tagged = `ea_pk_${'a'.repeat(30)}${'b'.repeat(8)}`;
  const tooLong = 'a'.repeat(TOKEN_MAX_LENGTH + 1);
  test.each([
    ['refuses a wrong checksum', `${tagged}000000`, 'wrong checksum'],
    ['refuses more characters than any token has', tooLong, 'too long'],
    ['leaves a token of our form to the look-up', tagged + checksumOf(tagged), null],
    [
      'leaves another form to the look-up, for it may have been imported',
      'an-imported-token',
      null,
    ],
    ['leaves client tokens to their own rules', `ea_ct_${tooLong}`, null],
  ])('%s', (_, sent, cause) => {
    expect(refuteCharacters(sent)).toBe(cause);
  });
});
