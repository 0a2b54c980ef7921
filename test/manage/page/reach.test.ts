/** The choice of endpoints in a form, where it is not one of those that the form offers. */

import { describe, expect, test } from 'vitest';
import {
  readClientTokens,
  toClientTokens,
} from '../../../src/manage/page/keys/client-token-values.ts';
import { readCreateValues, toNewKey } from '../../../src/manage/page/keys/create-values.ts';
import { readKeyValues, toPatch } from '../../../src/manage/page/keys/edit-values.ts';

const formOf = (fields: Readonly<Record<string, string>>) => {
  const form = new FormData();
  for (const [name, value] of Object.entries(fields)) form.set(name, value);
  return form;
};

describe.each(['everything', 'Standard', 'standard ', 'constructor'])('the choice %j', (reach) => {
  test('makes no key that may call everything: the API refuses an empty list of rules', () => {
    const values = readCreateValues(formOf({ name: 'a', reach }));
    expect(toNewKey(values, 0)).toMatchObject({ access: { rules: [] } });
  });

  test('leaves the rules of a key as they are', () => {
    const rules = [{ methods: ['get'], resources: ['/a'] }];
    const was = { name: 'a', access: { rules }, expiresAt: null, enabled: true };
    const values = readKeyValues(formOf({ name: 'a', reach }), was);
    expect(toPatch(values, was)).toEqual({});
  });

  test('lets client tokens call no routes', () => {
    const form = formOf({ client_origins: 'https://a.example', client_reach: reach });
    expect(toClientTokens(readClientTokens(form))).toMatchObject({ rules: [] });
  });
});
