/** Ids in templates, as they are written and read again. */

import { expect, test } from 'vitest';
import { readTemplateId, templateIdText } from '../../../src/core/routes/path-grammar.ts';

test.each([
  ['{stream}', { kind: 'stream', characters: '' }],
  ['{file(.@)}', { kind: 'file', characters: '.@' }],
  // The kinds of several places, and an id of none
  ['{stream,user(.)}', { kind: 'stream,user', characters: '.' }],
  ['{:id}', { kind: ':id', characters: '' }],
])('%s is written and read as %o', (text, id) => {
  expect(templateIdText(id)).toBe(text);
  expect(readTemplateId(text)).toEqual(id);
});

test.each(['stream', ':stream', 'a{stream}', '{stream}a', '{stream'])(
  'readTemplateId() reads no id from %j',
  (segment) => {
    expect(readTemplateId(segment)).toBeNull();
  },
);
