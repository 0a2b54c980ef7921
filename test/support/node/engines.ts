/**
 * Browser engines as their users have them, behind one small interface: Chromium (packaged), Firefox
 * (WebDriver BiDi) and WebKitGTK (WebDriver, on a virtual display). A machine may lack the last two.
 */

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { access } from 'node:fs/promises';
import { setTimeout as wait } from 'node:timers/promises';
import puppeteer from 'puppeteer-core';
import { launchChromium } from './chromium.ts';
import { freePort } from './ports.ts';
import { findProgram } from './programs.ts';

/** The engines by name, in the order of their use. */
export const engineNames = ['chromium', 'firefox', 'webkit'] as const;
export type EngineName = (typeof engineNames)[number];

/** A page of an engine, in a browsing context of its own. */
export interface EnginePage {
  goto(url: string): Promise<void>;
  url(): Promise<string>;
  /** Runs a function in the page with an argument, and returns its value. Both are JSON. */
  evaluate<Argument, Result>(
    run: (argument: Argument) => Result | Promise<Result>,
    argument: Argument,
  ): Promise<Result>;
  /** Types into the first element that matches, as a person does. */
  fill(selector: string, text: string): Promise<void>;
  click(selector: string): Promise<void>;
  /** Errors of the console so far, about CORS among them. WebDriver reports none. */
  consoleErrors: readonly string[];
  close(): Promise<void>;
}

/** An engine that runs. */
export interface Engine {
  readonly version: string;
  openPage(): Promise<EnginePage>;
  close(): Promise<void>;
}

/** Starts an engine; `null` if the machine does not have it. */
export async function startEngine(name: EngineName): Promise<Engine | null> {
  if (name === 'chromium') return startChromium();
  return name === 'firefox' ? startFirefox() : startWebKit();
}

async function startChromium(): Promise<Engine> {
  const browser = await launchChromium();
  return {
    version: 'packaged',
    async openPage() {
      const context = await browser.newContext();
      const page = await context.newPage();
      const consoleErrors: string[] = [];
      page.on('console', (message) => {
        if (message.type() === 'error') consoleErrors.push(message.text());
      });
      return {
        consoleErrors,
        goto: async (url) => void (await page.goto(url)),
        url: async () => page.url(),
        evaluate: (run, argument) =>
          page.evaluate(run as (argument: unknown) => never, argument as unknown),
        fill: (selector, text) => page.locator(selector).first().fill(text),
        click: (selector) => page.locator(selector).first().click(),
        close: () => context.close(),
      };
    },
    close: () => browser.close(),
  };
}

async function startFirefox(): Promise<Engine | null> {
  const executablePath = (await findProgram('firefox-esr')) ?? (await findProgram('firefox'));
  if (executablePath === null) return null;
  const browser = await puppeteer.launch({ browser: 'firefox', executablePath, headless: true });
  return {
    version: await browser.version(),
    async openPage() {
      const context = await browser.createBrowserContext();
      const page = await context.newPage();
      const consoleErrors: string[] = [];
      page.on('console', (message) => {
        if (message.type() === 'error') consoleErrors.push(message.text());
      });
      // Firefox reports what CORS blocks as an error of the page.
      page.on('pageerror', (error) => {
        consoleErrors.push(error instanceof Error ? error.message : String(error));
      });
      return {
        consoleErrors,
        goto: async (url) => void (await page.goto(url)),
        url: async () => page.url(),
        evaluate: (run, argument) =>
          page.evaluate(run as (argument: unknown) => never, argument as unknown),
        fill: (selector, text) => page.locator(selector).fill(text),
        click: (selector) => page.locator(selector).click(),
        close: () => context.close(),
      };
    },
    close: () => browser.close(),
  };
}

/** The browser that WebKitGTK brings for tests. */
const MINI_BROWSER = '/usr/lib/x86_64-linux-gnu/webkit2gtk-4.1/MiniBrowser';

