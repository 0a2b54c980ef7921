/**
 * `npm run browser -- URL [picture.png]` opens a page in the Chromium that the tests use: for a machine
 * without a browser, such as a container. Prints the title, the text and what the console says, and takes
 * a picture if a file is named.
 */

import { chromium } from 'playwright-core';
import { chromiumLaunchOptions } from '../test/support/node/chromium/executable.ts';

const IDLE_TIMEOUT_MS = 5 * 1000;

const [url, picture] = process.argv.slice(2);
if (url === undefined) {
  console.error('Cannot open a page: no URL was given. Use npm run browser -- URL [picture.png]');
  process.exit(2);
}

const browser = await chromium.launch(await chromiumLaunchOptions());
try {
  const page = await browser.newPage();
  page.on('console', (message) => console.log(`console ${message.type()}: ${message.text()}`));
  page.on('pageerror', (error) => console.log(`uncaught: ${error}`));
  await page.goto(url);
  // A page that reads an open stream is never idle, and has its content all the same.
  await page.waitForLoadState('networkidle', { timeout: IDLE_TIMEOUT_MS }).catch(() => undefined);
  console.log(`${await page.title()}\n\n${await page.locator('body').innerText()}`);
  if (picture !== undefined) await page.screenshot({ path: picture, fullPage: true });
} catch (error) {
  console.error(error instanceof Error ? error.message.split('\n')[0] : error);
  process.exitCode = 1;
} finally {
  await browser.close();
}
