/**
 * The OpenAPI document under the recommended rules of Redocly, as others lint it before they use it.
 */

import { createConfig, lintFromString } from '@redocly/openapi-core';
import { expect, test } from 'vitest';
import { operations } from '../src/manage/api.ts';
import { describeApi } from '../src/manage/openapi.ts';

async function problemsOf(document: unknown): Promise<readonly string[]> {
  const problems = await lintFromString({
    source: JSON.stringify(document),
    config: await createConfig({ extends: ['recommended'] }),
  });
  return problems.map(({ ruleId, location }) => `${ruleId} at ${location[0]?.pointer}`);
}

test('the OpenAPI document breaks no recommended rule of Redocly', async () => {
  expect(await problemsOf(describeApi(operations))).toEqual([]);
});

test('the rules find a document without a licence and with an operation that cannot fail', async () => {
  const paths = { '/x': { get: { operationId: 'x', responses: { 200: { description: 'x' } } } } };
  const document = { openapi: '3.1.1', info: { title: 'x', version: '1' }, paths };
  const problems = await problemsOf(document);
  expect(problems.join('\n')).toContain('info-license');
  expect(problems.join('\n')).toContain('operation-4xx-response');
});