async function startWebKit(): Promise<Engine | null> {
  const [driverPath, displayPath] = [
    await findProgram('WebKitWebDriver'),
    await findProgram('Xvfb'),
  ];
  const isThere = await access(MINI_BROWSER).then(
    () => true,
    () => false,
  );
  if (driverPath === null || displayPath === null || !isThere) return null;
  const port = await freePort();
  // A display has the number of a free port, so it is free as well.
  const display = `:${port}`;
  const xvfb = spawn(displayPath, [display, '-screen', '0', '1280x1024x24', '-nolisten', 'tcp']);
  const driver = spawn(driverPath, [`--port=${port}`], {
    env: { ...process.env, DISPLAY: display, LIBGL_ALWAYS_SOFTWARE: '1' },
  });
  const webDriver = `http://127.0.0.1:${port}`;
  await poll(async () => (await fetch(`${webDriver}/status`)).ok);
  let version = '';
  const start = async () => {
    const session = (await command(webDriver, 'POST', '/session', {
      capabilities: {
        alwaysMatch: {
          browserName: 'MiniBrowser',
          'webkitgtk:browserOptions': { binary: MINI_BROWSER, args: ['--automation'] },
        },
      },
    })) as { sessionId: string; capabilities: { browserVersion: string } };
    version = session.capabilities.browserVersion;
    return `${webDriver}/session/${session.sessionId}`;
  };
  // The driver has one session at a time, which is kept for the first page.
  let waiting: string | null = await start();
  return {
    get version() {
      return version;
    },
    async openPage() {
      const session = waiting ?? (await start());
      waiting = null;
      return webKitPage(session);
    },
    async close() {
      if (waiting !== null) await command(waiting, 'DELETE', '');
      await Promise.all([end(driver), end(xvfb)]);
    },
  };
}

/** The member that WebDriver puts the id of an element under (WebDriver section 11). */
const ELEMENT = 'element-6066-11e4-a52e-4f735466cecf';

function webKitPage(session: string): EnginePage {
  /** The first element that matches, once it is there. */
  const find = async (value: string): Promise<string> => {
    let found: unknown = null;
    await poll(async () => {
      found = await command(session, 'POST', '/element', { using: 'css selector', value });
      return true;
    });
    return (found as unknown as Record<typeof ELEMENT, string>)[ELEMENT];
  };
  return {
    consoleErrors: [],
    goto: async (url) => void (await command(session, 'POST', '/url', { url })),
    url: async () => (await command(session, 'GET', '/url')) as string,
    async evaluate(run, argument) {
      const script = `const [argument, done] = arguments;
        (async () => (${run})(argument))().then(
          (value) => done({ value }), (error) => done({ error: String(error) }));`;
      const answer = (await command(session, 'POST', '/execute/async', {
        script,
        args: [argument],
      })) as { value?: never; error?: string };
      if (answer.error !== undefined) throw new Error(answer.error);
      return answer.value as never;
    },
    async fill(selector, text) {
      const element = await find(selector);
      await command(session, 'POST', `/element/${element}/clear`, {});
      await command(session, 'POST', `/element/${element}/value`, { text });
    },
    async click(selector) {
      const element = await find(selector);
      await command(session, 'POST', `/element/${element}/click`, {});
    },
    close: async () => void (await command(session, 'DELETE', '')),
  };
}

/** A command of WebDriver (https://www.w3.org/TR/webdriver2/). Throws what the driver reports. */
async function command(
  base: string,
  method: string,
  path: string,
  body?: object,
): Promise<unknown> {
  const response = await fetch(base + path, {
    method,
    headers: { Connection: 'close' },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const { value } = (await response.json()) as { value: unknown };
  if (response.ok) return value;
  const { error, message } = value as { error: string; message: string };
  throw new Error(`WebDriver ${method} ${path}: ${error}: ${message}`);
}

/** Repeats until the result is true; throws the last error after 30 s. */
async function poll(isDone: () => Promise<boolean>): Promise<void> {
  const endsAt = performance.now() + 30_000;
  for (;;) {
    try {
      if (await isDone()) return;
    } catch (error) {
      if (performance.now() > endsAt) throw error;
    }
    await wait(100);
  }
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null) return;
  const isOver = once(child, 'exit');
  child.kill();
  await isOver;
}
