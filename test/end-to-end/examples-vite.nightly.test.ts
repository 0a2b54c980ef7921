/** `examples/vite-app`: built by Vite with a real key, and used in a real Chromium through the edge. */

import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { projectRoot } from '../support/node/build-bundle.ts';
import { launchChromium, type TestBrowser } from '../support/node/chromium.ts';
import { type ExampleUpstream, serveExampleUpstream } from '../support/node/example-upstream.ts';
import { type OpenPage, openPage } from '../support/node/pages.ts';
import { type CreatedKey, type Edge, serveEdge } from '../support/node/serve-edge.ts';
import { listen } from '../support/node/upstream-server.ts';

let folder: string;
let browser: TestBrowser;
let api: ExampleUpstream;
let edge: Edge;
let key: CreatedKey;
let port: number;
const server = createServer(async (request, response) => {
  const name = request.url === '/' ? 'index.html' : (request.url ?? '').slice(1);
  const isScript = name.endsWith('.js');
  // Vite has written every file there is, and the browser asks for no other.
  const file = await readFile(join(folder, name)).catch(() => null);
  response.writeHead(file === null ? 404 : 200, {
    'Content-Type': isScript ? 'text/javascript' : 'text/html',
  });
  response.end(file);
});

beforeAll(async () => {
  [browser, api, port] = await Promise.all([
    launchChromium(),
    serveExampleUpstream(),
    listen(server),
  ]);
  edge = await serveEdge({ upstreamUrl: api.url });
  const cors = { allowedOrigins: [`http://app.localhost:${port}`] };
  key = await edge.createKey({ name: 'page', owner: 'acct_1', access: { cors } });
  // Registers the origin, so that a page of it may read why the key of the other is refused.
  const others = { allowedOrigins: [`http://other.localhost:${port}`] };
  await edge.createKey({ name: 'other page', access: { cors: others } });
  folder = await mkdtemp(join(tmpdir(), 'edge-authorizer-vite-app-'));
  await buildApp(edge.url, key.token);
}, 240_000);
afterAll(async () => {
  server.closeAllConnections();
  server.close();
  await Promise.all([browser?.close(), edge?.dispose(), api?.dispose()]);
  await rm(folder, { recursive: true, force: true });
});

/** As `.env.local` and `npm run build` would, with the Vite that Vitest brings. */
async function buildApp(edgeUrl: string, token: string): Promise<void> {
  const { build } = await import('vite');
  const variables = { VITE_EDGE_URL: edgeUrl, VITE_API_KEY: token };
  Object.assign(process.env, variables);
  try {
    await build({
      root: join(projectRoot, 'examples/vite-app'),
      configFile: false,
      logLevel: 'error',
      build: { outDir: folder, emptyOutDir: true },
    });
  } finally {
    for (const name of Object.keys(variables)) delete process.env[name];
  }
}

async function createStream({ page }: OpenPage, name: string): Promise<string> {
  await page.getByLabel('Name').fill(name);
  await page.getByRole('button', { name: 'Create a stream' }).click();
  const status = page.getByRole('status');
  await status.filter({ hasText: /Created|Cannot|Failed/ }).waitFor();
  return (await status.textContent()) ?? '';
}

test('the page of another origin is refused, and can say why', async () => {
  const opened = await openPage(browser, `http://other.localhost:${port}/`);
  expect(await createStream(opened, 'stolen')).toMatch(/^Cannot .*origin/);
  await opened.close();
  expect(await api.seenRequests()).toEqual([]);
});

test('the page of an origin that no key lists is stopped by the browser', async () => {
  const opened = await openPage(browser, `http://stranger.localhost:${port}/`);
  expect(await createStream(opened, 'stolen')).toBe('Failed to fetch');
  await opened.close();
  expect(await api.seenRequests()).toEqual([]);
});

test('the page creates a stream with its restricted key', async () => {
  const opened = await openPage(browser, `http://app.localhost:${port}/`);
  expect(await createStream(opened, 'from Vite')).toMatch(/^Created from Vite \([\w-]+\)$/);
  expect(opened.consoleErrors).toEqual([]);
  await opened.close();
  expect(await api.seenRequests()).toMatchObject([{ method: 'POST', status: 201 }]);
});

test('the build holds the key of the page, and no other secret', async () => {
  const names = await readdir(folder, { recursive: true });
  const files = names.filter((name) => /\.(?:html|js|css)$/.test(name));
  const texts = await Promise.all(files.map((name) => readFile(join(folder, name), 'utf8')));
  expect(texts.join()).toContain(key.token);
  expect(texts.join()).not.toContain(edge.adminToken);
  expect(texts.join()).not.toMatch(/ea_sk_/);
});
