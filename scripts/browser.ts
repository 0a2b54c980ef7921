/**
 * `npm run browser -- URL [picture.png]` opens a page in the Chromium that the tests use: for a machine
 * without a browser, such as a container. Prints the title, the text and what the console says, and takes
 * a picture if a file is named.
 */

import { chromium } from 'playwright-core';
import { chromiumLaunchOptions } from '../test/support/node/chromium/executable.ts';

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
  await page.goto(url, { waitUntil: 'networkidle' });
  console.log(`${await page.title()}\n\n${await page.locator('body').innerText()}`);
  if (picture !== undefined) await page.screenshot({ path: picture, fullPage: true });
} finally {
  await browser.close();
}
