/** A real headless Chromium, for what only a browser enforces: CORS. All test files share one. */

import { type Browser, type BrowserContext, chromium } from 'playwright-core';
import { inject } from 'vitest';

/** As much of a browser as tests use. Each context has cookies, storage and a cache of its own. */
export type TestBrowser = {
  /** Opens a context. Starts the browser if it does not run, for example after a crash. */
  newContext: Browser['newContext'];
  /** Ends what this test file opened. The browser itself continues for others. */
  close(): Promise<void>;
};

/** Connects to the run's browser, of which `keeper` is the URL. */
export async function launchChromium(keeper = inject('chromium')): Promise<TestBrowser> {
  let current = await connect(keeper);
  return {
    async newContext(options): Promise<BrowserContext> {
      try {
        return await current.newContext(options);
      } catch (error) {
        // The connection ends a moment after the browser, so the error itself may be the first to tell.
        if (current.isConnected() && !/closed|crashed/i.test(String(error))) throw error;
        current = await connect(keeper);
        return current.newContext(options);
      }
    },
    close: () => current.close(),
  };
}

async function connect(keeper: string): Promise<Browser> {
  const response = await fetch(keeper, { headers: { Connection: 'close' } });
  const text = await response.text();
  if (!response.ok) throw new Error(text);
  return chromium.connect(text);
}
