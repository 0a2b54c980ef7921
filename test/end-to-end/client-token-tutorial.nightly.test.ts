/**
 * The tutorial of docs/client-tokens.md: its commands and files, taken out of the document and used in
 * its order. Only the ports are others. And the code there that opens a WebSocket again.
 */

import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { mintClientToken } from '../../src/client-tokens/client-tokens.ts';
import { projectRoot } from '../support/node/build-bundle.ts';
import { launchChromium, type TestBrowser } from '../support/node/chromium.ts';
import { openPage } from '../support/node/pages.ts';
import { freePorts } from '../support/node/ports.ts';

import { nodeOfMachine } from '../support/node/programs.ts';
import { type CreatedKey, type Edge, serveEdge } from '../support/node/serve-edge.ts';
import { reply } from '../support/node/upstream-answers.ts';
import { startUpstream, type Upstream } from '../support/node/upstream-server.ts';

let browser: TestBrowser;
let upstream: Upstream;
let edge: Edge;
let folder: string;
let port: number;
let key: CreatedKey;
let backend: ChildProcess;
let page: Page;
/** The tutorial with the ports of this test. */
let tutorial: string;

beforeAll(async () => {
  [browser, upstream] = await Promise.all([launchChromium(), startUpstream()]);
  edge = await serveEdge({ upstreamUrl: upstream.url });
  [port = 0] = await freePorts(1);
  const document = await readFile(join(projectRoot, 'docs/client-tokens.md'), 'utf8');
  const [, text = ''] = /^## From a backend key([\s\S]*?)^## /m.exec(document) ?? [];
  tutorial = text.replaceAll('8080', String(port)).replaceAll('http://127.0.0.1:8787', edge.url);

  // Within the project, so that it finds the library.
  await mkdir(join(projectRoot, 'test-output'), { recursive: true });
  folder = await mkdtemp(join(projectRoot, 'test-output/client-token-tutorial-'));
  await writeFile(join(folder, 'backend.mjs'), blockOf('js'));
  await writeFile(join(folder, 'page.html'), blockOf('html'));
  upstream.answer = reply({ status: 201, body: 'a stream' });
});

afterAll(async () => {
  backend?.kill();
  await Promise.all([browser?.close(), edge?.dispose(), upstream?.dispose()]);
  await rm(folder, { recursive: true, force: true });
});

/** The first block of code in this language that holds a text. */
function blockOf(language: string, holds = ''): string {
  const blocks = [
    ...tutorial.matchAll(new RegExp(`^\`\`\`${language}\\n([\\s\\S]*?)^\`\`\`$`, 'gm')),
  ];
  const found = blocks.find(([, code = '']) => code.includes(holds));
  if (found?.[1] === undefined) throw new Error(`The tutorial has no ${language} with "${holds}"`);
  return found[1];
}

const press = async () => {
  await page.locator('pre').evaluate((element) => {
    element.textContent = '';
  });
  await page.getByRole('button', { name: 'Create a stream' }).click();
  await page.locator('pre:not(:empty)').waitFor();
  return page.locator('pre').innerText();
};

test('the command creates a key that gives client tokens', () => {
  const env = { ...process.env, EDGE_URL: edge.url, ADMIN_TOKEN: edge.adminToken };
  const command = blockOf('sh', 'curl').replace('curl ', 'curl --silent ');
  key = JSON.parse(execFileSync('sh', ['-c', command], { env, encoding: 'utf8' }));
  expect(key.token).toMatch(/^ea_sk_/);
});

test('the backend starts, and the page shows the answer of the API', async () => {
  const node = (await nodeOfMachine())?.path ?? process.execPath;
  const env = { ...process.env, EDGE_URL: edge.url, EDGE_API_KEY: key.token };
  expect(blockOf('sh', 'node ').trim()).toBe('node backend.mjs');
  backend = spawn(node, ['backend.mjs'], { cwd: folder, env, stdio: 'inherit' });
  const url = `http://localhost:${port}/`;
  await expect
    .poll(
      () =>
        fetch(url).then(
          ({ ok }) => ok,
          () => false,
        ),
      { timeout: 20_000 },
    )
    .toBe(true);
  ({ page } = await openPage(browser, url));
  expect(await press()).toBe('201\na stream');
  expect(await page.content()).not.toContain(key.token);
  const [request] = upstream.requests.slice(-1);
  expect(request?.headers).toContainEqual(['x-edge-client-subject', 'visitor-4711']);
});

test('a path beyond the rules is refused, so that the page can read it', async () => {
  const html = blockOf('html').replace('/api/stream', '/api/webhook');
  await writeFile(join(folder, 'page.html'), html);
  await page.reload();
  expect(await press()).toMatch(/^403\n.*route_not_allowed/s);
  await writeFile(join(folder, 'page.html'), blockOf('html'));
  await page.reload();
});

test('after "Sign out everyone" the page fetches a token that works, by itself', async () => {
  expect(await press()).toBe('201\na stream');
  const clientTokensValidFrom = new Date().toISOString();
  await edge.manage('PATCH', `/keys/${key.id}`, { clientTokensValidFrom });
  await expect.poll(press, { timeout: 20_000 }).toMatch(/^401\n.*client_token_expired/s);
  await expect.poll(press, { timeout: 30_000 }).toBe('201\na stream');
});

test('a WebSocket opens again with a fresh token when its token ends', async () => {
  const document = await readFile(join(projectRoot, 'docs/client-tokens.md'), 'utf8');
  const [, code = ''] = /^```js\n(async function listen[\s\S]*?)^```$/m.exec(document) ?? [];
  const listen = code.replace('wss://edge.example', edge.url.replace('http', 'ws'));
  expect(listen).toContain(edge.host);
  const { token: apiKey } = await edge.createKey({
    name: 'live',
    access: {
      clientTokens: {
        allowedOrigins: [`http://localhost:${port}`],
        rules: [{ methods: ['get'], resources: ['/live'] }],
      },
    },
  });
  upstream.webSockets = 'echo';
  const opened = () => upstream.requests.filter(({ target }) => target === '/live').length;
  const before = opened();
  await page.exposeFunction('fetchToken', () => mintClientToken(apiKey, { ttlSeconds: 1 }));
  await page.evaluate(`(() => { ${listen}\n void listen(() => {}); })()`);
  await expect.poll(opened, { timeout: 20_000 }).toBeGreaterThanOrEqual(before + 3);
  await page.close();
});
