/** The page of `examples/client-tokens` in a real Chromium, with its backend, the edge and the example API. */

import { afterAll, beforeAll, expect, test } from 'vitest';
import { type ServedBackend, serveBackend } from '../../examples/client-tokens/server.ts';
import { bundlePageScript } from '../../examples/dev/page-script.ts';
import { launchChromium, type TestBrowser } from '../support/node/chromium.ts';
import { type ExampleUpstream, serveExampleUpstream } from '../support/node/example-upstream.ts';
import { type OpenPage, openPage } from '../support/node/pages.ts';
import { type Edge, serveEdge } from '../support/node/serve-edge.ts';

let browser: TestBrowser;
let api: ExampleUpstream;
let edge: Edge;
let backend: ServedBackend;
/** How many milliseconds the clock of the backend is behind. */
let behindMs = 0;

beforeAll(async () => {
  [browser, api] = await Promise.all([launchChromium(), serveExampleUpstream()]);
  edge = await serveEdge({ upstreamUrl: api.url });
  const clientTokens = { allowedOrigins: ['http://127.0.0.1:*'] };
  const { token } = await edge.createKey({
    name: 'web backend',
    owner: 'acct_1',
    access: { clientTokens },
  });
  backend = await serveBackend(0, {
    edgeUrl: edge.url,
    apiKey: token,
    script: await bundlePageScript('examples/client-tokens/page/page.ts'),
    now: () => new Date(Date.now() - behindMs),
  });
}, 240_000);
afterAll(() => Promise.all([browser?.close(), backend?.close(), edge?.dispose(), api?.dispose()]));

async function click({ page }: OpenPage, button: RegExp): Promise<string> {
  await page.getByRole('button', { name: button }).click();
  const status = page.getByRole('status');
  await status.filter({ hasNotText: /Calling|Nothing was called/ }).waitFor();
  return (await status.textContent()) ?? '';
}

test('a visitor signs in, creates a stream with the SDK, reads it, and renews the token', async () => {
  const opened = await openPage(browser, `${backend.url}/`);
  const { page } = opened;
  await page.getByLabel('Your name').fill('Ann');
  await page.getByRole('button', { name: 'Sign in' }).click();
  await page.getByText('Signed in as Ann').waitFor();

  // The first token has expired when it is given.
  behindMs = 10 * 60 * 1000;
  page.on('response', (response) => {
    if (response.url().endsWith('/api-token')) behindMs = 0;
  });
  expect(await click(opened, /with the SDK/)).toMatch(/^Created Stream of Ann \([\w-]+\)$/);
  await expect(page.locator('#tokens').textContent()).resolves.toBe('2');

  expect(await click(opened, /with fetch/)).toMatch(/^Read Stream of Ann \([\w-]+\)$/);
  expect(await click(opened, /is refused/)).toMatch(/^403 route_not_allowed: /);
  await expect(page.locator('#tokens').textContent()).resolves.toBe('2');
  await expect(page.content()).resolves.not.toContain('_sk_');
  await opened.close();
  expect(await api.seenRequests()).toMatchObject([
    { method: 'POST', url: expect.stringContaining('/api/stream'), status: 201 },
    { method: 'GET', status: 200 },
  ]);
});
