/**
 * The browser that the tests drive: it draws text on a machine without any font, and one crash of it
 * is reported and survived.
 */

import { readFile } from 'node:fs/promises';
import { afterEach, expect, test } from 'vitest';
import { packagedChromium } from '../support/node/chromium/executable.ts';
import { type ChromiumKeeper, keepChromium } from '../support/node/chromium/keeper.ts';
import { launchChromium } from '../support/node/chromium.ts';
import { childProcesses } from '../support/node/process-memory.ts';

let keeper: ChromiumKeeper | undefined;
afterEach(() => keeper?.close());

test('the packaged Chromium is unpacked where no other user and no cleaner of files reaches it', async () => {
  const { path } = await packagedChromium();
  expect(path).toContain('/node_modules/.cache/edge-authorizer/');
});

test('the packaged Chromium reads our fonts, wherever it is unpacked', async () => {
  const { path, env } = await packagedChromium();
  const configuration = await readFile(env['FONTCONFIG_FILE'] ?? '', 'utf8');
  const folder = path.replace(/chromium$/, 'fonts/fonts').replaceAll('&', '&amp;');
  expect(configuration).toContain(`<dir>${folder}</dir>`);
  expect(configuration).toContain('<dir>/usr/share/fonts</dir>');

  const browser = await launchChromium();
  const context = await browser.newContext();
  const page = await context.newPage();
  await page.setContent('<p id="text" style="font-family: sans-serif">The quick brown fox</p>');
  const { width } = (await page.locator('#text').boundingBox()) ?? { width: 0 };
  expect(width).toBeGreaterThan(0);
  expect((await page.screenshot()).byteLength).toBeGreaterThan(0);
  const session = await context.newCDPSession(page);
  await session.send('DOM.enable');
  await session.send('CSS.enable');
  const { root } = await session.send('DOM.getDocument');
  const { nodeId } = await session.send('DOM.querySelector', {
    nodeId: root.nodeId,
    selector: '#text',
  });
  const { fonts } = await session.send('CSS.getPlatformFontsForNode', { nodeId });
  expect(fonts.map(({ familyName }) => familyName)).toEqual(['Open Sans']);
  await browser.close();
});

test('one crash is reported, and the browser is started again; a second is not survived', {
  retry: 0,
}, async () => {
  const reports: string[] = [];
  keeper = await keepChromium((sentence) => reports.push(sentence));
  const browser = await launchChromium(keeper.url);

  await crash();
  await expect
    .poll(() => reports)
    .toEqual(['Chromium crashed (signal SIGKILL). It is started again.']);
  const context = await browser.newContext();
  const page = await context.newPage();
  await page.setContent('<p>after the crash</p>');
  expect(await page.getByText('after the crash').count()).toBe(1);

  await crash();
  await expect.poll(() => reports.length).toBe(2);
  expect(reports[1]).toBe('Chromium crashed (signal SIGKILL). It stays closed.');
  await expect(browser.newContext()).rejects.toThrow('crashed 2 times in this run');
});

/** Kills the browser that this process started, and waits until it is gone. */
async function crash(): Promise<void> {
  const [pid] = await childProcesses('chromium');
  if (pid === undefined) throw new Error('Cannot crash Chromium: this process started none');
  process.kill(pid, 'SIGKILL');
}
