/**
 * Web pages on several real origins, and what a script in them sees of a `fetch`. The pages are
 * empty: tests bring the scripts.
 */

import { once } from 'node:events';
import { createServer } from 'node:http';
import type { BrowserContext, Frame, Page } from 'playwright-core';
import type { TestBrowser } from './chromium.ts';
import { listen } from './upstream-server.ts';

export type Pages = {
  /**
   * The origins of the same server under several names, which are several origins to a browser.
   * Every path is a page; below `/opaque` it is sandboxed, so that its origin is `null`. What was
   * given as `scripts` is JavaScript instead.
   */
  origins: { address: string; localhost: string; app: string; admin: string };
  port: number;
  dispose(): Promise<void>;
};

/**
 * Serves the pages, and scripts by their paths. Browsers resolve `localhost` and every name below it
 * to this machine.
 */
export async function servePages(scripts: Record<string, string> = {}): Promise<Pages> {
  const server = createServer((request, response) => {
    const script = scripts[request.url ?? ''];
    if (script !== undefined) {
      response.writeHead(200, { 'Content-Type': 'text/javascript' }).end(script);
      return;
    }
    const isOpaque = request.url?.startsWith('/opaque') ?? false;
    response.writeHead(200, {
      'Content-Type': 'text/html',
      ...(isOpaque ? { 'Content-Security-Policy': 'sandbox allow-scripts' } : {}),
    });
    // The icon is named so that the browser does not ask for one.
    response.end('<!doctype html><link rel="icon" href="data:,"><title>page</title>');
  });
  const port = await listen(server);
  return {
    origins: {
      address: `http://127.0.0.1:${port}`,
      localhost: `http://localhost:${port}`,
      app: `http://app.localhost:${port}`,
      admin: `http://admin.localhost:${port}`,
    },
    port,
    async dispose() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

export type OpenPage = {
  page: Page;
  context: BrowserContext;
  /** The frame that runs scripts: the page itself, or a frame in it. */
  frame: Frame;
  /** The errors that the browser wrote to the page's console, CORS failures among them. */
  consoleErrors: string[];
  close(): Promise<void>;
};

/** Opens the URL in a browsing context of its own: no cookies, cache or remembered preflights. */
export async function openPage(browser: TestBrowser, url: string): Promise<OpenPage> {
  const context = await browser.newContext();
  const page = await context.newPage();
  const consoleErrors: string[] = [];
  page.on('console', (message) => {
    if (message.type() === 'error') consoleErrors.push(message.text());
  });
  await page.goto(url);
  const frame = page.mainFrame();
  return { page, context, frame, consoleErrors, close: () => context.close() };
}

/**
 * Pages that the tests of a file share, one for each URL: a new document each time, which sends a preflight for
 * whatever needs one. A context for each test would cost five times as much. To be called once, at the top of the file.
 */
export function sharedPages(): (browser: TestBrowser, url: string) => Promise<OpenPage> {
  const shared = new Map<string, OpenPage>();
  return async (browser, url) => {
    let opened = shared.get(url);
    // A browser that crashed took the page with it.
    if (opened === undefined || opened.page.isClosed()) {
      opened = await openPage(browser, url);
      // Chromium then uses no remembered preflight either.
      const session = await opened.context.newCDPSession(opened.page);
      await session.send('Network.enable');
      await session.send('Network.setCacheDisabled', { cacheDisabled: true });
      shared.set(url, opened);
    } else {
      await opened.page.goto(url);
      opened.consoleErrors.length = 0;
    }
    return { ...opened, close: async () => {} };
  };
}

/** Puts a sandboxed frame into the page. Its origin is `null`, whatever that of the page is. */
export async function openSandboxedFrame(opened: OpenPage): Promise<OpenPage> {
  const element = await opened.page.evaluateHandle(async () => {
    const iframe = document.createElement('iframe');
    iframe.setAttribute('sandbox', 'allow-scripts');
    iframe.srcdoc = '<!doctype html><title>sandboxed</title>';
    const isLoaded = new Promise((resolve) => iframe.addEventListener('load', resolve));
    document.body.append(iframe);
    await isLoaded;
    return iframe;
  });
  const frame = await element.contentFrame();
  if (frame === null) throw new Error('Cannot open a sandboxed frame: the page was left meanwhile');
  return { ...opened, frame };
}

export type PageFetchInit = {
  method?: string;
  headers?: Record<string, string>;
  body?: string;
  credentials?: RequestCredentials;
  mode?: RequestMode;
  redirect?: RequestRedirect;
};

/** The result of a script's fetch: the part of an answer that CORS lets it read, or the error. */
export type PageFetchResult =
  | {
      error: null;
      ok: boolean;
      status: number;
      type: ResponseType;
      /** Only the headers that the script can read, names in lower case. */
      headers: Record<string, string>;
      body: string;
    }
  | { error: string /** The lines of the console about it. */; consoleErrors: string[] };

/** Performs a `fetch` in the page or frame, as its scripts would, and returns what they would see. */
export async function fetchFromPage(
  { page, frame, consoleErrors }: OpenPage,
  url: string,
  init: PageFetchInit = {},
): Promise<PageFetchResult> {
  const errorsBefore = consoleErrors.length;
  const result = await frame.evaluate(
    async ([url, init]) => {
      try {
        const response = await fetch(url, init);
        return {
          error: null,
          ok: response.ok,
          status: response.status,
          type: response.type,
          headers: Object.fromEntries(response.headers),
          body: await response.text(),
        };
      } catch (error) {
        return { error: String(error) };
      }
    },
    [url, init] as const,
  );
  if (result.error === null) return result;
  // The console hears of it a little later than the script, and of some errors never.
  if (consoleErrors.length === errorsBefore) {
    await page.waitForEvent('console', { timeout: 1000 }).catch(() => {});
  }
  return { error: result.error, consoleErrors: consoleErrors.slice(errorsBefore) };
}
