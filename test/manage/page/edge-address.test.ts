/** The address in the code that uses a new token. */

import { afterEach, expect, test } from 'vitest';
import type { Deployment } from '../../contract/deployment.ts';
import { deploy } from '../../support/workers.ts';
import { signIn } from './browser.ts';

let edge: Deployment;
afterEach(() => edge.dispose());

const EXAMPLE = 'Write the address of your API in place of';

async function pageOfNewKey(vars: Record<string, string>): Promise<string> {
  edge = await deploy({ vars });
  const operator = await signIn(edge);
  const made = await operator.submit('/_edge/keys/new', '/_edge/keys', { name: 'a key' });
  expect(made.status).toBe(201);
  return made.body;
}

test('is an example if the page has a host of its own, which forwards nothing', async () => {
  const body = await pageOfNewKey({ MANAGE_HOST: 'edge.test' });
  expect(body).toContain('https://api.example.com/api/');
  expect(body).toContain(EXAMPLE);
  expect(body).not.toContain('https://edge.test');
});

test('is API_URL, whichever host serves the page', async () => {
  for (const vars of [{ MANAGE_HOST: 'edge.test' }, {}]) {
    const body = await pageOfNewKey({ ...vars, API_URL: 'https://calls.example/' });
    expect(body).toContain('https://calls.example/api/');
    expect(body).not.toContain('https://calls.example//');
    expect(body).not.toContain(EXAMPLE);
  }
});

test("is the page's own if its host serves the API too", async () => {
  const body = await pageOfNewKey({});
  expect(body).toContain('https://edge.test/api/');
  expect(body).not.toContain(EXAMPLE);
});
