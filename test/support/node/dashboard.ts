/**
 * The dashboard in a real Chromium: opens it from an address of its own, keeps the browser's complaints,
 * and asks axe for its findings.
 */

import { mkdir, readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import type { BrowserContext, Page } from 'playwright-core';
import { afterEach, expect, inject } from 'vitest';
import { projectRoot } from './build-bundle.ts';
import type { TestBrowser } from './chromium.ts';
import type { Edge } from './serve-edge.ts';

export type DashboardOptions = {
  /** Default: light. */
  colorScheme?: 'light' | 'dark';
  /** Default: wide. */
  size?: keyof typeof sizes;
  /** Default: true. */
  javaScriptEnabled?: boolean;
  /** Headers that stand for what a proxy adds. */
  headers?: Record<string, string>;
  /** Puts axe into every document, for `examine`. Default: false. */
  withAxe?: boolean;
};

export type Dashboard = {
  page: Page;
  context: BrowserContext;
  /** Errors in the console, violations of the CSP and uncaught exceptions. */
  complaints: string[];
  /** How many states were examined. */
  states: number;
  /** Goes to a path of the edge. */
  go(path: string): Promise<void>;
  /** Signs in with the admin token, and ends up at the list. */
  signIn(token?: string): Promise<void>;
  /** Takes a picture of the whole page into `test-output/screenshots`; most of them at night alone. */
  screenshot(name: string): Promise<void>;
  close(): Promise<void>;
};

/** The list of keys, where signing in leads. */
const LIST = '/_edge/';

/** Windows that the page must fit. */
export const sizes = {
  small: { width: 320, height: 640 },
  phone: { width: 390, height: 844 },
  tablet: { width: 768, height: 1024 },
  wide: { width: 1280, height: 900 },
} as const;

/**
 * The dashboards of a file's tests. After each test those in the list are closed, and must not have complained.
 * To be called once, at the top of the file.
 */
export function closedAfterEach(): Dashboard[] {
  const dashboards: Dashboard[] = [];
  afterEach(async () => {
    for (const { complaints, close } of dashboards.splice(0)) {
      await close();
      expect(complaints).toEqual([]);
    }
  });
  return dashboards;
}

/**
 * A dashboard for all tests of a file that need no cookies of their own. It signs in once, and begins each test
 * in a wide window, at the path that the test names or else at the list. If not `isSignedIn`, it begins each test
 * without cookies, wherever it was. To be called at the top of the file, with what opens it.
 *
 * A context and a sign-in of its own costs a test half a second, four times what going to the list costs.
 */
export function sharedByTests(
  open: () => Promise<Dashboard>,
  { isSignedIn = true }: { isSignedIn?: boolean } = {},
): (path?: string) => Promise<Dashboard> {
  let shared: Dashboard | null = null;
  afterEach(async ({ task }) => {
    const complaints = shared?.complaints.splice(0) ?? [];
    if (task.result?.state === 'fail' || complaints.length > 0) {
      // In an unknown state.
      await shared?.close();
      shared = null;
    }
    expect(complaints).toEqual([]);
  });
  return async (path = LIST) => {
    // A browser that crashed took the page with it.
    const opened = shared?.page.isClosed() === false ? shared : null;
    shared = opened ?? (await open());
    if (!isSignedIn) {
      await shared.context.clearCookies();
      return shared;
    }
    if (opened === null) await shared.signIn();
    else await opened.page.setViewportSize(sizes.wide);
    if (opened !== null || path !== LIST) await shared.go(path);
    return shared;
  };
}

/** The theme and the window that a page is shown in. */
export type Look = { colorScheme: 'light' | 'dark'; size: keyof typeof sizes };

/** The options of a dashboard that goes through the states of a page. */
export type Walk = Look & {
  withAxe: true;
  /** A second look. Each state must fit in both of them, and axe judges it in one of the two, in turns. */
  other?: Look;
};

/**
 * The ways through all states of a page. At night there is one for each look. By day there is one on a phone, at
 * each state of which the window grows.
 */
export function walks(): readonly Walk[] {
  if (!inject('isNightly')) {
    const other: Look = { colorScheme: 'light', size: 'wide' };
    return [{ colorScheme: 'dark', size: 'phone', withAxe: true, other }];
  }
  return (['light', 'dark'] as const).flatMap((colorScheme) =>
    (['small', 'phone', 'tablet', 'wide'] as const).map(
      (size): Walk => ({ colorScheme, size, withAxe: true }),
    ),
  );
}

/** The pictures of every run: the two pages that people see most. */
const shownByDay = /^(?:list|key)-(?:light|dark)-/;

let addresses = 0;

/** Opens a browsing context of its own. Each has another client address, as attempts are limited. */
export async function openDashboard(
  browser: TestBrowser,
  edge: Edge,
  options: DashboardOptions = {},
): Promise<Dashboard> {
  addresses += 1;
  const context = await browser.newContext({
    viewport: sizes[options.size ?? 'wide'],
    colorScheme: options.colorScheme ?? 'light',
    // Otherwise a pulse has the browser draw sixty frames a second, which no test looks at.
    reducedMotion: 'reduce',
    javaScriptEnabled: options.javaScriptEnabled ?? true,
    permissions: ['clipboard-read', 'clipboard-write'],
    extraHTTPHeaders: { 'CF-Connecting-IP': `192.0.2.${addresses}`, ...options.headers },
  });
  const complaints: string[] = [];
  // Chromium reports violations to the console as well, but not all of them as errors.
  await context.addInitScript(() => {
    addEventListener('securitypolicyviolation', (event) => {
      console.error(`CSP violation: ${event.violatedDirective} ${event.blockedURI}`);
    });
  });
  if (options.withAxe === true) await context.addInitScript(await axeSource());
  const page = await context.newPage();
  page.on('console', (message) => {
    if (message.type() === 'error') complaints.push(message.text());
  });
  page.on('pageerror', (error) => complaints.push(String(error)));

  const dashboard: Dashboard = {
    page,
    context,
    complaints,
    states: 0,
    async go(path) {
      await page.goto(edge.url + path);
    },
    async signIn(token = edge.adminToken) {
      await dashboard.go(LIST);
      await page.getByLabel('Admin token').fill(token);
      await page.getByRole('button', { name: 'Sign in' }).click();
      await page.getByRole('heading', { level: 1, name: 'API keys' }).waitFor();
    },
    async screenshot(name) {
      if (!inject('isNightly') && !shownByDay.test(name)) return;
      const path = join(projectRoot, 'test-output/screenshots', `${name}.png`);
      await mkdir(dirname(path), { recursive: true });
      await page.screenshot({ path, fullPage: true });
    },
    close: () => context.close(),
  };
  return dashboard;
}

/**
 * Takes a picture of the page, and expects that axe finds nothing serious and that nothing is cut off at the
 * side, where there is no need to scroll. If the walk has another look, see there.
 */
export async function examine(dashboard: Dashboard, walk: Walk, name: string): Promise<void> {
  const { other } = walk;
  if (other === undefined) return examineLook(dashboard, walk, name, true);
  // The walk continues in the look that a state ended with, because a change of it lays out and paints the page.
  const [present, next] = dashboard.states++ % 2 === 0 ? [walk, other] : [other, walk];
  await examineLook(dashboard, present, name, true);
  await show(dashboard, next);
  await examineLook(dashboard, next, name, false);
}

async function examineLook(
  { page, screenshot }: Dashboard,
  { colorScheme, size }: Look,
  state: string,
  isJudged: boolean,
): Promise<void> {
  const name = `${state}-${colorScheme}-${size}`;
  await screenshot(name);
  if (isJudged) expect.soft(await axeFindings(page), name).toEqual([]);
  expect.soft(await hiddenPixels(page), name).toBe(0);
}

/** Returns how much of a page is cut off at the side of its window. */
export function hiddenPixels(page: Page): Promise<number> {
  return page.evaluate(() => {
    const { scrollWidth, clientWidth } = document.documentElement;
    return scrollWidth - clientWidth;
  });
}

async function show({ page }: Dashboard, { colorScheme, size }: Look): Promise<void> {
  await page.emulateMedia({ colorScheme });
  await page.setViewportSize(sizes[size]);
}

/** Reads axe. As an initial script it costs a fifth of what it costs if each document is sent it. */
function axeSource(): Promise<string> {
  return readFile(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
}

/** The parts of axe that are used. */
type Axe = {
  /** All that axe knows. Its public list of rules does not have their impacts. */
  _audit: { rules: { id: string; impact: string }[] };
  run(options: object): Promise<{ violations: Violation[] }>;
};
type Violation = { id: string; impact: string; nodes: { target: string[]; html: string }[] };

/** The findings of axe on a page of a dashboard `withAxe`, as one line each; only serious and critical ones. */
export function axeFindings(page: Page): Promise<string[]> {
  // In the page's own world, but from outside, which a CSP does not concern.
  return page.evaluate(async () => {
    const { axe } = globalThis as unknown as { axe: Axe };
    const isGrave = ({ impact }: { impact: string }) => /^(?:serious|critical)$/.test(impact);
    const minor = axe._audit.rules.filter((rule) => !isGrave(rule));
    const { violations } = await axe.run({
      rules: Object.fromEntries(minor.map(({ id }) => [id, { enabled: false }])),
      // Nothing is collected about the elements that pass.
      resultTypes: ['violations'],
    });
    return violations
      .filter(isGrave)
      .flatMap(({ id, nodes }) =>
        nodes.map(({ target, html }) => `${id}: ${target.join(' ')} ${html.slice(0, 200)}`),
      );
  });
}
